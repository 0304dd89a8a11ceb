package app_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fairlead-batch/fairlead/services/internal/config"
	scheduler "github.com/fairlead-batch/fairlead/services/scheduler/app"
	"github.com/fairlead-batch/fairlead/services/scheduler/policy"
	"github.com/fairlead-batch/fairlead/services/scheduler/simulate/scenario"
	"github.com/fairlead-batch/fairlead/services/standalone/app"
)

// TestSimulatorReadsConfigurations: the simulator takes each configuration that a scheduler
// takes, and has its rules. It must not import the schedulers' own types, so a key that it has
// not heard of shows here.
func TestSimulatorReadsConfigurations(t *testing.T) {
	t.Parallel()
	process, alone := scheduler.DefaultProcessConfig(), app.DefaultConfig()
	for name, c := range map[string]struct {
		all   any
		rules policy.Scheduling
	}{
		"process":    {process, process.Scheduler.Scheduling},
		"standalone": {alone, alone.Scheduler.Scheduling},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var text bytes.Buffer
			if err := config.Print(&text, c.all); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "config.yaml")
			if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := scenario.ReadRules(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(c.rules, got.Scheduling, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("rules (-want +got):\n%s", diff)
			}
		})
	}
}
