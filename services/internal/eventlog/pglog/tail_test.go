package pglog

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

// numberedEntries are entries of which each says its number, in its position.
func numberedEntries(from, to uint64, bytes int) (entries []eventlog.Entry) {
	for n := from + 1; n <= to; n++ {
		entries = append(entries, eventlog.Entry{At: eventlog.Position{Entry: n}, Body: make([]byte, bytes)})
	}
	return entries
}

// TestTail: whatever stretches of a partition are published, in whatever order, a
// reader finds what follows its number or nothing, the limit holds, and newest only
// grows.
func TestTail(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		bytesMax := rapid.IntRange(0, 5000).Draw(t, "bytesMax")
		tail := newTail(bytesMax)
		newest := uint64(0)
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			from := rapid.Uint64Max(40).Draw(t, "from")
			to := from + rapid.Uint64Max(10).Draw(t, "length")
			tail.publish(from, numberedEntries(from, to, rapid.IntRange(0, 400).Draw(t, "bytes")))
			newest = max(newest, to)
			if tail.bytes > bytesMax {
				t.Fatalf("%d bytes are kept, at most %d", tail.bytes, bytesMax)
			}
			at := rapid.Uint64Max(60).Draw(t, "at")
			found := tail.after(at)
			if found.newest != newest {
				t.Fatalf("newest %d, want %d", found.newest, newest)
			}
			for i, e := range found.entries {
				if e.At.Entry != at+1+uint64(i) {
					t.Fatalf("after %d: entry %d stands at %d", at, e.At.Entry, i)
				}
			}
		}
	})
}

// TestTailServes: it is of use: the newest stretch is found from every number in it
// to its end, also when several were published one after the other.
func TestTailServes(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		stretches [][2]uint64
		from, to  uint64
	}{
		"one":                                {[][2]uint64{{0, 5}}, 0, 5},
		"one after the other":                {[][2]uint64{{0, 5}, {5, 9}}, 0, 9},
		"others wrote between":               {[][2]uint64{{0, 5}, {7, 9}}, 7, 9},
		"and a reader brings it":             {[][2]uint64{{0, 5}, {7, 9}, {4, 9}}, 4, 9},
		"a stretch that is known in part":    {[][2]uint64{{2, 5}, {3, 8}}, 2, 8},
		"an old one changes nothing":         {[][2]uint64{{4, 9}, {0, 3}}, 4, 9},
		"an old one that touches it neither": {[][2]uint64{{4, 9}, {0, 4}}, 4, 9},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tail := newTail(1 << 20)
			for _, s := range test.stretches {
				tail.publish(s[0], numberedEntries(s[0], s[1], 10))
			}
			for at := test.from; at < test.to; at++ {
				if got := uint64(len(tail.after(at).entries)); got != test.to-at {
					t.Errorf("after %d: %d entries, want %d", at, got, test.to-at)
				}
			}
			if test.from > 0 {
				if found := tail.after(test.from - 1); len(found.entries) > 0 {
					t.Errorf("after %d: %d entries, want none", test.from-1, len(found.entries))
				}
			}
		})
	}
}

// TestTailIsNotShared: what a reader was given stays when the tail moves on.
func TestTailIsNotShared(t *testing.T) {
	t.Parallel()
	tail := newTail(3 * entryBytes(eventlog.Entry{}))
	tail.publish(0, numberedEntries(0, 3, 0))
	got := tail.after(0).entries
	want := slices.Clone(got)
	tail.publish(3, numberedEntries(3, 6, 0))
	for i := range got {
		if got[i].At != want[i].At {
			t.Fatalf("entry %d was %s and is %s", i, want[i].At, got[i].At)
		}
	}
}
