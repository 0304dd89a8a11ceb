package events_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/submit/internal/admit"
)

// settings are what counts of the control stream.
func (b *bed) settings() (out []eventwire.Setting) {
	b.t.Helper()
	for _, e := range b.counted(eventlog.ControlPartition) {
		if e.Kind != eventlog.Facts {
			continue
		}
		body, err := eventwire.Decode(e.Body)
		if err != nil {
			b.t.Fatal(err)
		}
		out = append(out, body.Settings...)
	}
	return out
}

func (b *bed) createQueue(name string) uint64 {
	b.t.Helper()
	q := admit.Queue{
		Name: name, PriorityFactor: 2, Cordoned: true, Permissions: admit.Owners([]string{"ann"}, nil), Labels: map[string]string{"k": "v"},
		Limits: []admit.ClassLimit{{Class: "c", Pool: "p", Fractions: map[string]float64{"cpu": 0.5}}}, RetryPolicies: []string{"r"},
		Parent: "team", Quotas: []admit.Quota{{Pool: "gpu", Guarantee: map[string]int64{"cpu": 20_000}, Borrow: map[string]int64{"cpu": 1}, Lend: map[string]int64{"memory": 2}}},
	}
	generation, err := b.store.CreateQueue(b.t.Context(), q, 7, job.Cause{User: "ann"})
	if err != nil {
		b.t.Fatal(err)
	}
	return generation
}

func TestRelayTellsTheWholeQueue(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	p := b.start()
	generation := b.createQueue("q")
	if err := p.Relay(t.Context(), generation); err != nil {
		t.Fatal(err)
	}
	if _, err := b.store.DeleteQueue(t.Context(), "q", 8, job.Cause{User: "bob"}); err != nil {
		t.Fatal(err)
	}
	if err := p.RelayAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []eventwire.Setting{
		{Generation: 1, Time: 7, Cause: job.Cause{User: "ann"}, QueueSet: &eventwire.Queue{
			Name: "q", PriorityFactor: 2, Cordoned: true, Labels: map[string]string{"k": "v"}, RetryPolicies: []string{"r"},
			Parent: "team", Quotas: []eventwire.Quota{{Pool: "gpu", Guarantee: map[string]int64{"cpu": 20_000}, Borrow: map[string]int64{"cpu": 1}, Lend: map[string]int64{"memory": 2}}},
			Permissions: []eventwire.Permission{{
				Subjects: []eventwire.Subject{{Kind: "User", Name: "ann"}}, Verbs: []string{"submit", "cancel", "preempt", "reprioritize", "watch"},
			}},
			Limits: []eventwire.ClassLimit{{Class: "c", Pool: "p", MaximumFraction: map[string]float64{"cpu": 0.5}}},
		}},
		{Generation: 2, Time: 8, Cause: job.Cause{User: "bob"}, QueueDeleted: "q"},
	}
	if diff := cmp.Diff(want, b.settings()); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

// Changes reach the control stream in order and once, whoever relays them.
func TestOutboxIsRelayedInOrder(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	processes := []*process{b.start(), b.start()}
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			if err := processes[i%2].Relay(t.Context(), b.createQueue(fmt.Sprint(i))); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	// On a busy machine a lease runs out and a change is told again; readers ignore
	// what is not above what they have seen. What is new comes in order.
	var all, fresh []uint64
	for _, s := range b.settings() {
		all = append(all, s.Generation)
		if s.Generation == uint64(len(fresh)+1) {
			fresh = append(fresh, s.Generation)
		} else if s.Generation > uint64(len(fresh)) {
			t.Errorf("generation %d before %d", s.Generation, len(fresh)+1)
		}
	}
	if len(fresh) != 20 {
		t.Errorf("generations %v", all)
	}
}

// A process dies between publishing and noting it: the change is there twice, under
// one generation.
func TestCrashAfterRelayRepeatsTheSameGeneration(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	dying := b.start()
	b.createQueue("q")
	mine := dying.held.author
	dying.held.appended = func() {
		if err := b.store.CloseAuthor(t.Context(), mine, mine, b.time()); err != nil {
			t.Error(err)
		}
		dying.held.appended = nil
	}
	if err := dying.RelayAll(t.Context()); err != nil { // goes on as its next author
		t.Fatal(err)
	}
	got := b.settings()
	if len(got) != 2 || got[0].Generation != got[1].Generation {
		t.Errorf("settings %v", got)
	}
	if waiting, err := b.store.Waiting(t.Context(), 9); waiting || err != nil {
		t.Errorf("waiting %v, error %v", waiting, err)
	}
}

// Who holds the relay and dies is waited for as long as its lease.
func TestRelayOfADeadProcessIsTakenOver(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	if leased, err := b.store.LeaseRelay(t.Context(), [16]byte{9}, b.time(), b.time().Add(30*time.Second)); !leased || err != nil {
		t.Fatalf("leased %v, error %v", leased, err)
	}
	before := b.time()
	if err := b.start().Relay(t.Context(), b.createQueue("q")); err != nil {
		t.Fatal(err)
	}
	if waited := b.time().Sub(before); waited < 30*time.Second || waited > 31*time.Second {
		t.Errorf("waited %s", waited)
	}
	if len(b.settings()) != 1 {
		t.Errorf("settings %v", b.settings())
	}
}
