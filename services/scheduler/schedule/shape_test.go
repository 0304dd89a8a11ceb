package schedule_test

import (
	"encoding/binary"
	"errors"
	"slices"
	"strconv"
	"testing"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// TestShapeGone: a shape that goes is as if it had never been told of; one that a job is of
// does not go.
func TestShapeGone(t *testing.T) {
	t.Parallel()
	s := newOverlayBed(t).state
	before := s.Digest()
	apply := func(want error, delta schedule.Delta) {
		t.Helper()
		if err := s.Apply(delta); !errors.Is(err, want) {
			t.Fatalf("%T: %v, want %v", delta, err, want)
		}
	}
	job := schedule.Job{ID: jobID("new"), Queue: "q", Shape: 9}
	for _, label := range []string{"a", "b", "b"} {
		apply(nil, schedule.ShapeAdded{ID: 9, Shape: schedule.Shape{Request: schedule.Vec{1}, Class: "c", Match: schedule.Match{Selector: map[string]string{"label": label}}}})
		if s.Digest() == before {
			t.Fatal("a shape more, and the same digest")
		}
		apply(nil, schedule.JobQueued{Job: job})
		apply(schedule.ErrInvalid, schedule.ShapeGone{ID: 9})
		apply(nil, schedule.JobGone{Job: job.ID})
		apply(nil, schedule.ShapeGone{ID: 9})
		apply(nil, schedule.ShapeGone{ID: 9})
		apply(schedule.ErrInvalid, schedule.JobQueued{Job: job})
		if s.Digest() != before {
			t.Fatal("it went, and the digest is not what it was")
		}
	}
}

// TestShapesOfAFork: what a fork learns of shapes stays its own, and the shape that it is
// given is the caller's still.
func TestShapesOfAFork(t *testing.T) {
	t.Parallel()
	s := newOverlayBed(t).state
	add := func(s *schedule.State, id schedule.ShapeID, amount int64) {
		t.Helper()
		request := schedule.Vec{amount}
		if err := s.Apply(schedule.ShapeAdded{ID: id, Shape: schedule.Shape{Request: request, Class: "c"}}); err != nil {
			t.Fatal(err)
		}
		request[0] = -1
	}
	add(s, 20, 3) // there is memory for more behind it
	fork := s.Fork()
	add(s, 21, 4)
	add(fork, 21, 5)
	add(s, 22, 6)
	add(fork, 22, 7)
	for state, want := range map[*schedule.State][]int64{s: {3, 4, 6}, fork: {3, 5, 7}} {
		var got []int64
		for _, row := range state.Snapshot().Shapes {
			if row.ID >= 20 {
				got = append(got, row.Shape.Request[0])
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("requests %d, want %d", got, want)
		}
	}
}

// TestShapesComeAndGo: a million shapes, each with nodes and a job of its own, leave nothing.
func TestShapesComeAndGo(t *testing.T) {
	t.Parallel()
	s := newOverlayBed(t).state
	const shapes, batch = 1_000_000, 1_000
	before := 0
	for i := 0; i < shapes; i += batch {
		if i == batch {
			before = s.Rows()
		}
		var deltas []schedule.Delta
		for n := range batch {
			id, job := schedule.ShapeID(i+n+2), schedule.JobID{1}
			binary.BigEndian.PutUint64(job[8:], uint64(i+n))
			deltas = append(deltas, schedule.ShapeAdded{ID: id, Shape: schedule.Shape{
				Request: schedule.Vec{1}, Class: "c", Match: schedule.Match{Selector: map[string]string{"label": strconv.Itoa(i + n)}},
			}}, schedule.JobQueued{Job: schedule.Job{ID: job, Queue: "q", Shape: id}})
		}
		for n := range batch {
			deltas = append(deltas, schedule.JobGone{Job: deltas[2*n+1].(schedule.JobQueued).Job.ID}, schedule.ShapeGone{ID: schedule.ShapeID(i + n + 2)})
		}
		if err := s.Apply(deltas...); err != nil {
			t.Fatal(err)
		}
	}
	if after := s.Rows(); after != before {
		t.Errorf("%d rows became %d", before, after)
	}
	if n := len(s.Snapshot().Shapes); n != 1 {
		t.Errorf("%d shapes are left", n)
	}
}
