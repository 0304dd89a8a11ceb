package lead_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/lead"
)

// text is a snapshot as a text, but for what a leader knows of plans before its own and
// a follower need not.
func text(t *testing.T, s lead.Snapshot) string {
	t.Helper()
	s.Plans = nil
	for _, p := range s.Partitions {
		for i := range p.Jobs {
			if p.Jobs[i].More != nil {
				p.Jobs[i].More.Whole = true
			}
		}
	}
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// story lets a leader live through what a test draws: jobs of several sets, alone and
// in gangs, that start, run, fail, are returned, cancelled, preempted and given another
// priority.
func story(t *testing.T, draw *rapid.T) *bed {
	t.Helper()
	b := leader(t)
	var ids []job.ID
	var sets []string // of each job
	submit := func(set string, cpu int64, change func(*job.SubmittedEvent)) {
		ids, sets = append(ids, b.submit(set, byte(len(ids)+1), cpu, change)), append(sets, set)
	}
	var reports uint64
	for range rapid.IntRange(1, 25).Draw(draw, "steps") {
		set := rapid.SampledFrom([]string{"s1", "s2", "s3"}).Draw(draw, "set")
		switch what := rapid.SampledFrom([]string{"job", "job", "gang", "elastic", "cancel", "priority", "preempt", "report", "report", "report", "command"}).Draw(draw, "what"); what {
		case "job":
			change := rapid.SampledFrom([]func(*job.SubmittedEvent){preemptible, urgent, gang("", 0), gang(fmt.Sprintf("half%d", len(ids)), 2)}).Draw(draw, "kind")
			submit(set, rapid.Int64Range(500, 5000).Draw(draw, "cpu"), change)
		case "gang":
			name := fmt.Sprintf("gang%d", len(ids)) // two of one name would be a user's mistake
			member := rapid.SampledFrom([]func(*job.SubmittedEvent){gang(name, 2), grouped(name, 2, "x")}).Draw(draw, "member")
			submit(set, 1000, member)
			submit(rapid.SampledFrom([]string{"s1", "s2", "s3"}).Draw(draw, "mate's set"), 1000, member)
		case "elastic":
			name := fmt.Sprintf("elastic%d", len(ids))
			for range 3 {
				submit(rapid.SampledFrom([]string{"s1", "s2", "s3"}).Draw(draw, "mate's set"), 1000, elastic(name, 3, 2, rapid.SampledFrom([]string{"x", "y"}).Draw(draw, "group")))
			}
		case "command":
			b.users(set, lead.Body{Commands: []job.Command{{Action: job.Cancel, Select: job.Selector{Queues: []string{"q"}, JobSet: set}}}})
		case "report":
			reports = b.reportSome(draw, reports)
		default:
			if len(ids) > 0 {
				n := rapid.IntRange(0, len(ids)-1).Draw(draw, "job")
				b.wish(what, sets[n], ids[n])
			}
		}
		if rapid.Bool().Draw(draw, "read") {
			b.readBack()
		}
		b.pass(time.Second)
	}
	b.readBack()
	return b
}

// wish writes what a user asks of a job.
func (b *bed) wish(what, set string, id job.ID) {
	switch what {
	case "cancel":
		b.event(set, job.CancelRequestedEvent{Head: head(id), Reason: "enough"})
	case "priority":
		b.event(set, job.ReprioritizeRequestedEvent{Head: head(id), Priority: 7})
	case "preempt":
		b.event(set, job.PreemptRequestedEvent{Head: head(id)})
	}
}

// reportSome moves a run that was leased on by some reports.
func (b *bed) reportSome(draw *rapid.T, number uint64) uint64 {
	b.readBack()
	for _, j := range b.core.Jobs() {
		if !j.Run.State.Live() || !rapid.Bool().Draw(draw, "moves") {
			continue
		}
		at, run := head(j.ID), j.Run.ID
		var next job.Event
		switch j.Run.State {
		case job.RunLeased:
			next = job.RunAcknowledgedEvent{Head: at, Run: run}
		case job.RunAcknowledged:
			next = job.RunPendingEvent{Head: at, Run: run}
		case job.RunPending:
			next = rapid.SampledFrom([]job.Event{
				job.RunRunningEvent{Head: at, Run: run}, job.RunReturnedEvent{Head: at, Run: run, Reason: "no image", Attempted: true},
			}).Draw(draw, "next")
		default:
			next = rapid.SampledFrom([]job.Event{
				job.RunSucceededEvent{Head: at, Run: run}, job.RunFailedEvent{Head: at, Run: run, Failure: job.Failure{Cause: job.CauseError, Message: "exit 3"}},
			}).Draw(draw, "end")
		}
		number++
		b.report(1, number, next)
	}
	return number
}

// TestRestored: a core that begins from a snapshot and reads on is like one that read
// everything, whenever the snapshot was taken, and decides the same.
func TestRestored(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(draw *rapid.T) {
		b := story(t, draw)
		whole := newBed(t, b.log, 2)
		whole.readBack()
		want := text(t, whole.core.Snapshot())
		if got := text(t, b.core.Snapshot()); got != want {
			draw.Fatalf("the leader has\n%s\nand a follower\n%s", got, want)
		}
		early := newBed(t, b.log, 3)
		for n := range uint32(partitions) {
			p := eventlog.Partition{Stream: eventlog.Events, Number: n}
			early.readSome(p, rapid.IntRange(0, len(b.log.entries[p])).Draw(draw, "read"))
		}
		early.readSome(eventlog.ControlPartition, rapid.IntRange(0, 1).Draw(draw, "read"))
		restored := bedFrom(t, b.log, 2, early.core.Snapshot())
		if got, want := text(t, restored.core.Snapshot()), text(t, early.core.Snapshot()); got != want {
			draw.Fatalf("the snapshot of a restored core is\n%s\nwant that which it began from\n%s", got, want)
		}
		restored.readBack()
		if got := text(t, restored.core.Snapshot()); got != want {
			draw.Fatalf("restored after %+v entries it has\n%s\nwant\n%s", early.read, got, want)
		}
		restored.now, whole.now = b.now, b.now
		decide(draw, restored, whole)
	})
}

// decide lets two cores that know the same lead, each with a log of its own, and
// compares what they say.
func decide(draw *rapid.T, a, b *bed) {
	logs := []*log{a.log.clone(), a.log.clone()}
	for i, heir := range []*bed{a, b} {
		heir.log = logs[i]
		heir.takeOver()
		heir.connect(1, node("n1", 4000))
		heir.pass(10 * time.Second)
		heir.readBack()
	}
	if got, want := stories(a), stories(b); got != want {
		draw.Fatalf("the restored leader writes\n%s\nand the other\n%s", got, want)
	}
}

// TestSnapshotOfAnotherLog: a snapshot of another number of partitions, or one that
// contradicts itself, is refused.
func TestSnapshotOfAnotherLog(t *testing.T) {
	t.Parallel()
	row := lead.JobSnapshot{Job: job.Job{ID: job.ID{1}, State: job.Queued}}
	for name, s := range map[string]lead.Snapshot{
		"partitions":      {Partitions: make([]lead.PartitionSnapshot, partitions+1)},
		"no set":          {Partitions: []lead.PartitionSnapshot{{Jobs: []lead.JobSnapshot{row}}, {}}},
		"a job twice":     {Partitions: []lead.PartitionSnapshot{shared(row, row), {}}},
		"in two at once":  {Partitions: []lead.PartitionSnapshot{shared(row), shared(row)}},
		"a hostile shape": {Partitions: []lead.PartitionSnapshot{shared(lead.JobSnapshot{Job: row.Job, Spec: 1}), {}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := lead.Restore(lead.Config{Partitions: partitions}, roundConfig(), nil, s)
			if !errors.Is(err, lead.ErrSnapshot) {
				t.Errorf("Restore = %v, want ErrSnapshot", err)
			}
		})
	}
}

// shared is jobs of one set, spec and entry.
func shared(jobs ...lead.JobSnapshot) lead.PartitionSnapshot {
	return lead.PartitionSnapshot{
		Sets: []lead.SetSnapshot{{Queue: "q", Name: "s"}}, Entries: []eventlog.Position{{Entry: 1}}, Jobs: jobs,
		Specs: []lead.SpecSnapshot{{Shape: &job.Shape{}, Class: "armada-default"}},
	}
}

// TestSaves: a follower wants a snapshot stored when so many events stand behind the
// stored one, one at a time and not at once again; a leader waits for twice as many. What
// another replica stored counts.
func TestSaves(t *testing.T) {
	t.Parallel()
	b := newBed(t, newLog(), 1)
	b.setting(1, "q")
	b.step(lead.Warm{To: map[eventlog.Partition]eventlog.Position{}})
	submit := func(n byte) {
		for range n {
			b.submit("s", b.ids+100, 1000)
			b.ids++
		}
		b.readBack()
	}
	want := func(why string, n int) {
		t.Helper()
		if len(b.saves) != n {
			t.Fatalf("%s: %d snapshots were to be stored, want %d", why, len(b.saves), n)
		}
	}
	submit(snapshotEvents - 1)
	want("below the limit", 0)
	b.pass(time.Second)
	want("below the limit, right after an event", 0)
	submit(1)
	want("at the limit", 1)
	submit(snapshotEvents)
	want("while one is under way", 1)
	b.step(lead.Stored{Places: lead.PlacesOf(b.saves[0].Snapshot), Took: time.Second})
	submit(snapshotEvents)
	want("right after one that took a second", 1)
	b.pass(21 * time.Second)
	want("twenty seconds later", 2)
	b.step(lead.NotStored{})
	b.pass(time.Second)
	want("right after a failure", 2)
	b.pass(10 * time.Second)
	want("ten seconds later", 3)
	b.step(lead.NotStored{}, lead.Stored{Places: lead.PlacesOf(b.saves[2].Snapshot)})
	b.pass(time.Minute)
	want("when another replica stored it", 3)
	submit(1)
	b.pass(snapshotInterval)
	want("with one event, after the interval", 4)

	b.step(lead.Stored{Places: lead.PlacesOf(b.saves[3].Snapshot), Took: 1})
	b.takeOver()
	b.pass(time.Second)
	submit(2*snapshotEvents - 1)
	want("a leader, below twice the limit", 4)
	submit(1)
	want("a leader, at twice the limit", 5)
}

// TestSavesWhenQuiet: where nothing happens a snapshot is taken for few events, but not
// for hardly any.
func TestSavesWhenQuiet(t *testing.T) {
	t.Parallel()
	b := newBed(t, newLog(), 1)
	b.setting(1, "q")
	b.step(lead.Warm{To: map[eventlog.Partition]eventlog.Position{}})
	b.readBack()
	b.pass(time.Minute)
	if len(b.saves) != 0 {
		t.Fatal("a snapshot is to be stored of nothing new")
	}
	b.submit("s", 1, 1000) // snapshotEvents / quietShare
	b.readBack()
	b.pass(time.Second)
	if len(b.saves) != 0 {
		t.Fatal("a snapshot is to be stored a second after an event")
	}
	b.pass(time.Second)
	if len(b.saves) != 1 {
		t.Fatalf("%d snapshots are to be stored two seconds after it, want 1", len(b.saves))
	}
}

// TestSettledEntries: with a snapshot goes which entries the stored one may have and no
// job of which is left.
func TestSettledEntries(t *testing.T) {
	t.Parallel()
	b := newBed(t, newLog(), 1)
	b.setting(1, "q")
	b.step(lead.Warm{To: map[eventlog.Partition]eventlog.Position{}})
	stays, goes := b.submit("s", 1, 1000), b.submit("s", 2, 1000)
	b.readBack()
	b.pass(2 * snapshotInterval)
	if len(b.saves) != 1 || len(b.saves[0].Settled) != 0 {
		t.Fatalf("%+v is to be stored, want one snapshot and nothing settled", b.saves)
	}
	b.step(lead.Stored{Places: lead.PlacesOf(b.saves[0].Snapshot), Took: 1})
	b.event("s", job.CancelledEvent{Head: head(goes)})
	b.readBack()
	b.pass(2 * snapshotInterval)
	p := eventlog.PartitionOf("q", "s", partitions).Number
	ref := lead.EntryRef{Partition: p, At: eventlog.Position{Entry: 2}}
	if got := b.saves[1]; len(got.Settled) != 1 || got.Settled[0] != ref || !got.After.Has(ref) {
		t.Errorf("settled are %+v after %+v, want the entry of the cancelled job, %+v, which is stored", got.Settled, got.After, ref)
	}
	if jobs := b.saves[1].Snapshot.Partitions[p].Jobs; len(jobs) != 1 || jobs[0].Job.ID != stays {
		t.Errorf("the snapshot has jobs %+v, want the one that stays", jobs)
	}
	b.step(lead.Stored{Places: lead.PlacesOf(b.saves[1].Snapshot), Took: 1})
	b.submit("s", 3, 1000)
	b.readBack()
	b.pass(2 * snapshotInterval)
	if got := b.saves[2].Settled; len(got) != 0 {
		t.Errorf("settled are %+v, want none: they went with the snapshot before", got)
	}
}

// TestGatesForget: an author that was closed where the log has nothing any more is no
// weight for the gates.
func TestGatesForget(t *testing.T) {
	t.Parallel()
	b := newBed(t, newLog(), 1)
	b.submit("s", 1, 1000)
	p := eventlog.PartitionOf("q", "s", partitions)
	b.log.entries[p] = append(b.log.entries[p], logged{entry: eventlog.Entry{
		Header: eventlog.Header{Author: eventlog.Author{7}, Sequence: 1, Kind: eventlog.AuthorClosed, Closes: submitter}, At: eventlog.Position{Entry: 2},
	}})
	b.readBack()
	gate := func() eventlog.Gate { return b.core.Snapshot().Partitions[p.Number].Gate }
	oldest := lead.Places{Events: make([]eventlog.Position, partitions)}
	b.step(lead.Trimmed{Oldest: oldest})
	if !gate().IsClosed(submitter) {
		t.Fatal("a closed author is forgotten while the log has its close")
	}
	oldest.Events[p.Number] = eventlog.Position{Entry: 3}
	b.step(lead.Trimmed{Oldest: oldest})
	if gate().IsClosed(submitter) {
		t.Error("a closed author is kept though the log has nothing of it any more")
	}
}
