package policy_test

import (
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/scheduler/policy"
	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// fields are the fields that an error names.
func fields(t *testing.T, err error) (names []string) {
	t.Helper()
	if err == nil {
		return nil
	}
	invalid, is := fault.As(err)
	if !is {
		t.Fatalf("error %v is none of violations", err)
	}
	for _, v := range invalid.Violations() {
		names = append(names, v.Field)
	}
	return names
}

// TestFloatingResources: they become resources of the round that stand on no node, and each
// mistake is named by its field.
func TestFloatingResources(t *testing.T) {
	t.Parallel()
	s := policy.Default()
	s.FloatingResources = []policy.FloatingResource{{Name: "license", Pools: []policy.FloatingPool{{Name: "default", Quantity: 3000}}}}
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	cfg, err := s.Round()
	if err != nil {
		t.Fatal(err)
	}
	want := []schedule.Floating{{Resource: "license", Pools: map[schedule.PoolID]int64{"default": 3000}}}
	if diff := gocmp.Diff(want, cfg.Floating); diff != "" {
		t.Errorf("floating resources (-want +got):\n%s", diff)
	}
	if last := cfg.Resources[len(cfg.Resources)-1]; last != "license" {
		t.Errorf("last resource %q, want license", last)
	}
	s.FloatingResources = []policy.FloatingResource{
		{Name: "cpu"},
		{Name: "license", Pools: []policy.FloatingPool{{Name: "gone", Quantity: -1}}},
		{Name: "license", Pools: []policy.FloatingPool{{Name: "default", Quantity: schedule.AmountMax + 1}, {Name: "default"}}},
	}
	got := fields(t, s.Validate())
	if diff := gocmp.Diff([]string{
		"floatingResources[0].name", "floatingResources[1].pools[0].name", "floatingResources[1].pools[0].quantity",
		"floatingResources[2].name", "floatingResources[2].pools[0].quantity", "floatingResources[2].pools[1].name",
	}, got); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}
