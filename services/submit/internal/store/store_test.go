package store_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgtest"
	"github.com/fairlead-batch/fairlead/services/submit/internal/admit"
	"github.com/fairlead-batch/fairlead/services/submit/internal/claim"
	"github.com/fairlead-batch/fairlead/services/submit/internal/events"
	"github.com/fairlead-batch/fairlead/services/submit/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main(m)) }

// both is what the two stores are.
type both interface {
	events.Store
	queues
}

type queues interface {
	Queue(ctx context.Context, name string) (admit.Queue, error)
	Queues(ctx context.Context, behind string, atMost int) ([]admit.Queue, error)
	CreateQueue(ctx context.Context, q admit.Queue, at job.Time, cause job.Cause) (uint64, error)
	ChangeQueue(ctx context.Context, name string, change func(admit.Queue) admit.Queue, at job.Time, cause job.Cause) (uint64, error)
	DeleteQueue(ctx context.Context, name string, at job.Time, cause job.Cause) (uint64, error)
}

// suite runs every test of the store against both.
func suite(t *testing.T, test func(*testing.T, both)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		test(t, store.NewMemory())
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, store.New(pgtest.Schema(t, store.Migrations())))
	})
}

var (
	ann, bob = eventlog.Author{1}, eventlog.Author{2}
	noon     = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
)

func minutes(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }

func ok(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func wantClosed(t *testing.T, err error) {
	t.Helper()
	if err != claim.ErrAuthorClosed { //nolint:errorlint // it comes as it is, also for a switch
		t.Fatalf("error %v, want %v", err, claim.ErrAuthorClosed)
	}
}

// made is a claim of an author, as a caller hands it in.
func made(id byte, by eventlog.Author) claim.Claim {
	return claim.Claim{
		ID: claim.ID{id}, Queue: "q", Author: by, Partition: eventlog.Partition{Stream: eventlog.Events, Number: 3},
		After: eventlog.Position{Incarnation: 1, Ledger: 2, Entry: uint64(id), Batch: 4}, Made: minutes(int(id)),
	}
}

func wanted(first int, clientIDs ...string) (out []claim.Wanted) {
	for i, id := range clientIDs {
		out = append(out, claim.Wanted{ClientID: id, Job: jobID(first + i)})
	}
	return out
}

func jobID(n int) job.ID { return job.ID{0: 7, 15: byte(n)} }

func reserve(t *testing.T, s both, c claim.Claim, want []claim.Wanted, dead ...claim.ID) claim.Reservation {
	t.Helper()
	r, err := s.Reserve(t.Context(), c, want, dead)
	ok(t, err)
	return r
}

func compare(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

func TestAuthors(t *testing.T) {
	t.Parallel()
	suite(t, func(t *testing.T, s both) {
		t.Helper()
		ctx := t.Context()
		ok(t, s.OpenAuthor(ctx, ann, minutes(0)), s.OpenAuthor(ctx, bob, minutes(1)))
		if s.OpenAuthor(ctx, ann, minutes(0)) == nil {
			t.Error("an author was opened twice")
		}
		abandoned := func(before time.Time, atMost int) []eventlog.Author {
			list, err := s.AbandonedAuthors(ctx, before, atMost)
			ok(t, err)
			return list
		}
		compare(t, "abandoned, oldest first", []eventlog.Author{ann, bob}, abandoned(minutes(2), 9))
		compare(t, "at most one", []eventlog.Author{ann}, abandoned(minutes(2), 1))
		ok(t, s.RenewAuthor(ctx, ann, minutes(5)))
		compare(t, "ann is renewed", []eventlog.Author{bob}, abandoned(minutes(2), 9))

		ok(t, s.CloseAuthor(ctx, ann, bob, minutes(6)))
		open, err := s.AuthorIsOpen(ctx, bob)
		ok(t, err)
		if open {
			t.Error("bob is open after his close")
		}
		wantClosed(t, s.RenewAuthor(ctx, bob, minutes(7)))
		wantClosed(t, s.CloseAuthor(ctx, bob, ann, minutes(7)))
		if open, err = s.AuthorIsOpen(ctx, ann); !open || err != nil {
			t.Errorf("ann: open %v, error %v: a closed author closed another", open, err)
		}
		ok(t, s.CloseAuthor(ctx, ann, bob, minutes(8)), s.CloseAuthor(ctx, ann, eventlog.Author{9}, minutes(8)))

		unannounced, err := s.UnannouncedAuthors(ctx, minutes(7), 9)
		ok(t, err)
		compare(t, "closed at 6, whatever came later", []eventlog.Author{bob}, unannounced)
		if n, err := s.ForgetAuthors(ctx, minutes(9)); n != 0 || err != nil {
			t.Errorf("forgot %d, error %v: nobody was announced", n, err)
		}
		ok(t, s.AnnounceAuthor(ctx, bob), s.AnnounceAuthor(ctx, ann)) // ann is open: no effect
		if n, err := s.ForgetAuthors(ctx, minutes(6)); n != 0 || err != nil {
			t.Errorf("forgot %d, error %v: bob was closed at 6", n, err)
		}
		if n, err := s.ForgetAuthors(ctx, minutes(9)); n != 1 || err != nil {
			t.Errorf("forgot %d, error %v: want bob", n, err)
		}
		open, err = s.AuthorIsOpen(ctx, bob)
		ok(t, err)
		if open {
			t.Error("an author that is gone is open")
		}
		ok(t, s.CloseAuthor(ctx, ann, ann, minutes(9)))
		wantClosed(t, s.CloseAuthor(ctx, ann, ann, minutes(9)))
	})
}

func TestReserveConfirmRepeat(t *testing.T) {
	t.Parallel()
	suite(t, func(t *testing.T, s both) {
		t.Helper()
		ctx := t.Context()
		ok(t, s.OpenAuthor(ctx, ann, minutes(0)))
		r := reserve(t, s, made(1, ann), wanted(1, "a", "b"))
		compare(t, "new", claim.Reservation{Held: []claim.Held{{Job: jobID(1)}, {Job: jobID(2)}}}, r)

		pending := made(1, ann)
		pending.ClientIDs, pending.Job = []string{"a", "b"}, jobID(1)
		r = reserve(t, s, made(2, ann), wanted(3, "c", "b"))
		compare(t, "in the way", claim.Reservation{Pending: []claim.Claim{pending}}, normal(r))
		r = reserve(t, s, made(3, ann), wanted(5, "c"))
		compare(t, "nothing was reserved then", claim.Reservation{Held: []claim.Held{{Job: jobID(5)}}}, r)

		other := made(4, ann)
		other.Queue = "other"
		r = reserve(t, s, other, wanted(6, "a"))
		compare(t, "another queue", claim.Reservation{Held: []claim.Held{{Job: jobID(6)}}}, r)

		ok(t, s.Confirm(ctx, ann, claim.ID{1}), s.Confirm(ctx, ann, claim.ID{1})) // twice is once
		r = reserve(t, s, made(5, ann), wanted(7, "d", "b", "a"))
		want := claim.Reservation{Held: []claim.Held{{Job: jobID(7)}, {Job: jobID(2), Published: true}, {Job: jobID(1), Published: true}}}
		compare(t, "repeats", want, r)
		old, err := s.OldClaims(ctx, minutes(6), 9)
		ok(t, err)
		var ids []string
		for _, c := range old {
			ids = append(ids, fmt.Sprint(c.ID[0], c.ClientIDs))
		}
		compare(t, "claims are for what is new", []string{"3 [c]", "4 [a]", "5 [d]"}, ids)
		compare(t, "repeats alone make no claim", []claim.Held{{Job: jobID(1), Published: true}}, reserve(t, s, made(6, ann), wanted(9, "a")).Held)
		if old, err = s.OldClaims(ctx, minutes(60), 9); len(old) != 3 || err != nil {
			t.Errorf("%d claims, error %v: want 3", len(old), err)
		}
	})
}

// normal puts times into one zone: Postgres gives them in the machine's.
func normal(r claim.Reservation) claim.Reservation {
	for i := range r.Pending {
		r.Pending[i].Made = r.Pending[i].Made.UTC()
	}
	return r
}

func TestClosedAuthorReservesAndConfirmsNothing(t *testing.T) {
	t.Parallel()
	suite(t, func(t *testing.T, s both) {
		t.Helper()
		ctx := t.Context()
		ok(t, s.OpenAuthor(ctx, ann, minutes(0)), s.OpenAuthor(ctx, bob, minutes(0)))
		reserve(t, s, made(1, ann), wanted(1, "a"))
		ok(t, s.CloseAuthor(ctx, bob, ann, minutes(2)))
		_, err := s.Reserve(ctx, made(2, ann), wanted(2, "b"), nil)
		wantClosed(t, err)
		wantClosed(t, s.Confirm(ctx, ann, claim.ID{1}))
		if r := reserve(t, s, made(3, bob), wanted(3, "a")); len(r.Pending) != 1 {
			t.Errorf("a is %v: want pending as before", r)
		}
	})
}

func TestDeadClaimsAreAdopted(t *testing.T) {
	t.Parallel()
	suite(t, func(t *testing.T, s both) {
		t.Helper()
		ctx := t.Context()
		ok(t, s.OpenAuthor(ctx, ann, minutes(0)), s.OpenAuthor(ctx, bob, minutes(0)))
		reserve(t, s, made(1, ann), wanted(1, "a", "b", "c"))
		ok(t, s.CloseAuthor(ctx, bob, ann, minutes(2)))
		r := reserve(t, s, made(2, bob), wanted(4, "a", "d", "b"), claim.ID{1})
		compare(t, "adopted with their jobs", []claim.Held{{Job: jobID(1)}, {Job: jobID(5)}, {Job: jobID(2)}}, r.Held)
		// A second one that thinks the same finds the row changed: compare and set.
		r = reserve(t, s, made(3, bob), wanted(7, "a"), claim.ID{1})
		if len(r.Pending) != 1 || r.Pending[0].ID != (claim.ID{2}) {
			t.Errorf("reservation %v: want claim 2 in the way", r)
		}
		ok(t, s.Drop(ctx, claim.ID{1})) // c alone is left under it
		r = reserve(t, s, made(4, bob), wanted(8, "c"))
		compare(t, "c is free", []claim.Held{{Job: jobID(8)}}, r.Held)
		r = reserve(t, s, made(5, bob), wanted(9, "b"), claim.ID{2}, claim.ID{4})
		compare(t, "b goes on", []claim.Held{{Job: jobID(2)}}, r.Held)
		r = reserve(t, s, made(6, bob), wanted(9, "a", "d"), claim.ID{2})
		compare(t, "so do the last ones", []claim.Held{{Job: jobID(1)}, {Job: jobID(5)}}, r.Held)
		old, err := s.OldClaims(ctx, minutes(60), 9)
		ok(t, err)
		if len(old) != 3 || old[0].ID != (claim.ID{4}) {
			t.Errorf("claims %v: want 4, 5 and 6: one that nothing is left under is gone", old)
		}
	})
}

func TestSettleAndDrop(t *testing.T) {
	t.Parallel()
	suite(t, func(t *testing.T, s both) {
		t.Helper()
		ctx := t.Context()
		ok(t, s.OpenAuthor(ctx, ann, minutes(0)))
		reserve(t, s, made(1, ann), wanted(1, "a"))
		reserve(t, s, made(2, ann), wanted(2, "b"))
		ok(t, s.Settle(ctx, claim.ID{1}), s.Drop(ctx, claim.ID{2}), s.Settle(ctx, claim.ID{9}), s.Drop(ctx, claim.ID{9}))
		r := reserve(t, s, made(3, ann), wanted(3, "a", "b"))
		compare(t, "settled and dropped", []claim.Held{{Job: jobID(1), Published: true}, {Job: jobID(4)}}, r.Held)
		ok(t, s.Drop(ctx, claim.ID{1})) // what is published stays
		r = reserve(t, s, made(4, ann), wanted(5, "a"))
		compare(t, "still published", []claim.Held{{Job: jobID(1), Published: true}}, r.Held)
	})
}

func TestClaimsAreListedOldestFirst(t *testing.T) {
	t.Parallel()
	suite(t, func(t *testing.T, s both) {
		t.Helper()
		ctx := t.Context()
		ok(t, s.OpenAuthor(ctx, ann, minutes(0)))
		for _, n := range []byte{3, 1, 2} {
			reserve(t, s, made(n, ann), wanted(int(n), fmt.Sprint(n)))
		}
		old, err := s.OldClaims(ctx, minutes(3), 9)
		ok(t, err)
		for i := range old {
			old[i].Made = old[i].Made.UTC()
		}
		one, two := made(1, ann), made(2, ann)
		one.ClientIDs, one.Job = []string{"1"}, jobID(1)
		two.ClientIDs, two.Job = []string{"2"}, jobID(2)
		compare(t, "older than 3 minutes", []claim.Claim{one, two}, old)
		old, err = s.OldClaims(ctx, minutes(9), 1)
		if len(old) != 1 || old[0].ID != one.ID || err != nil {
			t.Errorf("at most one: %v, error %v", old, err)
		}
	})
}

func TestClientIDsAreForgotten(t *testing.T) {
	t.Parallel()
	suite(t, func(t *testing.T, s both) {
		t.Helper()
		ctx := t.Context()
		ok(t, s.OpenAuthor(ctx, ann, minutes(0)))
		for n := range byte(4) {
			reserve(t, s, made(n+1, ann), wanted(int(n), fmt.Sprint(n+1)))
		}
		ok(t, s.Confirm(ctx, ann, claim.ID{1}), s.Confirm(ctx, ann, claim.ID{2}), s.Confirm(ctx, ann, claim.ID{4}))
		forget := func(before, atMost, want int) {
			t.Helper()
			if n, err := s.ForgetClientIDs(ctx, minutes(before), atMost); n != want || err != nil {
				t.Fatalf("forgot %d before %d, error %v, want %d", n, before, err, want)
			}
		}
		forget(4, 1, 1)
		r := reserve(t, s, made(9, ann), wanted(50, "1", "2"))
		compare(t, "the oldest went first", []claim.Held{{Job: jobID(50)}, {Job: jobID(1), Published: true}}, r.Held)
		forget(4, 9, 1) // 2; 3 is pending, 4 too young
		forget(4, 9, 0)
		r = reserve(t, s, made(10, ann), wanted(60, "2", "4"))
		compare(t, "what is left", []claim.Held{{Job: jobID(60)}, {Job: jobID(3), Published: true}}, r.Held)
		if r = reserve(t, s, made(11, ann), wanted(70, "3")); len(r.Pending) != 1 {
			t.Errorf("3 is %v: a pending one must not be forgotten", r)
		}
	})
}

// Whoever comes at once, one gets the client id.
func TestConcurrentReservationsOfOneClientID(t *testing.T) {
	t.Parallel()
	suite(t, func(t *testing.T, s both) {
		t.Helper()
		ctx := t.Context()
		ok(t, s.OpenAuthor(ctx, ann, minutes(0)))
		const many = 8
		won := make([]int, many)
		var group sync.WaitGroup
		for i := range many {
			group.Go(func() {
				// In different orders: who waits for whom must not make a circle.
				ids := []string{"a", "b", "c"}
				if i%2 == 1 {
					ids = []string{"c", "b", "a"}
				}
				r, err := s.Reserve(ctx, made(byte(i+1), ann), wanted(10*i, ids...), nil)
				if err != nil {
					t.Error(err)
				}
				won[i] = len(r.Held)
			})
		}
		group.Wait()
		total := 0
		for _, n := range won {
			total += n
		}
		if total != 3 {
			t.Errorf("held %v: want one winner of three ids", won)
		}
	})
}

func queue(name string) admit.Queue {
	return admit.Queue{
		Name: name, PriorityFactor: 2.5, Cordoned: true,
		Permissions:   admit.Owners([]string{"ann"}, nil),
		Limits:        []admit.ClassLimit{{Class: "c", Pool: "p", Fractions: map[string]float64{"cpu": 0.25}}},
		Labels:        map[string]string{"k": "v"},
		RetryPolicies: []string{"r"},
		Parent:        "team",
		Quotas:        []admit.Quota{{Pool: "gpu", Guarantee: map[string]int64{"cpu": 20_000}, Borrow: map[string]int64{"cpu": 1}, Lend: map[string]int64{"memory": 2}}},
		OldLimits:     map[string]float64{"cpu": 1},
		OldLabels:     []string{"l"},
	}
}

func TestQueues(t *testing.T) {
	t.Parallel()
	suite(t, func(t *testing.T, s both) {
		t.Helper()
		ctx := t.Context()
		cause := job.Cause{User: "ann", Groups: []string{"g"}, Service: "submit"}
		if _, err := s.Queue(ctx, "b"); fault.KindOf(err) != fault.NotFound || err.Error() != `could not find queue "b"` {
			t.Errorf("error %v", err)
		}
		for i, name := range []string{"b", "a", "B"} {
			generation, err := s.CreateQueue(ctx, queue(name), job.Time(i), cause)
			if generation != uint64(i+1) || err != nil {
				t.Fatalf("generation %d, error %v", generation, err)
			}
		}
		if _, err := s.CreateQueue(ctx, queue("a"), 0, cause); fault.KindOf(err) != fault.Exists || err.Error() != `queue "a" already exists` {
			t.Errorf("error %v", err)
		}
		got, err := s.Queue(ctx, "a")
		ok(t, err)
		compare(t, "queue", queue("a"), got)
		list, err := s.Queues(ctx, "", 0)
		ok(t, err)
		compare(t, "by name, byte by byte", []admit.Queue{queue("B"), queue("a"), queue("b")}, list)
		list, err = s.Queues(ctx, "B", 1)
		ok(t, err)
		compare(t, "one behind B", []admit.Queue{queue("a")}, list)

		uncordon := func(q admit.Queue) admit.Queue { q.Cordoned = false; return q }
		generation, err := s.ChangeQueue(ctx, "a", uncordon, 7, cause)
		if generation != 4 || err != nil {
			t.Fatalf("generation %d, error %v", generation, err)
		}
		if got, err = s.Queue(ctx, "a"); got.Cordoned || err != nil {
			t.Errorf("cordoned %v, error %v", got.Cordoned, err)
		}
		if _, err = s.ChangeQueue(ctx, "none", uncordon, 0, cause); fault.KindOf(err) != fault.NotFound {
			t.Errorf("error %v, want not found", err)
		}
		if generation, err = s.DeleteQueue(ctx, "b", 8, cause); generation != 5 || err != nil {
			t.Errorf("generation %d, error %v", generation, err)
		}
		if generation, err = s.DeleteQueue(ctx, "b", 9, cause); generation != 0 || err != nil {
			t.Errorf("generation %d, error %v: nothing was there", generation, err)
		}

		outbox, err := s.Outbox(ctx)
		ok(t, err)
		a, b, upper, changed := queue("a"), queue("b"), queue("B"), uncordon(queue("a"))
		compare(t, "outbox", []admit.Setting{
			{Generation: 1, Time: 0, Cause: cause, Set: &b},
			{Generation: 2, Time: 1, Cause: cause, Set: &a},
			{Generation: 3, Time: 2, Cause: cause, Set: &upper},
			{Generation: 4, Time: 7, Cause: cause, Set: &changed},
			{Generation: 5, Time: 8, Cause: cause, Deleted: "b"},
		}, outbox)
	})
}

func TestOutboxIsEmptiedByAnOpenAuthor(t *testing.T) {
	t.Parallel()
	suite(t, func(t *testing.T, s both) {
		t.Helper()
		ctx := t.Context()
		ok(t, s.OpenAuthor(ctx, ann, minutes(0)), s.RaiseGeneration(ctx, 40), s.RaiseGeneration(ctx, 7))
		for i := range 3 {
			generation, err := s.CreateQueue(ctx, queue(fmt.Sprint(i)), 0, job.Cause{})
			if generation != uint64(41+i) || err != nil {
				t.Fatalf("generation %d, error %v", generation, err)
			}
		}
		waiting := func(generation uint64, want bool) {
			t.Helper()
			if got, err := s.Waiting(ctx, generation); got != want || err != nil {
				t.Errorf("waiting up to %d: %v, error %v", generation, got, err)
			}
		}
		waiting(40, false)
		waiting(41, true)
		ok(t, s.Relayed(ctx, ann, 42))
		waiting(42, false)
		waiting(43, true)
		ok(t, s.CloseAuthor(ctx, ann, ann, minutes(1)))
		wantClosed(t, s.Relayed(ctx, ann, 43))
		waiting(43, true)
	})
}

// Generations become visible in order, however many changes run at once: so whoever
// has seen one has seen all lower ones.
func TestGenerationsAreVisibleInOrder(t *testing.T) {
	t.Parallel()
	suite(t, func(t *testing.T, s both) {
		t.Helper()
		const many = 20
		var group sync.WaitGroup
		for i := range many {
			group.Go(func() {
				if _, err := s.CreateQueue(t.Context(), queue(fmt.Sprint(i)), 0, job.Cause{}); err != nil {
					t.Error(err)
				}
			})
		}
		for seen := 0; seen < many; {
			outbox, err := s.Outbox(t.Context())
			ok(t, err)
			for i, setting := range outbox {
				if setting.Generation != uint64(i+1) {
					t.Fatalf("generation %d is at place %d: one is missing before it", setting.Generation, i+1)
				}
			}
			seen = len(outbox)
			if t.Failed() {
				break
			}
		}
		group.Wait()
	})
}

func TestRelayIsLeasedToOne(t *testing.T) {
	t.Parallel()
	suite(t, func(t *testing.T, s both) {
		t.Helper()
		ctx := t.Context()
		lease := func(holder byte, now, till int, want bool) {
			t.Helper()
			if got, err := s.LeaseRelay(ctx, claim.ID{holder}, minutes(now), minutes(till)); got != want || err != nil {
				t.Errorf("lease for %d at %d: %v, error %v", holder, now, got, err)
			}
		}
		lease(1, 0, 5, true)
		lease(2, 1, 6, false)
		lease(1, 1, 6, false) // once more is somebody else, too
		ok(t, s.ReleaseRelay(ctx, claim.ID{2}))
		lease(2, 2, 7, false)
		ok(t, s.ReleaseRelay(ctx, claim.ID{1}))
		lease(2, 3, 8, true)
		lease(3, 9, 12, true) // 2 is silent for too long
		ok(t, s.ReleaseRelay(ctx, claim.ID{2}))
		lease(4, 10, 13, false)
	})
}

func TestInstallation(t *testing.T) {
	t.Parallel()
	suite(t, func(t *testing.T, s both) {
		t.Helper()
		ctx := t.Context()
		check := func(want eventwire.LogCreated, wantRecorded bool) {
			t.Helper()
			got, recorded, err := s.Installation(ctx)
			ok(t, err)
			if got != want || recorded != wantRecorded {
				t.Errorf("agreed %v, recorded %v", got, recorded)
			}
		}
		check(eventwire.LogCreated{}, false)
		first := eventwire.LogCreated{Installation: "i", Incarnation: 1, Partitions: 16}
		ok(t, s.AgreeInstallation(ctx, first), s.AgreeInstallation(ctx, eventwire.LogCreated{Installation: "other", Incarnation: 2, Partitions: 4}))
		check(first, false)
		ok(t, s.RecordInstallation(ctx))
		check(first, true)
	})
}
