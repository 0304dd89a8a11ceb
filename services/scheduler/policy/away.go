package policy

import (
	"fmt"
	"maps"
	"math"
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
			if name := away.WellKnownNodeTypeName; !known[name] && (name != "" || len(away.NodeTypes) == 0) {
				check.Violate(fmt.Sprintf("%s[%d].wellKnownNodeTypeName", at, i), name, "must be one of wellKnownNodeTypes, or empty beside nodeTypes")
			}
			for j, t := range away.NodeTypes {
				s.validateConditional(check, fmt.Sprintf("%s[%d].nodeTypes[%d]", at, i, j), &t, known)
			}
			above = away.Priority
		}
	}
}

func (s Scheduling) validateConditional(check *fault.Check, at string, t *ConditionalNodeType, known map[string]bool) {
	if !known[t.Name] {
		check.Violate(at+".name", t.Name, "must be one of wellKnownNodeTypes")
	}
	for i, c := range t.Conditions {
		at := fmt.Sprintf("%s.conditions[%d]", at, i)
		if !slices.Contains(s.Resources, c.Resource) && !slices.Contains(s.Floating(), c.Resource) {
			check.Violate(at+".resource", c.Resource, "must be one of resources or floatingResources")
		}
		if !slices.Contains([]string{">", "<", "=="}, c.Operator) {
			check.Violate(at+".operator", c.Operator, "must be >, < or ==")
		}
		if v := c.units(); !(v >= 0 && v <= schedule.AmountMax && v == math.Trunc(v)) {
			check.Violate(at+".value", c.Value, "must be from 0 to 2^42, and whole, or of cpu in thousandths")
		}
	}
}

// ConditionOf is a condition whose value is in the unit in which the round counts a resource.
func ConditionOf(resource, operator string, units int64) Condition {
	c := Condition{Resource: resource, Operator: operator, Value: float64(units)}
	if resource == "cpu" {
		c.Value /= 1000
	}
	return c
}

// units is the value in the unit in which the round counts the resource.
func (c *Condition) units() float64 {
	if c.Resource != "cpu" {
		return c.Value
	}
	milli := c.Value * 1000
	if near := math.Round(milli); math.Abs(near-milli) < 1e-6 { // 0.57 x 1000 is not 570
		return near
	}
	return milli
}

// validateSwitches refuses pools in which nothing could run.
func (s Scheduling) validateSwitches(check *fault.Check) {
	for i, p := range s.Pools {
		if p.DisableHomeScheduling && p.DisableAwayScheduling {
			check.Violate(fmt.Sprintf("pools[%d].disableHomeScheduling", i), true, "must be false where disableAwayScheduling is true: nothing could run")
		}
	}
}

// validateHosts refuses away pools that are none, and tolerations that Kubernetes would.
func (s Scheduling) validateHosts(check *fault.Check) {
	for i, p := range s.Pools {
		for j, host := range p.AwayPools {
			is := slices.ContainsFunc(s.Pools, func(o Pool) bool { return o.Name == host.Name })
			if !is || host.Name == p.Name || slices.Index(p.AwayPools, host) < j {
				check.Violate(fmt.Sprintf("pools[%d].awayPools[%d].name", i, j), host.Name, "must be another one of pools, and be named once")
			}
		}
		for j, t := range p.JobDefaults.Tolerations {
			at := fmt.Sprintf("pools[%d].jobDefaults.tolerations[%d]", i, j)
			switch {
			case t.Operator != "" && t.Operator != "Equal" && t.Operator != "Exists":
				check.Violate(at+".operator", t.Operator, "must be Equal, which it is if empty, or Exists")
			case t.Operator != "Exists" && t.Key == "":
				check.Violate(at+".key", t.Key, "must be set unless operator is Exists")
			case t.Operator == "Exists" && t.Value != "":
				check.Violate(at+".value", t.Value, "must be empty where operator is Exists")
			}
			if !slices.Contains([]string{"", "NoSchedule", "PreferNoSchedule", "NoExecute"}, t.Effect) {
				check.Violate(at+".effect", t.Effect, "must be NoSchedule, PreferNoSchedule, NoExecute, or empty for all")
			}
		}
	}
}

// setHosts gives the round the away pools, and what jobs tolerate in pools.
func (s Scheduling) setHosts(cfg *schedule.Config) {
	for _, p := range s.Pools {
		for _, host := range p.AwayPools {
			if cfg.AwayPools == nil {
				cfg.AwayPools = map[schedule.PoolID][]schedule.PoolID{}
			}
			cfg.AwayPools[schedule.PoolID(p.Name)] = append(cfg.AwayPools[schedule.PoolID(p.Name)], schedule.PoolID(host.Name))
		}
		for _, t := range p.JobDefaults.Tolerations {
			if cfg.Tolerate == nil {
				cfg.Tolerate = map[schedule.PoolID][]schedule.Toleration{}
			}
			cfg.Tolerate[schedule.PoolID(p.Name)] = append(cfg.Tolerate[schedule.PoolID(p.Name)], schedule.Toleration(t))
		}
	}
}

// setSwitches gives the round what is switched off in pools.
func (s Scheduling) setSwitches(cfg *schedule.Config) {
	for _, p := range s.Pools {
		off := schedule.Switches{
			Home: p.DisableHomeScheduling, Away: p.DisableAwayScheduling, GangAway: p.DisableGangAwayScheduling,
			FairShare: p.DisableFairshareScheduling, Urgency: p.DisableUrgencyScheduling,
		}
		if off == (schedule.Switches{}) {
			continue
		}
		if cfg.Switches == nil {
			cfg.Switches = map[schedule.PoolID]schedule.Switches{}
		}
		cfg.Switches[schedule.PoolID(p.Name)] = off
	}
}

// away is where the jobs of a class may run away from home.
func (s Scheduling) away(class PriorityClass) (list []schedule.Away) {
	for _, a := range class.AwayNodeTypes {
		out := schedule.Away{Level: a.Priority, Tolerate: s.tolerations(a.WellKnownNodeTypeName)}
		for _, t := range a.NodeTypes {
			as := schedule.AwayType{Tolerate: s.tolerations(t.Name)}
			for _, c := range t.Conditions {
				as.When = append(as.When, schedule.Condition{Resource: c.Resource, Operator: c.Operator, Value: int64(c.units())})
			}
			out.Types = append(out.Types, as)
		}
		if a.WellKnownNodeTypeName != "" && len(out.Types) > 0 { // the named type is for all jobs
			out.Types = append(out.Types, schedule.AwayType{})
		}
		list = append(list, out)
	}
	return list
}

// tolerations are those of a kind of nodes.
func (s Scheduling) tolerations(name string) (list []schedule.Toleration) {
	for _, t := range s.WellKnownNodeTypes {
		if t.Name != name {
			continue
		}
		for _, taint := range t.Taints {
			list = append(list, taint.toleration())
		}
	}
	return list
}

func (t Taint) toleration() schedule.Toleration {
	if t.Value == "*" {
		return schedule.Toleration{Key: t.Key, Operator: "Exists", Effect: t.Effect}
	}
	return schedule.Toleration{Key: t.Key, Operator: "Equal", Value: t.Value, Effect: t.Effect}
}
