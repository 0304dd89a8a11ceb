package policy

import (
	"fmt"
	"slices"

	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

func (s Scheduling) validatePeriod(check *fault.Check) {
	if s.SchedulePeriod <= 0 {
		check.Violate("schedulePeriod", s.SchedulePeriod, "must be above 0")
	}
	for resource, limit := range s.MaximumResourceFractionToSchedule {
		fraction(check, "maximumResourceFractionToSchedule."+resource, limit)
	}
	s.validateByPool(check, "maximumResourceFractionToScheduleByPool", s.MaximumResourceFractionToScheduleByPool)
}

// validateByPool checks fractions by pool and by resource.
func (s Scheduling) validateByPool(check *fault.Check, field string, byPool map[string]map[string]float64) {
	for pool, limits := range byPool {
		at := field + "." + pool
		if !slices.ContainsFunc(s.Pools, func(known Pool) bool { return known.Name == pool }) {
			check.Violate(at, pool, "must be one of pools")
		}
		for resource, limit := range limits {
			fraction(check, fmt.Sprintf("%s.%s", at, resource), limit)
		}
	}
}

// periodLimit is what may start within a period; zero where nothing is limited.
func (s Scheduling) periodLimit() schedule.PeriodLimit {
	if len(s.MaximumResourceFractionToSchedule)+len(s.MaximumResourceFractionToScheduleByPool) == 0 {
		return schedule.PeriodLimit{}
	}
	return schedule.PeriodLimit{
		Length: schedule.Time(s.SchedulePeriod), Limit: fractions(s.MaximumResourceFractionToSchedule),
		ByPool: fractionsByPool(s.MaximumResourceFractionToScheduleByPool),
	}
}

func fractionsByPool(of map[string]map[string]float64) map[schedule.PoolID]map[string]int64 {
	out := make(map[schedule.PoolID]map[string]int64, len(of))
	for pool, limits := range of {
		out[schedule.PoolID(pool)] = fractions(limits)
	}
	return out
}

func fractions(of map[string]float64) map[string]int64 {
	out := make(map[string]int64, len(of))
	for name, fraction := range of {
		out[name] = millionths(fraction)
	}
	return out
}
