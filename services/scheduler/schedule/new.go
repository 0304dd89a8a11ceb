package schedule

import (
	"fmt"
	"maps"
	"math"
	"slices"
)

// New makes an empty state. Errors: ErrInvalid.
func New(cfg Config) (*State, error) {
	s := emptyState(&cfg)
	for i, name := range cfg.Resources {
		s.resources[name] = i
		s.insufficient = append(s.insufficient, "insufficient "+name)
	}
	for _, set := range []func() error{s.setDominants, s.setMultipliers, s.setBids, s.setDecay, s.checkPools, s.setSwitches, s.setHosts} {
		if err := set(); err != nil {
			return nil, err
		}
	}
	for _, id := range cfg.Pools {
		s.pool(id)
	}
	for _, learn := range []func() error{s.learnClasses, s.checkClassPools, s.initFloating, s.initPeriods} {
		if err := learn(); err != nil {
			return nil, err
		}
	}
	if err := s.checkConfig(); err != nil {
		return nil, err
	}
	if err := checkTiers(cfg.Tiers); err != nil {
		return nil, err
	}
	s.index.init(s)
	return s, nil
}

// checkConfig refuses what no round could go by, and names that are there twice.
func (s *State) checkConfig() error {
	pools := slices.Compact(slices.Sorted(slices.Values(s.cfg.Pools)))
	switch {
	case len(s.cfg.Resources) == 0 || len(s.resources) != len(s.cfg.Resources):
		return fmt.Errorf("%w: resources %q are none, or one is named twice", ErrInvalid, s.cfg.Resources)
	case len(pools) == 0 || len(pools) != len(s.cfg.Pools) || len(pools) > PoolsMax:
		return fmt.Errorf("%w: pools %q are none, over %d, or one is named twice", ErrInvalid, s.cfg.Pools, PoolsMax)
	case len(s.classOf) == 0 || len(s.classOf) != len(s.cfg.Classes):
		return fmt.Errorf("%w: of %d priority classes there are none, or one is named twice", ErrInvalid, len(s.cfg.Classes))
	case s.cfg.Lookback <= 0 || s.cfg.Protected < 0:
		return fmt.Errorf("%w: look-back %d must be above zero, and protected %d not below", ErrInvalid, s.cfg.Lookback, s.cfg.Protected)
	case s.cfg.PreemptionRule > ArmadaOrder:
		return fmt.Errorf("%w: preemption rule %d", ErrInvalid, s.cfg.PreemptionRule)
	case s.cfg.ReserveAfter < 0 || s.cfg.ReservationsMax < 0:
		return fmt.Errorf("%w: reservations after %d ns and %d of a pool at most must not be below zero", ErrInvalid, s.cfg.ReserveAfter, s.cfg.ReservationsMax)
	case !s.cfg.Rate.valid() || !s.cfg.QueueRate.valid():
		return fmt.Errorf("%w: a rate is negative, or takes over 2^60 ns for its burst", ErrInvalid)
	}
	return nil
}

// setDominants finds the dominant resources of each pool.
func (s *State) setDominants() error {
	for _, id := range slices.Sorted(maps.Keys(s.cfg.DominantIn)) {
		if !slices.Contains(s.cfg.Pools, id) {
			return fmt.Errorf("%w: dominant resources of pool %q, which is not planned", ErrInvalid, id)
		}
	}
	everywhere, err := s.resourcesOf(s.cfg.Dominant)
	if err != nil {
		return err
	}
	for _, id := range s.cfg.Pools {
		dominants := everywhere
		if own, has := s.cfg.DominantIn[id]; has {
			if dominants, err = s.resourcesOf(own); err != nil {
				return fmt.Errorf("pool %q: %w", id, err)
			}
		}
		s.dominantsIn = append(s.dominantsIn, dominants)
	}
	return nil
}

// resourcesOf are dominant resources by their names.
func (s *State) resourcesOf(names []string) (at []int, err error) {
	for _, name := range names {
		i, known := s.resources[name]
		if !known {
			return nil, fmt.Errorf("%w: dominant resource %q is none of the resources", ErrInvalid, name)
		}
		at = append(at, i)
	}
	if len(at) == 0 {
		return nil, fmt.Errorf("%w: no resource is dominant", ErrInvalid)
	}
	return at, nil
}

// setMultipliers finds what each dominant resource counts for.
func (s *State) setMultipliers() error {
	for _, name := range slices.Sorted(maps.Keys(s.cfg.Multipliers)) {
		at, known := s.resources[name]
		is := known && slices.ContainsFunc(s.dominantsIn, func(dominants []int) bool { return slices.Contains(dominants, at) })
		m := s.cfg.Multipliers[name]
		if !is || m < MultiplierMin || m > MultiplierMax {
			return fmt.Errorf("%w: resource %q counts %d millionths, which must be from %d to %d, and of a dominant one", ErrInvalid, name, m, MultiplierMin, MultiplierMax)
		}
		if s.multipliers == nil {
			s.multipliers = slices.Repeat([]uint64{Million}, len(s.cfg.Resources))
		}
		s.multipliers[at] = uint64(m)
	}
	return nil
}

// learnClasses gives the classes handles, and refuses what they may not be.
func (s *State) learnClasses() error {
	for i := range s.cfg.Classes {
		if err := checkLimit(s.cfg.Classes[i].Limit); err != nil {
			return fmt.Errorf("class %q: %w", s.cfg.Classes[i].ID, err)
		}
		if err := s.cfg.Classes[i].checkAway(); err != nil {
			return err
		}
		if err := s.checkConditions(&s.cfg.Classes[i]); err != nil {
			return err
		}
		if least := s.cfg.Classes[i].MinRunTime; least < 0 || least > bucketMax {
			return fmt.Errorf("%w: class %q: minimum run time %d is not from 0 to 2^60 ns", ErrInvalid, s.cfg.Classes[i].ID, least)
		}
		s.protects = s.protects || s.cfg.Classes[i].MinRunTime > 0
		s.classOf[s.cfg.Classes[i].ID] = int32(i) //nolint:gosec // classes are few
	}
	return nil
}

// checkClassPools refuses limits of classes in pools that are not planned, or of nothing.
func (s *State) checkClassPools() error {
	for i := range s.cfg.Classes {
		class := &s.cfg.Classes[i]
		for _, pool := range slices.Sorted(maps.Keys(class.LimitIn)) {
			if _, known := s.poolOf[pool]; !known {
				return fmt.Errorf("%w: class %q: limit in pool %q, which is not planned", ErrInvalid, class.ID, pool)
			}
			if err := checkLimit(class.LimitIn[pool]); err != nil {
				return fmt.Errorf("class %q in pool %q: %w", class.ID, pool, err)
			}
		}
	}
	return nil
}

// checkPools refuses settings of pools that are not planned, and what they may not be.
func (s *State) checkPools() error {
	for _, pool := range slices.Sorted(maps.Keys(s.cfg.ProtectedIn)) {
		if protected := s.cfg.ProtectedIn[pool]; protected < 0 || !slices.Contains(s.cfg.Pools, pool) {
			return fmt.Errorf("%w: protected %d in pool %q must not be below zero, and of a pool that is planned", ErrInvalid, protected, pool)
		}
	}
	for _, pool := range slices.Sorted(maps.Keys(s.cfg.ShortJob)) {
		if cutoff := s.cfg.ShortJob[pool]; cutoff <= 0 || !slices.Contains(s.cfg.Pools, pool) {
			return fmt.Errorf("%w: short jobs of %d ns in pool %q must be above zero, and in a pool that is planned", ErrInvalid, cutoff, pool)
		}
	}
	for _, pool := range slices.Sorted(maps.Keys(s.cfg.Weights)) {
		for _, queue := range slices.Sorted(maps.Keys(s.cfg.Weights[pool])) {
			if w := s.cfg.Weights[pool][queue]; w <= 0 || w > AmountMax || !slices.Contains(s.cfg.Pools, pool) {
				return fmt.Errorf("%w: weight %d of queue %q in pool %q must be from 1 to 2^42 millionths, and in a pool that is planned", ErrInvalid, w, queue, pool)
			}
		}
	}
	return nil
}

// check refuses amounts that could overflow a sum, or be of other resources.
func (s *State) check(what string, v Vec) error {
	if len(v) != len(s.cfg.Resources) {
		return fmt.Errorf("%w: %s of %d resources, want %d", ErrInvalid, what, len(v), len(s.cfg.Resources))
	}
	for _, amount := range v {
		if amount < 0 || amount > AmountMax {
			return fmt.Errorf("%w: %s of %d is not from 0 to 2^42", ErrInvalid, what, amount)
		}
	}
	return nil
}

// checkLimit refuses parts of a total that are below nothing or could overflow.
func checkLimit(limit map[string]int64) error {
	for _, part := range limit { //archcheck:unordered the text names none
		if part < 0 || part > AmountMax {
			return fmt.Errorf("%w: a limit is not from 0 to 2^42 millionths", ErrInvalid)
		}
	}
	return nil
}

// emptyState knows of nothing.
func emptyState(cfg *Config) *State {
	return &State{
		cfg: cfg, resources: map[string]int{}, classOf: map[ClassID]int32{}, poolOf: map[PoolID]int32{},
		shapeOf: map[ShapeID]int32{}, matcherOf: map[string]int32{}, bindingOf: map[string]int32{}, extras: map[int32]jobExtra{}, kindOf: map[uint64]int32{},
		queueOf: map[QueueID]int32{}, away: map[JobID]awayMember{}, nodeOf: map[NodeID]int32{},
		lost: map[ExecutorID]bool{}, assumed: map[DecisionID]decision{}, leasing: map[JobID]int32{},
		lowestLevel:  math.MaxInt32,
		reservations: noReservations(),
	}
}
