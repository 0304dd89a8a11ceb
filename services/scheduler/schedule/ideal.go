package schedule

import (
	"cmp"
	"math/bits"
	"slices"
)

// The ideal share: a common level is raised over the queues, each having level x weight of
// dominant share along its demand vector, until it has its whole demand or a resource that
// shares are counted in is used up. Whoever uses that resource keeps what it has; the level
// goes on for the others. This is dominant resource fairness for jobs that can be divided,
// by weight (Ghodsi and others 2011; Parkes, Procaccia, Shah 2012).
//
// A demand vector is in integers: of each resource, how much of its total goes with one of
// dominant share, in units of 2^-31 rounded down. On these vectors the level is exact, and
// what a queue has when it stops is rounded down to 2^-32.

// vectorOne is one, in the units of a demand vector, and vectorAll what a pool has of each
// resource: shares in 2^-32 times vectors in 2^-31.
const (
	vectorOne = 1 << 31
	vectorAll = 1 << 63
)

// filling is the memory of the ideal shares.
type filling struct {
	queues []queueRound
	// vectors are the demand vectors: of each queue, an element a dominant resource.
	vectors []uint64
	// order are the queues by the level at which they have their whole demand, and open those
	// of them that it still rises for.
	order, open []int32
	// left is what nobody has of each resource that stopped, and rate how much of it a
	// unit of the level takes of those that did not.
	left []uint64
	rate []wide
	// before are the guards of the queues that were computed before.
	before []uint64
	steady
}

// steady is that the shares are still those that were computed last, although demands are others.
// Most often all queues stop at once, when the resource stop is used up and nobody has all that
// it wants. So they do with other demands too, at the same level, as long as the rate at which
// that resource is used is the same, and it is still the first.
type steady struct {
	// stop is below zero where it was not so.
	stop int
	// first is who would have all that it wants first.
	first int32
	// rates are those at which each resource is used at first, and rate0 that of stop as it was.
	rates []wide
	rate0 wide
}

// vectorOf is the demand vector of a queue.
func (f *filling) vectorOf(at int32) []uint64 {
	n := int32(len(f.left)) //nolint:gosec // resources are few
	return f.vectors[at*n : at*n+n : at*n+n]
}

// vectorize reckons the demand and the demand vector of a queue from what it wants, and
// says whether they are others than before.
func (p *planner) vectorize(at int32) (changed bool) {
	q, want := &p.queues[at], p.hunt.after[:0]
	want = append(want, p.wantOf(at, 0)...)
	for c := 1; c < len(p.cfg.Classes); c++ {
		for i, amount := range p.wantOf(at, c) {
			want[i] = min(want[i]+amount, sumMax)
		}
	}
	p.hunt.after = want
	before, n := q.need, int(at)*len(p.dominants)
	vector := p.filling.vectors[n : n+len(p.dominants)]
	p.hunt.vector = append(p.hunt.vector[:0], vector...)
	q.need, changed = p.vector(want, vector)
	q.demand = min(q.need, 1<<32)
	if !changed && q.need == before {
		return false
	}
	p.filling.revise(p.queues, at, before, p.hunt.vector)
	return true
}

// vector is what is wanted as a dominant share and, put into vector, as a demand vector; it
// says whether that is another than before.
func (p *planner) vector(want Vec, vector []uint64) (need uint64, changed bool) {
	need = p.dominant(want, p.total)
	for i, r := range p.dominants {
		part := uint64(0)
		if need > 0 {
			part = scale(ratio(want[r], p.total[r]), vectorOne, need)
		}
		changed = changed || part != vector[i]
		vector[i] = part
	}
	return need, changed
}

// fillIdeal computes the ideal shares of the queues of the pool.
func (p *planner) fillIdeal() {
	f := &p.filling
	f.queues, f.left = p.queues, f.left[:0]
	for range p.dominants {
		f.left = append(f.left, vectorAll)
	}
	f.fill()
}

// revise notes that a queue has another demand than before.
func (f *filling) revise(queues []queueRound, at int32, need uint64, vector []uint64) {
	if f.stop < 0 {
		return
	}
	q := &queues[at]
	now := f.vectorOf(at)
	if at == f.first || need == 0 || q.need == 0 || now[f.stop] == 0 || compareNeeds(q, &queues[f.first]) < 0 {
		f.stop = -1
		return
	}
	for r := range now {
		f.rates[r] = f.rates[r].minus(product(uint64(q.weight), vector[r])).plus(product(uint64(q.weight), now[r])) //nolint:gosec // above zero
	}
}

// isSteady says whether the shares would come out the same.
func (f *filling) isSteady(queues []queueRound) bool {
	if f.stop < 0 || f.rates[f.stop] != f.rate0 {
		return false
	}
	satisfied, q := true, &queues[f.first]
	for r, rate := range f.rates {
		if order := rate.compare(f.rate0); order > 0 || order == 0 && r < f.stop {
			return false // another is used up first
		}
		satisfied = satisfied && (wide{lo: vectorAll}).compareTimes(uint64(q.weight), rate, q.need) >= 0 //nolint:gosec // above zero
	}
	return !satisfied
}

// compareNeeds is the order in which queues have all that they want.
func compareNeeds(x, y *queueRound) int {
	return product(x.need, uint64(y.weight)).compare(product(y.need, uint64(x.weight))) //nolint:gosec // above zero
}

// fill computes the ideal shares of queues among which there is so much left.
func (f *filling) fill() {
	f.order, f.rate = f.order[:0], f.rate[:0]
	for range f.left {
		f.rate = append(f.rate, wide{})
	}
	for i := range f.queues {
		q := &f.queues[i]
		q.ideal = 0
		if q.need == 0 {
			continue
		}
		f.order = append(f.order, int32(i))         //nolint:gosec // queues are few
		for r, part := range f.vectorOf(int32(i)) { //nolint:gosec // queues are few
			f.rate[r] = f.rate[r].plus(product(uint64(q.weight), part)) //nolint:gosec // above zero
		}
	}
	slices.SortFunc(f.order, func(a, b int32) int { return compareNeeds(&f.queues[a], &f.queues[b]) })
	f.stop, f.rates = -1, append(f.rates[:0], f.rate...)
	for f.open = f.order; len(f.open) > 0; {
		first := &f.queues[f.open[0]]
		if f.satisfies(first) {
			f.settle(f.open[0], first.need)
			f.open = f.open[1:]
			continue
		}
		stop, all := f.scarcest(), len(f.open) == len(f.order)
		f.exhaust(stop)
		if all && len(f.open) == 0 {
			f.stop, f.first, f.rate0 = stop, f.order[0], f.rates[stop]
		}
	}
}

// satisfies says whether the level can rise to where a queue has all that it wants.
func (f *filling) satisfies(q *queueRound) bool {
	for r := range f.left {
		if (wide{lo: f.left[r]}).compareTimes(uint64(q.weight), f.rate[r], q.need) < 0 { //nolint:gosec // above zero
			return false
		}
	}
	return true
}

// scarcest is the resource that is used up first, of equals the first.
func (f *filling) scarcest() (least int) {
	least = -1
	for r := range f.left {
		if f.rate[r] != (wide{}) && (least < 0 || f.rate[least].compareTimes(f.left[r], f.rate[r], f.left[least]) < 0) {
			least = r
		}
	}
	return least
}

// exhaust stops every queue that uses a resource, at the level at which nothing is left
// of it.
func (f *filling) exhaust(resource int) {
	left, rate := f.left[resource], f.rate[resource]
	kept := f.open[:0]
	for _, at := range f.open {
		if f.vectorOf(at)[resource] == 0 {
			kept = append(kept, at)
			continue
		}
		f.settle(at, product(left, uint64(f.queues[at].weight)).quotient(rate)) //nolint:gosec // above zero
	}
	f.open = kept
}

// settle has the level rise no more for a queue, which keeps its share.
func (f *filling) settle(at int32, share uint64) {
	q := &f.queues[at]
	q.ideal = share
	for r, part := range f.vectorOf(at) {
		f.left[r] -= share * part
		f.rate[r] = f.rate[r].minus(product(uint64(q.weight), part)) //nolint:gosec // above zero
	}
}

// wide is a number of 128 bits.
type wide struct{ hi, lo uint64 }

func product(a, b uint64) wide {
	hi, lo := bits.Mul64(a, b)
	return wide{hi, lo}
}

func (a wide) plus(b wide) wide {
	lo, carry := bits.Add64(a.lo, b.lo, 0)
	return wide{a.hi + b.hi + carry, lo}
}

func (a wide) minus(b wide) wide {
	lo, borrow := bits.Sub64(a.lo, b.lo, 0)
	return wide{a.hi - b.hi - borrow, lo}
}

func (a wide) compare(b wide) int {
	if a.hi != b.hi {
		return cmp.Compare(a.hi, b.hi)
	}
	return cmp.Compare(a.lo, b.lo)
}

// compareTimes compares a x by with b x times, in 192 bits.
func (a wide) compareTimes(by uint64, b wide, times uint64) int {
	x, y := a.times(by), b.times(times)
	for i := range x {
		if x[i] != y[i] {
			return cmp.Compare(x[i], y[i])
		}
	}
	return 0
}

// times is a x by, its highest 64 bits first.
func (a wide) times(by uint64) [3]uint64 {
	low, lower := product(a.lo, by), product(a.hi, by)
	mid, carry := bits.Add64(low.hi, lower.lo, 0)
	return [3]uint64{lower.hi + carry, mid, low.lo}
}

// quotient is floor(a / by), which is below 2^64 where a is below by x 2^64.
func (a wide) quotient(by wide) uint64 {
	if by.hi == 0 {
		return divide(a.hi, a.lo, by.lo)
	}
	// An estimate from the highest 64 bits of by, at most one too small (Hacker's Delight, 9-4).
	n := bits.LeadingZeros64(by.hi)
	top := by.hi<<n | by.lo>>1>>(63-n)
	q, _ := bits.Div64(a.hi>>1, a.hi<<63|a.lo>>1, top)
	if q >>= 63 - n; q > 0 {
		q--
	}
	if rest := a.minus(wide{by.hi*q + product(by.lo, q).hi, by.lo * q}); rest.compare(by) >= 0 {
		q++
	}
	return q
}
