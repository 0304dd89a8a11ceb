package policy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// TestVictimRules: what protects runs, and how victims are chosen, reach the round.
func TestVictimRules(t *testing.T) {
	t.Parallel()
	s := Default()
	s.PreferLeastLostWork = true
	s.PriorityClasses["slow"] = PriorityClass{Priority: 1, Preemptible: true, MinRunTime: time.Minute}
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	cfg, err := s.Round()
	if err != nil {
		t.Fatal(err)
	}
	if last := cfg.Classes[len(cfg.Classes)-1]; !cfg.LeastLostWork || last.MinRunTime != schedule.Time(time.Minute) || cfg.Classes[0].MinRunTime != 0 {
		t.Errorf("config %+v", cfg)
	}
	for _, bad := range []time.Duration{-1, minRunTimeMax + 1} {
		s.PriorityClasses["slow"] = PriorityClass{MinRunTime: bad}
		if err := s.Validate(); err == nil || !strings.Contains(err.Error(), "priorityClasses.slow.minRunTime") {
			t.Errorf("minRunTime %v: error %v, want a violation", bad, err)
		}
	}
}

// TestTiers: tiers reach the round in their order, and bad ones are told by their field.
func TestTiers(t *testing.T) {
	t.Parallel()
	s := Default()
	s.Tiers = []Tier{{Name: "block", NodeLabel: "l/block"}, {Name: "rack", NodeLabel: "l/rack"}}
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	cfg, err := s.Round()
	if err != nil {
		t.Fatal(err)
	}
	if want := []schedule.Tier{{ID: "block", Label: "l/block"}, {ID: "rack", Label: "l/rack"}}; !slices.Equal(cfg.Tiers, want) {
		t.Errorf("tiers %v, want %v", cfg.Tiers, want)
	}
	for field, bad := range map[string]Tier{
		"tiers[1].name": {Name: "block", NodeLabel: "l"}, "tiers[1].nodeLabel": {Name: "rack"},
	} {
		s.Tiers[1] = bad
		if err := s.Validate(); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("tier %+v: error %v, want a violation of %s", bad, err, field)
		}
	}
}
