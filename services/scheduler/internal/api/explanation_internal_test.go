package api

import (
	"testing"

	schedulerv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/scheduler/v1"
	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// TestEnumsOnTheWire: each rule of the round has a number of its own on the wire, and the
// kinds that are counted alike on both sides end alike.
func TestEnumsOnTheWire(t *testing.T) {
	t.Parallel()
	seen := map[schedulerv1.BlockRule]bool{0: true}
	for rule := schedule.BlockRule(1); rule <= schedule.GangFull; rule++ {
		if wire := blockRules()[rule]; seen[wire] {
			t.Errorf("block rule %d is %s on the wire, which is none or another's too", rule, wire)
		} else {
			seen[wire] = true
		}
	}
	for name, ends := range map[string][2]int{
		"node reason": {int(schedule.NodeReserved), int(schedulerv1.NodeReason_NODE_REASON_RESERVED)},
		"preemption":  {int(schedule.MemberAlone), int(schedulerv1.Preemption_PREEMPTION_MEMBER_ALONE)},
		"change kind": {int(schedule.AddNodes), int(schedulerv1.ChangeKind_CHANGE_KIND_ADD_NODES)},
	} {
		if ends[0] != ends[1] {
			t.Errorf("%s: the last is %d, on the wire %d", name, ends[0], ends[1])
		}
	}
}
