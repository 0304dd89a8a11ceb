package eventlog_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

// entry reads one word of a script: who, sequence, and what. "a1" is the first
// entry of a, "s3e2" the third of scheduler s in epoch 2, "s1e2!" its fence,
// "a2>b" closes b.
func entry(word string, at uint64) eventlog.Entry {
	e := eventlog.Entry{At: eventlog.Position{Entry: at}, Header: eventlog.Header{Author: eventlog.Author{word[0]}, Kind: eventlog.Facts}}
	rest := word[1:]
	if body, whom, closes := strings.Cut(rest, ">"); closes {
		e.Kind, e.Closes, rest = eventlog.AuthorClosed, eventlog.Author{whom[0]}, body
	}
	if body, fence := strings.CutSuffix(rest, "!"); fence {
		e.Kind, rest = eventlog.Fence, body
	}
	if _, err := fmt.Sscanf(strings.Replace(rest+"e0", "e", " ", 1), "%d %d", &e.Sequence, &e.Epoch); err != nil {
		panic(word)
	}
	return e
}

func entries(script string) (list []eventlog.Entry) {
	for i, word := range strings.Fields(script) {
		list = append(list, entry(word, uint64(i+1)))
	}
	return list
}

func TestGate(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		script string
		// counts are the indexes of the entries that count, from 1.
		counts  []uint64
		dropped eventlog.Dropped
		err     error
	}{
		"one author in order":                     {script: "a1 a2 a3", counts: []uint64{1, 2, 3}},
		"an author first met in the middle":       {script: "a7 a8", counts: []uint64{1, 2}},
		"resends count once":                      {script: "a1 a2 a1 a2 a3", counts: []uint64{1, 2, 5}, dropped: eventlog.Dropped{Resent: 2}},
		"a jump stops":                            {script: "a1 a3", err: eventlog.ErrJump},
		"authors number by themselves":            {script: "a1 b1 a2 b2", counts: []uint64{1, 2, 3, 4}},
		"a closed author counts no more":          {script: "a1 b1>a a2 a3 b2", counts: []uint64{1, 2, 5}, dropped: eventlog.Dropped{Closed: 2}},
		"a jump of a closed author stops too":     {script: "a1 b1>a a3", err: eventlog.ErrJump},
		"closed before it was ever met":           {script: "b1>a a1 a2", counts: []uint64{1}, dropped: eventlog.Dropped{Closed: 2}},
		"an author closes itself":                 {script: "a1 a2>a a3", counts: []uint64{1, 2}, dropped: eventlog.Dropped{Closed: 1}},
		"a close that was resent counts once":     {script: "b1>a b1>a", counts: []uint64{1}, dropped: eventlog.Dropped{Resent: 1}},
		"a close by a closed author is none":      {script: "c1>b b1>a a1", counts: []uint64{1, 3}, dropped: eventlog.Dropped{Closed: 1}},
		"a fence ends the leader before":          {script: "s1e1! s2e1 t1e2! s3e1 t2e2", counts: []uint64{1, 2, 3, 5}, dropped: eventlog.Dropped{Closed: 1}},
		"an old leader that was never met":        {script: "t1e2! s1e1 t2e2", counts: []uint64{1, 3}, dropped: eventlog.Dropped{Fenced: 1}},
		"a higher epoch raises without its fence": {script: "t4e2 s1e1", counts: []uint64{1}, dropped: eventlog.Dropped{Fenced: 1}},
		"an old fence does not lower":             {script: "t1e2! s1e1! t2e2", counts: []uint64{1, 3}, dropped: eventlog.Dropped{Fenced: 1}},
		"submit has no epoch and is not fenced":   {script: "a1 t1e2! a2", counts: []uint64{1, 2, 3}},
		"what was fenced advances the sequence":   {script: "t1e2! s1e1 s2e3 t2e2", counts: []uint64{1, 3}, dropped: eventlog.Dropped{Fenced: 2}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := eventlog.Gate{}.Admit(entries(test.script))
			if !errors.Is(err, test.err) {
				t.Fatalf("error %v, want %v", err, test.err)
			}
			if counts := positions(got.Entries); !slices.Equal(counts, test.counts) {
				t.Errorf("count %v, want %v", counts, test.counts)
			}
			if got.Dropped != test.dropped {
				t.Errorf("dropped %+v, want %+v", got.Dropped, test.dropped)
			}
		})
	}
}

func positions(list []eventlog.Entry) (at []uint64) {
	for _, e := range list {
		at = append(at, e.At.Entry)
	}
	return at
}

// TestGateForget: a closed author is forgotten when the log has trimmed its
// close, and an open one never.
func TestGateForget(t *testing.T) {
	t.Parallel()
	got, err := eventlog.Gate{}.Admit(entries("a1 c1 b1>a"))
	if err != nil {
		t.Fatal(err)
	}
	if kept := got.Next.Forget(eventlog.Position{Entry: 3}); !kept.IsClosed(eventlog.Author{'a'}) {
		t.Error("a was forgotten while its close is kept")
	}
	gone := got.Next.Forget(eventlog.Position{Entry: 4})
	if gone.IsClosed(eventlog.Author{'a'}) {
		t.Error("a is kept after its close was trimmed")
	}
	if _, err := gone.Admit(entries("c3")); !errors.Is(err, eventlog.ErrJump) {
		t.Errorf("c went from 1 to 3 with %v, want ErrJump: an open author is never forgotten", err)
	}
}

// TestGateDamaged: damaged bytes go through to be parked and move nothing.
func TestGateDamaged(t *testing.T) {
	t.Parallel()
	list := entries("a1 a2")
	bad := eventlog.Entry{At: eventlog.Position{Entry: 9}, Damage: eventlog.ErrDamaged}
	got, err := eventlog.Gate{}.Admit([]eventlog.Entry{list[0], bad, list[1]})
	if err != nil || len(got.Entries) != 3 {
		t.Fatalf("%+v, %v", got, err)
	}
}

// history draws a log as authors, brokers and new leaders make one: each author
// in order, any entry stored again later, closes and fences in between.
func history(t *rapid.T) []eventlog.Entry {
	var list []eventlog.Entry
	last := map[byte]uint64{}
	epochs := map[byte]uint64{'s': 1, 't': 2, 'u': 3}
	for i := range rapid.IntRange(0, 60).Draw(t, "length") {
		if len(list) > 0 && rapid.IntRange(0, 4).Draw(t, "resend") == 0 {
			again := list[rapid.IntRange(0, len(list)-1).Draw(t, "which")]
			again.At = eventlog.Position{Entry: uint64(i + 1)}
			list = append(list, again)
			continue
		}
		who := rapid.SampledFrom([]byte("abcstu")).Draw(t, "author")
		last[who]++
		e := eventlog.Entry{At: eventlog.Position{Entry: uint64(i + 1)}, Header: eventlog.Header{Author: eventlog.Author{who}, Sequence: last[who], Kind: eventlog.Facts, Epoch: epochs[who]}}
		switch rapid.IntRange(0, 6).Draw(t, "kind") {
		case 0:
			e.Kind, e.Closes = eventlog.AuthorClosed, eventlog.Author{rapid.SampledFrom([]byte("abc")).Draw(t, "closes")}
		case 1:
			if e.Epoch > 0 {
				e.Kind = eventlog.Fence
			}
		}
		list = append(list, e)
	}
	return list
}

// TestGateCutAnywhere: however a history is cut into runs, and with the gate
// stored and read between them, the same entries count.
func TestGateCutAnywhere(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		list := history(t)
		whole, err := eventlog.Gate{}.Admit(list)
		if err != nil {
			t.Fatal(err)
		}
		var gate eventlog.Gate
		var counted []eventlog.Entry
		var dropped eventlog.Dropped
		for rest := list; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "cut")
			got, err := gate.Admit(rest[:n])
			if err != nil {
				t.Fatal(err)
			}
			counted, dropped = append(counted, got.Entries...), dropped.Add(got.Dropped)
			if gate, err = eventlog.GateFrom(got.Next.Bytes()); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if !slices.Equal(positions(counted), positions(whole.Entries)) || dropped != whole.Dropped {
			t.Fatalf("cut: %v %+v; whole: %v %+v", positions(counted), dropped, positions(whole.Entries), whole.Dropped)
		}
		if string(gate.Bytes()) != string(whole.Next.Bytes()) {
			t.Fatal("the gates differ")
		}
	})
}

// TestGateOnce: whatever was stored twice, no entry of an author counts twice,
// and none below an epoch that was fenced before it.
func TestGateOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		got, err := eventlog.Gate{}.Admit(history(t))
		if err != nil {
			t.Fatal(err)
		}
		type once struct {
			author   eventlog.Author
			sequence uint64
		}
		seen := map[once]bool{}
		epoch := uint64(0)
		for _, e := range got.Entries {
			key := once{e.Author, e.Sequence}
			if seen[key] {
				t.Fatalf("%s %d counts twice", e.Author, e.Sequence)
			}
			seen[key] = true
			if e.Epoch > 0 && e.Epoch < epoch {
				t.Fatalf("epoch %d counts behind %d", e.Epoch, epoch)
			}
			epoch = max(epoch, e.Epoch)
		}
	})
}

// FuzzGateFrom: whatever is in the database, it is a gate or an error, and a gate
// writes what it was read from.
func FuzzGateFrom(f *testing.F) {
	got, _ := eventlog.Gate{}.Admit(entries("a1 s1e1! b1>a"))
	f.Add(got.Next.Bytes())
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		gate, err := eventlog.GateFrom(b)
		if err == nil && len(b) > 0 && b[0] == 1 && string(gate.Bytes()) != string(b) {
			t.Fatalf("%x became %x", b, gate.Bytes())
		}
	})
}
