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
			wantLimits(t, tail, bytesMax)
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

// wantLimits: what is kept sums up to what is counted, and that is within the limits.
func wantLimits(t *rapid.T, tail *tail, bytesMax int) {
	bytes, shared := 0, 0
	for _, e := range tail.entries {
		bytes, shared = bytes+entryBytes(e), shared+sharedBytes(e)
	}
	if bytes != tail.bytes || shared != tail.shared {
		t.Fatalf("%d and %d bytes are counted of %d and %d", tail.bytes, tail.shared, bytes, shared)
	}
	if bytes > tail.bytesMax || shared > tail.sharedMax || tail.bytesMax+tail.sharedMax != bytesMax {
		t.Fatalf("%d and %d bytes are kept, at most %d and %d", bytes, shared, tail.bytesMax, tail.sharedMax)
	}
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
	tail := newTail(3 * 3 * entryBytes(eventlog.Entry{}) / 2) // two thirds of it are for three entries
	tail.publish(0, numberedEntries(0, 3, 0))
	got := tail.after(0).entries
	want := slices.Clone(got)
	tail.publish(3, numberedEntries(3, 6, 0))
	for i := range got {
		if got[i].At != want[i].At || got[i].Share != want[i].Share {
			t.Fatalf("entry %d was %s and is %s, or its share is another", i, want[i].At, got[i].At)
		}
	}
}

// TestTailShares: readers of one stretch get the same shares, whoever brought it; what
// is too much to be shared is still handed out.
func TestTailShares(t *testing.T) {
	t.Parallel()
	tail := newTail(3 << 10) // 1 KiB of it for shares: that of the last entry alone
	brought := numberedEntries(0, 3, 150)
	tail.publish(0, brought)
	one, other := tail.after(0).entries, tail.after(0).entries
	if len(one) != 3 {
		t.Fatalf("%d entries are handed out, want 3", len(one))
	}
	for i := range one {
		if one[i].Share != other[i].Share {
			t.Errorf("entry %d has two shares", i)
		}
		if shared := one[i].Share != nil; shared != (i == 2) {
			t.Errorf("entry %d is shared: %v", i, shared)
		}
	}
	if one[2].Share != brought[2].Share {
		t.Error("the reader that brought the entries has another share than those it brought them to")
	}
}
