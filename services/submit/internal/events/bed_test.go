package events_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog/memlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/submit/internal/claim"
	"github.com/fairlead-batch/fairlead/services/submit/internal/events"
	"github.com/fairlead-batch/fairlead/services/submit/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const partitions = 4

// bed is what the processes of a test share: a log, a store and a clock that runs
// while somebody sleeps, and not else.
type bed struct {
	t      *testing.T
	broker *memlog.Broker
	store  *store.Memory
	ids    atomic.Uint64

	mu  sync.Mutex
	now time.Time
}

func newBed(t *testing.T) *bed {
	t.Helper()
	b := &bed{t: t, store: store.NewMemory(), now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
	broker, err := memlog.NewBroker(memlog.Config{Partitions: partitions, Retention: 24 * time.Hour}, memlog.ResendAll, b.time)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	b.broker = broker
	return b
}

func (b *bed) time() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

// pass lets time go by.
func (b *bed) pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

func (b *bed) clock() events.Clock {
	return events.Clock{
		Now:     b.time,
		Sleep:   func(ctx context.Context, d time.Duration) error { b.pass(d); return ctx.Err() },
		Timeout: context.WithTimeout, // of real time: nothing here waits for it unless a test says so
	}
}

func (b *bed) newID() (id [16]byte) {
	binary.BigEndian.PutUint64(id[8:], b.ids.Add(1))
	return id
}

func config() events.Config {
	return events.Config{
		Partitions: partitions, PublishTimeout: 10 * time.Second, SubmitWithin: time.Minute, Poll: 100 * time.Millisecond, PositionAge: time.Second,
		KeepClientIDs: 7 * 24 * time.Hour, RipeAfter: time.Minute, AbandonedAfter: 24 * time.Hour, RelayLease: 30 * time.Second, SweepMax: 100, ForgetMax: 2,
	}
}

// process is one start of submit.
type process struct {
	*events.Publisher
	bed *bed
	log *memlog.Log
	// store and appenders can be made to fail.
	store *faulty
	held  *holding
}

// start starts a process.
func (b *bed) start() *process { return b.startWith(config()) }

func (b *bed) startWith(cfg events.Config) *process {
	b.t.Helper()
	log, err := b.broker.Open(partitions)
	if err != nil {
		b.t.Fatal(err)
	}
	p := &process{bed: b, log: log, store: &faulty{Memory: b.store}, held: &holding{Log: log}}
	p.Publisher = events.New(cfg, events.Deps{
		Store: p.store, Log: p.held, Clock: b.clock(), NewID: b.newID, Metrics: prometheus.NewRegistry(),
	})
	if err := p.Open(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(log.Close)
	return p
}

// crash ends a process without a word.
func (p *process) crash() { p.log.Close() }

// faulty is the store as a process sees it that can be cut off.
type faulty struct {
	*store.Memory
	// confirm runs before a confirmation, whose error it may be.
	confirm func() error
	// reserved runs after a reservation.
	reserved func() error
	// isOpen runs before a question for an author.
	isOpen func()
}

func (f *faulty) Confirm(ctx context.Context, author eventlog.Author, id claim.ID) error {
	if f.confirm != nil {
		if err := f.confirm(); err != nil {
			return err
		}
	}
	return f.Memory.Confirm(ctx, author, id)
}

func (f *faulty) Reserve(ctx context.Context, c claim.Claim, wanted []claim.Wanted, dead []claim.ID) (claim.Reservation, error) {
	r, err := f.Memory.Reserve(ctx, c, wanted, dead)
	if f.reserved != nil && err == nil {
		err = f.reserved()
	}
	return r, err
}

func (f *faulty) AuthorIsOpen(ctx context.Context, author eventlog.Author) (bool, error) {
	if f.isOpen != nil {
		f.isOpen()
	}
	return f.Memory.AuthorIsOpen(ctx, author)
}

// holding is the log as a process sees it whose entries can be held up on their way.
type holding struct {
	eventlog.Log
	mu   sync.Mutex
	hold bool
	late []func()
	// appended runs after an append was durable and before it is known to be.
	appended func()
	// before runs before an append.
	before func()
	author eventlog.Author
}

func (h *holding) Appender(author eventlog.Author) (eventlog.Appender, error) {
	a, err := h.Log.Appender(author)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.author = author
	return &heldAppender{Appender: a, holding: h}, err
}

type heldAppender struct {
	eventlog.Appender
	*holding
}

func (a *heldAppender) Append(ctx context.Context, drafts ...eventlog.Draft) (*eventlog.Receipt, error) {
	if a.before != nil {
		a.before()
	}
	a.mu.Lock()
	hold := a.hold
	receipt := eventlog.NewReceipt()
	if hold {
		a.late = append(a.late, func() {
			if err := eventlog.Append(context.WithoutCancel(ctx), a.Appender, drafts...); err != nil {
				panic(err)
			}
		})
	}
	a.mu.Unlock()
	if hold {
		receipt.Settle(fmt.Errorf("%w: held by the test", eventlog.ErrUnknown))
		return receipt, nil
	}
	receipt, err := a.Appender.Append(ctx, drafts...)
	if err == nil && a.appended != nil {
		if err := receipt.Wait(ctx); err != nil {
			return nil, err
		}
		a.appended()
	}
	return receipt, err
}

// arrive lets through what was held.
func (h *holding) arrive() {
	h.mu.Lock()
	late := h.late
	h.late, h.hold = nil, false
	h.mu.Unlock()
	for _, f := range late {
		f()
	}
}

// submit sends jobs with these client ids to job set "set" of queue "q".
func (p *process) submit(clientIDs ...string) ([]job.ID, error) {
	return p.submitTo("set", clientIDs...)
}

func (p *process) submitTo(jobSet string, clientIDs ...string) ([]job.ID, error) {
	return p.Submit(p.bed.t.Context(), claim.Submission{
		Queue: "q", JobSet: jobSet, Cause: job.Cause{User: "ann"}, ClientIDs: clientIDs,
		Make: func(i int, id job.ID) (job.Event, error) {
			return job.SubmittedEvent{Head: job.Head{Job: id, Time: 1}, ClientID: clientIDs[i], Spec: &job.PodSpec{}, Shape: &job.Shape{}}, nil
		},
	})
}

func (p *process) mustSubmit(clientIDs ...string) []job.ID {
	p.bed.t.Helper()
	ids, err := p.submit(clientIDs...)
	if err != nil {
		p.bed.t.Fatal(err)
	}
	return ids
}

func wantUnavailable(t *testing.T, err error) {
	t.Helper()
	if fault.KindOf(err) != fault.Unavailable {
		t.Fatalf("error %v, want one of kind unavailable", err)
	}
}

// counted are the entries that count in a partition, for a reader from the beginning.
func (b *bed) counted(p eventlog.Partition) []eventlog.Entry {
	b.t.Helper()
	log, err := b.broker.Open(partitions)
	if err != nil {
		b.t.Fatal(err)
	}
	defer log.Close()
	bounds, err := log.Bounds(b.t.Context(), p)
	if err != nil {
		b.t.Fatal(err)
	}
	reader, err := log.Read(b.t.Context(), p, bounds.Oldest)
	if err != nil {
		b.t.Fatal(err)
	}
	defer reader.Close()
	var all []eventlog.Entry
	for at := bounds.Oldest; at.Before(bounds.Newest); {
		run, err := reader.Next(b.t.Context())
		if err != nil {
			b.t.Fatal(err)
		}
		all, at = append(all, run.Entries...), run.To
	}
	admitted, err := eventlog.Gate{}.Admit(all)
	if err != nil {
		b.t.Fatal(err)
	}
	return admitted.Entries
}

// jobs are the submissions that count, by client id.
func (b *bed) jobs() map[string][]job.ID {
	b.t.Helper()
	out := map[string][]job.ID{}
	for n := range uint32(partitions) {
		for _, e := range b.counted(eventlog.Partition{Stream: eventlog.Events, Number: n}) {
			if e.Kind != eventlog.Facts {
				continue
			}
			body, err := eventwire.Decode(e.Body)
			if err != nil {
				b.t.Fatal(err)
			}
			for _, batch := range body.Batches {
				for _, e := range batch.Events {
					if e, ok := e.(job.SubmittedEvent); ok {
						out[e.ClientID] = append(out[e.ClientID], e.Job)
					}
				}
			}
		}
	}
	return out
}

// wantJobs says that exactly these client ids have a job, one each, of this id.
func (b *bed) wantJobs(want map[string]job.ID) {
	b.t.Helper()
	got := b.jobs()
	for clientID, id := range want {
		if !slices.Equal(got[clientID], []job.ID{id}) {
			b.t.Errorf("client id %s has the jobs %v, want %v", clientID, got[clientID], id)
		}
	}
	if len(got) != len(want) {
		b.t.Errorf("jobs of %d client ids: %v, want %d", len(got), got, len(want))
	}
}

// closes are the closes of authors that count in a partition.
func (b *bed) closes(p eventlog.Partition) (out []eventlog.Author) {
	for _, e := range b.counted(p) {
		if e.Kind == eventlog.AuthorClosed {
			out = append(out, e.Closes)
		}
	}
	return out
}

// trimAll makes the log forget everything that p's next entries stand behind.
func (b *bed) trimAll(p *process) {
	b.t.Helper()
	b.pass(25 * time.Hour)
	p.mustSubmit("later")
	b.broker.Trim()
}
