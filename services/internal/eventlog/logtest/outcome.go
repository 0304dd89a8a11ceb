package logtest

import (
	"context"
	"errors"
	"fmt"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

func outcomeCases() []testCase {
	return []testCase{
		{name: "durable before acknowledged", run: durable},
		{name: "a lost reply", needs: needsLoseReply, run: lostReply},
		{name: "a lost reply while others write", needs: needsLoseReply, run: lostReplyAmongOthers},
		{name: "stored twice by the broker", needs: needsStoreTwice, run: storedTwice},
		{name: "who stops waiting does not know", needs: needsPause, run: stopsWaiting},
		{name: "a crash with appends under way", needs: needsPause, run: crashUnderWay},
		{name: "close waits for what is appended", needs: needsPause, run: closeWaits},
		{name: "close gives up", needs: needsPause, run: closeGivesUp},
		{name: "an author is opened once", run: openedOnce},
	}
}

// durable: the process dies right after the receipt, and the entries are there.
func durable(c running) {
	t, f := c.t, c.Fixture
	appender, _ := writer(t, f.Log)
	drafts := texts(events(1), "kept", 0, 5)
	write(t, appender, drafts...)
	log := f.Crash(t)
	wantBodies(t, counted(t, log, events(1)), drafts...)
	next, _ := writer(t, log)
	more := facts(events(1), "behind")
	write(t, next, more)
	wantBodies(t, counted(t, log, events(1)), append(drafts, more)...)
}

// lostReply: the entries are stored and the answer is lost, several times. The
// receipts settle all the same and each entry counts once.
func lostReply(c running) {
	t, f := c.t, c.Fixture
	appender, _ := writer(t, f.Log)
	drafts := texts(events(0), "draft", 0, 12)
	for i := 0; i < len(drafts); i += 3 {
		f.LoseReply(t, 1)
		var open []*eventlog.Receipt
		for _, d := range drafts[i : i+3] {
			open = append(open, begin(t, appender, d))
		}
		for _, receipt := range open {
			settled(t, receipt)
		}
	}
	wantBodies(t, counted(t, f.Log, events(0)), drafts...)
}

// lostReplyAmongOthers: between the lost answer and the repair the other process
// has written to the same partition.
func lostReplyAmongOthers(c running) {
	t, f := c.t, c.Fixture
	second := f.Second(t)
	mine, _ := writer(t, f.Log)
	theirs, _ := writer(t, second)
	reader := follow(t, second, events(0), eventlog.Position{})
	const rounds = 4
	for i := range rounds {
		f.LoseReply(t, 1)
		receipt := begin(t, mine, facts(events(0), fmt.Sprint("mine-", i)))
		write(t, theirs, facts(events(0), fmt.Sprint("theirs-", i)))
		settled(t, receipt)
	}
	seen := map[string]int{}
	for _, text := range bodies(reader.rest(second)) {
		seen[text]++
	}
	for i := range rounds {
		for _, text := range []string{fmt.Sprint("mine-", i), fmt.Sprint("theirs-", i)} {
			if seen[text] != 1 {
				t.Errorf("%s counts %d times, want once", text, seen[text])
			}
		}
	}
}

func storedTwice(c running) {
	t, f := c.t, c.Fixture
	appender, _ := writer(t, f.Log)
	f.StoreTwice(t, 3)
	drafts := texts(events(0), "draft", 0, 5)
	write(t, appender, drafts...)
	if stored := follow(t, f.Log, events(0), eventlog.Position{}).stored(8); len(stored) != 8 {
		t.Errorf("%d entries are stored, want 8: the case proves nothing", len(stored))
	}
	wantBodies(t, counted(t, f.Log, events(0)), drafts...)
}

// stopsWaiting: the outcome is unknown to who gave up, and the entry may still
// come; here it does, and what is appended afterwards stands behind it.
func stopsWaiting(c running) {
	t, f := c.t, c.Fixture
	appender, _ := writer(t, f.Log)
	resume := f.Pause(t)
	ctx, cancel := context.WithCancel(t.Context())
	late := facts(events(0), "late")
	receipt := begin(t, appender, late)
	cancel()
	if err := receipt.Wait(ctx); !errors.Is(err, eventlog.ErrUnknown) || !errors.Is(err, context.Canceled) {
		t.Errorf("receipt: %v, want ErrUnknown and the context's", err)
	}
	resume()
	settled(t, receipt)
	next := facts(events(0), "next")
	write(t, appender, next)
	wantBodies(t, counted(t, f.Log, events(0)), late, next)
}

// crashUnderWay: nobody knows what became of the appends of a process that died.
// Whatever it was, they stand in order and others go on.
func crashUnderWay(c running) {
	t, f := c.t, c.Fixture
	appender, _ := writer(t, f.Log)
	first := facts(events(0), "lost-0")
	write(t, appender, first)
	resume := f.Pause(t)
	var open []*eventlog.Receipt
	for _, d := range texts(events(0), "lost", 1, 6) {
		open = append(open, begin(t, appender, d))
	}
	log := f.Crash(t)
	for _, receipt := range open {
		if err := receipt.Wait(patient(t)); !errors.Is(err, eventlog.ErrUnknown) {
			t.Errorf("receipt of a dead process: %v, want ErrUnknown", err)
		}
	}
	resume()
	next, author := writer(t, log)
	write(t, next, facts(events(0), "next"))
	lost := 0
	found := false
	for _, e := range counted(t, log, events(0)) {
		if e.Author == author {
			found = true
			continue
		}
		if want := fmt.Sprint("lost-", lost); string(e.Body) != want {
			t.Errorf("%s, want %s", e.Body, want)
		}
		lost++
	}
	if lost == 0 || !found {
		t.Errorf("%d entries of the dead author, and the next one's found: %t", lost, found)
	}
}

func closeWaits(c running) {
	t, f := c.t, c.Fixture
	appender, _ := writer(t, f.Log)
	resume := f.Pause(t)
	draft := facts(events(0), "last words")
	receipt := begin(t, appender, draft)
	closed := make(chan error, 1)
	go func() { closed <- appender.Close(t.Context()) }()
	select {
	case err := <-closed:
		t.Errorf("closed with %v before what was appended is stored", err)
	case <-receipt.Done():
		t.Error("the receipt settled while appends are paused")
	default:
	}
	resume()
	if err := <-closed; err != nil {
		t.Errorf("close: %v", err)
	}
	settled(t, receipt)
	wantBodies(t, counted(t, f.Log, events(0)), draft)
}

func closeGivesUp(c running) {
	t, f := c.t, c.Fixture
	appender, _ := writer(t, f.Log)
	resume := f.Pause(t)
	defer resume()
	receipt := begin(t, appender, facts(events(0), "who knows"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := appender.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("close: %v, want the context's", err)
	}
	if err := receipt.Wait(patient(t)); !errors.Is(err, eventlog.ErrUnknown) {
		t.Errorf("receipt: %v, want ErrUnknown", err)
	}
	if _, err := appender.Append(t.Context(), facts(events(0), "more")); !errors.Is(err, eventlog.ErrClosed) {
		t.Errorf("append after close: %v, want ErrClosed", err)
	}
}

func openedOnce(c running) {
	t, f := c.t, c.Fixture
	appender, author := writer(t, f.Log)
	if _, err := f.Log.Appender(author); !errors.Is(err, eventlog.ErrAuthorTaken) {
		t.Errorf("open an author twice: %v, want ErrAuthorTaken", err)
	}
	if err := appender.Close(patient(t)); err != nil {
		t.Errorf("close: %v", err)
	}
	if _, err := f.Log.Appender(author); !errors.Is(err, eventlog.ErrAuthorTaken) {
		t.Errorf("open an author again after its close: %v, want ErrAuthorTaken", err)
	}
	if _, err := f.Log.Appender(eventlog.Author{}); err == nil {
		t.Error("nobody was opened as an author")
	}
}
