package lead

import (
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// rules are those of the protocol whose loss shows only when something fails. Each
// is a pure function, so that a test can switch one off and show the damage
// (failures_test.go, docs/failures.md).
type rules struct {
	// admit says what of a run of the log counts.
	admit func(eventlog.Gate, []eventlog.Entry) (eventlog.Admitted, error)
	// fenced says whether a takeover is complete while so many partitions hold own
	// markers that were not read.
	fenced func(markers int) bool
	// count takes a part of a plan and says which leases count by it.
	count func(plans, eventlog.Header, []job.Batch) []planned
	// mayStop says whether a run that the log does not give its executor may be stopped.
	mayStop func(stray) bool
}

func theRules() rules {
	return rules{admit: eventlog.Gate.Admit, fenced: allRead, count: plans.read, mayStop: stray.mayStop}
}

// allRead: one partition in which the leader before us still writes is enough for a
// job to be leased by both.
func allRead(markers int) bool { return markers == 0 }

// stray is a run that an executor holds and that the log does not give it.
type stray struct {
	// jobKnown says that its job is unfinished in the log.
	jobKnown bool
	phase    RunPhase
}

// mayStop: its job went on without it, or it never had a pod. A pod that nobody has
// heard of stays: a scheduler that lost its log must not delete a cluster's work.
func (s stray) mayStop() bool { return s.jobKnown || s.phase == PhaseLeased }
