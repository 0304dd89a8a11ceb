package schedule_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// levelsOn are the levels at which jobs of a shape may run on a node, whatever room it has:
// that of their class, and those of which the node is away from home.
func (w *world) levelsOn(shape schedule.Shape, n *schedule.Node) (levels []int32) {
	class := w.classes[shape.Class]
	for _, at := range slices.Concat([]schedule.Away{{Level: class.Priority}}, class.Away) {
		match := shape.Match
		match.Tolerations = slices.Concat(match.Tolerations, at.Tolerate)
		if match.Mismatch(n) == "" {
			levels = append(levels, at.Level)
		}
	}
	return levels
}

// TestNewRefusesAway: only preemptible jobs run away from home, and at a lower level.
func TestNewRefusesAway(t *testing.T) {
	t.Parallel()
	for name, class := range map[string]schedule.Class{
		"not preemptible": {ID: "c", Priority: 5, Away: []schedule.Away{{Level: 1}}},
		"as high":         {ID: "c", Priority: 5, Preemptible: true, Away: []schedule.Away{{Level: 5}}},
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
