package pulsarlog_test

import (
	"testing"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog/logtest"
)

// TestLog runs the suite on the server that TestServerKilled kills, so the two do not
// run beside each other; the cases of each do.
func TestLog(t *testing.T) { //nolint:paralleltest // as said
	needServer(t)
	logtest.Run(t, fixture)
}

// TestServerKilled: Pulsar, bookie and ZooKeeper in it, is killed with SIGKILL while
// it is appended to and read, and started again on its data.
func TestServerKilled(t *testing.T) { //nolint:paralleltest // it kills the server of all
	needServer(t)
	logtest.RunKill(t, func(t *testing.T) logtest.Fixture {
		t.Helper()
		return logtest.Fixture{
			Log: openLog(t, newConfig(t, server.ServiceURL)).Log, Partitions: partitions,
			Crash: func(t *testing.T) eventlog.Log { t.Helper(); t.Fatal("not here"); return nil },
			Kill: func(t *testing.T) (restart func()) {
				t.Helper()
				if err := server.Kill(); err != nil {
					t.Fatal(err)
				}
				return func() {
					begun := time.Now()
					defer func() { t.Logf("started again in %s", time.Since(begun)) }()
					if err := server.Restart(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			},
		}
	})
}
