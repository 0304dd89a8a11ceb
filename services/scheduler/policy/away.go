package policy

import (
	"fmt"
	"maps"
	"slices"

	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

func (s Scheduling) validateAway(check *fault.Check) {
	known := map[string]bool{}
	for i, t := range s.WellKnownNodeTypes {
		if t.Name == "" || known[t.Name] {
			check.Violate(fmt.Sprintf("wellKnownNodeTypes[%d].name", i), t.Name, "must be a name that no other type has")
		}
		known[t.Name] = true
		for j, taint := range t.Taints {
			if taint.Key == "" {
				check.Violate(fmt.Sprintf("wellKnownNodeTypes[%d].taints[%d].key", i, j), taint.Key, "must be set")
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.PriorityClasses)) {
		class, at := s.PriorityClasses[name], fmt.Sprintf("priorityClasses.%s.awayNodeTypes", name)
		if len(class.AwayNodeTypes) > 0 && !class.Preemptible {
			check.Violate(at, len(class.AwayNodeTypes), "must be none: the class is not preemptible")
		}
		if len(class.AwayNodeTypes) > schedule.AwayMax {
			check.Violate(at, len(class.AwayNodeTypes), fmt.Sprintf("must be at most %d", schedule.AwayMax))
		}
		above := class.Priority
		for i, away := range class.AwayNodeTypes {
			if away.Priority >= above {
				check.Violate(fmt.Sprintf("%s[%d].priority", at, i), away.Priority, fmt.Sprintf("must be below %d, that of the class or of the type before it", above))
			}
			if !known[away.WellKnownNodeTypeName] {
				check.Violate(fmt.Sprintf("%s[%d].wellKnownNodeTypeName", at, i), away.WellKnownNodeTypeName, "must be one of wellKnownNodeTypes")
			}
			above = away.Priority
		}
	}
}

// away is where the jobs of a class may run away from home.
func (s Scheduling) away(class PriorityClass) (list []schedule.Away) {
	for _, a := range class.AwayNodeTypes {
		out := schedule.Away{Level: a.Priority}
		for _, t := range s.WellKnownNodeTypes {
			if t.Name != a.WellKnownNodeTypeName {
				continue
			}
			for _, taint := range t.Taints {
				out.Tolerate = append(out.Tolerate, taint.toleration())
			}
		}
		list = append(list, out)
	}
	return list
}

func (t Taint) toleration() schedule.Toleration {
	if t.Value == "*" {
		return schedule.Toleration{Key: t.Key, Operator: "Exists", Effect: t.Effect}
	}
	return schedule.Toleration{Key: t.Key, Operator: "Equal", Value: t.Value, Effect: t.Effect}
}
