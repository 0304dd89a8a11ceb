package events_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog/memlog"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/submit/internal/claim"
)

// errCut is what a store says that a process is cut off from.
var errCut = errors.New("cut off")

func TestRepeatGetsTheFirstID(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	one, two := b.start(), b.start()
	first := one.mustSubmit("a", "b")
	again := two.mustSubmit("b", "c", "a")
	if again[0] != first[1] || again[2] != first[0] || again[1] == first[0] {
		t.Errorf("first %v, again %v", first, again)
	}
	other, err := one.submitTo("another set", "a")
	if err != nil || other[0] != first[0] {
		t.Errorf("in another job set: %v, error %v, want %v", other, err, first[0])
	}
	b.wantJobs(map[string]job.ID{"a": first[0], "b": first[1], "c": again[1]})
}

func TestRepeatInsideOneRequestGetsTheFirstID(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	ids := b.start().mustSubmit("a", "", "a", "", "a")
	if ids[0] != ids[2] || ids[0] != ids[4] || ids[1] == ids[3] || ids[1] == ids[0] {
		t.Errorf("ids %v", ids)
	}
	got := b.jobs()
	if diff := cmp.Diff(map[string][]job.ID{"a": {ids[0]}, "": {ids[1], ids[3]}}, got); diff != "" {
		t.Errorf("jobs (-want +got):\n%s", diff)
	}
}

func TestARequestIsOneEntry(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	p := b.start()
	p.mustSubmit("a", "b", "")
	p.mustSubmit("", "")
	if got := len(b.counted(p.PartitionOf("q", "set"))); got != 2 {
		t.Errorf("%d entries for two requests", got)
	}
}

// Requests with one client id run at once in two processes, where the log loses
// answers and requests: there is one job, and all are told its id.
func TestConcurrentRequestsWithOneClientID(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		b := newBed(t)
		processes := []*process{b.start(), b.start()}
		lots := rand.New(rand.NewPCG(seed, 0))
		for range 6 {
			b.broker.Fail(memlog.Fate(lots.IntN(4)))
		}
		got := make([]job.ID, 8)
		var group sync.WaitGroup
		for i := range got {
			group.Go(func() {
				for {
					ids, err := processes[i%2].submit(fmt.Sprint("other ", i), "a")
					if err == nil {
						got[i] = ids[1]
						return
					}
					if fault.KindOf(err) != fault.Unavailable {
						t.Error(err)
						return
					}
				}
			})
		}
		group.Wait()
		for _, id := range got {
			if id != got[0] {
				t.Fatalf("seed %d: ids %v", seed, got)
			}
		}
		for clientID, jobs := range b.jobs() {
			if len(jobs) != 1 {
				t.Fatalf("seed %d: client id %s has jobs %v", seed, clientID, jobs)
			}
		}
	}
}

// A process dies when its entry is durable and nobody has noted it.
func TestCrashBetweenAppendAndConfirm(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	dying := b.start()
	dying.store.confirm = func() error { dying.crash(); return errCut }
	if _, err := dying.submit("a", "b"); !errors.Is(err, errCut) {
		t.Fatal(err)
	}
	before := b.time()
	ids := b.start().mustSubmit("b", "c", "a")
	if waited := b.time().Sub(before); waited < 10*time.Second || waited > 11*time.Second {
		t.Errorf("waited %s: a young claim is waited for, an old one is not", waited)
	}
	b.wantJobs(map[string]job.ID{"a": ids[2], "b": ids[0], "c": ids[1]})
}

// A process dies when it has taken the client ids and published nothing. Its jobs
// are published by the one who comes next, under the ids they were given.
func TestCrashBetweenReserveAndAppend(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	dying := b.start()
	dying.store.reserved = func() error { dying.crash(); return errCut }
	if _, err := dying.submit("a", "b"); !errors.Is(err, errCut) {
		t.Fatal(err)
	}
	b.pass(time.Hour)
	reserved, err := b.store.OldClaims(t.Context(), b.time(), 9)
	if err != nil || len(reserved) != 1 {
		t.Fatalf("claims %v, error %v", reserved, err)
	}
	ids := b.start().mustSubmit("c", "a", "b")
	if ids[1] != reserved[0].Job {
		t.Errorf("a got %v, and was reserved for %v", ids[1], reserved[0].Job)
	}
	b.wantJobs(map[string]job.ID{"a": ids[1], "b": ids[2], "c": ids[0]})
	if left, err := b.store.OldClaims(t.Context(), b.time().Add(time.Hour), 9); len(left) != 0 || err != nil {
		t.Errorf("claims left: %v, error %v", left, err)
	}
}

// An entry is on its way for so long that its claim was resolved: when it arrives
// after all, it does not count.
func TestLateEntryBehindTheCloseDoesNotCount(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	slow, other := b.start(), b.start()
	slow.held.hold = true
	_, err := slow.submit("a")
	wantUnavailable(t, err)
	b.pass(11 * time.Second)
	ids := other.mustSubmit("a")
	slow.held.arrive()
	b.wantJobs(map[string]job.ID{"a": ids[0]})
	again := slow.mustSubmitAfterUnavailable("a", "b")
	if again[0] != ids[0] {
		t.Errorf("a is %v to the one and %v to the other", again[0], ids[0])
	}
	b.wantJobs(map[string]job.ID{"a": ids[0], "b": again[1]})
}

// mustSubmitAfterUnavailable is what a client does.
func (p *process) mustSubmitAfterUnavailable(clientIDs ...string) []job.ID {
	p.bed.t.Helper()
	ids, err := p.submit(clientIDs...)
	if fault.KindOf(err) == fault.Unavailable {
		ids, err = p.submit(clientIDs...)
	}
	if err != nil {
		p.bed.t.Fatal(err)
	}
	return ids
}

// The outcome of a publication is unknown, and the client comes back a day later:
// to another process, or to the same one, which must close itself for it.
func TestUnknownOutcomeRetriedADayLater(t *testing.T) {
	t.Parallel()
	for name, arrives := range map[string]bool{"which had arrived": true, "which never arrived": false} {
		for _, same := range []bool{true, false} {
			t.Run(fmt.Sprint(name, ", same process ", same), func(t *testing.T) {
				t.Parallel()
				b := newBed(t)
				p := b.start()
				p.held.hold = true
				_, err := p.submit("a")
				wantUnavailable(t, err)
				if arrives {
					p.held.arrive()
				}
				p.held.mu.Lock()
				p.held.hold = false
				p.held.mu.Unlock()
				b.pass(23 * time.Hour)
				retrier := p
				if !same {
					retrier = b.start()
				}
				ids := retrier.mustSubmit("a")
				p.held.arrive() // now at the latest
				b.wantJobs(map[string]job.ID{"a": ids[0]})
			})
		}
	}
}

// A process that was paused while others closed its author gets an OK from the
// log, and must not pass it on.
func TestClosedAuthorGetsUnavailableThenSuccess(t *testing.T) {
	t.Parallel()
	tests := map[string][]string{"with client ids": {"a", "b"}, "without": {"", ""}}
	for name, clientIDs := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			paused, other := b.start(), b.start()
			mine, closer := paused.held.author, other.held.author
			paused.held.appended = func() {
				paused.held.appended = nil
				if err := b.store.CloseAuthor(t.Context(), closer, mine, b.time()); err != nil {
					t.Error(err)
				}
			}
			_, err := paused.submit(clientIDs...)
			wantUnavailable(t, err)
			if paused.held.author == mine {
				t.Error("the process has no new author")
			}
			before := b.time()
			ids, err := paused.submit(clientIDs...)
			if err != nil {
				t.Fatal(err)
			}
			if waited := b.time().Sub(before); waited > 0 {
				t.Errorf("waited %s for a claim whose author is closed", waited)
			}
			if clientIDs[0] != "" {
				b.wantJobs(map[string]job.ID{"a": ids[0], "b": ids[1]})
			}
		})
	}
}

// An author that is closed before anything was published costs the caller nothing.
func TestClosedAuthorIsReplacedBeforeAnythingIsPublished(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	p, other := b.start(), b.start()
	if err := b.store.CloseAuthor(t.Context(), other.held.author, p.held.author, b.time()); err != nil {
		t.Fatal(err)
	}
	ids := p.mustSubmit("a")
	b.wantJobs(map[string]job.ID{"a": ids[0]})
}

// A resolver whose own author is closed meanwhile cannot trust its close: it
// begins again as another author.
func TestResolverWhoseAuthorIsClosedBeginsAgain(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	slow, resolver, third := b.start(), b.start(), b.start()
	slow.held.hold = true
	_, err := slow.submit("a")
	wantUnavailable(t, err)
	b.pass(11 * time.Second)
	mine := resolver.held.author
	partition := resolver.PartitionOf("q", "set")
	// Before the resolver's close is written, it is closed itself, in the log too.
	closeIt := func() {
		if err := b.store.CloseAuthor(t.Context(), third.held.author, mine, b.time()); err != nil {
			t.Error(err)
		}
		if err := third.Publish(t.Context(), eventlog.Draft{Partition: partition, Kind: eventlog.AuthorClosed, Closes: mine}); err != nil {
			t.Error(err)
		}
	}
	resolver.held.before = func() { resolver.held.before = nil; closeIt() }
	ids := resolver.mustSubmit("a")
	slow.held.arrive()
	b.wantJobs(map[string]job.ID{"a": ids[0]})
	if resolver.held.author == mine {
		t.Error("the resolver has no new author")
	}
}

// A large request is refused before anything is written: no entry, and its client
// ids are free.
func TestTooLargeIsRefusedBeforeAnythingIsWritten(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	p := b.start()
	noise := make([]byte, 5<<20)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	_, err := p.Submit(t.Context(), claim.Submission{
		Queue: "q", JobSet: "set", ClientIDs: []string{"a"},
		Make: func(_ int, id job.ID) (job.Event, error) {
			return job.SubmittedEvent{Head: job.Head{Job: id}, Spec: &job.PodSpec{Bytes: noise}, Shape: &job.Shape{}}, nil
		},
	})
	if fault.KindOf(err) != fault.TooLarge || !strings.Contains(err.Error(), "4 MiB") {
		t.Fatalf("error %v, want too large and the limit", err)
	}
	claims, err := b.store.OldClaims(t.Context(), b.time().Add(time.Hour), 9)
	if err != nil || len(claims) != 0 || len(b.jobs()) != 0 {
		t.Errorf("claims %v, jobs %v, error %v", claims, b.jobs(), err)
	}
}

// What the log refuses to take is not there, so its client ids are freed at once.
func TestRefusedAppendFreesTheClientIDs(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	p := b.start()
	p.store.reserved = func() error { p.log.Close(); return nil }
	_, err := p.submit("a")
	wantUnavailable(t, err)
	before := b.time()
	ids := b.start().mustSubmit("a")
	if b.time() != before {
		t.Error("the client id was not free")
	}
	b.wantJobs(map[string]job.ID{"a": ids[0]})
}

func TestNothingToPublish(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	p := b.start()
	if ids := p.mustSubmit(); len(ids) != 0 || len(b.counted(p.PartitionOf("q", "set"))) != 0 {
		t.Errorf("ids %v of no jobs", ids)
	}
}

// Repeats and new jobs without client ids in one request: there is no claim, and
// the author is looked at all the same.
func TestRepeatsBesideJobsWithoutClientIDs(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	p := b.start()
	first := p.mustSubmit("a")
	ids := p.mustSubmit("a", "")
	if ids[0] != first[0] {
		t.Errorf("ids %v, first %v", ids, first)
	}
	if diff := cmp.Diff(map[string][]job.ID{"a": first, "": {ids[1]}}, b.jobs()); diff != "" {
		t.Errorf("jobs (-want +got):\n%s", diff)
	}
	mine, closer := p.held.author, b.start().held.author
	p.held.appended = func() {
		if err := b.store.CloseAuthor(t.Context(), closer, mine, b.time()); err != nil {
			t.Error(err)
		}
	}
	_, err := p.submit("a", "")
	wantUnavailable(t, err)
}

// A close that does not count, since its author was closed before it, ends nothing:
// an entry behind it may count, and is looked for behind it.
func TestCloseThatDoesNotCountIsReadOver(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	slow, paused, third := b.start(), b.start(), b.start()
	slow.held.hold = true
	_, err := slow.submit("a")
	wantUnavailable(t, err)
	b.pass(11 * time.Second)
	// A resolver closes the row, and its close is on its way for long.
	paused.held.hold = true
	_, err = paused.submit("a")
	wantUnavailable(t, err)
	if b.open(slow.held.author) {
		t.Fatal("the row of the claim's author is open")
	}
	partition := third.PartitionOf("q", "set")
	if err := b.store.CloseAuthor(t.Context(), third.held.author, paused.held.author, b.time()); err != nil {
		t.Fatal(err)
	}
	if err := third.Publish(t.Context(), eventlog.Draft{Partition: partition, Kind: eventlog.AuthorClosed, Closes: paused.held.author}); err != nil {
		t.Fatal(err)
	}
	paused.held.arrive()
	slow.held.arrive()
	ids := third.mustSubmit("a")
	b.wantJobs(map[string]job.ID{"a": ids[0]})
}
