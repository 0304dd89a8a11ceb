package schedule

import (
	"fmt"
	"maps"
	"slices"
)

// What is switched off in a pool is as if nobody asked for it: where jobs may not be away from
// home, nodes that only match there do not match at all. Where there is no urgency, runs of a
// lower level are as those of the job's own: they may go for a share, and for a higher bid.
// What a queue has a guarantee for it takes back nevertheless.

// Switches are what is switched off in a pool.
type Switches struct {
	// Home: jobs run there away from home only.
	Home bool
	// Away: none does, and GangAway: no gang does.
	Away, GangAway bool
	// FairShare: nothing is preempted for a share, or for a higher bid.
	FairShare bool
	// Urgency: nothing is preempted because it is of a lower level.
	Urgency bool
}

// homeOff is why a job does not run on a node that would be its home.
const homeOff = "of a pool where jobs run away from home only"

// setSwitches learns what is switched off in each pool.
func (s *State) setSwitches() error {
	for _, pool := range slices.Sorted(maps.Keys(s.cfg.Switches)) {
		if !slices.Contains(s.cfg.Pools, pool) {
			return fmt.Errorf("%w: switches of pool %q, which is not planned", ErrInvalid, pool)
		}
		if off := s.cfg.Switches[pool]; off.Home && off.Away {
			return fmt.Errorf("%w: pool %q: jobs may be neither at home nor away", ErrInvalid, pool)
		}
	}
	s.offIn = make([]Switches, len(s.cfg.Pools))
	for i, pool := range s.cfg.Pools {
		s.offIn[i] = s.cfg.Switches[pool]
	}
	return nil
}
