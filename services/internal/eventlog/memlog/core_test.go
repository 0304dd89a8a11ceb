package memlog_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog/memlog"
)

func newCore(t interface{ Fatal(args ...any) }) *memlog.Core {
	core, err := memlog.New(memlog.Config{Partitions: partitions, Retention: retention})
	if err != nil {
		t.Fatal(err)
	}
	return core
}

var (
	a  = eventlog.Author{'a'}
	p0 = eventlog.Partition{Stream: eventlog.Events}
)

// script steps a core with words and returns what it put out, a line a word:
//
//	append N    a's draft number N, which is also its tag
//	arrive, losereply, storetwice, loserequest    a Deliver with that fate
//	resend, settle, crash
func script(t *testing.T, core *memlog.Core, words ...string) (trace []string) {
	t.Helper()
	fates := map[string]memlog.Fate{
		"arrive": memlog.Arrive, "losereply": memlog.LoseReply, "storetwice": memlog.StoreTwice, "loserequest": memlog.LoseRequest,
	}
	for _, word := range words {
		var in memlog.Input
		var n int
		switch {
		case fates[word] != 0:
			in = memlog.Deliver{Author: a, Partition: p0, Fate: fates[word]}
		case word == "resend":
			in = memlog.Resend{Author: a, Partition: p0}
		case word == "settle":
			in = memlog.Settle{Author: a, Partition: p0}
		case word == "crash":
			in = memlog.Crash{Author: a}
		default:
			if _, err := fmt.Sscanf(word, "append %d", &n); err != nil {
				t.Fatalf("%q: %v", word, err)
			}
			in = memlog.Append{Author: a, Tag: uint64(n), Drafts: []eventlog.Draft{{Partition: p0, Kind: eventlog.Facts, Body: []byte{byte(n)}}}}
		}
		line := word + ":"
		for _, out := range core.Step(time.Unix(0, 0), in) {
			line += " " + show(out)
		}
		trace = append(trace, line)
	}
	return trace
}

func show(out memlog.Output) string {
	switch out := out.(type) {
	case memlog.Sent:
		return "sent"
	case memlog.Stored:
		return fmt.Sprint("stored to ", out.To.Entry)
	case memlog.Acknowledged:
		return fmt.Sprint("acknowledged ", out.Tag)
	case memlog.Refused:
		return fmt.Sprint("refused ", out.Tag, " ", errors.Is(out.Err, eventlog.ErrClosed))
	case memlog.Lost:
		return "lost"
	case memlog.Forgot:
		return "forgot"
	}
	return fmt.Sprintf("%T", out)
}

func TestConnection(t *testing.T) {
	t.Parallel()
	tests := map[string][]string{
		"plain": {
			"append 1: sent", "append 2: sent", "arrive: stored to 1 acknowledged 1", "arrive: stored to 2 acknowledged 2", "arrive:",
		},
		"a lost reply, sent again": {
			"append 1: sent", "append 2: sent", "losereply: stored to 1 lost", "arrive: stored to 2",
			"append 3: sent", "resend: sent sent sent",
			"arrive: stored to 3 acknowledged 1", "arrive: stored to 4 acknowledged 2", "arrive: stored to 5 acknowledged 3", "arrive:",
		},
		"a lost reply, settled": {
			"append 1: sent", "append 2: sent", "append 3: sent", "losereply: stored to 1 lost", "arrive: stored to 2",
			"settle: acknowledged 1 acknowledged 2 sent", "arrive: stored to 3 acknowledged 3",
		},
		"a lost request takes all behind it": {
			"append 1: sent", "append 2: sent", "loserequest: lost", "arrive:", "append 3:",
			"resend: sent sent sent", "arrive: stored to 1 acknowledged 1", "arrive: stored to 2 acknowledged 2", "arrive: stored to 3 acknowledged 3",
		},
		"lost twice is told once": {
			"append 1: sent", "append 2: sent", "losereply: stored to 1 lost", "loserequest:", "settle: acknowledged 1 sent", "arrive: stored to 2 acknowledged 2",
		},
		"the answer to a resend is lost too": {
			"append 1: sent", "losereply: stored to 1 lost", "resend: sent", "losereply: stored to 2 lost", "resend: sent", "arrive: stored to 3 acknowledged 1",
		},
		"stored twice": {"append 1: sent", "storetwice: stored to 2 acknowledged 1"},
		"what a crashed author sent may arrive late": {
			"append 1: sent", "append 2: sent", "crash:", "append 3: refused 3 true", "arrive: stored to 1", "arrive: stored to 2", "arrive:",
		},
		"or the rest is gone": {
			"append 1: sent", "append 2: sent", "append 3: sent", "crash:", "arrive: stored to 1", "loserequest:", "arrive:", "resend:", "settle:",
		},
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var words []string
			for _, line := range want {
				word, _, _ := strings.Cut(line, ":")
				words = append(words, word)
			}
			if diff := cmp.Diff(want, script(t, newCore(t), words...)); diff != "" {
				t.Fatalf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestNewRefusesNoPartitions(t *testing.T) {
	t.Parallel()
	if _, err := memlog.New(memlog.Config{}); !errors.Is(err, eventlog.ErrPartitions) {
		t.Errorf("a log of no partitions: %v, want ErrPartitions", err)
	}
}

// history draws inputs as a loop gives them: some appends, each asked-for
// delivery and repair sooner or later, and crashes.
type history struct {
	t       *rapid.T
	core    *memlog.Core
	inputs  []memlog.Input
	outputs []memlog.Output
	owed    []memlog.Output
	drafts  map[uint64]eventlog.Draft
	owner   map[uint64]eventlog.Author
}

func (h *history) step(in memlog.Input) {
	h.inputs = append(h.inputs, in)
	for _, out := range h.core.Step(time.Unix(int64(len(h.inputs)), 0), in) {
		h.outputs = append(h.outputs, out)
		switch out.(type) {
		case memlog.Sent, memlog.Lost:
			h.owed = append(h.owed, out)
		case memlog.Stored, memlog.Acknowledged, memlog.Refused, memlog.Forgot:
		}
	}
}

// pay carries out one of the owed outputs, any one.
func (h *history) pay(fates []memlog.Fate) {
	i := rapid.IntRange(0, len(h.owed)-1).Draw(h.t, "owed")
	owed := h.owed[i]
	h.owed = slices.Delete(h.owed, i, i+1)
	switch owed := owed.(type) {
	case memlog.Sent:
		h.step(memlog.Deliver{Author: owed.Author, Partition: owed.Partition, Fate: rapid.SampledFrom(fates).Draw(h.t, "fate")})
	case memlog.Lost:
		if rapid.Bool().Draw(h.t, "settle") {
			h.step(memlog.Settle(owed))
			return
		}
		h.step(memlog.Resend(owed))
	case memlog.Stored, memlog.Acknowledged, memlog.Refused, memlog.Forgot: // ask for nothing
	}
}

func drawHistory(t *rapid.T) *history {
	h := &history{t: t, core: newCore(t), drafts: map[uint64]eventlog.Draft{}, owner: map[uint64]eventlog.Author{}}
	all := []memlog.Fate{memlog.Arrive, memlog.Arrive, memlog.Arrive, memlog.LoseReply, memlog.StoreTwice, memlog.LoseRequest}
	for n := range rapid.IntRange(1, 80).Draw(t, "inputs") {
		author := eventlog.Author{rapid.SampledFrom([]byte("abc")).Draw(t, "author")}
		switch kind := rapid.IntRange(0, 19).Draw(t, "kind"); {
		case kind == 0:
			h.step(memlog.Crash{Author: author})
		case kind < 8 || len(h.owed) == 0:
			tag := uint64(n + 1)
			p := eventlog.Partition{Stream: eventlog.Events, Number: rapid.Uint32Max(partitions-1).Draw(t, "partition")}
			h.drafts[tag] = eventlog.Draft{Partition: p, Kind: eventlog.Facts, Body: fmt.Append(nil, tag)}
			h.owner[tag] = author
			h.step(memlog.Append{Author: author, Tag: tag, Drafts: []eventlog.Draft{h.drafts[tag]}})
		default:
			h.pay(all)
		}
	}
	for len(h.owed) > 0 {
		h.pay([]memlog.Fate{memlog.Arrive})
	}
	return h
}

// TestCoreKeepsItsWord: whatever happens on the way, what was acknowledged counts
// once, what a living author appended was acknowledged in the end, and an author's
// entries count in order.
func TestCoreKeepsItsWord(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t)
		counts := map[string]int{}
		for n := range uint32(partitions) {
			run, err := h.core.Read(eventlog.Partition{Stream: eventlog.Events, Number: n}, eventlog.Position{}, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			got, err := eventlog.Gate{}.Admit(run.Entries)
			if err != nil {
				t.Fatalf("events/%d: %v", n, err)
			}
			for _, e := range got.Entries {
				counts[string(e.Body)]++
			}
		}
		acknowledged, refused, crashed := map[uint64]bool{}, map[uint64]bool{}, map[eventlog.Author]bool{}
		for _, out := range h.outputs {
			switch out := out.(type) {
			case memlog.Acknowledged:
				acknowledged[out.Tag] = true
			case memlog.Refused:
				refused[out.Tag] = true
			case memlog.Sent, memlog.Stored, memlog.Lost, memlog.Forgot:
			}
		}
		for _, in := range h.inputs {
			if crash, ok := in.(memlog.Crash); ok {
				crashed[crash.Author] = true
			}
		}
		for tag, d := range h.drafts {
			switch n := counts[string(d.Body)]; {
			case n > 1, acknowledged[tag] && n != 1, refused[tag] && n != 0:
				t.Errorf("draft %d counts %d times; acknowledged %t, refused %t", tag, n, acknowledged[tag], refused[tag])
			case !crashed[h.owner[tag]] && !acknowledged[tag]:
				t.Errorf("draft %d of a living author was never acknowledged", tag)
			}
		}
	})
}

// TestCoreIsDeterministic: the same inputs give the same outputs.
func TestCoreIsDeterministic(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t)
		again := &history{t: t, core: newCore(t)}
		for _, in := range h.inputs {
			again.step(in)
		}
		// Refusals carry an error, which compares by its text.
		texts := cmp.Comparer(func(x, y error) bool { return x.Error() == y.Error() })
		if diff := cmp.Diff(h.outputs, again.outputs, texts); diff != "" {
			t.Fatalf("(-first +second):\n%s", diff)
		}
	})
}

// TestCoreTrimsByAge: an entry goes when its time has come, not before.
func TestCoreTrimsByAge(t *testing.T) {
	t.Parallel()
	core := newCore(t)
	start := time.Unix(1_700_000_000, 0)
	for i := range 3 {
		core.Step(start, memlog.Append{Author: a, Tag: uint64(i), Drafts: []eventlog.Draft{{Partition: p0, Kind: eventlog.Facts}}})
		core.Step(start.Add(time.Duration(i)*time.Minute), memlog.Deliver{Author: a, Partition: p0, Fate: memlog.Arrive})
	}
	if out := core.Step(start.Add(retention-time.Nanosecond), memlog.Trim{}); len(out) != 0 {
		t.Errorf("trimmed before its time: %v", out)
	}
	want := eventlog.Position{Incarnation: 1, Entry: 2}
	out := core.Step(start.Add(retention+time.Minute), memlog.Trim{})
	if diff := cmp.Diff([]memlog.Output{memlog.Forgot{Partition: p0, Oldest: want}}, out); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if b, err := core.Bounds(p0); err != nil || b.Oldest != want {
		t.Errorf("bounds %+v, %v", b, err)
	}
}
