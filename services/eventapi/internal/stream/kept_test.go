package stream_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-batch/fairlead/services/eventapi/internal/stream"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// TestKeptBytes: whatever is kept on the way through any life comes back.
func TestKeptBytes(t *testing.T) {
	t.Parallel()
	for name, life := range lives() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var k stream.Kept
			for _, e := range life.events {
				next, err := k.Apply(e)
				if err != nil {
					t.Fatal(err)
				}
				back, err := stream.KeptFrom(jobA, string(next.Bytes()))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(next, back); diff != "" {
					t.Fatalf("after %T (-kept +read):\n%s", e, diff)
				}
				k = back
			}
		})
	}
}

// TestKeptIsSmall: a replica keeps one of these for every job that waits.
func TestKeptIsSmall(t *testing.T) {
	t.Parallel()
	k, err := stream.Kept{}.Apply(newLife(jobA).events[0])
	if err != nil {
		t.Fatal(err)
	}
	if n := len(k.Bytes()); n > 48 {
		t.Errorf("%d bytes for a job that waits", n)
	}
}

func TestKeptFromRefuses(t *testing.T) {
	t.Parallel()
	k, err := stream.Kept{}.Apply(newLife(jobA).events[0])
	if err != nil {
		t.Fatal(err)
	}
	good := k.Bytes()
	newer := append([]byte{99}, good[1:]...)
	if _, err := stream.KeptFrom(jobA, string(newer)); !errors.Is(err, eventlog.ErrNewer) {
		t.Errorf("a newer form: %v", err)
	}
	for cut := range good {
		if _, err := stream.KeptFrom(jobA, string(good[:cut])); !errors.Is(err, eventlog.ErrDamaged) {
			t.Errorf("cut to %d bytes: %v", cut, err)
		}
	}
	if _, err := stream.KeptFrom(jobA, string(append(good, 0))); !errors.Is(err, eventlog.ErrDamaged) {
		t.Errorf("a byte too many: %v", err)
	}
}

func FuzzKeptFrom(f *testing.F) {
	f.Add(stream.Kept{Job: job.Job{ID: jobA, State: job.Queued, Last: -1}, Pod: pod, Failure: "x"}.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := stream.KeptFrom(jobA, string(b))
		if err != nil {
			return
		}
		again, err := stream.KeptFrom(jobA, string(k.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(k, again); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestID(t *testing.T) {
	t.Parallel()
	ids := []stream.ID{
		{},
		{Index: 1},
		{At: eventlog.Position{Entry: 1}},
		{At: eventlog.Position{Entry: 1}, Index: 300},
		{At: eventlog.Position{Entry: 256}},
		{At: eventlog.Position{Ledger: 1}},
		{At: eventlog.Position{Incarnation: 1}},
	}
	for i, id := range ids {
		back, err := stream.ParseID(id.String())
		if err != nil || back != id {
			t.Errorf("%v came back as %v, %v", id, back, err)
		}
		if i > 0 && (!ids[i-1].Before(id) || ids[i-1].String() >= id.String()) {
			t.Errorf("%v and %v do not sort", ids[i-1], id)
		}
	}
	if id, err := stream.ParseID(""); err != nil || !id.IsZero() {
		t.Errorf("the empty id: %v, %v", id, err)
	}
	good := ids[3].String()
	for name, text := range map[string]string{
		"Armada's": "1690000000000:0:0:1", "upper case": "1" + "A" + good[2:], "cut": good[:44], "long": good + "0",
		"bits that are not kept": good[:44] + "1", "a new line": good[:20] + "\n" + good[20:],
	} {
		if id, err := stream.ParseID(text); !errors.Is(err, stream.ErrID) {
			t.Errorf("%s: %q was read as %v, %v", name, text, id, err)
		}
	}
}

func TestToldAfter(t *testing.T) {
	t.Parallel()
	told := stream.Told{At: eventlog.Position{Entry: 5}, First: 2, Messages: [][]byte{{2}, {3}, {4}}}
	tests := map[string]struct {
		after stream.ID
		want  []byte // the messages that are left, by their index
	}{
		"an earlier entry":   {stream.ID{At: eventlog.Position{Entry: 4}, Index: 9}, []byte{2, 3, 4}},
		"before the first":   {stream.ID{At: eventlog.Position{Entry: 5}, Index: 1}, []byte{2, 3, 4}},
		"the first":          {stream.ID{At: eventlog.Position{Entry: 5}, Index: 2}, []byte{3, 4}},
		"the last but one":   {stream.ID{At: eventlog.Position{Entry: 5}, Index: 3}, []byte{4}},
		"the last":           {stream.ID{At: eventlog.Position{Entry: 5}, Index: 4}, nil},
		"a later entry":      {stream.ID{At: eventlog.Position{Entry: 6}}, nil},
		"behind, same entry": {stream.ID{At: eventlog.Position{Entry: 5}, Index: 9}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rest := told.After(test.after)
			var got []byte
			for i, m := range rest.Messages {
				if int(m[0]) != int(rest.First)+i {
					t.Errorf("message %d is said to be %d", m[0], int(rest.First)+i)
				}
				got = append(got, m[0])
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
