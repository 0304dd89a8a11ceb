package policy

import (
	"fmt"
	"slices"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// validateShares checks what queues' shares follow from.
func (s Scheduling) validateShares(check *fault.Check, pools map[string]bool) {
	dominant := slices.Clone(s.DominantResources)
	for i, p := range s.Pools {
		dominant = append(dominant, p.DominantResources...)
		for j, name := range p.DominantResources {
			floats := slices.ContainsFunc(s.FloatingResources, func(f FloatingResource) bool { return f.Name == name })
			if at := slices.Index(p.DominantResources, name); at < j || !floats && !slices.Contains(s.Resources, name) {
				check.Violate(fmt.Sprintf("pools[%d].dominantResources[%d]", i, j), name, "must be one of resources or floatingResources, and be named once")
			}
		}
	}
	for name, times := range s.DominantResourceMultipliers {
		if field := "dominantResourceMultipliers." + name; !slices.Contains(dominant, name) {
			check.Violate(field, name, "must be one of dominantResources, of a pool or of all")
		} else if !(times >= 0.001 && times <= 1000) {
			check.Violate(field, times, "must be from 0.001 to 1000")
		}
	}
	for i, p := range s.Pools {
		if p.ShortJobPenaltyCutoff < 0 {
			check.Violate(fmt.Sprintf("pools[%d].shortJobPenaltyCutoff", i), p.ShortJobPenaltyCutoff, "must not be below zero")
		}
	}
	s.validateBids(check)
	if h := s.UsageHalfLife; h < 0 || h > 90*24*time.Hour || h%(30*time.Second) != 0 {
		check.Violate("usageHalfLife", h, "must be a multiple of 30s up to 2160h")
	}
	if _, is := preemptionRule(s.PreemptionRule); !is {
		check.Violate("preemptionRule", s.PreemptionRule, "must be fairlead or armada")
	}
	for pool, part := range s.ProtectedFractionByPool {
		field := "protectedFractionByPool." + pool
		if !pools[pool] {
			check.Violate(field, pool, "must be one of pools")
		}
		fraction(check, field, part)
	}
	for pool, factors := range s.PriorityFactorsByPool {
		if !pools[pool] {
			check.Violate("priorityFactorsByPool."+pool, pool, "must be one of pools")
		}
		for queue, factor := range factors {
			if !(factor >= 1 && factor <= schedule.Million) {
				check.Violate(fmt.Sprintf("priorityFactorsByPool.%s.%s", pool, queue), factor, "must be from 1 to 1000000")
			}
		}
	}
}

// setShares gives the round what queues' shares follow from.
func (s Scheduling) setShares(cfg *schedule.Config) {
	cfg.Multipliers, cfg.ProtectedIn = map[string]int64{}, map[schedule.PoolID]int64{}
	for name, times := range s.DominantResourceMultipliers {
		cfg.Multipliers[name] = millionths(times)
	}
	for pool, part := range s.ProtectedFractionByPool {
		cfg.ProtectedIn[schedule.PoolID(pool)] = millionths(part)
	}
	cfg.ShortJob, cfg.DominantIn = map[schedule.PoolID]int64{}, map[schedule.PoolID][]string{}
	for _, p := range s.Pools {
		if len(p.DominantResources) > 0 {
			cfg.DominantIn[schedule.PoolID(p.Name)] = p.DominantResources
		}
		if p.ShortJobPenaltyCutoff > 0 {
			cfg.ShortJob[schedule.PoolID(p.Name)] = int64(p.ShortJobPenaltyCutoff)
		}
	}
	s.setBids(cfg)
	cfg.UsageHalfLife = int64(s.UsageHalfLife)
	cfg.PreemptionRule, _ = preemptionRule(s.PreemptionRule)
	cfg.Weights = map[schedule.PoolID]map[schedule.QueueID]int64{}
	for pool, factors := range s.PriorityFactorsByPool {
		weights := map[schedule.QueueID]int64{}
		for queue, factor := range factors {
			weights[schedule.QueueID(queue)] = millionths(1 / factor)
		}
		cfg.Weights[schedule.PoolID(pool)] = weights
	}
}

// preemptionRule is a rule by its name; false: there is none of that name.
func preemptionRule(name string) (schedule.PreemptionRule, bool) {
	switch name {
	case "fairlead":
		return schedule.RaiseLeast, true
	case "armada":
		return schedule.ArmadaOrder, true
	}
	return 0, false
}
