package schedule_test

import (
	"strings"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// market reads what a configuration says of markets: market=p bid=p:a:5 bid=p:a@A:7.
func (s *script) market(c command) {
	for _, v := range c.values("spot") {
		p := parts(s.t, v, 2)
		s.cfg.SpotCutoff = map[schedule.PoolID]int64{schedule.PoolID(p[0]): millionths(s.t, p[1])}
	}
	s.t.Helper()
	for _, pool := range c.values("market") {
		s.cfg.Markets = append(s.cfg.Markets, schedule.PoolID(pool))
	}
	for _, v := range c.values("bid") {
		p := parts(s.t, v, 3)
		queue, band, _ := strings.Cut(p[1], "@")
		s.cfg.Bids = append(s.cfg.Bids, schedule.Bid{Pool: schedule.PoolID(p[0]), Queue: schedule.QueueID(queue), Band: band, Price: number(s.t, p[2])})
	}
}
