package schedule_test

import (
	"maps"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// refStarted is what was started in a pool in the newest period in which anything was.
type refStarted struct {
	period  int64
	amounts map[string]int64
}

// refPeriod is the number of the period of a moment.
func refPeriod(cfg *schedule.Config, at schedule.Time) int64 {
	at, length := max(-1<<61, min(at, 1<<61)), cfg.PeriodLimit.Length
	return int64((at - ((at%length)+length)%length) / length)
}

// periodLimit is how much of a resource may start in the pool within a period; false: any.
func (r *ref) periodLimit(i int) (int64, bool) {
	limit := r.cfg.PeriodLimit.Limit
	if own, has := r.cfg.PeriodLimit.ByPool[r.pool]; has {
		limit = own
	}
	part, limited := limit[r.cfg.Resources[i]]
	return int64(refScale(uint64(max(0, r.total()[i])), uint64(part), schedule.Million)), limited && r.cfg.PeriodLimit.Length > 0
}

func (r *ref) nextAsks(q *refQueue) schedule.Vec {
	sum := make(schedule.Vec, len(r.cfg.Resources))
	for _, j := range q.next {
		addTo(sum, r.shape(j.Shape).Request)
	}
	return sum
}

// aboveAPeriod says whether the next gang of a queue asks for more than may ever start in a
// period.
func (r *ref) aboveAPeriod(q *refQueue) bool {
	for i, asked := range r.nextAsks(q) {
		if most, limited := r.periodLimit(i); limited && asked > most {
			return true
		}
	}
	return false
}

// inPeriod says whether the next gang may start beside what started in the period. If not,
// its queue is done until the next period.
func (r *ref) inPeriod(q *refQueue) bool {
	if r.cfg.PeriodLimit.Length == 0 {
		return true
	}
	st := r.startedNow()
	for i, asked := range r.nextAsks(q) {
		if most, limited := r.periodLimit(i); limited && asked > 0 && st.amounts[r.cfg.Resources[i]]+asked > most {
			r.endQueue(q, schedule.Time(st.period+1)*r.cfg.PeriodLimit.Length)
			return false
		}
	}
	return true
}

// startedNow is what was started in the pool in this period, or in one that is later still.
func (r *ref) startedNow() refStarted {
	now := refPeriod(r.cfg, r.round.Now)
	if st, has := r.started[r.pool]; has && st.period >= now {
		return st
	}
	return refStarted{now, nil}
}

func (r *ref) countStart(q *refQueue) {
	if r.cfg.PeriodLimit.Length == 0 {
		return
	}
	st := r.startedNow()
	amounts := maps.Clone(st.amounts)
	if amounts == nil {
		amounts = map[string]int64{}
	}
	for i, asked := range r.nextAsks(q) {
		amounts[r.cfg.Resources[i]] += asked
	}
	r.started[r.pool] = refStarted{st.period, amounts}
}
