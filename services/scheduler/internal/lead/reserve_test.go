package lead_test

import (
	"testing"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/lead"
)

// reserving is a leader whose one node of 4 cpu is half taken by a job, while a gang of two
// jobs of 2 cpu, in sets of two partitions, waits and has the node reserved.
func reserving(t *testing.T) (b *bed, holder lead.Lease, sets [2]string, gangIDs [2]job.ID) {
	t.Helper()
	b = leader(t)
	sets[0], sets[1] = twoSets()
	b.submit(sets[0], 1, 2000)
	b.readBack()
	holder = b.oneLease()
	gangIDs = [2]job.ID{b.submit(sets[0], 2, 2000, gang("g", 2)), b.submit(sets[1], 3, 2000, gang("g", 2))}
	b.readBack()
	b.pass(4 * time.Second) // past ReserveAfter
	return b, holder, sets, gangIDs
}

// smallWaits submits a job that there is room for beside the gang's, but not once the gang
// has its nodes, and says whether it waits.
func (b *bed) smallWaits(set string, id byte) bool {
	b.t.Helper()
	b.submit(set, id, 1000)
	b.readBack()
	return len(b.leases()) == 0
}

// TestReserved: nodes are reserved by an event; from then on they are kept, whoever leads.
func TestReserved(t *testing.T) {
	t.Parallel()
	b, holder, sets, ids := reserving(t)
	b.wantStory(sets[0], ids[0], "Submitted", "Reserved")
	b.pass(4 * time.Second) // it is not read back yet, and not made twice
	b.readBack()
	b.wantStory(sets[0], ids[0], "Submitted", "Reserved")
	b.wantStory(sets[1], ids[1], "Submitted")
	if !b.smallWaits(sets[0], 4) {
		t.Error("a small job took the room that is reserved")
	}

	for name, heir := range map[string]*bed{"read everything": newBed(t, b.log, 2), "began from a snapshot": bedFrom(t, b.log, 3, b.core.Snapshot())} {
		heir.log, heir.now = b.log.clone(), b.now
		heir.readBack()
		heir.takeOver()
		heir.pass(time.Second) // no node is known yet
		heir.hello(1, []lead.KnownRun{{Run: holder.Run, Job: holder.Job, Phase: lead.PhaseLeased}}, node("n1", 4000))
		heir.readBack()
		heir.pass(10 * time.Second)
		heir.readBack()
		heir.wantStory(sets[0], ids[0], "Submitted", "Reserved")
		if n := len(heir.leases()); n > 0 {
			t.Errorf("an heir that %s starts %d jobs on what is reserved", name, n)
		}
	}

	b.running(holder.Job, holder, 1)
	b.report(1, 4, job.RunSucceededEvent{Head: head(holder.Job), Run: holder.Run})
	b.readBack()
	b.wantStory(sets[0], ids[0], "Submitted", "Reserved", "Leased")
	b.wantStory(sets[1], ids[1], "Submitted", "Leased")
}

// TestReservationGone: one whose nodes take nothing any more ends by an event; one of whose jobs ends is
// over without one.
func TestReservationGone(t *testing.T) {
	t.Parallel()
	b, _, sets, ids := reserving(t)
	b.readBack()
	b.pass(10 * time.Second) // all nodes are known
	cordoned := node("n1", 4000)
	cordoned.Unschedulable = true
	b.step(lead.NodesChanged{Session: 1, Changed: []lead.Node{cordoned}})
	b.wantStory(sets[0], ids[0], "Submitted", "Reserved", "Unreserved")
	b.readBack()
	b.step(lead.NodesChanged{Session: 1, Changed: []lead.Node{node("n1", 4000)}})
	b.pass(4 * time.Second) // to a round that may preempt for shares
	b.readBack()
	b.wantStory(sets[0], ids[0], "Submitted", "Reserved", "Unreserved", "Reserved")

	b, _, sets, ids = reserving(t)
	b.readBack()
	b.event(sets[1], job.CancelRequestedEvent{Head: head(ids[1])})
	b.readBack()
	b.wantStory(sets[0], ids[0], "Submitted", "Reserved")
	if b.smallWaits(sets[0], 4) {
		t.Error("the room is kept for a gang of which a member was cancelled")
	}
}

// TestReservationRefused: a cancel that is in the log before the reservation wins, and the
// room is free again.
func TestReservationRefused(t *testing.T) {
	t.Parallel()
	b, _, sets, ids := reserving(t)
	p := eventlog.PartitionOf("q", sets[0], partitions)
	// The cancel came in between the round and its entry.
	entries := b.log.entries[p]
	reserved := entries[len(entries)-1]
	b.log.entries[p] = entries[:len(entries)-1]
	b.event(sets[0], job.CancelRequestedEvent{Head: head(ids[0])})
	reserved.entry.At.Entry++
	b.log.entries[p] = append(b.log.entries[p], reserved)
	b.readBack()
	if n := b.core.Counts().Refused; n != 1 {
		t.Errorf("%d events were refused, want the reservation", n)
	}
	if b.smallWaits(sets[0], 4) {
		t.Error("the room is kept for a reservation that never was")
	}
}

// TestReservationInAnyOrder: a follower that reads the end of a member before the
// reservation, which is in another partition, knows the same as one that reads it after.
func TestReservationInAnyOrder(t *testing.T) {
	t.Parallel()
	b, _, sets, ids := reserving(t)
	b.readBack()
	b.event(sets[1], job.CancelRequestedEvent{Head: head(ids[1])})
	b.readBack()
	want := text(t, b.core.Snapshot())
	for _, first := range sets {
		follower := newBed(t, b.log, 2)
		for follower.readSome(eventlog.PartitionOf("q", first, partitions), 1) {
		}
		follower.readBack()
		if got := text(t, follower.core.Snapshot()); got != want {
			t.Errorf("a follower that read %s first has\n%s\nwant\n%s", first, got, want)
		}
		follower.log, follower.now = b.log.clone(), b.now
		follower.takeOver()
		follower.connect(1, node("n1", 4000))
		follower.readBack()
		if follower.smallWaits(sets[0], 4) {
			t.Errorf("a follower that read %s first keeps room for a gang of which a member was cancelled", first)
		}
	}
}
