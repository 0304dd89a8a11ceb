package policy

import (
	"fmt"
	"slices"

	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

func (s Scheduling) validateFloating(check *fault.Check) {
	seen := map[string]bool{}
	for i, f := range s.FloatingResources {
		at := fmt.Sprintf("floatingResources[%d]", i)
		if f.Name == "" || seen[f.Name] || slices.Contains(s.Resources, f.Name) {
			check.Violate(at+".name", f.Name, "must be a name that no other resource has: one stands on nodes or floats")
		}
		seen[f.Name] = true
		pools := map[string]bool{}
		for j, p := range f.Pools {
			if pools[p.Name] || !slices.ContainsFunc(s.Pools, func(known Pool) bool { return known.Name == p.Name }) {
				check.Violate(fmt.Sprintf("%s.pools[%d].name", at, j), p.Name, "must be one of pools, named once")
			}
			pools[p.Name] = true
			if p.Quantity < 0 || p.Quantity > schedule.AmountMax {
				check.Violate(fmt.Sprintf("%s.pools[%d].quantity", at, j), p.Quantity, "must be from 0 to 2^42")
			}
		}
	}
}

func (f FloatingResource) round() schedule.Floating {
	out := schedule.Floating{Resource: f.Name, Pools: map[schedule.PoolID]int64{}}
	for _, p := range f.Pools {
		out.Pools[schedule.PoolID(p.Name)] = p.Quantity
	}
	return out
}

// Floating are the names of the floating resources: a pod is not to ask a node for them.
func (s Scheduling) Floating() (names []string) {
	for _, f := range s.FloatingResources {
		names = append(names, f.Name)
	}
	return names
}
