package lead_test

import (
	"slices"
	"testing"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/lead"
	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// givenBack is a leader with a job that was tried on one of its nodes and given back.
func givenBack(t *testing.T, nodes ...lead.Node) (*bed, job.ID) {
	t.Helper()
	b := leader(t)
	b.step(lead.NodesChanged{Session: 1, Changed: nodes})
	id := b.submit("s", 1, 1000)
	b.readBack()
	lease := b.oneLease()
	at := job.Head{Job: id, Time: b.now}
	b.report(1, 1, job.RunAcknowledgedEvent{Head: at, Run: lease.Run}, job.RunReturnedEvent{Head: at, Run: lease.Run, Reason: "stuck", Attempted: true})
	b.readBack()
	return b, id
}

// TestRetryBackoff: a job that was given back waits before it is tried again, from then on
// and not from when somebody began to lead.
func TestRetryBackoff(t *testing.T) {
	t.Parallel()
	b, id := givenBack(t, node("n2", 4000))
	b.pass(time.Second)
	b.readBack()
	if n := len(b.leases()); n > 0 {
		t.Fatalf("it is tried again after a second, want two")
	}
	if why, _ := b.core.Explain(id, b.now); why.Why == nil || !slices.ContainsFunc(why.Why.Changes, func(c schedule.Change) bool { return c.Kind == schedule.WaitUntil }) {
		t.Errorf("explained as %+v, want that it waits", why.Why)
	}
	for name, heir := range map[string]*bed{"read everything": newBed(t, b.log, 2), "began from a snapshot": bedFrom(t, b.log, 3, b.core.Snapshot())} {
		heir.log, heir.now = b.log.clone(), b.now
		heir.readBack()
		heir.takeOver()
		heir.connect(1, node("n1", 4000), node("n2", 4000))
		heir.readBack()
		if n := len(heir.leases()); n > 0 {
			t.Errorf("an heir that %s tries it at once", name)
		}
		heir.pass(time.Second)
		heir.readBack()
		if lease := heir.oneLease(); lease.Node != "n2" {
			t.Errorf("an heir that %s tries it on %s, want n2", name, lease.Node)
		}
	}
}

// TestTriedEverywhere: a job that was tried on every node that could hold it ends, once all
// nodes are known.
func TestTriedEverywhere(t *testing.T) {
	t.Parallel()
	b, id := givenBack(t, node("n2", 500))
	b.pass(3 * time.Second)
	b.readBack()
	b.wantStory("s", id, "Submitted", "Leased", "RunAcknowledged", "RunReturned", "Requeued")
	b.pass(5 * time.Second)
	b.readBack()
	b.wantStory("s", id, "Submitted", "Leased", "RunAcknowledged", "RunReturned", "Requeued", "Rejected")
}

// TestBackoff: the wait doubles up to the longest.
func TestBackoff(t *testing.T) {
	t.Parallel()
	for _, of := range []struct {
		lead.Backoff
		want []time.Duration
	}{
		{lead.Backoff{}, []time.Duration{0, 0, 0}},
		{lead.Backoff{Initial: time.Second, Max: 5 * time.Second}, []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Second, 5 * time.Second}},
		{lead.Backoff{Initial: 24 * time.Hour, Max: 24 * time.Hour}, []time.Duration{24 * time.Hour, 24 * time.Hour}},
	} {
		for i, want := range of.want {
			if got := of.After(i + 1); got != want {
				t.Errorf("%+v after %d attempts: %v, want %v", of.Backoff, i+1, got, want)
			}
		}
	}
}
