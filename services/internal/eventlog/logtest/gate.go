package logtest

import (
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

func gateCases() []testCase {
	return []testCase{
		{name: "a fenced leader", run: fenced},
		{name: "a closed author", run: closedAuthor},
		{name: "an author first met in the middle", needs: needsTrim, run: metInTheMiddle},
	}
}

// fenced: the log stores and acknowledges what a deposed leader sends, and it
// does not count.
func fenced(c running) {
	t, f := c.t, c.Fixture
	old, _ := writer(t, f.Log)
	leader, _ := writer(t, f.Second(t))
	fact := func(epoch uint64, text string) eventlog.Draft {
		d := facts(events(0), text)
		d.Epoch = epoch
		return d
	}
	before, after := fact(1, "before"), fact(2, "after")
	fence := eventlog.Draft{Partition: events(0), Kind: eventlog.Fence, Epoch: 2}
	write(t, old, before)
	write(t, leader, fence)
	write(t, old, fact(1, "too late"))
	write(t, leader, after)
	follower := follow(t, f.Log, events(0), eventlog.Position{})
	wantBodies(t, follower.rest(f.Log), before, fence, after)
	if got := follower.gate.Epoch(); got != 2 {
		t.Errorf("epoch %d, want 2", got)
	}
}

func closedAuthor(c running) {
	t, f := c.t, c.Fixture
	victim, author := writer(t, f.Log)
	janitor, _ := writer(t, f.Second(t))
	before, after := facts(events(0), "before"), facts(events(0), "after")
	closes := eventlog.Draft{Partition: events(0), Kind: eventlog.AuthorClosed, Closes: author}
	write(t, victim, before)
	write(t, janitor, closes)
	write(t, victim, facts(events(0), "too late"))
	write(t, janitor, after)
	wantBodies(t, counted(t, f.Log, events(0)), before, closes, after)
}

// metInTheMiddle: the author's first entries are trimmed; what follows counts.
func metInTheMiddle(c running) {
	t, f := c.t, c.Fixture
	appender, _ := writer(t, f.Log)
	write(t, appender, texts(events(0), "draft", 0, 5)...)
	f.Trim(t)
	oldest := bounds(t, f.Log, events(0)).Oldest
	if oldest.IsZero() {
		t.Fatal("nothing was trimmed: the case proves nothing")
	}
	write(t, appender, texts(events(0), "draft", 5, 8)...)
	got := follow(t, f.Log, events(0), oldest).rest(f.Log)
	if len(got) < 3 {
		t.Fatalf("%d entries count, want at least the 3 behind the trim", len(got))
	}
	wantBodies(t, got[len(got)-3:], texts(events(0), "draft", 5, 8)...)
	if got[0].Sequence < 2 {
		t.Errorf("the first sequence is %d: the author was not met in the middle", got[0].Sequence)
	}
}
