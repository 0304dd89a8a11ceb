package lead_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/lead"
)

// TestGangGroups: each group of a gang starts in a rack of its own, and none before there
// are racks enough.
func TestGangGroups(t *testing.T) {
	t.Parallel()
	b := newBed(t, newLog(), 1)
	b.setting(1, "q")
	b.takeOver()
	for id, group := range map[byte]string{1: "x", 2: "y", 3: "x", 4: "y"} {
		b.submit("set", id, 1000, grouped("g", 4, group))
	}
	rack := func(name, rack string) lead.Node {
		n := node(name, 1000)
		n.Labels = map[string]string{"l/rack": rack}
		return n
	}
	b.connect(1, rack("n1", "r"), rack("n2", "r"), rack("n3", "s"), node("n4", 1000))
	b.readBack()
	if list := b.leases(); len(list) > 0 {
		t.Fatalf("%+v was sent, and y has no rack", list)
	}
	b.connect(2, rack("n1", "r"), rack("n2", "r"), rack("n3", "s"), node("n4", 1000), rack("n5", "s"))
	b.readBack()
	racks := map[string]string{"n1": "x", "n2": "x", "n3": "y", "n5": "y"}
	groups := map[job.ID]string{{1}: "x", {2}: "y", {3}: "x", {4}: "y"}
	list := b.leases()
	if len(list) != 4 {
		t.Fatalf("%d leases were sent, want 4", len(list))
	}
	for _, l := range list {
		if racks[l.Node] != groups[l.Job] {
			t.Errorf("job %s of group %s is on node %s", l.Job, groups[l.Job], l.Node)
		}
	}
}

// TestElasticGang: an elastic gang starts with as many members as must run, and no more than
// are to; when one has ended another takes its place. A replica that begins from a snapshot
// knows that one ended of itself.
func TestElasticGang(t *testing.T) {
	t.Parallel()
	b := leader(t)
	for id := range byte(4) {
		b.submit("set", id+1, 1000, func(e *job.SubmittedEvent) {
			e.Gang = job.Gang{ID: "g", Cardinality: 4, Min: 2, Want: 2}
		})
	}
	b.connect(1, node("n1", 4000))
	b.readBack()
	list := b.leases()
	if len(list) != 2 {
		t.Fatalf("%d leases were sent, want the 2 that run", len(list))
	}
	first := list[0]
	b.running(first.Job, first, 1)
	b.report(1, 4, job.RunSucceededEvent{Head: head(first.Job), Run: first.Run})
	b.readBack()
	if list = b.leases(); len(list) != 1 {
		t.Fatalf("%d leases were sent after one had ended, want 1", len(list))
	}
	gangs := b.core.Snapshot().Round.Gangs
	if len(gangs) != 1 || gangs[0].Min != 2 || len(gangs[0].Done) != 1 || gangs[0].Done[0].Members != 1 {
		t.Errorf("gangs %+v, want one with a member that ended of itself", gangs)
	}
	heir := bedFrom(t, b.log, 2, b.core.Snapshot())
	if diff := cmp.Diff(gangs, heir.core.Snapshot().Round.Gangs); diff != "" {
		t.Errorf("gangs of the heir (-leader +heir):\n%s", diff)
	}
}
