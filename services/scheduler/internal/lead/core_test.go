package lead_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/lead"
	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// TestLife: a job is leased, its lease acknowledged before its pod may be made,
// and its end is the job's end.
func TestLife(t *testing.T) {
	t.Parallel()
	b := leader(t)
	id := b.submit("s", 1, 1000)
	b.readBack()
	lease := b.oneLease()
	if lease.Job != id || lease.Node != "n1" || lease.PodName != "armada-"+id.String()+"-0" {
		t.Fatalf("lease %+v", lease)
	}
	b.report(1, 1, job.RunAcknowledgedEvent{Head: head(id), Run: lease.Run})
	if acks, gos := b.acks(); len(acks)+len(gos) > 0 {
		t.Fatalf("acknowledged %v and let go %v before it was read back", acks, gos)
	}
	b.readBack()
	if acks, gos := b.acks(); !slices.Equal(acks, []uint64{1}) || !slices.Equal(gos, []job.RunID{lease.Run}) {
		t.Fatalf("acknowledged %v and let go %v after it was read back", acks, gos)
	}
	b.report(1, 2, job.RunPendingEvent{Head: head(id), Run: lease.Run}, job.RunRunningEvent{Head: head(id), Run: lease.Run},
		job.RunSucceededEvent{Head: head(id), Run: lease.Run})
	b.readBack()
	if acks, gos := b.acks(); !slices.Equal(acks, []uint64{2, 3, 4}) || len(gos) > 0 {
		t.Fatalf("acknowledged %v and let go %v at the end", acks, gos)
	}
	b.wantStory("s", id, "Submitted", "Leased", "RunAcknowledged", "RunPending", "RunRunning", "RunSucceeded", "Succeeded")
}

// running brings a job to its running pod in session 1.
func (b *bed) running(id job.ID, lease lead.Lease, from uint64) {
	b.t.Helper()
	b.report(1, from, job.RunAcknowledgedEvent{Head: head(id), Run: lease.Run})
	b.readBack()
	b.report(1, from+1, job.RunPendingEvent{Head: head(id), Run: lease.Run}, job.RunRunningEvent{Head: head(id), Run: lease.Run})
	b.readBack()
	b.acks()
}

// TestNothingLeavesBeforeItIsRead: an own lease is stored and not read back, so no
// executor hears of it.
func TestNothingLeavesBeforeItIsRead(t *testing.T) {
	t.Parallel()
	b := leader(t)
	b.submit("s", 1, 1000)
	p := eventlog.PartitionOf("q", "s", partitions)
	b.readSome(p, 1)
	if n := len(b.log.entries[p]); n != 3 { // the marker, the job, the lease
		t.Fatalf("%d entries are stored, want the lease among 3", n)
	}
	if list := b.leases(); len(list) > 0 {
		t.Fatalf("%+v was sent before it was read back", list)
	}
	b.readSome(p, 1)
	b.oneLease()
}

// TestPlanCountsWhole: a gang over two partitions is sent when both parts of its
// plan are read back, and a later plan not before it.
func TestPlanCountsWhole(t *testing.T) {
	t.Parallel()
	b := leader(t)
	first, second := twoSets()
	b.submit(first, 1, 1000, gang("g", 2))
	b.submit(second, 2, 1000, gang("g", 2))
	one, two := eventlog.PartitionOf("q", first, partitions), eventlog.PartitionOf("q", second, partitions)
	b.readSome(one, 1)
	b.readSome(two, 1)
	b.submit(first, 3, 1000)
	b.readSome(one, 2) // the first part, and a job that a second plan starts
	b.readSome(one, 1) // the second plan, which is whole
	if list := b.leases(); len(list) > 0 {
		t.Fatalf("%+v was sent while a part of the first plan is unread", list)
	}
	b.readSome(two, 1)
	if list := b.leases(); len(list) != 3 {
		t.Fatalf("%d leases were sent when the first plan was whole, want 3", len(list))
	}
}

// twoSets are job sets of two partitions.
func twoSets() (string, string) {
	names := []string{"", ""}
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		names[eventlog.PartitionOf("q", name, partitions).Number] = name
	}
	return names[0], names[1]
}

// TestRepair: a leader that falls between the parts of a plan leaves it half. The
// next one returns its leases, which nobody received, and starts the gang anew.
func TestRepair(t *testing.T) {
	t.Parallel()
	b := leader(t)
	first, second := twoSets()
	ids := []job.ID{b.submit(first, 1, 1000, gang("g", 2)), b.submit(second, 2, 1000, gang("g", 2))}
	b.readSome(eventlog.PartitionOf("q", first, partitions), 1)
	b.readSome(eventlog.PartitionOf("q", second, partitions), 1)
	// The second part is lost with the leader.
	p := eventlog.PartitionOf("q", second, partitions)
	b.log.entries[p] = b.log.entries[p][:len(b.log.entries[p])-1]

	heir := newBed(t, b.log, 2)
	heir.readBack()
	heir.takeOver()
	heir.connect(1, node("n1", 4000))
	heir.readBack()
	if list := heir.leases(); len(list) != 2 {
		t.Fatalf("%d leases were sent by the heir, want both of the gang", len(list))
	}
	heir.wantStory(first, ids[0], "Submitted", "Leased", "RunReturned", "Requeued", "Leased")
	heir.wantStory(second, ids[1], "Submitted", "Leased")
	if n := heir.core.Counts().Repaired; n != 1 {
		t.Errorf("repaired %d leases, want 1", n)
	}
}

// TestGangComesBack: the members of a gang are given up at once and read back one
// after the other. The first to wait again does not start beside mates that wait
// too, though the log does not say so yet.
func TestGangComesBack(t *testing.T) {
	t.Parallel()
	b := leader(t)
	first, second := twoSets()
	ids := []job.ID{b.submit(first, 1, 1000, gang("g", 2)), b.submit(second, 2, 1000, gang("g", 2))}
	b.readBack()
	if list := b.leases(); len(list) != 2 {
		t.Fatalf("%d leases were sent, want 2", len(list))
	}
	b.pass(2 * time.Minute) // the executor is silent: both leases, never acknowledged, expire
	b.connect(2, node("n1", 4000))
	b.readSome(eventlog.PartitionOf("q", first, partitions), 1)
	b.wantStory(first, ids[0], "Submitted", "Leased", "RunExpired", "Requeued")
	b.readBack()
	b.wantStory(first, ids[0], "Submitted", "Leased", "RunExpired", "Requeued", "Leased")
	b.wantStory(second, ids[1], "Submitted", "Leased", "RunExpired", "Requeued", "Leased")
	if list := b.leases(); len(list) != 2 {
		t.Errorf("%d leases were sent, want both of the gang", len(list))
	}
}

// TestDeposed: a leader that reads a higher epoch stops at once, and what it had
// appended since does not count.
func TestDeposed(t *testing.T) {
	t.Parallel()
	b := leader(t)
	heir := newBed(t, b.log, 2)
	heir.readBack()
	heir.takeOver()
	id := b.submit("s", 1, 1000)
	p := eventlog.PartitionOf("q", "s", partitions)
	other := eventlog.Partition{Stream: eventlog.Events, Number: 1 - p.Number}
	b.readSome(other, 10) // the heir's marker
	if down, ok := b.ended.(lead.StepDown); !ok || !errors.Is(down.Why, lead.ErrDeposed) {
		t.Fatalf("after the heir's marker: %+v, want ErrDeposed", b.ended)
	}
	b.readSome(p, 10)
	if list := b.leases(); len(list) > 0 {
		t.Fatalf("a deposed leader sent %+v", list)
	}
	heir.connect(1, node("n1", 4000))
	heir.readBack()
	heir.oneLease()
	heir.wantStory("s", id, "Submitted", "Leased")
}

// TestUnread: an own entry that is not read back in time ends the leadership.
func TestUnread(t *testing.T) {
	t.Parallel()
	b := leader(t)
	b.submit("s", 1, 1000)
	b.readSome(eventlog.PartitionOf("q", "s", partitions), 1) // the lease is appended and stays unread
	b.pass(9 * time.Second)
	if b.ended != nil {
		t.Fatalf("stepped down early: %+v", b.ended)
	}
	b.pass(2 * time.Second)
	if down, ok := b.ended.(lead.StepDown); !ok || !errors.Is(down.Why, lead.ErrUnread) {
		t.Fatalf("ended with %+v, want ErrUnread", b.ended)
	}
}

// TestCancel: a waiting job ends at once; a running one ends, and holds its node
// until its pod is gone.
func TestCancel(t *testing.T) {
	t.Parallel()
	b := leader(t)
	id := b.submit("s", 1, 4000)
	b.readBack()
	lease := b.oneLease()
	b.running(id, lease, 1)
	waiting := b.submit("s", 2, 4000)
	other := b.submit("s", 3, 4000)
	b.event("s", job.CancelRequestedEvent{Head: head(id), Reason: "enough"}, job.CancelRequestedEvent{Head: head(waiting)})
	b.readBack()
	if stops := b.stops(); !slices.Equal(stops, []lead.Stop{{Run: lease.Run, Job: id, Why: lead.StopCancelled}}) {
		t.Fatalf("stops %+v", stops)
	}
	// The next one has the place, and waits for the pod.
	next := b.oneLease()
	if next.Job != other || !slices.Equal(next.After, []job.RunID{lease.Run}) {
		t.Fatalf("next lease %+v, want job 3 after %s", next, lease.Run)
	}
	b.report(1, 4, job.RunReleasedEvent{Head: head(id), Run: lease.Run})
	b.readBack()
	b.wantStory("s", id, "Submitted", "Leased", "RunAcknowledged", "RunPending", "RunRunning", "CancelRequested", "Cancelled", "RunReleased")
	b.wantStory("s", waiting, "Submitted", "CancelRequested", "Cancelled")
}

// TestCommand: a wish about a job set reaches the jobs before it, of that set and
// those states; a leader that falls before it has answered leaves it to the next.
func TestCommand(t *testing.T) {
	t.Parallel()
	b := leader(t)
	id := b.submit("s", 1, 1000)
	b.readBack()
	b.running(id, b.oneLease(), 1)
	waiting := b.submit("s", 2, 8000)
	b.users("s", lead.Body{Commands: []job.Command{{
		Action: job.Cancel, Select: job.Selector{Queues: []string{"q"}, JobSet: "s", States: []job.State{job.Queued}},
	}}})
	late := b.submit("s", 3, 8000)

	heir := newBed(t, b.log, 2)
	heir.readBack() // a follower notes the wish
	heir.takeOver()
	heir.wantStory("s", id, "Submitted", "Leased", "RunAcknowledged", "RunPending", "RunRunning")
	heir.wantStory("s", waiting, "Submitted", "Cancelled")
	heir.wantStory("s", late, "Submitted")
}

// TestReturned: a job that an executor gives back is tried again, elsewhere, as
// often as is allowed.
func TestReturned(t *testing.T) {
	t.Parallel()
	b := leader(t)
	b.step(lead.NodesChanged{Session: 1, Changed: []lead.Node{node("n2", 4000)}})
	id := b.submit("s", 1, 1000)
	b.readBack()
	nodes := map[string]bool{}
	for n := range uint64(2) {
		lease := b.oneLease()
		nodes[lease.Node] = true
		if want := []string{"armada-" + id.String() + "-0", "armada-" + id.String() + "-0-1"}[n]; lease.PodName != want {
			t.Errorf("pod %q, want %q", lease.PodName, want)
		}
		b.report(1, 10*n+1, job.RunAcknowledgedEvent{Head: head(id), Run: lease.Run},
			job.RunReturnedEvent{Head: head(id), Run: lease.Run, Reason: "stuck", Attempted: true})
		b.readBack()
		b.pass(2 * time.Second) // RetryBackoff
		b.readBack()
	}
	if len(nodes) != 2 {
		t.Errorf("it was tried on %v, want another node the second time", nodes)
	}
	got := b.story("s", id)
	if got[len(got)-1] != "Failed" {
		t.Errorf("after two attempts: %v, want Failed", got)
	}
}

// TestReturnedWhileRunning: an executor gives a run back that the log has running. It
// has failed, with the executor's reason: refused, the job would run for ever.
func TestReturnedWhileRunning(t *testing.T) {
	t.Parallel()
	b := leader(t)
	id := b.submit("s", 1, 1000)
	b.readBack()
	lease := b.oneLease()
	b.running(id, lease, 1)
	b.report(1, 4, job.RunReturnedEvent{Head: head(id), Run: lease.Run, Reason: "the node is gone"})
	b.readBack()
	b.wantStory("s", id, "Submitted", "Leased", "RunAcknowledged", "RunPending", "RunRunning", "RunFailed", "Failed")
	if reports, _ := b.acks(); !slices.Contains(reports, 4) {
		t.Errorf("acknowledged are %v, want 4 among them", reports)
	}
}

// TestPreempted: an urgent job takes the place of a preemptible one, and waits for
// its pod to be gone.
func TestPreempted(t *testing.T) {
	t.Parallel()
	b := leader(t)
	victim := b.submit("s", 1, 4000, preemptible)
	b.readBack()
	lease := b.oneLease()
	b.running(victim, lease, 1)
	id := b.submit("s", 2, 4000, urgent)
	b.readBack()
	if stops := b.stops(); !slices.Equal(stops, []lead.Stop{{Run: lease.Run, Job: victim, Why: lead.StopPreempted}}) {
		t.Fatalf("stops %+v", stops)
	}
	if next := b.oneLease(); next.Job != id || !slices.Equal(next.After, []job.RunID{lease.Run}) {
		t.Fatalf("lease %+v", next)
	}
	b.wantStory("s", victim, "Submitted", "Leased", "RunAcknowledged", "RunPending", "RunRunning", "Preempted")
}

// TestReconcile: what an executor holds is compared with the log when it comes
// back.
func TestReconcile(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		// until is how far the run came before the session broke.
		until string
		// phase is what the executor says it holds; zero: nothing.
		phase lead.RunPhase
		// want is the last event of the job, leases whether it is sent again.
		want   string
		leases int
		stops  int
	}{
		"a lease it never saw is sent again":           {until: "leased", want: "Leased", leases: 1},
		"a lease it holds is not":                      {until: "leased", phase: lead.PhaseLeased, want: "Leased"},
		"a lease it acknowledged and lost comes again": {until: "acknowledged", want: "RunAcknowledged", leases: 1},
		"a pod that is there goes on":                  {until: "running", phase: lead.PhaseRunning, want: "RunRunning"},
		"a pod that is missing has failed":             {until: "running", want: "Failed"},
		"a cancelled pod is stopped again":             {until: "cancelled", phase: lead.PhaseRunning, want: "Cancelled", stops: 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := leader(t)
			id := b.submit("s", 1, 1000)
			b.readBack()
			lease := b.oneLease()
			switch test.until {
			case "acknowledged":
				b.report(1, 1, job.RunAcknowledgedEvent{Head: head(id), Run: lease.Run})
			case "running", "cancelled":
				b.running(id, lease, 1)
			}
			b.readBack()
			b.step(lead.Disconnected{Session: 1})
			if test.until == "cancelled" {
				b.event("s", job.CancelRequestedEvent{Head: head(id)})
				b.readBack()
			}
			b.stops()
			var runs []lead.KnownRun
			if test.phase != 0 {
				runs = []lead.KnownRun{{Run: lease.Run, Job: id, Phase: test.phase}}
			}
			b.hello(2, runs, node("n1", 4000))
			b.readBack()
			if got := b.story("s", id); got[len(got)-1] != test.want {
				t.Errorf("story %v, want it to end with %s", got, test.want)
			}
			if list := b.leases(); len(list) != test.leases {
				t.Errorf("%d leases were sent, want %d", len(list), test.leases)
			}
			if stops := b.stops(); len(stops) != test.stops {
				t.Errorf("%d stops were sent, want %d", len(stops), test.stops)
			}
		})
	}
}

// TestNewerHello: an executor that obeys a newer leader is not compared with a log
// that ends before it.
func TestNewerHello(t *testing.T) {
	t.Parallel()
	b := leader(t)
	b.sent = nil
	b.helloOf(b.core.Epoch()+1, 2, []lead.KnownRun{{Run: job.RunID{9}, Job: job.ID{9}, Phase: lead.PhaseRunning}}, node("n1", 4000))
	b.readBack()
	if n := b.core.Counts().Orphans; n > 0 {
		t.Errorf("%d runs count as orphans", n)
	}
	if last, ok := b.sent[len(b.sent)-1].(lead.Refuse); !ok || last.Session != 2 {
		t.Errorf("%+v was put out, want the session refused", b.sent)
	}
}

// TestOldHello: a hello was on its way for so long that the run which it lacks was
// taken from the leader before us meanwhile. It proves nothing; one that was said
// under our epoch does.
func TestOldHello(t *testing.T) {
	t.Parallel()
	b := leader(t)
	id := b.submit("s", 1, 1000)
	b.readBack()
	run := b.oneLease().Run
	b.report(1, 1,
		job.RunAcknowledgedEvent{Head: head(id), Run: run}, job.RunPendingEvent{Head: head(id), Run: run}, job.RunRunningEvent{Head: head(id), Run: run})
	b.readBack()
	story := []string{"Submitted", "Leased", "RunAcknowledged", "RunPending", "RunRunning"}

	heir := newBed(t, b.log, 2)
	heir.readBack()
	heir.takeOver()
	heir.helloOf(b.core.Epoch(), 1, nil, node("n1", 4000))
	heir.readBack()
	heir.wantStory("s", id, story...)
	if last, ok := heir.sent[len(heir.sent)-1].(lead.Refuse); !ok || last.Session != 1 {
		t.Errorf("%+v was put out last, want that the executor says everything again", heir.sent)
	}
	if _, ok := heir.sent[0].(lead.Greet); !ok {
		t.Errorf("%+v was put out first, want Greet: it tells the epoch", heir.sent)
	}
	heir.hello(2, nil, node("n1", 4000))
	heir.readBack()
	heir.wantStory("s", id, append(story, "RunFailed", "Failed")...)
}

// TestOldHelloNamesASettledRun: a hello was on its way for so long that the run which it
// names was settled by the leader before us meanwhile, so that nobody knows it any more.
// That is no orphan; one that is named under our epoch is.
func TestOldHelloNamesASettledRun(t *testing.T) {
	t.Parallel()
	b := leader(t)
	heir := newBed(t, b.log, 2)
	heir.readBack()
	heir.takeOver()
	settled := []lead.KnownRun{{Run: job.RunID{7}, Job: job.ID{7}, Phase: lead.PhaseRunning}}
	heir.helloOf(b.core.Epoch(), 1, settled, node("n1", 4000))
	if n := heir.core.Counts().Orphans; n != 0 {
		t.Errorf("%d orphans by a hello that is older than this leadership, want 0", n)
	}
	if last, ok := heir.sent[len(heir.sent)-1].(lead.Refuse); !ok || last.Session != 1 {
		t.Errorf("%+v was put out last, want that the executor says everything again", heir.sent)
	}
	heir.hello(2, settled, node("n1", 4000))
	if n := heir.core.Counts().Orphans; n != 1 {
		t.Errorf("%d orphans by a hello of this leadership, want 1", n)
	}
}

// TestOrphan: a pod of a job that nobody has heard of is kept, for a scheduler
// that lost its log must not delete a cluster's work; a lease without a pod goes.
func TestOrphan(t *testing.T) {
	t.Parallel()
	b := leader(t)
	b.hello(2, []lead.KnownRun{
		{Run: job.RunID{7}, Job: job.ID{7}, Phase: lead.PhaseRunning},
		{Run: job.RunID{8}, Job: job.ID{8}, Phase: lead.PhaseLeased},
	}, node("n1", 4000))
	if stops := b.stops(); !slices.Equal(stops, []lead.Stop{{Run: job.RunID{8}, Job: job.ID{8}, Why: lead.StopOver}}) {
		t.Errorf("stops %+v, want that of the lease alone", stops)
	}
	if n := b.core.Counts().Orphans; n != 1 {
		t.Errorf("%d orphans, want 1", n)
	}
}

// TestSilence: the runs of an executor that is silent for too long are given up:
// one that never acknowledged its lease is leased again, the other fails.
func TestSilence(t *testing.T) {
	t.Parallel()
	b := leader(t)
	seen, unseen := b.submit("s", 1, 1000), b.submit("s", 2, 1000)
	b.readBack()
	leases := b.leases()
	b.report(1, 1, job.RunAcknowledgedEvent{Head: head(seen), Run: leases[0].Run})
	b.readBack()
	b.step(lead.Disconnected{Session: 1})
	b.pass(59 * time.Second)
	b.readBack()
	b.wantStory("s", seen, "Submitted", "Leased", "RunAcknowledged")
	b.pass(2 * time.Second)
	b.readBack()
	b.wantStory("s", seen, "Submitted", "Leased", "RunAcknowledged", "RunExpired", "Failed")
	b.wantStory("s", unseen, "Submitted", "Leased", "RunExpired", "Requeued")
}

// TestHeartbeat: a heartbeat is answered after the lock was checked, by the leader.
func TestHeartbeat(t *testing.T) {
	t.Parallel()
	b := leader(t)
	b.sent = nil
	b.step(lead.Heartbeat{Session: 1, Number: 5})
	if len(b.sent) > 0 || b.checks != 1 {
		t.Fatalf("sent %+v after %d checks", b.sent, b.checks)
	}
	b.step(lead.Heartbeat{Session: 1, Number: 6})
	b.step(lead.LockChecked{})
	if answer, ok := b.sent[0].(lead.AnswerHeartbeat); !ok || answer.Number != 5 {
		t.Fatalf("sent %+v, want the answer to 5: 6 came after the check began", b.sent)
	}
	b.step(lead.LockChecked{})
	if answer, ok := b.sent[1].(lead.AnswerHeartbeat); !ok || answer.Number != 6 {
		t.Fatalf("sent %+v, want the answer to 6", b.sent)
	}
	b.step(lead.Heartbeat{Session: 1, Number: 7}, lead.LockLost{})
	if down, ok := b.ended.(lead.StepDown); !ok || !errors.Is(down.Why, lead.ErrLockLost) || len(b.sent) != 2 {
		t.Fatalf("ended with %+v after %+v", b.ended, b.sent)
	}
}

// TestNoAnswerWhileRunsExpire: an executor comes back when its runs were given up and
// the leader has not read that back. An answer to its heartbeat would let it make their
// pods, for it is not told yet that they must go. In one step it is told that first.
func TestNoAnswerWhileRunsExpire(t *testing.T) {
	t.Parallel()
	b := leader(t)
	id := b.submit("s", 1, 1000)
	b.readBack()
	lease := b.oneLease()
	b.report(1, 1, job.RunAcknowledgedEvent{Head: head(id), Run: lease.Run})
	b.readBack()
	b.step(lead.Disconnected{Session: 1})
	b.pass(61 * time.Second)
	b.hello(2, []lead.KnownRun{{Run: lease.Run, Job: id, Phase: lead.PhaseLeased}}, node("n1", 4000))
	b.sent = nil
	b.step(lead.Heartbeat{Session: 2, Number: 1})
	b.step(lead.LockChecked{})
	if len(b.sent) > 0 {
		t.Fatalf("sent %+v before the end of the run was read back", b.sent)
	}
	b.step(lead.Heartbeat{Session: 2, Number: 2})
	expired, _ := b.next(eventlog.PartitionOf("q", "s", partitions), 1)
	b.step(expired, lead.LockChecked{})
	if len(b.sent) != 2 {
		t.Fatalf("sent %+v, want a stop and an answer", b.sent)
	}
	if _, stop := b.sent[0].(lead.SendStops); !stop {
		t.Errorf("%+v was sent first, want the stop", b.sent[0])
	}
	if answer, ok := b.sent[1].(lead.AnswerHeartbeat); !ok || answer.Number != 2 {
		t.Errorf("%+v was sent last, want the answer to 2", b.sent[1])
	}
}

// TestReject: a job that no node could ever hold is rejected, when executors have
// had time to connect.
func TestReject(t *testing.T) {
	t.Parallel()
	b := leader(t)
	id := b.submit("s", 1, 64000)
	b.readBack()
	b.wantStory("s", id, "Submitted")
	b.pass(6 * time.Second)
	b.readBack()
	b.wantStory("s", id, "Submitted", "Rejected")
}

// TestUnknownQueue: a job whose queue the scheduler has not seen yet waits for it.
func TestUnknownQueue(t *testing.T) {
	t.Parallel()
	b := newBed(t, newLog(), 1)
	b.takeOver()
	b.connect(1, node("n1", 4000))
	b.submit("s", 1, 1000)
	b.readBack()
	if list := b.leases(); len(list) > 0 {
		t.Fatalf("%+v was leased without its queue", list)
	}
	b.setting(1, "q")
	b.readBack()
	b.oneLease()
}

// TestReportedTwice: a report that comes again in a new session counts once and is
// acknowledged in both, and a lease whose acknowledgement got lost still goes.
func TestReportedTwice(t *testing.T) {
	t.Parallel()
	b := leader(t)
	id := b.submit("s", 1, 1000)
	b.readBack()
	lease := b.oneLease()
	ack := job.RunAcknowledgedEvent{Head: head(id), Run: lease.Run}
	b.report(1, 1, ack)
	b.hello(2, []lead.KnownRun{{Run: lease.Run, Job: id, Phase: lead.PhaseLeased}}, node("n1", 4000))
	b.report(2, 1, ack)
	b.readBack()
	acks, gos := b.acks()
	if !slices.Equal(acks, []uint64{1}) || !slices.Equal(gos, []job.RunID{lease.Run}) {
		t.Fatalf("acknowledged %v and let go %v, want the new session's 1 and its run", acks, gos)
	}
	b.wantStory("s", id, "Submitted", "Leased", "RunAcknowledged")
}

// TestJump: a missing entry halts the process; nothing is applied without it.
func TestJump(t *testing.T) {
	t.Parallel()
	b := leader(t)
	b.submit("s", 1, 8000)
	b.readBack()
	b.submit("s", 2, 1000)
	p := eventlog.PartitionOf("q", "s", partitions)
	b.log.entries[p] = b.log.entries[p][:len(b.log.entries[p])-1] // it is lost
	b.submit("s", 3, 1000)
	b.readBack()
	if halt, ok := b.ended.(lead.Halt); !ok || !errors.Is(halt.Why, eventlog.ErrJump) {
		t.Fatalf("ended with %+v, want ErrJump", b.ended)
	}
}

// TestCancelOvertakesLease: a cancel stands in the log before a lease that was
// decided without it. The lease does not count, the job is not planned again, and
// nothing of it is left behind.
func TestCancelOvertakesLease(t *testing.T) {
	t.Parallel()
	b := leader(t)
	id := b.submit("s", 1, 1000)
	b.event("s", job.CancelRequestedEvent{Head: head(id)})
	other := b.submit("s", 2, 1000) // a reason for a round while the cancel is decided and not read back
	b.readBack()                    // one entry a step, so the first lease goes behind all of these
	b.wantStory("s", id, "Submitted", "CancelRequested", "Cancelled")
	if lease := b.oneLease(); lease.Job != other {
		t.Errorf("%+v was sent", lease)
	}
	leases := 0
	for _, e := range b.log.entries[eventlog.PartitionOf("q", "s", partitions)] {
		for _, batch := range e.body.Batches {
			for _, event := range batch.Events {
				if _, lease := event.(job.LeasedEvent); lease {
					leases++
				}
			}
		}
	}
	if leases != 2 {
		t.Errorf("%d leases were decided, want one a job: what is being cancelled is not planned", leases)
	}
	b.submit("s", 3, 1000)
	b.readBack()
	b.oneLease()
}

// TestCommandOvertakesLease: a command to cancel stands in the log before a lease
// that was decided without it. The lease counts, for a command asks nothing of the
// log; who reads it behind the command takes it for the fact that it is.
func TestCommandOvertakesLease(t *testing.T) {
	t.Parallel()
	b := leader(t)
	id := b.submit("s", 1, 1000)
	b.users("s", lead.Body{Commands: []job.Command{{Action: job.Cancel, Select: job.Selector{Queues: []string{"q"}, JobSet: "s"}}}})
	b.readBack()
	b.wantStory("s", id, "Submitted", "Leased", "Cancelled")
	heir := newBed(t, b.log, 2)
	heir.readBack()
	heir.takeOver()
	for name, core := range map[string]*lead.Core{"leader": b.core, "heir": heir.core} {
		if n := core.Counts().RoundRefused; n > 0 {
			t.Errorf("the round of the %s refused %d facts", name, n)
		}
	}
}

// TestDeposedAtOnce: a leader whose own lease was lost reads, in one run, the fence
// of a newer leader and the lease that it decided for the same job. It stops before
// the two meet.
func TestDeposedAtOnce(t *testing.T) {
	t.Parallel()
	b := leader(t)
	b.submit("s", 1, 1000)
	p := eventlog.PartitionOf("q", "s", partitions)
	b.readSome(p, 1)
	b.log.entries[p] = b.log.entries[p][:len(b.log.entries[p])-1] // its lease is lost

	heir := newBed(t, b.log, 2)
	heir.readBack()
	heir.takeOver()
	heir.connect(1, node("n1", 4000))
	heir.readBack()
	b.readSome(p, 10)
	if end, ok := b.ended.(lead.StepDown); !ok || !errors.Is(end.Why, lead.ErrDeposed) {
		t.Fatalf("ended with %+v, want ErrDeposed", b.ended)
	}
	if n := b.core.Counts().RoundRefused; n > 0 {
		t.Errorf("the round refused %d facts", n)
	}
}

// TestGivenUpAtOnce: a run is preempted before its plan is whole, and the last part of
// the plan and the preemption are read back in one step. Nothing of the run is sent,
// for its job is forgotten.
func TestGivenUpAtOnce(t *testing.T) {
	t.Parallel()
	b := newBed(t, newLog(), 1)
	b.setting(1, "q")
	b.takeOver()
	one, two := twoSets()
	first, second := eventlog.PartitionOf("q", one, partitions), eventlog.PartitionOf("q", two, partitions)
	victim, other := b.submit(one, 1, 4000, preemptible), b.submit(two, 2, 4000)
	b.readBack()
	b.connect(1, node("n1", 4000), node("n2", 4000)) // a plan of two parts
	b.readSome(first, 1)
	winner := b.submit(one, 3, 4000, urgent)
	b.readSome(first, 1)
	whole, _ := b.next(second, 1)
	preempted, _ := b.next(first, 1)
	b.step(whole, preempted)
	b.wantStory(one, victim, "Submitted", "Leased", "Preempted")
	b.readBack()
	var sent []job.ID
	for _, lease := range b.leases() {
		sent = append(sent, lease.Job)
	}
	if !slices.Equal(sent, []job.ID{other, winner}) {
		t.Errorf("the leases of %v were sent, want those of %v", sent, []job.ID{other, winner})
	}
}

// TestPreemptUnread: the place of a run whose lease is not read back yet is taken like
// any other: the run is preempted in the plan that starts the other job.
func TestPreemptUnread(t *testing.T) {
	t.Parallel()
	b := leader(t)
	one, two := twoSets()
	victim := b.submit(one, 1, 4000, preemptible)
	b.readSome(eventlog.PartitionOf("q", one, partitions), 1)
	winner := b.submit(two, 2, 4000, urgent)
	b.readSome(eventlog.PartitionOf("q", two, partitions), 1)
	b.readBack()
	b.wantStory(one, victim, "Submitted", "Leased", "Preempted")
	if lease := b.oneLease(); lease.Job != winner {
		t.Errorf("the lease of job %s was sent, want that of %s", lease.Job, winner)
	}
	if n := b.core.Counts().RoundRefused; n > 0 {
		t.Errorf("the round refused %d facts", n)
	}
}

// TestSharesOnceInAWhile: a queue takes a place for its share when that is due again, at
// the moment that it is, and not in every round in between.
func TestSharesOnceInAWhile(t *testing.T) {
	t.Parallel()
	b := leader(t)
	b.setting(2, "late")
	greedy := []job.ID{b.submit("s", 1, 2000, preemptible), b.submit("s", 2, 2000, preemptible)}
	b.readBack() // and with it a round that could have preempted
	b.pass(preemptionInterval - time.Second)
	e := job.SubmittedEvent{
		Head: job.Head{Job: job.ID{3}, Time: b.now}, Class: "armada-preemptible", Preemptible: true,
		Spec: &job.PodSpec{}, Shape: &job.Shape{Requests: []job.Amount{{Resource: "cpu", Value: 2000}}},
	}
	b.log.store(submitter, lead.Draft{Partition: eventlog.PartitionOf("late", "s", partitions), Kind: eventlog.Facts},
		lead.Body{Batches: []job.Batch{{Queue: "late", JobSet: "s", Events: []job.Event{e}}}})
	b.readBack()
	preempted := func() (n int) {
		for _, id := range greedy {
			if story := b.story("s", id); story[len(story)-1] == "Preempted" {
				n++
			}
		}
		return n
	}
	if n := preempted(); n != 0 {
		t.Fatalf("%d runs were preempted for a share before that was due", n)
	}
	b.pass(2 * time.Second)
	b.readBack()
	if n := preempted(); n != 1 {
		t.Errorf("%d runs were preempted for a share when that was due, want 1", n)
	}
}

// TestQueueIsPart: what a queue is part of, and what that may hold, is what the log says.
func TestQueueIsPart(t *testing.T) {
	t.Parallel()
	b := leader(t)
	team := lead.Queue{Name: "team", Weight: schedule.Million, Quotas: []lead.Quota{{
		Guarantee: map[string]int64{"cpu": 500}, Borrow: map[string]int64{"cpu": 500},
	}}}
	b.log.store(submitter, lead.Draft{Partition: eventlog.ControlPartition, Kind: eventlog.Facts}, lead.Body{Settings: []lead.Setting{
		{Generation: 2, Queue: &lead.Queue{Name: "q", Parent: "team", Weight: schedule.Million}}, {Generation: 3, Queue: &team},
	}})
	b.readBack()
	first, second := b.submit("s", 1, 1000), b.submit("s", 2, 1000)
	b.readBack()
	if lease := b.oneLease(); lease.Job != first {
		t.Errorf("job %v started first", lease.Job)
	}
	b.wantStory("s", second, "Submitted")
}
