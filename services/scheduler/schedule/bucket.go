package schedule

// bucket is a token bucket as GCRA: free is when it was or will be full but for
// the tokens taken.
type bucket struct{ free Time }

// bucketMax bounds times and spans, so that sums of some of them do not overflow: 36
// years.
const bucketMax = 1 << 60

// valid says whether a full bucket is filled within bucketMax.
func (r Rate) valid() bool {
	return r.PerToken >= 0 && scale(uint64(r.PerToken), uint64(r.Burst), 1) <= bucketMax
}

// has says whether n tokens are there at a time, and when they will be. More than the
// burst are never there.
func (b *bucket) has(r Rate, n uint32, now Time) (bool, Time) {
	if r.Burst == 0 || n == 0 {
		return true, 0
	}
	if n > r.Burst {
		return false, 0
	}
	ready := b.since(r, now) + Time(r.PerToken)*Time(n)
	return ready <= now, ready
}

// take takes a token.
func (b *bucket) take(r Rate, now Time) {
	if r.Burst > 0 {
		b.free = min(b.since(r, now)+Time(r.PerToken), 4*bucketMax)
	}
}

// since is from when the tokens are counted that are there at a time.
func (b *bucket) since(r Rate, now Time) Time {
	now = max(-2*bucketMax, min(now, 2*bucketMax))
	return max(b.free, now-Time(r.PerToken)*Time(r.Burst))
}

// account is a bucket as the facts have it, and as it is with the starts that are
// assumed: seen. Facts come in another order than they were assumed in, so seen is made
// of them anew whenever nothing is assumed.
type account struct {
	facts, seen bucket
	assumed     int
}

// take takes the token of a lease that is a fact.
func (a *account) take(r Rate, at Time) {
	a.facts.take(r, at)
	if a.assumed == 0 {
		a.seen = a.facts
		return
	}
	a.seen.take(r, at)
}

// assume takes the token of a lease that is assumed.
func (a *account) assume(r Rate, at Time) {
	a.seen.take(r, at)
	a.assumed++
}

// settle notes that an assumed lease is a fact now.
func (a *account) settle(r Rate, at Time) {
	a.facts.take(r, at)
	a.forget()
}

// forget notes that a lease is assumed no more. What it took is given back once no other
// is: till then it cannot be told from what was taken after it.
func (a *account) forget() {
	if a.assumed--; a.assumed == 0 {
		a.seen = a.facts
	}
}
