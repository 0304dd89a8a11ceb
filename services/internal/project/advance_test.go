package project_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/project"
)

// TestMemory and TestPostgres pass one suite.
func TestMemory(t *testing.T) {
	t.Parallel()
	suite(t, openMemory)
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	suite(t, openPostgres)
}

func suite[Tx any](t *testing.T, open func(t *testing.T) database[Tx]) {
	t.Helper()
	tests := map[string]func(t *testing.T, db database[Tx]){
		"redelivery and overlap":                              testOverlap[Tx],
		"the gate counts":                                     testGate[Tx],
		"several partitions":                                  testPartitions[Tx],
		"a commit that failed while the reader went on":       testFailedCommit[Tx],
		"a commit that failed while the reader went on, twin": testFailedCommitTwin[Tx],
		"crash at each step":                                  testCrash[Tx],
		"two writers at once":                                 testTwoWriters[Tx],
		"poisoned bytes are parked":                           testPoison[Tx],
		"a newer body stops":                                  testNewer[Tx],
		"a jump stops":                                        testJump[Tx],
		"replay from zero":                                    testReplay[Tx],
		"no row":                                              testNoRow[Tx],
		"rows of another log":                                 testPrepare[Tx],
		"lease":                                               testLease[Tx],
		"forget":                                              testForget[Tx],
		"a write that fails":                                  testWriteFails[Tx],
		"any order of runs, any crash":                        testSchedules[Tx],
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			if err := db.store.Prepare(t.Context(), []eventlog.Partition{p(0), p(1)}); err != nil {
				t.Fatal(err)
			}
			test(t, db)
		})
	}
}

func (db database[Tx]) want(t *testing.T, rows ...string) {
	t.Helper()
	if diff := cmp.Diff(sorted(rows), db.rows(t), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func testOverlap[Tx any](t *testing.T, db database[Tx]) {
	t.Helper()
	projection, list := project.New(db.store, db.write), entries("a1 a2 a3 a4")
	advance(t, projection, cut(0, list, 0, 2))
	again := advance(t, projection, cut(0, list, 0, 2))
	if again[0].Applied != 0 || again[0].Place.At != at(2) {
		t.Errorf("the same run again: %+v, want nothing applied, at 2", again[0])
	}
	if over := advance(t, projection, cut(0, list, 1, 4)); over[0].Applied != 2 || over[0].Place.At != at(4) {
		t.Errorf("an overlapping run: %+v, want 2 applied, at 4", over[0])
	}
	if old := advance(t, projection, cut(0, list, 1, 3)); old[0].Place.At != at(4) {
		t.Errorf("an old run moved the row to %s", old[0].Place.At)
	}
	db.want(t, "0@1:a1", "0@2:a2", "0@3:a3", "0@4:a4")
}

func testGate[Tx any](t *testing.T, db database[Tx]) {
	t.Helper()
	projection, list := project.New(db.store, db.write), entries("a1 a1 b1 c1>b b2 a2 a2")
	advance(t, projection, cut(0, list, 0, 4))
	// The gate's state comes back from the store: without it b2 and the second a2 count.
	done := advance(t, projection, cut(0, list, 4, 7))
	if want := (eventlog.Dropped{Resent: 1, Closed: 1}); done[0].Dropped != want {
		t.Errorf("dropped %+v, want %+v", done[0].Dropped, want)
	}
	db.want(t, "0@1:a1", "0@3:b1", "0@6:a2")
}

func testPartitions[Tx any](t *testing.T, db database[Tx]) {
	t.Helper()
	projection, list := project.New(db.store, db.write), entries("a1 a2")
	done := advance(t, projection, cut(1, list, 0, 1), cut(0, list, 0, 2)) // given in descending order
	if done[0].Place.Partition != p(1) || done[0].Place.At != at(1) || done[1].Place.At != at(2) {
		t.Errorf("results do not follow the order of the runs: %+v", done)
	}
	db.want(t, "0@1:a1", "0@2:a2", "1@1:a1")
	places, err := db.store.Places(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(places) != 2 || places[0].Partition != p(0) || places[0].At != at(2) || places[1].At != at(1) {
		t.Errorf("places %+v", places)
	}
}

// failedCommit is the hole: the commit of a run fails and the reader goes on.
func failedCommit[Tx any](t *testing.T, db database[Tx], projection func(project.Store[Tx]) *project.Projection[Tx]) []project.Advanced {
	t.Helper()
	list := entries("a1 b1 a2")
	store := &crashing[Tx]{Store: db.store}
	moving := projection(store)
	advance(t, moving, cut(0, list, 0, 1))
	store.step = "before commit"
	if _, err := moving.Advance(t.Context(), epoch, []eventlog.Run{cut(0, list, 1, 2)}); !errors.Is(err, errCrash) {
		t.Fatalf("error %v, want the crash", err)
	}
	return advance(t, moving, cut(0, list, 2, 3), cut(1, list, 0, 1))
}

// testFailedCommit: the commit of a run fails, and the reader, which knows nothing of
// it, goes on: the run in hand begins beyond the row. The rule: a run that does is not
// applied, and the reader is opened again at the row.
func testFailedCommit[Tx any](t *testing.T, db database[Tx]) {
	t.Helper()
	done := failedCommit(t, db, func(s project.Store[Tx]) *project.Projection[Tx] { return project.New(s, db.write) })
	var gap *project.GapError
	if !errors.As(done[0].Err, &gap) || gap.At != at(1) || gap.From != at(2) || gap.Partition != p(0) {
		t.Errorf("error %v, want a gap of %s at 1", done[0].Err, p(0))
	}
	if done[0].Place.At != at(1) {
		t.Errorf("place %s, want where to reopen: 1", done[0].Place.At)
	}
	db.want(t, "0@1:a1", "1@1:a1") // the other partition went on
	advance(t, project.New(db.store, db.write), cut(0, entries("a1 b1 a2"), 1, 3))
	db.want(t, "0@1:a1", "0@2:b1", "0@3:a2", "1@1:a1")
}

// testFailedCommitTwin applies it all the same: an acknowledged entry is lost, and
// nobody hears of it.
func testFailedCommitTwin[Tx any](t *testing.T, db database[Tx]) {
	t.Helper()
	done := failedCommit(t, db, func(s project.Store[Tx]) *project.Projection[Tx] {
		return project.WithoutGapRule(project.New(s, db.write))
	})
	if done[0].Err != nil {
		t.Fatalf("error %v: the rule is not off", done[0].Err)
	}
	db.want(t, "0@1:a1", "0@3:a2", "1@1:a1") // b1 is lost
}

func testCrash[Tx any](t *testing.T, db database[Tx]) {
	t.Helper()
	list := entries("a1 ? a2 a2 b1!")
	store := &crashing[Tx]{Store: db.store}
	for i, step := range []string{"begin", "lock", "before move", "after move", "before commit", "after commit"} {
		store.step = step
		runs := []eventlog.Run{cut(0, list, 0, 3), cut(1, list, 0, 5)}
		if _, err := project.New[Tx](store, db.write).Advance(t.Context(), epoch, runs); !errors.Is(err, errCrash) {
			t.Fatalf("%s: error %v, want the crash", step, err)
		}
		if i < 5 {
			db.want(t)
		}
	}
	for range 2 { // a new process reads from the rows, or gets it all again
		advance(t, project.New(db.store, db.write), cut(0, list, 0, 5), cut(1, list, 0, 5))
	}
	db.want(t, "0@1:a1", "0@3:a2", "1@1:a1", "1@3:a2")
	if diff := cmp.Diff([]string{"0@2 frame", "0@5 poison", "1@2 frame", "1@5 poison"}, db.parked(t)); diff != "" {
		t.Errorf("parked (-want +got):\n%s", diff)
	}
}

// testTwoWriters: two replicas that both believe to hold the lease.
func testTwoWriters[Tx any](t *testing.T, db database[Tx]) {
	t.Helper()
	list := entries("a1 a2 a3 a4 a5 a6 a7 a8 a9")
	var writers sync.WaitGroup
	for range 2 {
		writers.Go(func() {
			projection := project.New(db.store, db.write)
			for to := 1; to <= len(list); to++ {
				// The order in which a replica is given its partitions is its own affair.
				runs := []eventlog.Run{cut(0, list, to-1, to), cut(1, list, to-1, to)}
				if to%2 == 0 {
					slices.Reverse(runs)
				}
				done, err := projection.Advance(t.Context(), epoch, runs)
				if err != nil || done[0].Err != nil || done[1].Err != nil {
					t.Errorf("advance to %d: %+v, %v", to, done, err)
				}
			}
		})
	}
	writers.Wait()
	db.want(t, lines([]project.Judged{project.Judge(eventlog.Gate{}, cut(0, list, 0, 9)), project.Judge(eventlog.Gate{}, cut(1, list, 0, 9))})...)
}

func testPoison[Tx any](t *testing.T, db database[Tx]) {
	t.Helper()
	projection := project.New(db.store, db.write)
	done := advance(t, projection, cut(0, entries("a1 a2! ? a3"), 0, 4))
	if done[0].Parked != 2 || done[0].Applied != 2 || done[0].Err != nil {
		t.Errorf("%+v, want 2 parked, 2 applied", done[0])
	}
	db.want(t, "0@1:a1", "0@4:a3")
	if diff := cmp.Diff([]string{"0@2 poison", "0@3 frame"}, db.parked(t)); diff != "" {
		t.Errorf("parked (-want +got):\n%s", diff)
	}
}

func testNewer[Tx any](t *testing.T, db database[Tx]) {
	t.Helper()
	projection, list := project.New(db.store, db.write), entries("a1 b1! a2+ a3")
	for range 2 {
		done := advance(t, projection, cut(0, list, 0, 4), cut(1, list, 0, 1))
		if !errors.Is(done[0].Err, eventlog.ErrNewer) || done[0].Place.At != at(2) || done[1].Err != nil {
			t.Errorf("%+v, want a stop at 2", done)
		}
	}
	db.want(t, "0@1:a1", "1@1:a1")
	// An entry that does not count stops nobody, however new it is.
	advance(t, projection, cut(1, entries("a1 a1+ a2"), 1, 3))
	db.want(t, "0@1:a1", "1@1:a1", "1@3:a2")
}

func testJump[Tx any](t *testing.T, db database[Tx]) {
	t.Helper()
	projection, list := project.New(db.store, db.write), entries("a1 a3")
	done := advance(t, projection, cut(0, list, 0, 1))
	if done[0].Err != nil {
		t.Fatal(done[0].Err)
	}
	done = advance(t, projection, cut(0, list, 1, 2), cut(1, list, 0, 1))
	if !errors.Is(done[0].Err, eventlog.ErrJump) || done[0].Place.At != at(1) || done[1].Err != nil {
		t.Errorf("%+v, want a stop at 1", done)
	}
	db.want(t, "0@1:a1", "1@1:a1")
}

// testReplay: however the log was cut into runs, the rows are those of one replay.
func testReplay[Tx any](t *testing.T, db database[Tx]) {
	t.Helper()
	list := entries("a1 b1 a1 a2 ? c1>b b2 a3 b3 a4!")
	one := project.New(db.store, db.write)
	for to := 1; to <= len(list); to++ {
		advance(t, one, cut(0, list, to-1, to))
	}
	var inPieces, whole []string
	for _, row := range db.rows(t) {
		inPieces = append(inPieces, row[1:])
	}
	advance(t, one, cut(1, list, 0, len(list)))
	for _, row := range db.rows(t) {
		if row[0] == '1' {
			whole = append(whole, row[1:])
		}
	}
	if diff := cmp.Diff(whole, inPieces); diff != "" {
		t.Errorf("rows differ (-whole +pieces):\n%s", diff)
	}
	places, err := db.store.Places(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if string(places[0].Gate.Bytes()) != string(places[1].Gate.Bytes()) {
		t.Error("gates differ")
	}
}

func testNoRow[Tx any](t *testing.T, db database[Tx]) {
	t.Helper()
	_, err := project.New(db.store, db.write).Advance(t.Context(), epoch, []eventlog.Run{cut(7, entries("a1"), 0, 1)})
	if !errors.Is(err, project.ErrNoPlace) {
		t.Errorf("error %v, want ErrNoPlace", err)
	}
}

func testPrepare[Tx any](t *testing.T, db database[Tx]) {
	t.Helper()
	advance(t, project.New(db.store, db.write), cut(0, entries("a1"), 0, 1))
	if err := db.store.Prepare(t.Context(), []eventlog.Partition{p(0), p(1)}); err != nil {
		t.Errorf("a second start: %v", err)
	}
	places, err := db.store.Places(t.Context())
	if err != nil || places[0].At != at(1) {
		t.Errorf("a second start moved a row: %+v, %v", places, err)
	}
	if err := db.store.Prepare(t.Context(), []eventlog.Partition{p(0)}); !errors.Is(err, eventlog.ErrPartitions) {
		t.Errorf("error %v, want ErrPartitions", err)
	}
}

func testLease[Tx any](t *testing.T, db database[Tx]) {
	t.Helper()
	const ttl = project.LeaseTime
	take := func(holder string, after int) bool {
		t.Helper()
		now := epoch.Add(time.Duration(after) * ttl / 3)
		held, err := db.store.Lease(t.Context(), holder, now, now.Add(ttl))
		if err != nil {
			t.Fatal(err)
		}
		return held
	}
	steps := []struct {
		holder string
		after  int // in thirds of the lease
		want   bool
	}{
		{"a", 0, true}, {"b", 1, false}, {"a", 1, true}, {"b", 3, false}, {"b", 4, true}, {"a", 4, false},
	}
	for i, step := range steps {
		if got := take(step.holder, step.after); got != step.want {
			t.Errorf("step %d: %s after %d thirds: %v, want %v", i, step.holder, step.after, got, step.want)
		}
	}
	if err := db.store.Yield(t.Context(), "a"); err != nil || take("a", 4) {
		t.Errorf("who does not hold it yielded it for another (%v)", err)
	}
	if err := db.store.Yield(t.Context(), "b"); err != nil || !take("a", 4) {
		t.Errorf("the lease was not yielded (%v)", err)
	}
}

func testForget[Tx any](t *testing.T, db database[Tx]) {
	t.Helper()
	projection := project.New(db.store, db.write)
	advance(t, projection, cut(0, entries("a1 b1>a c1"), 0, 3))
	isClosed := func() bool {
		t.Helper()
		places, err := db.store.Places(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return places[0].Gate.IsClosed(eventlog.Author{'a'})
	}
	for oldest, want := range []bool{true, true, true, false} {
		if err := projection.Forget(t.Context(), map[eventlog.Partition]eventlog.Position{p(0): at(uint64(oldest)), p(1): {}}); err != nil {
			t.Fatal(err)
		}
		if isClosed() != want {
			t.Errorf("the log begins behind %d: a is closed: %v, want %v", oldest, !want, want)
		}
	}
	db.want(t, "0@1:a1", "0@3:c1")
}

func testWriteFails[Tx any](t *testing.T, db database[Tx]) {
	t.Helper()
	broken := project.New(db.store, func(ctx context.Context, tx Tx, runs []project.Judged) error {
		return errors.Join(db.write(ctx, tx, runs), errCrash)
	})
	if _, err := broken.Advance(t.Context(), epoch, []eventlog.Run{cut(0, entries("a1 ?"), 0, 2)}); !errors.Is(err, errCrash) {
		t.Errorf("error %v, want that of the write", err)
	}
	db.want(t)
	if parked := db.parked(t); len(parked) > 0 {
		t.Errorf("parked %v without a commit", parked)
	}
}

// testSchedules delivers a log by chance: late, early, twice, with crashes. A
// reader does what a loop does: it goes on from where it read, and reopens on a gap.
func testSchedules[Tx any](t *testing.T, db database[Tx]) {
	t.Helper()
	const seed = 7
	chance := rand.New(rand.NewPCG(seed, 0))
	list := entries("a1 a2 a1 b1 ? a3 b2 c1>b b3 a4 a3 a4 a5! a6 c2 a7 a8 b4 a9")
	steps := []string{"", "", "", "begin", "lock", "before move", "after move", "before commit", "after commit"}
	store := &crashing[Tx]{Store: db.store}
	projection := project.New[Tx](store, db.write)
	for number := range uint32(2) {
		for read, rounds := 0, 0; read < len(list); rounds++ {
			if rounds > 500 {
				t.Fatal("the rows do not get to the end")
			}
			to := read + 1 + chance.IntN(min(5, len(list)-read))
			store.step = steps[chance.IntN(len(steps))]
			done, err := projection.Advance(t.Context(), epoch, []eventlog.Run{cut(number, list, read, to)})
			store.step = ""
			var gap *project.GapError
			switch {
			case err == nil && errors.As(done[0].Err, &gap):
				read = int(gap.At.Entry)
			case err == nil && chance.IntN(4) == 0:
				read = chance.IntN(to + 1) // a broker that delivers again
			default: // after a failure too: the hole
				read = to
			}
			if read == len(list) { // the end was read, not sure to be applied
				read = int(place(t, db, number).Entry)
			}
		}
	}
	var want []string
	for number := range uint32(2) {
		want = append(want, lines([]project.Judged{project.Judge(eventlog.Gate{}, cut(number, list, 0, len(list)))})...)
	}
	db.want(t, want...)
}

func place[Tx any](t *testing.T, db database[Tx], number uint32) eventlog.Position {
	t.Helper()
	places, err := db.store.Places(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return places[number].At
}
