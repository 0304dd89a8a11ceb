package sim

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	scheduler "github.com/fairlead-batch/fairlead/services/scheduler/app"
)

// Counts are what happened in a run, or in several. The zero Counts are of none.
type Counts [countsMax]uint64

// count names a counter.
type count int

const (
	countCrashes count = iota
	countPauses
	countCuts
	countTornStreams
	countLostLocks
	countLostReplies
	countLostRequests
	countStoredTwice
	countNodeDeaths
	countPodDeaths
	countClusterFaults
	countStepDowns

	countFenced
	countResent
	countClosed
	countRepaired
	countExpired
	countLeasesResent
	countSnapshotsLost
	countOvertaken
	// Those before this one happen only where something goes wrong.
	countTakeovers
	countReturned
	countRequeued
	countLateReports
	countRefused

	countSnapshots
	countSnapshotsBehind
	countStartsFromSnapshot
	countEntriesRead
	countForgotten
	countCompared

	countSubmitted
	countLeases
	countPods
	countSucceeded
	countFailed
	countPreempted
	countCancelled
	countRejected
	countReprioritized
	countReserved
	countUnreserved
	countOrphans
	countDamaged
	countRoundRefused

	countsMax
)

func names() [countsMax]string {
	return [countsMax]string{
		countCrashes: "crashes", countPauses: "pauses", countCuts: "links cut", countTornStreams: "streams torn",
		countLostLocks: "locks lost", countLostReplies: "replies lost", countLostRequests: "requests lost",
		countStoredTwice: "stored twice", countNodeDeaths: "nodes died", countPodDeaths: "pods killed",
		countClusterFaults: "cluster faults", countStepDowns: "step-downs",
		countFenced: "fenced entries", countResent: "dropped resends", countClosed: "entries of closed authors",
		countTakeovers: "take-overs", countRepaired: "leases of incomplete plans returned",
		countReturned: "runs returned", countExpired: "runs expired", countRequeued: "retries",
		countLeasesResent: "leases resent", countLateReports: "late reports", countRefused: "events refused",
		countSnapshots: "snapshots stored", countSnapshotsLost: "snapshots lost", countSnapshotsBehind: "snapshots that came late",
		countStartsFromSnapshot: "starts from a snapshot", countEntriesRead: "reads of stored entries", countForgotten: "trims of the log",
		countOvertaken: "readers that the log had forgotten", countCompared: "replicas compared",
		countSubmitted: "jobs submitted", countLeases: "leases", countPods: "pods", countSucceeded: "succeeded",
		countFailed: "failed", countPreempted: "preempted", countCancelled: "cancelled", countRejected: "rejected",
		countReprioritized: "reprioritised", countReserved: "reservations", countUnreserved: "reservations dropped", countOrphans: "orphans", countDamaged: "damaged entries",
		countRoundRefused: "facts refused by the round",
	}
}

// never are those that must stay zero.
func never() []count { return []count{countDamaged, countOrphans, countRoundRefused} }

func (c *Counts) add(what count) { c[what]++ }

// addDropped counts an entry that the gate dropped. A fence closes the authors of
// older leaders, so that most of what comes late from them is dropped as theirs.
func (c *Counts) addDropped(h eventlog.Header, d eventlog.Dropped) {
	switch {
	case d.Resent > 0:
		c.add(countResent)
	case d.Fenced > 0, d.Closed > 0 && h.Epoch > 0:
		c.add(countFenced)
	case d.Closed > 0:
		c.add(countClosed)
	}
}

// addNode adds what a scheduler counted from one look to the next.
func (c *Counts) addNode(before, now scheduler.Counts) {
	c[countTakeovers] += now.Takeovers - before.Takeovers
	c[countRepaired] += now.Repaired - before.Repaired
	c[countLeasesResent] += now.LeasesResent - before.LeasesResent
	c[countLateReports] += now.LateReports - before.LateReports
	c[countOrphans] += now.Orphans - before.Orphans
	c[countDamaged] += now.Damaged - before.Damaged
	c[countRoundRefused] += now.RoundRefused - before.RoundRefused
}

// Add adds those of another run.
func (c *Counts) Add(d *Counts) {
	for i := range c {
		c[i] += d[i]
	}
}

// Missing are the names of what never happened and should have: a simulation in
// which nothing is fenced proves nothing about fences.
func (c *Counts) Missing() (missing []string) {
	for i, name := range names() {
		if c[i] == 0 && !isNever(count(i)) {
			missing = append(missing, name)
		}
	}
	return missing
}

// Troubles are the names of what happens only where something goes wrong.
func (c *Counts) Troubles() (troubles []string) {
	for what := range countTakeovers {
		if c[what] > 0 {
			troubles = append(troubles, names()[what])
		}
	}
	return troubles
}

// Amiss are the names of what happened and never may.
func (c *Counts) Amiss() (amiss []string) {
	for _, what := range never() {
		if c[what] > 0 {
			amiss = append(amiss, names()[what])
		}
	}
	return amiss
}

func isNever(what count) bool { return slices.Contains(never(), what) }

// String is a line for each.
func (c *Counts) String() string {
	var b strings.Builder
	for i, name := range names() {
		fmt.Fprintf(&b, "%8d %s\n", c[i], name)
	}
	return b.String()
}
