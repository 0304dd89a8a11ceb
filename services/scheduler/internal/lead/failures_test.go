package lead_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/lead"
)

// The failures that the rules of this package are for, each as it goes well, and a
// twin in which one rule is switched off and the damage shown. docs/failures.md lists
// them with those of the other services.

// cluster is an executor: it acknowledges every lease, and makes the pod when the
// leader lets it.
type cluster struct {
	leader *bed
	leased map[job.RunID]job.ID
	// pods are the jobs whose pods were made.
	pods    []job.ID
	reports uint64
}

func clusterOf(b *bed) *cluster { return &cluster{leader: b, leased: map[job.RunID]job.ID{}} }

// connect tells the leader what the cluster holds, and that it has a node of 4 cpu.
func (c *cluster) connect() {
	c.leader.t.Helper()
	var runs []lead.KnownRun
	for run, id := range c.leased {
		runs = append(runs, lead.KnownRun{Run: run, Job: id, Phase: lead.PhaseLeased})
	}
	slices.SortFunc(runs, func(a, b lead.KnownRun) int { return bytes.Compare(a.Run[:], b.Run[:]) })
	c.leader.hello(1, runs, node("n1", 4000))
}

// obey carries out what the leader has sent.
func (c *cluster) obey() {
	c.leader.t.Helper()
	for {
		_, gos := c.leader.acks()
		for _, run := range gos {
			c.pods = append(c.pods, c.leased[run])
		}
		leases := c.leader.leases()
		for _, l := range leases {
			c.leased[l.Run] = l.Job
			c.report(job.RunAcknowledgedEvent{Head: head(l.Job), Run: l.Run})
		}
		if len(leases)+len(gos) == 0 {
			return
		}
	}
}

func (c *cluster) report(events ...job.Event) {
	c.leader.t.Helper()
	c.leader.report(1, c.reports+1, events...)
	c.reports += uint64(len(events))
}

// work lets the leader read and the executor obey until there is nothing to do.
func (c *cluster) work() {
	c.leader.t.Helper()
	for before := -1; before != len(c.pods)+int(c.reports); { //nolint:gosec // a few
		before = len(c.pods) + int(c.reports) //nolint:gosec // a few
		c.leader.readBack()
		c.obey()
	}
}

// succeed reports that the pods of these runs succeeded.
func (c *cluster) succeed() {
	c.leader.t.Helper()
	for run, id := range c.leased {
		if slices.Contains(c.pods, id) {
			h := head(id)
			c.report(job.RunPendingEvent{Head: h, Run: run}, job.RunRunningEvent{Head: h, Run: run}, job.RunSucceededEvent{Head: h, Run: run})
		}
	}
	c.work()
}

// A leader has decided to start a job and stands still before its entry is at the
// broker. Another takes over and starts the job in a second cluster. The first wakes,
// its entry is stored behind the fence, and the broker says OK. Its executor is cut
// off from everybody else, so it has heard of no newer epoch and would obey.
//
// The rule: an effect is what was read back (decision 0002).
func TestPausedLeaderWakesAndGetsAnOK(t *testing.T) {
	t.Parallel()
	east, west, paused := pausedLeader(t, false)
	if len(east.pods) != 0 || len(west.pods) != 1 {
		t.Errorf("pods of the job: %d by the paused leader and %d by its heir, want 0 and 1", len(east.pods), len(west.pods))
	}
	if end, ok := paused.ended.(lead.StepDown); !ok || !errors.Is(end.Why, lead.ErrDeposed) {
		t.Errorf("the paused leader ended with %+v, want ErrDeposed", paused.ended)
	}
}

// The twin acts on the broker's OK: the job has two pods at once.
func TestPausedLeaderWakesAndGetsAnOKTwin(t *testing.T) {
	t.Parallel()
	east, west, _ := pausedLeader(t, true)
	if !slices.Equal(east.pods, west.pods) || len(west.pods) != 1 {
		t.Errorf("pods %v by the paused leader and %v by its heir, want one each of one job: the twin shows no damage", east.pods, west.pods)
	}
}

func pausedLeader(t *testing.T, actsOnOK bool) (east, west *cluster, paused *bed) {
	t.Helper()
	paused = leader(t)
	paused.actsOnOK = actsOnOK
	id := paused.submit("s", 1, 1000)
	paused.holds = func(lead.Draft) bool { return true }
	paused.readBack()
	if len(paused.late) != 1 {
		t.Fatalf("%d entries are on their way, want the lease", len(paused.late))
	}
	heir := newBed(t, paused.log, 2)
	heir.readBack()
	heir.takeOver()
	east, west = clusterOf(paused), clusterOf(heir)
	west.connect()
	west.work()
	paused.arrive()
	east.obey()
	east.work()
	west.work()
	paused.wantStory("s", id, "Submitted", "Leased", "RunAcknowledged")
	return east, west, paused
}

// A new leader's fence marker reaches one of two partitions and is held up on its way
// to the other. There the leader before it still writes: the part of a plan that
// starts one member of a gang, whose mate's part comes behind the marker.
//
// The rule: a leader decides only when it has read its own marker in every partition
// (decision 0002). So it finds the half plan and mends it.
func TestMarkersInHalfThePartitions(t *testing.T) {
	t.Parallel()
	ids, pods, second := halfFenced(t, func(*lead.Core) {})
	if !slices.Equal(pods, ids) {
		t.Errorf("pods of %v, want the gang %v", pods, ids)
	}
	if want := []string{"Submitted", "Leased", "RunReturned", "Requeued", "Leased", "RunAcknowledged"}; !slices.Equal(second, want) {
		t.Errorf("the story of the second member is %v, want %v", second, want)
	}
}

// The twin decides when the first marker is read. It meets the half plan afterwards
// and never mends it: one member runs, the other is leased for ever by an order that
// nobody sends.
func TestMarkersInHalfThePartitionsTwin(t *testing.T) {
	t.Parallel()
	ids, pods, second := halfFenced(t, lead.WithoutWaitingForAllMarkers)
	if !slices.Equal(pods, ids[:1]) || !slices.Equal(second, []string{"Submitted", "Leased"}) {
		t.Errorf("pods of %v and the second member's story %v, want half of the gang %v: the twin shows no damage", pods, second, ids)
	}
}

// halfFenced returns the members of the gang, those that got a pod, and what befell
// the second one.
func halfFenced(t *testing.T, off func(*lead.Core)) (ids, pods []job.ID, story []string) {
	t.Helper()
	old := leader(t)
	first, second := twoSets()
	one, two := eventlog.PartitionOf("q", first, partitions), eventlog.PartitionOf("q", second, partitions)
	ids = []job.ID{old.submit(first, 1, 1000, gang("g", 2)), old.submit(second, 2, 1000, gang("g", 2))}
	old.holds = func(lead.Draft) bool { return true }
	old.readSome(one, 1)
	old.readSome(two, 1)
	if len(old.late) != 2 {
		t.Fatalf("%d entries are on their way, want the two parts of the plan", len(old.late))
	}

	heir := newBed(t, old.log, 2)
	off(heir.core)
	heir.holds = func(d lead.Draft) bool { return d.Partition == two }
	heir.readBack()
	heir.step(lead.Warm{To: map[eventlog.Partition]eventlog.Position{}}, lead.LockGained{})
	heir.readBack() // its marker in one partition
	west := clusterOf(heir)
	west.connect()
	old.arrive()
	heir.arrive()
	west.work()
	if !heir.core.Leading() {
		t.Fatalf("the heir does not lead: %+v", heir.ended)
	}
	heir.pass(2 * time.Second)
	west.connect() // all is said again
	west.work()
	return ids, west.pods, heir.story(second, ids[1])
}

// A leader starts a gang whose members lie in two partitions. A fence gets between:
// the one part stands before it and counts, the other behind it and does not. Another
// job takes the place of the second member meanwhile.
//
// The rule: a plan counts whole (decision 0003). So no member was sent, the new leader
// takes the half lease back, and the gang waits whole for room.
func TestGangCutByAFence(t *testing.T) {
	t.Parallel()
	if pods := cutGang(t, func(*lead.Core) {}); len(pods) != 0 {
		t.Errorf("pods of %v of a gang that has no room", pods)
	}
}

// The twin counts each part by itself: half of the gang runs, and holds its node for a
// mate that has no place.
func TestGangCutByAFenceTwin(t *testing.T) {
	t.Parallel()
	if pods := cutGang(t, lead.WithoutWholePlans); len(pods) != 1 {
		t.Errorf("pods of %v, want one member of two: the twin shows no damage", pods)
	}
}

// cutGang returns the members of the gang that got a pod.
func cutGang(t *testing.T, off func(*lead.Core)) (pods []job.ID) {
	t.Helper()
	old := leader(t)
	off(old.core)
	first, second := twoSets()
	two := eventlog.PartitionOf("q", second, partitions)
	ids := []job.ID{old.submit(first, 1, 2000, gang("g", 2)), old.submit(second, 2, 2000, gang("g", 2))}
	old.holds = func(d lead.Draft) bool { return d.Partition == two }
	east := clusterOf(old)
	east.work()
	urgentJob := old.submit(first, 3, 2000, urgent)

	heir := newBed(t, old.log, 2)
	off(heir.core)
	heir.readBack()
	heir.takeOver()
	old.arrive() // the second part, behind the fence
	west := clusterOf(heir)
	west.leased, west.pods = east.leased, east.pods
	west.connect()
	west.work()
	if !slices.Contains(west.pods, urgentJob) {
		t.Fatalf("pods of %v, want the urgent job %v among them", west.pods, urgentJob)
	}
	for _, id := range west.pods {
		if slices.Contains(ids, id) {
			pods = append(pods, id)
		}
	}
	return pods
}

// The log stores what a user submits, and the reply is lost. The author sends again
// when it has a connection, and the broker keeps both copies (Pulsar does); by then the
// job has run and is forgotten.
//
// The rule: of an author's entries the gate lets each number through once (decision
// 0001).
func TestResendAfterALostReply(t *testing.T) {
	t.Parallel()
	if pods := storedTwice(t, func(*lead.Core) {}); len(pods) != 1 {
		t.Errorf("the job ran %d times", len(pods))
	}
	if story := cancelledTwice(t, func(*lead.Core) {}); slices.Contains(story, "Cancelled") {
		t.Errorf("the job that came after the cancel: %v", story)
	}
}

// The twin counts both copies: the job runs twice, and a cancel ends a job that was
// submitted after it.
func TestResendAfterALostReplyTwin(t *testing.T) {
	t.Parallel()
	if pods := storedTwice(t, lead.WithoutDroppingResends); len(pods) != 2 || pods[0] != pods[1] {
		t.Errorf("pods of %v, want two of one job: the twin shows no damage", pods)
	}
	if story := cancelledTwice(t, lead.WithoutDroppingResends); !slices.Contains(story, "Cancelled") {
		t.Errorf("the job that came after the cancel: %v: the twin shows no damage", story)
	}
}

// storedTwice returns the jobs whose pods were made, in order.
func storedTwice(t *testing.T, off func(*lead.Core)) []job.ID {
	t.Helper()
	b := leader(t)
	off(b.core)
	id := b.submit("s", 1, 1000)
	p := eventlog.PartitionOf("q", "s", partitions)
	stored := len(b.log.entries[p]) - 1
	east := clusterOf(b)
	east.work()
	east.succeed()
	b.wantStory("s", id, "Submitted", "Leased", "RunAcknowledged", "RunPending", "RunRunning", "RunSucceeded", "Succeeded")
	b.log.storeAgain(p, stored)
	east.work()
	return east.pods
}

// cancelledTwice returns what befell a job that was submitted after a cancel of its
// job set and before the copy of that.
func cancelledTwice(t *testing.T, off func(*lead.Core)) []string {
	t.Helper()
	b := leader(t)
	off(b.core)
	p := eventlog.PartitionOf("q", "s", partitions)
	b.users("s", lead.Body{Commands: []job.Command{{Action: job.Cancel, Select: job.Selector{Queues: []string{"q"}, JobSet: "s"}}}})
	stored := len(b.log.entries[p]) - 1
	id := b.submit("s", 1, 1000)
	b.readBack()
	b.log.storeAgain(p, stored)
	b.readBack()
	return b.story("s", id)
}

// A scheduler starts with an empty database, and with an empty log: both were lost, or
// it was pointed at the wrong ones. Its executor holds a hundred pods of jobs that it has
// never heard of, and obeys epoch 7. In the second case the database still knows that
// epoch, and the log alone is lost.
//
// The rules: who obeys a newer epoch is left alone, and a run that nobody has heard of is
// kept and counted (design 7).
func TestSchedulerStartsWithAnEmptyDatabase(t *testing.T) {
	t.Parallel()
	if stops, orphans := startsEmpty(t, 0, func(*lead.Core) {}); stops != 0 || orphans != 0 {
		t.Errorf("%d pods were stopped and %d counted by a scheduler that the executor does not obey", stops, orphans)
	}
	if stops, orphans := startsEmpty(t, 7, func(*lead.Core) {}); stops != 0 || orphans != 100 {
		t.Errorf("%d pods were stopped and %d counted, want 0 and 100", stops, orphans)
	}
}

// The twin stops what the log does not have: it deletes a cluster's work.
func TestSchedulerStartsWithAnEmptyDatabaseTwin(t *testing.T) {
	t.Parallel()
	if stops, _ := startsEmpty(t, 7, lead.WithoutKeepingOrphans); stops != 100 {
		t.Errorf("%d pods were stopped, want all of 100: the twin shows no damage", stops)
	}
}

// startsEmpty returns how many of a hundred pods are stopped and how many counted by a
// scheduler whose database knows of epochs up to newest.
func startsEmpty(t *testing.T, newest uint64, off func(*lead.Core)) (stops int, orphans uint64) {
	t.Helper()
	empty := newLog()
	empty.epoch = newest
	b := newBed(t, empty, 1)
	off(b.core)
	b.takeOver()
	var runs []lead.KnownRun
	for n := range byte(100) {
		runs = append(runs, lead.KnownRun{Run: job.RunID{n + 1}, Job: job.ID{n + 1}, Phase: lead.PhaseRunning})
	}
	b.helloOf(7, 1, runs, node("n1", 4000))
	b.helloOf(max(7, b.core.Epoch()), 2, runs, node("n1", 4000)) // it was told the epoch, if that is above
	b.readBack()
	b.pass(time.Hour)
	stopped := map[job.RunID]bool{}
	for _, stop := range b.stops() {
		stopped[stop.Run] = true
	}
	return len(stopped), b.core.Counts().Orphans
}
