package schedule_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// levelsOn are the levels at which jobs of a shape may run on a node, whatever room it has:
// that of their class, and those of which the node is away from home.
func (w *world) levelsOn(shape schedule.Shape, n *schedule.Node, pool schedule.PoolID) (levels []int32) {
	class, off := w.classes[shape.Class], w.cfg.Switches[pool]
	for i, at := range slices.Concat([]schedule.Away{{Level: class.Priority}}, class.Away) {
		if i == 0 && off.Home || i > 0 && off.Away {
			continue
		}
		match, may := shape.Match, len(at.Types) == 0
		match.Tolerations = slices.Concat(match.Tolerations, at.Tolerate, w.cfg.Tolerate[pool])
		for _, t := range at.Types {
			if !slices.ContainsFunc(t.When, func(c schedule.Condition) bool { return !w.meets(shape, c) }) {
				match.Tolerations, may = append(match.Tolerations, t.Tolerate...), true
			}
		}
		if may && match.Mismatch(n) == "" {
			levels = append(levels, at.Level)
		}
	}
	return levels
}

// meets says whether a shape asks for what a condition says.
func (w *world) meets(shape schedule.Shape, c schedule.Condition) bool {
	amount := shape.Request[slices.Index(w.cfg.Resources, c.Resource)]
	return amount > c.Value && c.Operator == ">" || amount < c.Value && c.Operator == "<" || amount == c.Value && c.Operator == "=="
}

// TestNewRefusesAway: only preemptible jobs run away from home, and at a lower level.
func TestNewRefusesAway(t *testing.T) {
	t.Parallel()
	for name, class := range map[string]schedule.Class{
		"not preemptible": {ID: "c", Priority: 5, Away: []schedule.Away{{Level: 1}}},
		"as high":         {ID: "c", Priority: 5, Preemptible: true, Away: []schedule.Away{{Level: 5}}},
		"no resource":     {ID: "c", Priority: 5, Preemptible: true, Away: awayWhen("gpu", ">", 1)},
		"no operator":     {ID: "c", Priority: 5, Preemptible: true, Away: awayWhen("cpu", ">=", 1)},
		"below nothing":   {ID: "c", Priority: 5, Preemptible: true, Away: awayWhen("cpu", "<", -1)},
		"too many":        {ID: "c", Priority: 5, Preemptible: true, Away: make([]schedule.Away, schedule.AwayMax+1)},
	} {
		_, err := schedule.New(schedule.Config{
			Resources: []string{"cpu"}, Dominant: []string{"cpu"}, Pools: []schedule.PoolID{"p"}, Classes: []schedule.Class{class}, Lookback: 1,
		})
		if !errors.Is(err, schedule.ErrInvalid) {
			t.Errorf("%s: error %v, want ErrInvalid", name, err)
		}
	}
}

func awayWhen(resource, operator string, value int64) []schedule.Away {
	return []schedule.Away{{Level: 1, Types: []schedule.AwayType{{When: []schedule.Condition{{Resource: resource, Operator: operator, Value: value}}}}}}
}
