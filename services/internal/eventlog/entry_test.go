package eventlog_test

import (
	"bytes"
	"errors"
	"hash/fnv"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

func drawPosition(t *rapid.T, label string) eventlog.Position {
	return eventlog.Position{
		Incarnation: rapid.Uint32Max(2).Draw(t, label), Ledger: rapid.Uint64().Draw(t, label),
		Entry: rapid.Uint64Max(300).Draw(t, label), Batch: rapid.Uint32Max(2).Draw(t, label),
	}
}

// TestPositionOrder: positions, their bytes and their texts sort alike, and both
// forms read back.
func TestPositionOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p, q := drawPosition(t, "p"), drawPosition(t, "q")
		want := p.Compare(q)
		if got := bytes.Compare(p.Bytes(), q.Bytes()); got != want {
			t.Fatalf("bytes compare %d, positions %d", got, want)
		}
		if (p.String() < q.String()) != (want < 0) {
			t.Fatalf("texts and positions sort differently: %s %s", p, q)
		}
		back, err := eventlog.ParsePosition(p.String())
		if err != nil || back != p {
			t.Fatalf("ParsePosition(%s) = %+v, %v", p, back, err)
		}
	})
	for _, bad := range []string{"", "zz", "00", (eventlog.Position{}).String() + "00"} {
		if _, err := eventlog.ParsePosition(bad); !errors.Is(err, eventlog.ErrPosition) {
			t.Errorf("ParsePosition(%q) = %v, want ErrPosition", bad, err)
		}
	}
}

// TestPartitionOf compares the hash with the standard library's, and pins two
// values: a log's partitions must never move.
func TestPartitionOf(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		queue, set := rapid.String().Draw(t, "queue"), rapid.String().Draw(t, "set")
		h := fnv.New64a()
		_, _ = h.Write([]byte(queue + "\x00" + set))
		if got, want := eventlog.PartitionOf(queue, set, 16).Number, uint32(h.Sum64()%16); got != want {
			t.Fatalf("PartitionOf(%q, %q) = %d, want %d", queue, set, got, want)
		}
	})
	for _, pinned := range []struct {
		queue, set string
		want       uint32
	}{{"a", "b", 2}, {"queue-1", "set-1", 0}} {
		if got := eventlog.PartitionOf(pinned.queue, pinned.set, 16).Number; got != pinned.want {
			t.Errorf("PartitionOf(%q, %q) moved to %d from %d", pinned.queue, pinned.set, got, pinned.want)
		}
	}
}

func TestRunAfter(t *testing.T) {
	t.Parallel()
	at := func(n uint64) eventlog.Position { return eventlog.Position{Entry: n} }
	run := eventlog.Run{From: at(2), To: at(5), Entries: []eventlog.Entry{{At: at(3)}, {At: at(4)}, {At: at(5)}}}
	tests := map[string]struct {
		at   uint64
		want []uint64
		from uint64
	}{
		"where it begins": {2, []uint64{3, 4, 5}, 2},
		"in the middle":   {4, []uint64{5}, 4},
		"at its end":      {5, nil, 5},
		"behind it":       {9, nil, 9},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := run.After(at(test.at))
			if !slices.Equal(positions(got.Entries), test.want) || got.From != at(test.from) || got.To.Before(got.From) {
				t.Fatalf("After(%d) = %+v", test.at, got)
			}
		})
	}
}

func newCodec(t *testing.T) *eventlog.Codec {
	t.Helper()
	codec, err := eventlog.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(codec.Close)
	return codec
}

func TestCodec(t *testing.T) {
	t.Parallel()
	codec := newCodec(t)
	at := eventlog.Position{Entry: 4}
	header := eventlog.Header{Author: eventlog.Author{1}, Sequence: 7, Kind: eventlog.Facts, Epoch: 3, Plan: 9, Part: 1, Parts: 2}
	for name, body := range map[string][]byte{"empty": nil, "small": []byte("small"), "large": bytes.Repeat([]byte("large "), 1000)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			frame, err := codec.Encode(header, body)
			if err != nil {
				t.Fatal(err)
			}
			got, err := codec.Decode(frame, at)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(eventlog.Entry{Header: header, At: at, Body: body}, got, cmp.Comparer(bytes.Equal)); diff != "" {
				t.Fatal(diff)
			}
			if name == "large" && len(frame) > len(body)/4 {
				t.Errorf("%d bytes for a body of %d: it was not compressed", len(frame), len(body))
			}
		})
	}
}

// TestNumber: a frame that is numbered later is the frame of that number.
func TestNumber(t *testing.T) {
	t.Parallel()
	codec := newCodec(t)
	header := eventlog.Header{Author: eventlog.Author{1}, Sequence: 1 << 40, Kind: eventlog.Facts, Epoch: 3}
	want, err := codec.Encode(header, []byte("body"))
	if err != nil {
		t.Fatal(err)
	}
	header.Sequence = 1
	got, err := codec.Encode(header, []byte("body"))
	if err != nil {
		t.Fatal(err)
	}
	eventlog.Number(got, 1<<40)
	if !bytes.Equal(got, want) {
		t.Fatalf("%x, want %x", got, want)
	}
}

func TestCodecRefuses(t *testing.T) {
	t.Parallel()
	codec := newCodec(t)
	header := eventlog.Header{Author: eventlog.Author{1}, Sequence: 1, Kind: eventlog.Facts}
	if _, err := codec.Encode(header, make([]byte, eventlog.BodyBytesMax+1)); !errors.Is(err, eventlog.ErrTooLarge) {
		t.Errorf("a body above the limit: %v", err)
	}
	noise := make([]byte, eventlog.FrameBytesMax+1)
	for i, x := 0, uint64(1); i < len(noise); i++ { // xorshift: zstd finds nothing in it
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		noise[i] = byte(x)
	}
	if _, err := codec.Encode(header, noise); !errors.Is(err, eventlog.ErrTooLarge) {
		t.Errorf("a frame above the limit: %v", err)
	}
	frame, err := codec.Encode(header, nil)
	if err != nil {
		t.Fatal(err)
	}
	frame[0]++
	if _, err := codec.Decode(frame, eventlog.Position{}); !errors.Is(err, eventlog.ErrNewer) {
		t.Errorf("a frame of the next version: %v", err)
	}
}

// FuzzDecode: any bytes are an entry, damage, or of a newer format; never a
// panic, and a sound entry encodes again.
func FuzzDecode(f *testing.F) {
	codec, err := eventlog.NewCodec()
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(codec.Close)
	frame, err := codec.Encode(eventlog.Header{Author: eventlog.Author{1}, Sequence: 1, Kind: eventlog.Facts}, bytes.Repeat([]byte("x"), 400))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(frame)
	f.Add(frame[:50])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := codec.Decode(b, eventlog.Position{})
		switch {
		case err != nil:
			if !errors.Is(err, eventlog.ErrNewer) {
				t.Fatal(err)
			}
		case e.Damage != nil:
			if !errors.Is(e.Damage, eventlog.ErrDamaged) {
				t.Fatal(e.Damage)
			}
		default:
			if _, err := codec.Encode(e.Header, e.Body); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestDraftCheck(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		draft eventlog.Draft
		good  bool
	}{
		"facts":                    {eventlog.Draft{Partition: eventlog.Partition{Stream: eventlog.Events, Number: 3}, Kind: eventlog.Facts}, true},
		"a setting":                {eventlog.Draft{Partition: eventlog.ControlPartition, Kind: eventlog.Facts}, true},
		"a body above the limit":   {eventlog.Draft{Partition: eventlog.ControlPartition, Kind: eventlog.Facts, Body: make([]byte, eventlog.BodyBytesMax+1)}, false},
		"no stream":                {eventlog.Draft{Kind: eventlog.Facts}, false},
		"no kind":                  {eventlog.Draft{Partition: eventlog.ControlPartition}, false},
		"a partition too high":     {eventlog.Draft{Partition: eventlog.Partition{Stream: eventlog.Events, Number: 4}, Kind: eventlog.Facts}, false},
		"a second control":         {eventlog.Draft{Partition: eventlog.Partition{Stream: eventlog.Control, Number: 1}, Kind: eventlog.Facts}, false},
		"a fence with no epoch":    {eventlog.Draft{Partition: eventlog.ControlPartition, Kind: eventlog.Fence}, false},
		"a close of nobody":        {eventlog.Draft{Partition: eventlog.ControlPartition, Kind: eventlog.AuthorClosed}, false},
		"a part beyond the parts":  {eventlog.Draft{Partition: eventlog.ControlPartition, Kind: eventlog.Facts, Plan: 1, Part: 3, Parts: 2}, false},
		"parts of no plan":         {eventlog.Draft{Partition: eventlog.ControlPartition, Kind: eventlog.Facts, Part: 1, Parts: 2}, false},
		"a part of a plan":         {eventlog.Draft{Partition: eventlog.ControlPartition, Kind: eventlog.Facts, Epoch: 1, Plan: 1, Part: 2, Parts: 2}, true},
		"facts that close someone": {eventlog.Draft{Partition: eventlog.ControlPartition, Kind: eventlog.Facts, Closes: eventlog.Author{1}}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := test.draft.Check(4); (err == nil) != test.good {
				t.Fatalf("Check = %v, want good %t", err, test.good)
			}
		})
	}
}
