package lease

import (
	"container/heap"
	"time"
)

// deadlines are the runs that wait for a time, the earliest first: a
// [container/heap]. A run waits for one time at most.
type deadlines []*run

func (d *deadlines) Len() int { return len(*d) }

// Less orders by time, then by run, so that equal times have one order.
func (d *deadlines) Less(i, j int) bool {
	a, b := (*d)[i], (*d)[j]
	if a.due != b.due {
		return a.due < b.due
	}
	return earlier(a.id, b.id)
}

func (d *deadlines) Swap(i, j int) {
	runs := *d
	runs[i], runs[j] = runs[j], runs[i]
	runs[i].slot, runs[j].slot = i+1, j+1
}

// Push is for container/heap.
func (d *deadlines) Push(x any) {
	r := x.(*run)
	*d = append(*d, r)
	r.slot = len(*d)
}

// Pop is for container/heap.
func (d *deadlines) Pop() any {
	old := *d
	r := old[len(old)-1]
	old[len(old)-1] = nil
	*d = old[:len(old)-1]
	r.slot = 0
	return r
}

// dueAt makes the run wait for a time; never: for none.
func (c *Core) dueAt(r *run, at time.Duration) {
	switch {
	case at == never && r.slot == 0:
	case at == never:
		heap.Remove(&c.deadlines, r.slot-1)
	case r.slot == 0:
		r.due = at
		heap.Push(&c.deadlines, r)
	case r.due != at:
		r.due = at
		heap.Fix(&c.deadlines, r.slot-1)
	}
}

// dueIn makes the run wait for a while from now.
func (c *Core) dueIn(r *run, d time.Duration) { c.dueAt(r, c.now.Mono+d) }
