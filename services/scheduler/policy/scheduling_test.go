package policy

import (
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
