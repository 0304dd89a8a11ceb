package schedule_test

import (
	"testing"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// TestMismatch: labels, names, taints and tolerations mean what Kubernetes means by
// them (nodeSelector, requiredDuringScheduling node affinity, ToleratesTaint).
func TestMismatch(t *testing.T) {
	t.Parallel()
	expressions := func(e ...schedule.Expression) schedule.Match {
		return schedule.Match{Terms: []schedule.Term{{Labels: e}}}
	}
	named := func(operator string, values ...string) schedule.Match {
		return schedule.Match{Terms: []schedule.Term{{Name: []schedule.Expression{{Key: "metadata.name", Operator: operator, Values: values}}}}}
	}
	one := func(key, operator string, values ...string) schedule.Match {
		return expressions(schedule.Expression{Key: key, Operator: operator, Values: values})
	}
	tolerating := func(list ...schedule.Toleration) schedule.Match { return schedule.Match{Tolerations: list} }
	const selector, affinity = "node does not match the node selector", "node does not match the node affinity"
	const taint = "taint team=red:NoSchedule not tolerated"
	red := []schedule.Taint{{Key: "team", Value: "red", Effect: "NoSchedule"}}
	tests := map[string]struct {
		match  schedule.Match
		taints []schedule.Taint
		want   string
	}{
		"nothing asked":                  {},
		"selector met":                   {match: schedule.Match{Selector: map[string]string{"zone": "x", "size": "7"}}},
		"selector of another value":      {match: schedule.Match{Selector: map[string]string{"zone": "y"}}, want: selector},
		"selector of no label":           {match: schedule.Match{Selector: map[string]string{"none": ""}}, want: selector},
		"selector of an empty value":     {match: schedule.Match{Selector: map[string]string{"empty": ""}}},
		"In":                             {match: one("zone", "In", "y", "x")},
		"In others":                      {match: one("zone", "In", "y"), want: affinity},
		"In of no label":                 {match: one("none", "In", ""), want: affinity},
		"NotIn":                          {match: one("zone", "NotIn", "y")},
		"NotIn its own":                  {match: one("zone", "NotIn", "x"), want: affinity},
		"NotIn of no label":              {match: one("none", "NotIn", "x")},
		"Exists":                         {match: one("empty", "Exists")},
		"Exists of no label":             {match: one("none", "Exists"), want: affinity},
		"DoesNotExist":                   {match: one("none", "DoesNotExist")},
		"DoesNotExist of a label":        {match: one("zone", "DoesNotExist"), want: affinity},
		"Gt":                             {match: one("size", "Gt", "6")},
		"Gt its own":                     {match: one("size", "Gt", "7"), want: affinity},
		"Gt of no number":                {match: one("zone", "Gt", "6"), want: affinity},
		"Gt than no number":              {match: one("size", "Gt", "x"), want: affinity},
		"Gt of no label":                 {match: one("none", "Gt", "6"), want: affinity},
		"Gt than nothing":                {match: one("size", "Gt"), want: affinity},
		"Lt":                             {match: one("size", "Lt", "8")},
		"Lt a negative":                  {match: one("size", "Lt", "-8"), want: affinity},
		"unknown operator":               {match: one("size", "Near", "7"), want: affinity},
		"all expressions of a term hold": {match: expressions(schedule.Expression{Key: "zone", Operator: "Exists"}, schedule.Expression{Key: "none", Operator: "Exists"}), want: affinity},
		"one term holds": {match: schedule.Match{Terms: []schedule.Term{
			{Labels: []schedule.Expression{{Key: "none", Operator: "Exists"}}}, {Labels: []schedule.Expression{{Key: "zone", Operator: "Exists"}}},
		}}},
		"an empty term matches nothing": {match: schedule.Match{Terms: []schedule.Term{{}}}, want: affinity},
		"name in the executor's own":    {match: named("In", "n1")},
		"name with the executor":        {match: named("In", "e/n1"), want: affinity},
		"name of another":               {match: named("NotIn", "n1"), want: affinity},
		"selector and affinity": {match: schedule.Match{
			Selector: map[string]string{"zone": "y"}, Terms: []schedule.Term{{Labels: []schedule.Expression{{Key: "zone", Operator: "Exists"}}}},
		}, want: selector},

		"taint":                            {taints: red, want: taint},
		"taint of another effect":          {taints: []schedule.Taint{{Key: "team", Effect: "NoExecute"}}, want: "taint team=:NoExecute not tolerated"},
		"taint that only prefers":          {taints: []schedule.Taint{{Key: "team", Effect: "PreferNoSchedule"}}},
		"tolerated":                        {match: tolerating(schedule.Toleration{Key: "team", Operator: "Equal", Value: "red", Effect: "NoSchedule"}), taints: red},
		"tolerated with no operator":       {match: tolerating(schedule.Toleration{Key: "team", Value: "red"}), taints: red},
		"tolerated by key":                 {match: tolerating(schedule.Toleration{Key: "team", Operator: "Exists"}), taints: red},
		"tolerated for every effect":       {match: tolerating(schedule.Toleration{Key: "team", Operator: "Equal", Value: "red"}), taints: red},
		"tolerated like all":               {match: tolerating(schedule.Toleration{Operator: "Exists"}), taints: red},
		"all of one effect":                {match: tolerating(schedule.Toleration{Operator: "Exists", Effect: "NoSchedule"}), taints: red},
		"all of another effect":            {match: tolerating(schedule.Toleration{Operator: "Exists", Effect: "NoExecute"}), taints: red, want: taint},
		"another value":                    {match: tolerating(schedule.Toleration{Key: "team", Value: "blue"}), taints: red, want: taint},
		"another key":                      {match: tolerating(schedule.Toleration{Key: "crew", Operator: "Exists"}), taints: red, want: taint},
		"another effect":                   {match: tolerating(schedule.Toleration{Key: "team", Value: "red", Effect: "NoExecute"}), taints: red, want: taint},
		"tolerated by an unknown operator": {match: tolerating(schedule.Toleration{Key: "team", Operator: "Like", Value: "red"}), taints: red, want: taint},
		"one of two taints": {
			match:  tolerating(schedule.Toleration{Key: "crew", Operator: "Exists"}),
			taints: append([]schedule.Taint{{Key: "crew", Effect: "NoSchedule"}}, red...), want: taint,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			node := schedule.Node{
				ID: "e/n1", Executor: "e", Labels: map[string]string{"zone": "x", "size": "7", "empty": ""}, Taints: test.taints,
			}
			if got := test.match.Mismatch(&node); got != test.want {
				t.Errorf("mismatch %q, want %q", got, test.want)
			}
		})
	}
}
