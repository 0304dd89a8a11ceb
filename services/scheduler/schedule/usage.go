package schedule

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
)

// Usage with decay: where it is configured, what a queue held counts beside what it holds.
// Its usage of a pool is the mean of what its runs held there, newer time counting more: what
// was a half-life ago counts half as much as now. So a queue that held 10 cpu for ever has a
// usage of 10 cpu, and one that held 10 for the last half-life and nothing before has 5. Its
// cost is the weighted dominant share of what it holds and its usage together. This is
// Slurm's PriorityDecayHalfLife, added to the share of the moment so that an idle pool is
// still given out at once.
//
// It is reckoned at the beginning of epochs of 30 s, and nothing changes between. A run counts
// from its lease until it is gone. The weight of a time that long ago is in 2^-32, from a
// table; the sums are exact.

// usageEpoch is how often usage is reckoned anew, in nanoseconds.
const usageEpoch = 30_000_000_000

// usageHalfLifeMax bounds the half-life, and so the table: 90 days.
const usageHalfLifeMax = 90 * 24 * 3600 * 1_000_000_000

// weightAll is the weight of all time.
const weightAll = 1 << 32

// Used is an amount of a resource in 2^-32 of its unit: Hi x 2^64 + Lo.
type Used struct{ Hi, Lo uint64 }

// Usage is the usage of a queue and a pool that runs left which are gone, as of an epoch.
type Usage struct {
	Queue QueueID
	Pool  PoolID
	// Epoch counts 30 s since 1970.
	Epoch int64
	// Amount is of each resource of the configuration.
	Amount []Used
}

// usedBy names a row of usage.
type usedBy struct {
	queue, pool int32
	epoch       int64
}

// setDecay makes the table of what time counts, if it does.
func (s *State) setDecay() error {
	h := s.cfg.UsageHalfLife
	if h < 0 || h > usageHalfLifeMax || h%usageEpoch != 0 {
		return fmt.Errorf("%w: usage half-life of %d ns must be a multiple of 30 s up to 90 days", ErrInvalid, h)
	}
	if h > 0 {
		s.decay = decayTable(h)
	}
	return nil
}

// decayTable is the weight of time that is so many epochs old, within a half-life.
func decayTable(halfLife int64) []uint64 {
	steps := halfLife / usageEpoch
	// The roots of a half: 2^(-1/2), 2^(-1/4) and so on, in 2^-63.
	roots, root := make([]uint64, 60), new(big.Int).Lsh(big.NewInt(1), 62)
	for j := range roots {
		root = new(big.Int).Sqrt(root.Lsh(root, 63))
		roots[j] = root.Uint64()
	}
	table := make([]uint64, steps+1)
	for i := range steps {
		weight, rest := uint64(1)<<63, i
		for _, r := range roots { // the digits of i / steps
			if rest *= 2; rest >= steps {
				rest -= steps
				p := product(weight, r)
				weight = p.hi<<1 | p.lo>>63
			}
		}
		table[i] = weight >> 31
	}
	table[steps] = weightAll / 2
	return table
}

// decayed is the weight of all time that is so old or older, in 2^-32.
func (s *State) decayed(age Time) uint64 {
	steps := int64(len(s.decay) - 1)
	epochs, part := int64(age)/usageEpoch, uint64(age%usageEpoch) //nolint:gosec // not negative
	halves, at := epochs/steps, epochs%steps
	from, to := s.decay[at]>>halves, s.decay[at+1]>>halves
	return from - scale(from-to, part, usageEpoch)
}

// settled is a time that can be reckoned with: within 2^60 of 1970.
func settled(t Time) Time { return max(-bucketMax, min(t, bucketMax)) }

// weightOfRun is how much the time of a run counts at a later one, in 2^-32.
func (s *State) weightOfRun(since, until, at Time) uint64 {
	since, until, at = settled(since), settled(until), settled(at)
	if until = min(until, at); since >= until {
		return 0
	}
	return s.decayed(at-until) - s.decayed(at-since)
}

// epochOf is the last epoch that begins at a time or before.
func epochOf(t Time) int64 {
	t = settled(t)
	e := int64(t) / usageEpoch
	if int64(t)%usageEpoch < 0 {
		e--
	}
	return e
}

// use notes the usage of a run that is gone, as of the next epoch.
func (s *State) use(run int32, until Time) {
	r := &s.runs[run]
	if s.decay == nil || until == 0 || !s.planned(r.pool) {
		return
	}
	key := usedBy{s.kinds[r.kind].queue, r.pool, epochOf(until-1) + 1}
	weight := s.weightOfRun(r.since, until, Time(key.epoch*usageEpoch))
	if weight == 0 {
		return
	}
	if s.usage == nil {
		s.usage = map[usedBy][]wide{}
	}
	sums := s.usage[key]
	if sums == nil {
		sums = make([]wide, len(s.cfg.Resources))
		s.usage[key] = sums
	}
	for i, amount := range s.request(r.kind) {
		sums[i] = sums[i].plus(product(uint64(amount), weight)) //nolint:gosec // not negative
	}
}

// fadeUsage brings all usage that is older than a time to its epoch.
func (s *State) fadeUsage(now Time) {
	epoch := epochOf(now)
	faded := map[usedBy][]wide{}
	for _, key := range s.usedKeys() {
		to := key
		to.epoch = max(key.epoch, epoch)
		sums := faded[to]
		if sums == nil {
			sums = make([]wide, len(s.cfg.Resources))
			faded[to] = sums
		}
		for i, used := range s.usage[key] {
			sums[i] = sums[i].plus(s.fade(used, key.epoch, to.epoch))
		}
	}
	s.usage = faded
}

// fade is what an amount of an epoch counts in another.
func (s *State) fade(used wide, from, to int64) wide {
	if from >= to {
		return used
	}
	n := used.times(s.decayed(settled(Time(to*usageEpoch)) - settled(Time(from*usageEpoch))))
	return wide{n[0]<<32 | n[1]>>32, n[1]<<32 | n[2]>>32}
}

// usedKeys are the rows of usage in order.
func (s *State) usedKeys() []usedBy {
	keys := make([]usedBy, 0, len(s.usage))
	for key := range s.usage { //archcheck:sorted below
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b usedBy) int {
		return cmp.Or(cmp.Compare(s.queues[a.queue].ID, s.queues[b.queue].ID), cmp.Compare(s.poolName[a.pool], s.poolName[b.pool]), cmp.Compare(a.epoch, b.epoch))
	})
	return keys
}

// usageMost bounds a usage, so that sums do not overflow.
const usageMost = 1 << 56

// addUsage adds, to what the queues of the pool cost, their usage, and has the round wake when
// it is another.
func (p *planner) addUsage() {
	if p.decay == nil || len(p.queues) == 0 {
		return
	}
	epoch := epochOf(p.round.Now)
	at, resources := Time(epoch*usageEpoch), len(p.cfg.Resources)
	sums := append(p.used[:0], make([]wide, len(p.queues)*resources)...)
	p.used = sums
	for key, used := range p.usage { //archcheck:unordered a sum
		if q := p.at[key.queue]; key.pool == p.pool && q != none {
			for i := range used {
				sum := &sums[int(q)*resources+i]
				*sum = sum.plus(p.fade(used[i], key.epoch, epoch))
			}
		}
	}
	for h := range p.runs {
		r := &p.runs[h]
		if r.kind == none || r.pool != p.pool {
			continue
		}
		q := p.at[p.kinds[r.kind].queue]
		if weight := p.weightOfRun(r.since, at, at); weight > 0 && q != none {
			for i, amount := range p.request(r.kind) {
				sum := &sums[int(q)*resources+i]
				*sum = sum.plus(product(uint64(amount), weight)) //nolint:gosec // not negative
			}
		}
	}
	for i, sum := range sums {
		if sum != (wide{}) {
			p.surcharge(int32(i / resources))[i%resources] += sum.units() //nolint:gosec // queues are few
		}
	}
	p.wakeAt(Time((epoch + 1) * usageEpoch))
}

// units is an amount in whole units.
func (a wide) units() int64 {
	if a.hi >= usageMost>>32 {
		return usageMost
	}
	return int64(a.hi<<32 | a.lo>>32) //nolint:gosec // below 2^56
}

// usageRows gives the usage, by queue, pool and epoch.
func (s *State) usageRows(out *Snapshot) {
	for _, key := range s.usedKeys() {
		row := Usage{Queue: s.queues[key.queue].ID, Pool: s.poolName[key.pool], Epoch: key.epoch}
		for _, used := range s.usage[key] {
			row.Amount = append(row.Amount, Used{Hi: used.hi, Lo: used.lo})
		}
		out.Usage = append(out.Usage, row)
	}
}

// usedMax bounds what is loaded, so that no sum overflows.
const usedMax = 1 << 48

func (s *State) loadUsage(content *Snapshot) error {
	for i := range content.Usage {
		row := &content.Usage[i]
		if row.Queue == "" || len(row.Amount) != len(s.cfg.Resources) || row.Epoch < epochOf(-bucketMax) || row.Epoch > epochOf(bucketMax)+1 {
			return fmt.Errorf("%w: usage of queue %q in epoch %d, of %d resources", ErrInvalid, row.Queue, row.Epoch, len(row.Amount))
		}
		key := usedBy{s.queue(row.Queue), s.pool(row.Pool), row.Epoch}
		if _, is := s.usage[key]; is {
			return twice("usage of queue", row.Queue)
		}
		sums := make([]wide, 0, len(row.Amount))
		for _, used := range row.Amount {
			if used.Hi >= usedMax {
				return fmt.Errorf("%w: usage of queue %q is over 2^112", ErrInvalid, row.Queue)
			}
			sums = append(sums, wide{used.Hi, used.Lo})
		}
		if s.usage == nil {
			s.usage = map[usedBy][]wide{}
		}
		s.usage[key] = sums
	}
	return nil
}

func (d *digester) usage(rows []Usage) {
	d.count(len(rows))
	for i := range rows {
		text(d, rows[i].Queue)
		text(d, rows[i].Pool)
		d.number(rows[i].Epoch)
		for _, used := range rows[i].Amount {
			d.number(int64(used.Hi)) //nolint:gosec // its bits
			d.number(int64(used.Lo)) //nolint:gosec // its bits
		}
	}
}
