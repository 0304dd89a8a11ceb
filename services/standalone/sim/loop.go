package sim

import (
	"container/heap"
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// loop is virtual time: what is to happen, ordered by its moment and, within a
// moment, by lots that the seed draws.
type loop struct {
	now   job.Time
	queue happenings
	lots  *rand.Rand
	made  uint64
}

// happening is something that happens at a moment.
type happening struct {
	at job.Time
	// lot orders what happens at one moment, and number what drew the same lot.
	lot, number uint64
	do          func()
}

// at makes something happen at a moment, or now where that is past.
func (l *loop) at(at job.Time, do func()) {
	l.made++
	heap.Push(&l.queue, happening{at: max(at, l.now), lot: l.lots.Uint64(), number: l.made, do: do})
}

// after makes something happen after a while.
func (l *loop) after(d time.Duration, do func()) { l.at(l.now+job.Time(d), do) }

// turn lets the next thing happen. It says false when nothing is to happen by a
// moment, which then is now.
func (l *loop) turn(by job.Time) bool {
	if len(l.queue) == 0 || l.queue[0].at > by {
		l.now = max(l.now, by)
		return false
	}
	next := heap.Pop(&l.queue).(happening)
	l.now = next.at
	next.do()
	return true
}

// happenings are a [container/heap], the earliest first.
type happenings []happening

// Len is for container/heap.
func (h *happenings) Len() int { return len(*h) }

// Less orders by moment, then by lot.
func (h *happenings) Less(i, j int) bool {
	a, b := &(*h)[i], &(*h)[j]
	switch {
	case a.at != b.at:
		return a.at < b.at
	case a.lot != b.lot:
		return a.lot < b.lot
	}
	return a.number < b.number
}

// Swap is for container/heap.
func (h *happenings) Swap(i, j int) { (*h)[i], (*h)[j] = (*h)[j], (*h)[i] }

// Push is for container/heap.
func (h *happenings) Push(x any) { *h = append(*h, x.(happening)) }

// Pop is for container/heap.
func (h *happenings) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = happening{}
	*h = old[:len(old)-1]
	return last
}

// dice is chance by seed. Each concern has dice of its own, so that one more throw
// for the delays of messages does not change what users do.
type dice struct{ *rand.Rand }

func newDice(seed, concern uint64) dice { return dice{rand.New(rand.NewPCG(seed, concern))} } //nolint:gosec // chance that can be repeated

// The concerns.
const (
	concernLots = iota + 1
	concernDelays
	concernFates
	concernFaults
	concernUsers
)

// between is a duration from least to most.
func (d dice) between(least, most time.Duration) time.Duration {
	return least + time.Duration(d.Int64N(int64(most-least)+1))
}

// chance says yes so many times in a thousand.
func (d dice) chance(thousandths int) bool { return d.IntN(1000) < thousandths }

// pick is one of a list.
func pick[T any](d dice, list ...T) T { return list[d.IntN(len(list))] }

// ids makes ids that look like ULIDs: the milliseconds of a time, then a number
// that rises.
type ids struct{ last uint64 }

func (i *ids) next(at job.Time) (id [16]byte) {
	i.last++
	ms := uint64(at) / uint64(time.Millisecond) //nolint:gosec // after 1970
	binary.BigEndian.PutUint64(id[:], ms<<16)
	binary.BigEndian.PutUint64(id[8:], i.last)
	return id
}
