package app_test

import (
	"path/filepath"
	"testing"

	eventapi "github.com/fairlead-batch/fairlead/services/eventapi/app"
	executor "github.com/fairlead-batch/fairlead/services/executor/app"
	"github.com/fairlead-batch/fairlead/services/internal/config"
	"github.com/fairlead-batch/fairlead/services/internal/process"
	lookout "github.com/fairlead-batch/fairlead/services/lookout/app"
	scheduler "github.com/fairlead-batch/fairlead/services/scheduler/app"
	submit "github.com/fairlead-batch/fairlead/services/submit/app"
)

// TestFiveServices: the configuration in examples/five is one that the services take,
// all on one log, with ports of their own that fit each other.
func TestFiveServices(t *testing.T) {
	t.Parallel()
	s := load(t, submit.DefaultProcessConfig(), "common", "submit")
	events := load(t, eventapi.DefaultProcessConfig(), "common", "eventapi")
	rows := load(t, lookout.DefaultProcessConfig(), "common", "lookout")
	first := load(t, scheduler.DefaultProcessConfig(), "common", "scheduler-1")
	second := load(t, scheduler.DefaultProcessConfig(), "common", "scheduler-2")
	cluster := load(t, executor.DefaultConfig(), "executor")
	ports := map[string]bool{cluster.HTTP.Address: true}
	for name, c := range map[string]process.Config{
		"submit": s.Config, "eventapi": events.Config, "lookout": rows.Config, "scheduler-1": first.Config, "scheduler-2": second.Config,
	} {
		if c.Log != s.Log || c.Log.Kind != process.LogInPulsar {
			t.Errorf("%s is on the log %+v, submit on %+v", name, c.Log, s.Log)
		}
		if ports[c.GRPC.Address] || ports[c.Ops.Address] {
			t.Errorf("%s has a port of another: %s, %s", name, c.GRPC.Address, c.Ops.Address)
		}
		ports[c.GRPC.Address], ports[c.Ops.Address] = true, true
	}
	const host = "127.0.0.1"
	for what, got := range map[string][2]string{
		"submit's backend eventapi": {s.Backends["eventapi"].Target, host + events.GRPC.Address},
		"submit's backend lookout":  {s.Backends["lookout"].Target, host + rows.GRPC.Address},
		"the executor's first":      {cluster.Schedulers[0], host + first.GRPC.Address},
		"the executor's second":     {cluster.Schedulers[1], host + second.GRPC.Address},
	} {
		if got[0] != got[1] {
			t.Errorf("%s is %s, and there it is %s", what, got[0], got[1])
		}
	}
}

// load reads files of examples/five.
func load[C any](t *testing.T, defaults C, names ...string) C {
	t.Helper()
	var files []string
	for _, name := range names {
		files = append(files, filepath.Join("..", "..", "..", "examples", "five", name+".yaml"))
	}
	cfg, err := config.Load(defaults, files, nil)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}
