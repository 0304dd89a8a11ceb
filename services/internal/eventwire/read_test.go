package eventwire_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// TestReadShares: all who read an entry that is shared get one decoded body, also at
// one moment; an entry that is not is decoded for each.
func TestReadShares(t *testing.T) {
	t.Parallel()
	raw, err := eventwire.Encode(everything())
	if err != nil {
		t.Fatal(err)
	}
	for name, share := range map[string]*eventlog.Share{"shared": {}, "not shared": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var specs [8]*job.PodSpec
			var readers sync.WaitGroup
			for i := range specs {
				readers.Go(func() {
					body, err := eventwire.Read(eventlog.Entry{Body: raw, Share: share})
					if err != nil {
						t.Errorf("read: %v", err)
						return
					}
					submitted, _ := body.Batches[0].Events[0].(job.SubmittedEvent)
					specs[i] = submitted.Spec
				})
			}
			readers.Wait()
			for i, spec := range specs[1:] {
				if one := spec == specs[0]; one != (share != nil) {
					t.Errorf("readers 0 and %d have one body: %v", i+1, one)
				}
			}
		})
	}
}

// TestReadSharesRefusals: what cannot be decoded is so for every reader.
func TestReadSharesRefusals(t *testing.T) {
	t.Parallel()
	damaged := eventlog.Entry{Body: []byte("no body"), Share: new(eventlog.Share)}
	for range 2 {
		if _, err := eventwire.Read(damaged); !errors.Is(err, eventlog.ErrDamaged) {
			t.Errorf("got %v, want %v", err, eventlog.ErrDamaged)
		}
	}
}

// TestReadAfterPanic: where the first reader panicked, the others do not take the entry
// for an empty one.
func TestReadAfterPanic(t *testing.T) {
	t.Parallel()
	raw, err := eventwire.Encode(everything())
	if err != nil {
		t.Fatal(err)
	}
	e := eventlog.Entry{Body: raw, Share: new(eventlog.Share)}
	func() {
		defer func() { _ = recover() }()
		e.Share.Do(func() any { panic("a bug") })
	}()
	if body, err := eventwire.Read(e); err != nil || len(body.Batches) == 0 {
		t.Errorf("read %d batches, error %v", len(body.Batches), err)
	}
}
