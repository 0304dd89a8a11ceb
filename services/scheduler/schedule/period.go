package schedule

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// PeriodLimit is how much may start in a pool within a period: Armada's limit of a round,
// which for it is one each period. Periods begin at multiples of their length, and what
// starts in one is counted anew in the next.
//
// It is counted in amounts and not in time as the buckets of jobs are: a pool's total is
// what executors say, of which the log knows nothing, so replicas may not agree on it, but
// on what was started they do.
type PeriodLimit struct {
	// Length of a period; zero: no limit.
	Length Time
	// Limit is in millionths of a pool's total, by resource; one without an entry has none.
	Limit map[string]int64
	// ByPool are the limits of single pools instead.
	ByPool map[PoolID]map[string]int64
}

// in is the limit in a pool; nil: none.
func (l *PeriodLimit) in(pool PoolID) map[string]int64 {
	if own, has := l.ByPool[pool]; has {
		return own
	}
	return l.Limit
}

// number is that of the period of a moment, within 2^61 ns of the beginning of time.
func (l *PeriodLimit) number(at Time) int64 {
	at = max(-2*bucketMax, min(at, 2*bucketMax))
	n := int64(at) / int64(l.Length)
	if at < 0 && int64(at)%int64(l.Length) != 0 {
		n--
	}
	return n
}

// StartedRow is what was started in a pool within the newest period in which anything was.
type StartedRow struct {
	Pool PoolID
	// From is when the period began.
	From Time
	// Amounts are by resource; none is zero.
	Amounts map[string]int64
}

// started counts what was started in a pool, in the newest period.
type started struct {
	period int64
	sum    Vec
}

// add counts the start of a job. Facts come in no order of their times, so what belongs to
// an earlier period than the newest is not counted any more.
func (st *started) add(period int64, request Vec) {
	if period < st.period || slices.Max(request) == 0 {
		return // where nothing is asked for there is nothing that a snapshot could tell of
	}
	if period > st.period {
		st.period = period
		clear(st.sum)
	}
	for i, amount := range request {
		st.sum[i] = min(st.sum[i]+amount, sumMax)
	}
}

func (st *started) copyOf(from *started) {
	st.period = from.period
	copy(st.sum, from.sum)
}

// startedAccount is what facts count, and what they do with the starts that are assumed: as
// with the tokens of account.
type startedAccount struct {
	facts, seen started
	assumed     int
}

func (a *startedAccount) forget() {
	if a.assumed--; a.assumed == 0 {
		a.seen.copyOf(&a.facts)
	}
}

func (a *startedAccount) clone() startedAccount {
	out := *a
	out.facts.sum, out.seen.sum = slices.Clone(a.facts.sum), slices.Clone(a.seen.sum)
	return out
}

// initPeriods makes the accounts, where there is a limit. The pools are known.
func (s *State) initPeriods() error {
	l := &s.cfg.PeriodLimit
	if l.Length < 0 || l.Length > bucketMax {
		return fmt.Errorf("%w: a period of %d is not from 0 to 2^60 ns", ErrInvalid, l.Length)
	}
	if err := checkLimit(l.Limit); err != nil {
		return fmt.Errorf("limit of a period: %w", err)
	}
	for id, limit := range l.ByPool { //archcheck:unordered any error will do
		if _, known := s.poolOf[id]; !known {
			return fmt.Errorf("%w: limit of a period of pool %q, which is not known", ErrInvalid, id)
		}
		if err := checkLimit(limit); err != nil {
			return fmt.Errorf("limit of a period of pool %q: %w", id, err)
		}
	}
	if l.Length == 0 {
		return nil
	}
	for range s.cfg.Pools {
		empty := func() started { return started{period: math.MinInt64, sum: make(Vec, len(s.cfg.Resources))} }
		s.startedIn = append(s.startedIn, startedAccount{facts: empty(), seen: empty()})
	}
	return nil
}

// limitsStarts says whether starts in a pool are counted.
func (s *State) limitsStarts(pool int32) bool { return len(s.startedIn) > 0 && s.planned(pool) }

// countStart counts a lease: one that is a fact, was assumed and is a fact now, or is
// assumed.
func (s *State) countStart(run int32, count func(a *startedAccount, period int64, request Vec)) {
	if r := &s.runs[run]; s.limitsStarts(r.pool) {
		count(&s.startedIn[r.pool], s.cfg.PeriodLimit.number(r.since), s.request(r.kind))
	}
}

func (a *startedAccount) take(period int64, request Vec) {
	a.facts.add(period, request)
	if a.assumed == 0 {
		a.seen.copyOf(&a.facts)
		return
	}
	a.seen.add(period, request)
}

func (a *startedAccount) assume(period int64, request Vec) {
	a.seen.add(period, request)
	a.assumed++
}

func (a *startedAccount) settle(period int64, request Vec) {
	a.facts.add(period, request)
	a.forget()
}

// startedRows are the accounts as rows, by pool.
func (s *State) startedRows(assumed bool) (rows []StartedRow) { //nolint:revive // as rows
	for pool := range s.startedIn {
		st := &s.startedIn[pool].facts
		if assumed {
			st = &s.startedIn[pool].seen
		}
		row := StartedRow{Pool: s.cfg.Pools[pool], From: Time(st.period) * s.cfg.PeriodLimit.Length, Amounts: map[string]int64{}}
		for i, amount := range st.sum {
			if amount > 0 {
				row.Amounts[s.cfg.Resources[i]] = amount
			}
		}
		if len(row.Amounts) > 0 {
			rows = append(rows, row)
		}
	}
	slices.SortFunc(rows, func(a, b StartedRow) int { return cmp.Compare(a.Pool, b.Pool) })
	return rows
}

// loadStarted takes rows of pools and resources that are limited now. The others are of
// another configuration.
func (s *State) loadStarted(content *Snapshot) error {
	seen := map[PoolID]bool{}
	for _, row := range content.Started {
		if seen[row.Pool] {
			return twice("what was started in pool", row.Pool)
		}
		seen[row.Pool] = true
		if row.From < -4*bucketMax || row.From > 4*bucketMax {
			return fmt.Errorf("%w: period of pool %q from %d, beyond 2^62", ErrInvalid, row.Pool, row.From)
		}
		for name, amount := range row.Amounts { //archcheck:unordered any error will do
			if amount <= 0 || amount > sumMax {
				return fmt.Errorf("%w: %d of %q started in pool %q is not from 1 to 2^62", ErrInvalid, amount, name, row.Pool)
			}
		}
		pool, known := s.poolOf[row.Pool]
		if !known || !s.limitsStarts(pool) {
			continue
		}
		a := &s.startedIn[pool]
		for i, name := range s.cfg.Resources {
			a.facts.sum[i] = row.Amounts[name]
		}
		if slices.Max(a.facts.sum) > 0 {
			a.facts.period = s.cfg.PeriodLimit.number(row.From)
		}
		a.seen.copyOf(&a.facts)
	}
	return nil
}
