package schedule_test

import (
	"math"
	"math/big"
	"slices"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// lostMax is where sums of lost work end.
const lostMax = 1<<62 - 1

// protectedUntil is when a run has had the minimum run time of its class; the smallest time
// where that has none.
func (r *ref) protectedUntil(run *refRun) schedule.Time {
	least := r.class(run.Shape).MinRunTime
	until := new(big.Int).Add(big.NewInt(int64(run.Since)), big.NewInt(int64(least)))
	switch {
	case least == 0:
		return math.MinInt64 + 1
	case !until.IsInt64():
		return math.MaxInt64
	}
	return schedule.Time(until.Int64())
}

// wakeForProtected: a run of a lower class than a gang that has no place may go once it has
// had its minimum run time.
func (r *ref) wakeForProtected(q *refQueue) {
	for i := range r.runs {
		run := &r.runs[i]
		n := r.node(run.Node)
		if n == nil || n.Pool != r.site || !r.home() && run.Pool != r.pool || !refStays(run) || run.laid || !r.class(run.Shape).Preemptible {
			continue
		}
		if slices.ContainsFunc(q.next, func(j schedule.Job) bool { return r.levelIn(run) < r.class(j.Shape).Priority }) {
			r.wakeAt(r.protectedUntil(run))
		}
	}
}

// lost is the work that is lost with a run: milliseconds of a cpu.
func (r *ref) lost(run *refRun) int64 {
	cpu := slices.Index(r.cfg.Resources, "cpu")
	if cpu < 0 || run.Since >= r.round.Now {
		return 0
	}
	work := new(big.Int).Sub(big.NewInt(int64(r.round.Now)), big.NewInt(int64(run.Since)))
	work.Div(work, big.NewInt(1e6)).Mul(work, big.NewInt(r.shape(run.Shape).Request[cpu])).Div(work, big.NewInt(1000))
	if !work.IsInt64() {
		return lostMax
	}
	return min(work.Int64(), lostMax)
}

// lostWith is the work that is lost with victims, where that decides; else zero.
func (r *ref) lostWith(victims []refVictim) (sum int64) {
	for _, v := range victims {
		if r.cfg.LeastLostWork {
			sum = min(sum+r.lost(v.run), lostMax)
		}
	}
	return sum
}
