package lead_test

import (
	"testing"

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
