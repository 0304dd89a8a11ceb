package schedule_test

import (
	"strings"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// limits reads what a config says of how much may start.
func (s *script) limits(c command) {
	s.t.Helper()
	if v := c.value("gangmax"); v != "" {
		s.cfg.GangMax = uint32(number(s.t, v))
	}
	l := &s.cfg.PeriodLimit
	if v := c.value("period"); v != "" {
		l.Length = seconds(number(s.t, v))
	}
	for _, arg := range c.args {
		given, is := strings.CutPrefix(arg, "perperiod")
		if !is {
			continue
		}
		pool, limit, _ := strings.Cut(given, "=")
		p := parts(s.t, limit, 2)
		to := &l.Limit
		if pool != "" {
			if l.ByPool == nil {
				l.ByPool = map[schedule.PoolID]map[string]int64{}
			}
			own := map[string]int64{}
			l.ByPool[schedule.PoolID(pool[1:])] = own
			to = &own
		}
		if *to == nil {
			*to = map[string]int64{}
		}
		(*to)[p[0]] = millionths(s.t, p[1])
	}
}
