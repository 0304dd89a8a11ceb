package schedule_test

import (
	"fmt"
	"slices"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// onNode is what a shape asks of a node: floating resources stand on none.
func (r *ref) onNode(shape schedule.ShapeID) schedule.Vec {
	request := slices.Clone(r.shape(shape).Request)
	for _, f := range r.cfg.Floating {
		request[slices.Index(r.cfg.Resources, f.Resource)] = 0
	}
	return request
}

// shortOfFloating says whether the runs of the pool, whatever their phase, and the next gang
// of a queue want more of a floating resource than the pool has. Who asks for none never does.
func (r *ref) shortOfFloating(q *refQueue) bool {
	for _, f := range r.cfg.Floating {
		i := slices.Index(r.cfg.Resources, f.Resource)
		held, asked := int64(0), int64(0)
		for j := range r.runs {
			if r.runs[j].Pool == r.pool {
				held += r.shape(r.runs[j].Shape).Request[i]
			}
		}
		for _, j := range q.next {
			asked += r.shape(j.Shape).Request[i]
		}
		if asked > 0 && held+asked > f.Pools[r.pool] {
			return true
		}
	}
	return false
}

// floatingEver says why a pool never has enough for a shape; empty: it has.
func (r *ref) floatingEver(shape schedule.ShapeID, pool schedule.PoolID) string {
	for i, name := range r.cfg.Resources {
		f := slices.IndexFunc(r.cfg.Floating, func(f schedule.Floating) bool { return f.Resource == name })
		if asked := r.shape(shape).Request[i]; f >= 0 && asked > r.cfg.Floating[f].Pools[pool] {
			return fmt.Sprintf("too little in its pool: that has %s %s in all, the job asks for %s",
				schedule.Amount(name, r.cfg.Floating[f].Pools[pool]), name, schedule.Amount(name, asked))
		}
	}
	return ""
}
