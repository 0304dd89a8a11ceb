package schedule_test

import (
	"errors"
	"testing"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// TestNewRefusesFloating: floating resources that contradict the rest are refused.
func TestNewRefusesFloating(t *testing.T) {
	t.Parallel()
	of := func(pool schedule.PoolID, amount int64) map[schedule.PoolID]int64 {
		return map[schedule.PoolID]int64{pool: amount}
	}
	for name, floating := range map[string][]schedule.Floating{
		"unknown":            {{Resource: "gpu"}},
		"twice":              {{Resource: "cpu"}, {Resource: "cpu"}},
		"in an unknown pool": {{Resource: "cpu", Pools: of("x", 1)}},
		"negative":           {{Resource: "cpu", Pools: of("p", -1)}},
		"huge":               {{Resource: "cpu", Pools: of("p", schedule.AmountMax+1)}},
	} {
		_, err := schedule.New(schedule.Config{
			Resources: []string{"cpu"}, Dominant: []string{"cpu"}, Pools: []schedule.PoolID{"p"},
			Classes: []schedule.Class{{ID: "c"}}, Lookback: 1, Floating: floating,
		})
		if !errors.Is(err, schedule.ErrInvalid) {
			t.Errorf("%s: error %v, want ErrInvalid", name, err)
		}
	}
}
