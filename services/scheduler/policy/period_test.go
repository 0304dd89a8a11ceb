package policy_test

import (
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/fairlead-batch/fairlead/services/scheduler/policy"
	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// TestPeriodLimit: without a fraction nothing is limited; each mistake is named by its field.
func TestPeriodLimit(t *testing.T) {
	t.Parallel()
	s := policy.Default()
	for _, want := range []schedule.PeriodLimit{
		{},
		{
			Length: schedule.Time(10 * time.Second), Limit: map[string]int64{"cpu": 250_000},
			ByPool: map[schedule.PoolID]map[string]int64{"default": {"memory": schedule.Million}},
		},
	} {
		cfg, err := s.Round()
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(want, cfg.PeriodLimit); diff != "" {
			t.Errorf("limit (-want +got):\n%s", diff)
		}
		s.MaximumResourceFractionToSchedule = map[string]float64{"cpu": 0.25}
		s.MaximumResourceFractionToScheduleByPool = map[string]map[string]float64{"default": {"memory": 1}}
	}
	s.SchedulePeriod = 0
	s.MaximumResourceFractionToSchedule["cpu"] = 1.1
	s.MaximumResourceFractionToScheduleByPool = map[string]map[string]float64{"gone": {"memory": -1}}
	if diff := gocmp.Diff([]string{
		"schedulePeriod", "maximumResourceFractionToSchedule.cpu",
		"maximumResourceFractionToScheduleByPool.gone", "maximumResourceFractionToScheduleByPool.gone.memory",
	}, fields(t, s.Validate())); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}
