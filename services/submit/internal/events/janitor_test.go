package events_test

import (
	"slices"
	"testing"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

func (p *process) sweep() {
	p.bed.t.Helper()
	if err := p.Sweep(p.bed.t.Context()); err != nil {
		p.bed.t.Fatal(err)
	}
}

func (b *bed) open(author eventlog.Author) bool {
	b.t.Helper()
	open, err := b.store.AuthorIsOpen(b.t.Context(), author)
	if err != nil {
		b.t.Fatal(err)
	}
	return open
}

// The janitor resolves the claims of those who never came back: what was found
// stays, what was not is free.
func TestJanitorResolvesOldClaims(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	dead, lost := b.start(), b.start()
	dead.store.confirm = func() error { dead.crash(); return errCut }
	if _, err := dead.submit("found"); err == nil {
		t.Fatal("confirmed")
	}
	lost.held.hold = true
	_, err := lost.submit("absent")
	wantUnavailable(t, err)
	janitor := b.start()
	b.pass(59 * time.Second)
	janitor.sweep()
	if !b.open(dead.held.author) {
		t.Error("a claim was resolved before it was ripe")
	}
	b.pass(2 * time.Second)
	janitor.sweep()
	if claims, err := b.store.OldClaims(t.Context(), b.time(), 9); len(claims) != 0 || err != nil {
		t.Errorf("claims left: %v, error %v", claims, err)
	}
	lost.held.arrive()
	before := b.time()
	ids := b.start().mustSubmit("found", "absent")
	if b.time() != before {
		t.Error("somebody had to wait")
	}
	b.wantJobs(map[string]job.ID{"found": ids[0], "absent": ids[1]})
}

// A process that dies is closed after a day, in the store and then in every
// partition; a live one that renews is not.
func TestJanitorClosesAbandonedAuthors(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	dead, live := b.start(), b.start()
	dead.crash()
	for range 4 {
		b.pass(6 * time.Hour)
		if err := live.Tend(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	live.sweep()
	if !b.open(dead.held.author) {
		t.Error("closed after a day exactly")
	}
	b.pass(time.Hour)
	live.sweep()
	if b.open(dead.held.author) || !b.open(live.held.author) {
		t.Errorf("dead open: %v, live open: %v", b.open(dead.held.author), b.open(live.held.author))
	}
	b.pass(2 * time.Minute)
	live.sweep()
	live.sweep() // once is enough
	all := []eventlog.Partition{eventlog.ControlPartition}
	for n := range uint32(partitions) {
		all = append(all, eventlog.Partition{Stream: eventlog.Events, Number: n})
	}
	for _, p := range all {
		if got := b.closes(p); !slices.Equal(got, []eventlog.Author{dead.held.author}) {
			t.Errorf("closes in %s: %v, want the dead one's", p, got)
		}
	}
	b.pass(8 * 24 * time.Hour)
	if err := live.Tend(t.Context()); err != nil {
		t.Fatal(err)
	}
	live.sweep()
	if n, err := b.store.ForgetAuthors(t.Context(), b.time()); n != 0 || err != nil {
		t.Errorf("%d authors were left to forget, error %v", n, err)
	}
}

func TestClientIDsAreKeptForSevenDays(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	p := b.start()
	first := p.mustSubmit("a", "b", "c", "d", "e")
	b.pass(7 * 24 * time.Hour)
	p.sweep()
	if again := p.mustSubmit("a"); again[0] != first[0] {
		t.Error("forgotten too early")
	}
	b.pass(time.Second)
	p.sweep()
	again := p.mustSubmit("a", "b", "c", "d", "e")
	for i := range again {
		if again[i] == first[i] {
			t.Errorf("client id %d is known after 7 days: the sweep stops at its batch size", i)
		}
	}
}

// The log has forgotten what would be needed. Nobody guesses: the claim stays, and
// counts as published when it is old enough.
func TestForgottenLogIsNotGuessed(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	dead := b.start()
	dead.mustSubmit("before") // so that the claim's position is not the beginning
	b.pass(2 * time.Second)
	dead.store.confirm = func() error { dead.crash(); return errCut }
	if _, err := dead.submit("a"); err == nil {
		t.Fatal("confirmed")
	}
	live := b.start()
	b.pass(time.Hour)
	b.trimAll(live)
	_, err := live.submit("a")
	wantUnavailable(t, err)
	if err := live.Sweep(t.Context()); err == nil {
		t.Error("the sweep told nobody")
	}
	b.pass(7 * 24 * time.Hour)
	live.sweep()
	if claims, err := b.store.OldClaims(t.Context(), b.time(), 9); len(claims) != 0 || err != nil {
		t.Errorf("claims left: %v, error %v", claims, err)
	}
}

// A process that stops says so: its row is closed, and the partitions it wrote to
// know.
func TestCleanStopClosesItsAuthor(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	p := b.start()
	p.mustSubmit("a")
	mine := p.held.author
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b.open(mine) {
		t.Error("its row is open")
	}
	at := p.PartitionOf("q", "set")
	for n := range uint32(partitions) {
		partition := eventlog.Partition{Stream: eventlog.Events, Number: n}
		var want []eventlog.Author
		if partition == at {
			want = []eventlog.Author{mine}
		}
		if got := b.closes(partition); !slices.Equal(got, want) {
			t.Errorf("closes in %s: %v, want %v", partition, got, want)
		}
	}
	if left, err := b.store.UnannouncedAuthors(t.Context(), b.time().Add(time.Hour), 9); len(left) != 0 || err != nil {
		t.Errorf("unannounced: %v, error %v", left, err)
	}
	_, err := p.submit("b")
	wantUnavailable(t, err)
	if p.Ready() == nil {
		t.Error("ready after its end")
	}
	if err := p.Close(t.Context()); err != nil {
		t.Errorf("closed twice: %v", err)
	}
}

// Whoever was replaced is let go: its row is closed and the log is told.
func TestTendLetsGoOfEarlierAuthors(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	p, other := b.start(), b.start()
	p.mustSubmit("a")
	mine := p.held.author
	if err := b.store.CloseAuthor(t.Context(), other.held.author, mine, b.time()); err != nil {
		t.Fatal(err)
	}
	if err := p.Tend(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p.held.author == mine || !b.open(p.held.author) {
		t.Error("there is no new author")
	}
	if got := b.closes(p.PartitionOf("q", "set")); !slices.Equal(got, []eventlog.Author{mine}) {
		t.Errorf("closes: %v, want %v", got, mine)
	}
	if left, err := b.store.UnannouncedAuthors(t.Context(), b.time().Add(time.Hour), 9); len(left) != 0 || err != nil {
		t.Errorf("unannounced: %v, error %v", left, err)
	}
}
