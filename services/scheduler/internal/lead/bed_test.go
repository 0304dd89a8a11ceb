package lead_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/lead"
	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

const partitions = 2

// How often the cores of tests preempt for shares, and when they want a snapshot stored.
const (
	preemptionInterval = 3 * time.Second

	snapshotEvents   = 20
	snapshotInterval = time.Hour
)

// bed is a core with a log under it that a test holds in its hand: what the core
// appends is stored at once and read back when the test says so.
type bed struct {
	t    *testing.T
	core *lead.Core
	now  job.Time
	ids  byte
	log  *log
	// read is how far the core was given each partition.
	read map[eventlog.Partition]int
	// sent is everything the core put out for executors since the last look.
	sent []lead.Output
	// ended is a StepDown or Halt.
	ended lead.Output
	// checks counts the CheckLocks, which the test answers.
	checks int
	author eventlog.Author
	// saves are the snapshots that were to be stored.
	saves []lead.SaveSnapshot
	// late are the entries that are held up on their way to the log: those that holds
	// says; nil: none.
	late  []lead.Draft
	holds func(lead.Draft) bool
	// actsOnOK lets the core take what the log acknowledged for read.
	actsOnOK bool
}

// log is the partitions, shared by the cores of a test.
type log struct {
	entries   map[eventlog.Partition][]logged
	sequences map[eventlog.Author]map[eventlog.Partition]uint64
	epoch     uint64
}

type logged struct {
	entry eventlog.Entry
	body  lead.Body
}

func newLog() *log {
	return &log{entries: map[eventlog.Partition][]logged{}, sequences: map[eventlog.Author]map[eventlog.Partition]uint64{}}
}

// store puts a draft at the end of its partition, as an author's next.
func (l *log) store(author eventlog.Author, d lead.Draft, body lead.Body) {
	if l.sequences[author] == nil {
		l.sequences[author] = map[eventlog.Partition]uint64{}
	}
	l.sequences[author][d.Partition]++
	header := eventlog.Header{
		Author: author, Sequence: l.sequences[author][d.Partition], Kind: d.Kind, Epoch: d.Epoch,
		Plan: d.Plan, Part: d.Part, Parts: d.Parts,
	}
	at := eventlog.Position{Entry: uint64(len(l.entries[d.Partition]) + 1)}
	l.entries[d.Partition] = append(l.entries[d.Partition], logged{eventlog.Entry{Header: header, At: at}, body})
}

// storeAgain puts a copy of an entry at the end of its partition, as an author does
// who got no answer and sends again.
func (l *log) storeAgain(p eventlog.Partition, i int) {
	e := l.entries[p][i]
	e.entry.At = eventlog.Position{Entry: uint64(len(l.entries[p]) + 1)}
	l.entries[p] = append(l.entries[p], e)
}

var submitter = eventlog.Author{0xff}

func roundConfig() schedule.Config {
	return schedule.Config{
		Resources: []string{"cpu", "memory"}, Dominant: []string{"cpu", "memory"}, Pools: []schedule.PoolID{"default"},
		Classes: []schedule.Class{
			{ID: "armada-default", Priority: 1000},
			{ID: "armada-preemptible", Priority: 1000, Preemptible: true},
			{ID: "urgent", Priority: 2000},
		},
		Protected: schedule.Million, Lookback: 1000, Tiers: []schedule.Tier{{ID: "rack", Label: "l/rack"}},
		ReserveAfter: int64(3 * time.Second), ReservationsMax: 2,
	}
}

func newBed(t *testing.T, l *log, author byte) *bed {
	t.Helper()
	return bedFrom(t, l, author, lead.Snapshot{Partitions: make([]lead.PartitionSnapshot, partitions)})
}

// bedFrom is a bed whose core begins from a snapshot of the log.
func bedFrom(t *testing.T, l *log, author byte, from lead.Snapshot) *bed {
	t.Helper()
	b := &bed{t: t, log: l, author: eventlog.Author{author}, now: 1000 * job.Time(time.Second), read: map[eventlog.Partition]int{}}
	core, err := lead.Restore(lead.Config{
		Author: eventlog.Author{author}, Partitions: partitions, ExecutorTimeout: time.Minute, PublishTimeout: 10 * time.Second,
		SettleAfter: 5 * time.Second, AttemptsMax: 2, StartsMax: 1000, EntryEventsMax: 100,
		PreemptionInterval: preemptionInterval,
		RetryBackoff:       lead.Backoff{Initial: 2 * time.Second, Max: 3 * time.Second},
		SnapshotEvents:     snapshotEvents, SnapshotInterval: snapshotInterval,
	}, roundConfig(), func(job.Time) [16]byte {
		b.ids++
		return [16]byte{author, b.ids}
	}, from)
	if err != nil {
		t.Fatal(err)
	}
	b.core = core
	b.read[eventlog.ControlPartition] = int(from.Control.At.Entry)
	for n, p := range from.Partitions {
		b.read[eventlog.Partition{Stream: eventlog.Events, Number: uint32(n)}] = int(p.At.Entry)
	}
	return b
}

// leader is a bed whose core leads, with a queue and one executor of one node of
// 4 cpu.
func leader(t *testing.T) *bed {
	t.Helper()
	b := newBed(t, newLog(), 1)
	b.setting(1, "q")
	b.takeOver()
	b.connect(1, node("n1", 4000))
	return b
}

// takeOver gives the lock to the core and lets it read everything.
func (b *bed) takeOver() {
	b.t.Helper()
	b.step(lead.Warm{To: map[eventlog.Partition]eventlog.Position{}}, lead.LockGained{})
	b.readBack()
	if !b.core.Leading() {
		b.t.Fatalf("the core does not lead: %+v", b.ended)
	}
}

// step gives inputs to the core and stores what it appends.
func (b *bed) step(inputs ...lead.Input) {
	b.t.Helper()
	b.do(b.core.Step(b.now, inputs...))
}

// do carries out what the core puts out.
func (b *bed) do(outputs []lead.Output) {
	b.t.Helper()
	for _, o := range outputs {
		switch o := o.(type) {
		case lead.Append:
			for _, d := range o.Drafts {
				b.append(d)
			}
		case lead.TakeEpoch:
			b.log.epoch = max(b.log.epoch, o.Above) + 1
			b.step(lead.EpochTaken{Epoch: b.log.epoch})
		case lead.CheckLock:
			b.checks++
		case lead.StepDown, lead.Halt:
			b.ended = o
		case lead.SaveSnapshot:
			b.saves = append(b.saves, o)
		case lead.SetTimer, lead.Keep, lead.Release:
		case lead.SendLeases, lead.SendStops, lead.Acknowledge, lead.AnswerHeartbeat, lead.Greet, lead.Refuse:
			b.sent = append(b.sent, o)
		}
	}
}

// append brings an entry of the core to the log, which says OK to it.
func (b *bed) append(d lead.Draft) {
	b.t.Helper()
	if b.holds != nil && b.holds(d) {
		b.late = append(b.late, d)
		return
	}
	b.log.store(b.author, d, lead.Body{Batches: d.Batches})
	if b.actsOnOK {
		b.do(b.core.StepStored(b.now, d))
	}
}

// arrive brings to the log what was held up.
func (b *bed) arrive() {
	b.t.Helper()
	late := b.late
	b.late, b.holds = nil, nil
	for _, d := range late {
		b.append(d)
	}
}

// readBack gives the core everything that is stored and it has not read, until
// nothing new comes of it.
func (b *bed) readBack() {
	b.t.Helper()
	for again := true; again && b.ended == nil; {
		again = false
		for n := range uint32(partitions) {
			again = b.readSome(eventlog.Partition{Stream: eventlog.Events, Number: n}, 1) || again
		}
		again = b.readSome(eventlog.ControlPartition, 1) || again
	}
}

// readSome gives the core the next n entries of a partition, if there are any.
func (b *bed) readSome(p eventlog.Partition, n int) bool {
	b.t.Helper()
	in, some := b.next(p, n)
	if some {
		b.step(in)
	}
	return some
}

// next is the next n entries of a partition, for the core; false when there are none.
func (b *bed) next(p eventlog.Partition, n int) (lead.LogRead, bool) {
	from := b.read[p]
	all := b.log.entries[p][from:min(from+n, len(b.log.entries[p]))]
	if len(all) == 0 {
		return lead.LogRead{}, false
	}
	run := eventlog.Run{Partition: p, From: eventlog.Position{Entry: uint64(from)}, To: all[len(all)-1].entry.At}
	in := lead.LogRead{}
	for _, e := range all {
		run.Entries = append(run.Entries, e.entry)
		in.Bodies = append(in.Bodies, e.body)
	}
	in.Run = run
	b.read[p] += len(all)
	return in, true
}

// pass lets time go by.
func (b *bed) pass(d time.Duration) {
	b.t.Helper()
	b.now += job.Time(d)
	b.step(lead.Due{})
}

func (b *bed) setting(generation uint64, queue string) {
	b.log.store(submitter, lead.Draft{Partition: eventlog.ControlPartition, Kind: eventlog.Facts},
		lead.Body{Settings: []lead.Setting{{Generation: generation, Queue: &lead.Queue{Name: queue, Weight: schedule.Million}}}})
}

// users writes facts or commands of users on a job set into the log.
func (b *bed) users(set string, body lead.Body) {
	b.log.store(submitter, lead.Draft{Partition: eventlog.PartitionOf("q", set, partitions), Kind: eventlog.Facts}, body)
}

func (b *bed) event(set string, events ...job.Event) {
	b.users(set, lead.Body{Batches: []job.Batch{{Queue: "q", JobSet: set, Cause: job.Cause{User: "ann", Service: "submit"}, Events: events}}})
}

// submit writes a job into the log and returns its id.
func (b *bed) submit(set string, id byte, cpu int64, change ...func(*job.SubmittedEvent)) job.ID {
	e := job.SubmittedEvent{
		Head: job.Head{Job: job.ID{id}, Time: b.now}, Class: "armada-default",
		Spec: &job.PodSpec{}, Shape: &job.Shape{Requests: []job.Amount{{Resource: "cpu", Value: cpu}}},
	}
	for _, c := range change {
		c(&e)
	}
	b.event(set, e)
	return e.Job
}

func preemptible(e *job.SubmittedEvent) { e.Class, e.Preemptible = "armada-preemptible", true }
func urgent(e *job.SubmittedEvent)      { e.Class = "urgent" }

func gang(id string, n uint32) func(*job.SubmittedEvent) {
	return func(e *job.SubmittedEvent) { e.Gang = job.Gang{ID: id, Cardinality: n} }
}

// grouped is a member of a gang in a group of it that is bound to a rack.
func grouped(id string, n uint32, group string) func(*job.SubmittedEvent) {
	return func(e *job.SubmittedEvent) {
		e.Gang = job.Gang{ID: id, Cardinality: n, Group: "all/" + group, GroupTiers: "/rack"}
	}
}

// elastic is a member of a gang of which some must run, in a group of it with a least.
func elastic(id string, n, least uint32, group string) func(*job.SubmittedEvent) {
	return func(e *job.SubmittedEvent) {
		e.Gang = job.Gang{ID: id, Cardinality: n, Min: least, Group: "all/" + group, GroupMins: "/1", GroupWants: "3/"}
	}
}

func node(name string, cpu int64) lead.Node {
	return lead.Node{Name: name, Total: []job.Amount{{Resource: "cpu", Value: cpu}, {Resource: "memory", Value: 1 << 30}}}
}

// connect opens a session of the executor "east".
func (b *bed) connect(session lead.Session, nodes ...lead.Node) {
	b.t.Helper()
	b.hello(session, nil, nodes...)
}

func (b *bed) hello(session lead.Session, runs []lead.KnownRun, nodes ...lead.Node) {
	b.t.Helper()
	b.helloOf(b.core.Epoch(), session, runs, nodes...)
}

// helloOf is a hello that was said when the executor obeyed an epoch.
func (b *bed) helloOf(epoch uint64, session lead.Session, runs []lead.KnownRun, nodes ...lead.Node) {
	b.t.Helper()
	b.step(lead.Connected{
		Session: session, Executor: "east", Pool: "default", Began: [16]byte{byte(session)}, Epoch: epoch, Runs: runs, Nodes: nodes,
	})
}

// report tells the core of runs in a session, numbered from a number.
func (b *bed) report(session lead.Session, from uint64, events ...job.Event) {
	b.t.Helper()
	in := lead.Reported{Session: session}
	for i, e := range events {
		in.Reports = append(in.Reports, lead.Report{Number: from + uint64(i), Event: e})
	}
	b.step(in)
}

// leases are those sent since the last look, which this is.
func (b *bed) leases() (list []lead.Lease) {
	for _, o := range b.sent {
		if o, ok := o.(lead.SendLeases); ok {
			list = append(list, o.Leases...)
		}
	}
	b.sent = slices.DeleteFunc(b.sent, func(o lead.Output) bool { _, ok := o.(lead.SendLeases); return ok })
	return list
}

// oneLease is the only lease sent since the last look.
func (b *bed) oneLease() lead.Lease {
	b.t.Helper()
	list := b.leases()
	if len(list) != 1 {
		b.t.Fatalf("%d leases were sent, want 1: %+v", len(list), list)
	}
	return list[0]
}

func (b *bed) acks() (reports []uint64, gos []job.RunID) {
	for _, o := range b.sent {
		if o, ok := o.(lead.Acknowledge); ok {
			reports, gos = append(reports, o.Reports...), append(gos, o.Go...)
		}
	}
	b.sent = slices.DeleteFunc(b.sent, func(o lead.Output) bool { _, ok := o.(lead.Acknowledge); return ok })
	return reports, gos
}

func (b *bed) stops() (stops []lead.Stop) {
	for _, o := range b.sent {
		if o, ok := o.(lead.SendStops); ok {
			stops = append(stops, o.Stops...)
		}
	}
	b.sent = slices.DeleteFunc(b.sent, func(o lead.Output) bool { _, ok := o.(lead.SendStops); return ok })
	return stops
}

// story is the events of a job in the log, by name, that job.Apply accepts.
func (b *bed) story(set string, id job.ID) (names []string) {
	var j job.Job
	for _, e := range b.log.entries[eventlog.PartitionOf("q", set, partitions)] {
		for _, batch := range e.body.Batches {
			for _, event := range batch.Events {
				if event.Of().Job != id {
					continue
				}
				if next, err := job.Apply(j, event); err == nil {
					j = next
					names = append(names, fmt.Sprintf("%T", event)[len("job."):len(fmt.Sprintf("%T", event))-len("Event")])
				}
			}
		}
	}
	return names
}

func (b *bed) wantStory(set string, id job.ID, want ...string) {
	b.t.Helper()
	if got := b.story(set, id); !slices.Equal(got, want) {
		b.t.Errorf("the story of job %x is %v, want %v", id[:1], got, want)
	}
}

func head(id job.ID) job.Head { return job.Head{Job: id, Time: 1} }

// clone is a log of the same entries that goes its own way.
func (l *log) clone() *log {
	c := newLog()
	c.epoch = l.epoch
	for p, list := range l.entries {
		c.entries[p] = slices.Clone(list)
	}
	for author, numbers := range l.sequences {
		c.sequences[author] = maps.Clone(numbers)
	}
	return c
}

// stories is all events of the log, partition by partition.
func stories(b *bed) string {
	var out strings.Builder
	for n := range uint32(partitions) {
		for _, e := range b.log.entries[eventlog.Partition{Stream: eventlog.Events, Number: n}] {
			fmt.Fprintf(&out, "%d %d/%d", n, e.entry.Epoch, e.entry.Plan)
			for _, batch := range e.body.Batches {
				fmt.Fprintf(&out, " %s %+v", batch.JobSet, batch.Events)
			}
			out.WriteByte('\n')
		}
	}
	return out.String()
}
