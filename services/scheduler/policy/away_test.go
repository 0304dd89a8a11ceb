package policy_test

import (
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/fairlead-batch/fairlead/services/scheduler/policy"
	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// TestAwayNodeTypes: they become what the round tolerates at a lower level, and each mistake is
// named by its field.
func TestAwayNodeTypes(t *testing.T) {
	t.Parallel()
	s := policy.Default()
	s.WellKnownNodeTypes = []policy.NodeType{{Name: "gpu", Taints: []policy.Taint{{Key: "gpu", Value: "true", Effect: "NoSchedule"}, {Key: "team", Value: "*"}}}}
	class := s.PriorityClasses["armada-preemptible"]
	class.AwayNodeTypes = []policy.AwayNodeType{{Priority: 500, WellKnownNodeTypeName: "gpu"}}
	s.PriorityClasses["armada-preemptible"] = class
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	cfg, err := s.Round()
	if err != nil {
		t.Fatal(err)
	}
	want := []schedule.Away{{Level: 500, Tolerate: []schedule.Toleration{
		{Key: "gpu", Operator: "Equal", Value: "true", Effect: "NoSchedule"}, {Key: "team", Operator: "Exists"},
	}}}
	if diff := gocmp.Diff(want, cfg.Classes[1].Away); diff != "" {
		t.Errorf("away (-want +got):\n%s", diff)
	}
	s.WellKnownNodeTypes = append(s.WellKnownNodeTypes, policy.NodeType{Name: "gpu", Taints: []policy.Taint{{}}})
	class.Preemptible = false
	class.AwayNodeTypes = []policy.AwayNodeType{{Priority: 1000, WellKnownNodeTypeName: "gpu"}, {Priority: 3, WellKnownNodeTypeName: "gone"}}
	s.PriorityClasses["armada-preemptible"] = class
	const at = "priorityClasses.armada-preemptible.awayNodeTypes"
	if diff := gocmp.Diff([]string{
		"wellKnownNodeTypes[1].name", "wellKnownNodeTypes[1].taints[0].key", at, at + "[0].priority", at + "[1].wellKnownNodeTypeName",
	}, fields(t, s.Validate())); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

// TestConditionalNodeTypes: they become conditions in the round's units, and each mistake is named by its field.
func TestConditionalNodeTypes(t *testing.T) {
	t.Parallel()
	s := policy.Default()
	s.WellKnownNodeTypes = []policy.NodeType{{Name: "gpu", Taints: []policy.Taint{{Key: "gpu", Value: "true"}}}, {Name: "big", Taints: []policy.Taint{{Key: "big", Value: "*"}}}}
	class := s.PriorityClasses["armada-preemptible"]
	class.AwayNodeTypes = []policy.AwayNodeType{
		{Priority: 500, NodeTypes: []policy.ConditionalNodeType{
			{Name: "gpu", Conditions: []policy.Condition{{Resource: "cpu", Operator: "<", Value: 0.57}, {Resource: "memory", Operator: ">", Value: 1 << 30}}},
		}},
		{Priority: 400, WellKnownNodeTypeName: "gpu", NodeTypes: []policy.ConditionalNodeType{{Name: "big"}}},
	}
	s.PriorityClasses["armada-preemptible"] = class
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	cfg, err := s.Round()
	if err != nil {
		t.Fatal(err)
	}
	gpu, big := []schedule.Toleration{{Key: "gpu", Operator: "Equal", Value: "true"}}, []schedule.Toleration{{Key: "big", Operator: "Exists"}}
	want := []schedule.Away{
		{Level: 500, Types: []schedule.AwayType{{Tolerate: gpu, When: []schedule.Condition{{Resource: "cpu", Operator: "<", Value: 570}, {Resource: "memory", Operator: ">", Value: 1 << 30}}}}},
		{Level: 400, Tolerate: gpu, Types: []schedule.AwayType{{Tolerate: big}, {}}},
	}
	if diff := gocmp.Diff(want, cfg.Classes[1].Away); diff != "" {
		t.Errorf("away (-want +got):\n%s", diff)
	}
	class.AwayNodeTypes = []policy.AwayNodeType{
		{Priority: 3},
		{Priority: 2, NodeTypes: []policy.ConditionalNodeType{{Name: "gone", Conditions: []policy.Condition{{Resource: "wine", Operator: ">="}, {Resource: "cpu", Operator: ">", Value: 0.0001}}}}},
	}
	s.PriorityClasses["armada-preemptible"] = class
	const at = "priorityClasses.armada-preemptible.awayNodeTypes"
	if diff := gocmp.Diff([]string{
		at + "[0].wellKnownNodeTypeName", at + "[1].nodeTypes[0].name", at + "[1].nodeTypes[0].conditions[0].resource",
		at + "[1].nodeTypes[0].conditions[0].operator", at + "[1].nodeTypes[0].conditions[1].value",
	}, fields(t, s.Validate())); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

// TestSwitches: what is switched off in a pool is so in the round, and not all can be.
func TestSwitches(t *testing.T) {
	t.Parallel()
	s := policy.Default()
	s.Pools = []policy.Pool{{Name: "a"}, {Name: "b", DisableHomeScheduling: true, DisableGangAwayScheduling: true, DisableFairshareScheduling: true}, {Name: "c", DisableAwayScheduling: true, DisableUrgencyScheduling: true}}
	cfg, err := s.Round()
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(map[schedule.PoolID]schedule.Switches{"b": {Home: true, GangAway: true, FairShare: true}, "c": {Away: true, Urgency: true}}, cfg.Switches); diff != "" {
		t.Errorf("switches (-want +got):\n%s", diff)
	}
	s.Pools[1].DisableAwayScheduling = true
	if diff := gocmp.Diff([]string{"pools[1].disableHomeScheduling"}, fields(t, s.Validate())); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

// TestHosts: the away pools of a pool and what all jobs tolerate there reach the round, and what
// could not be is refused.
func TestHosts(t *testing.T) {
	t.Parallel()
	s := policy.Default()
	s.Pools = []policy.Pool{
		{Name: "a", AwayPools: []policy.AwayPool{{Name: "c"}, {Name: "b"}}},
		{Name: "b", JobDefaults: policy.JobDefaults{Tolerations: []policy.Toleration{{Key: "team", Operator: "Exists"}, {Operator: "Exists", Effect: "NoExecute"}}}},
		{Name: "c"},
	}
	cfg, err := s.Round()
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(map[schedule.PoolID][]schedule.PoolID{"a": {"c", "b"}}, cfg.AwayPools); diff != "" {
		t.Errorf("away pools (-want +got):\n%s", diff)
	}
	if diff := gocmp.Diff(map[schedule.PoolID][]schedule.Toleration{"b": {{Key: "team", Operator: "Exists"}, {Operator: "Exists", Effect: "NoExecute"}}}, cfg.Tolerate); diff != "" {
		t.Errorf("tolerations (-want +got):\n%s", diff)
	}
	s.Pools[0].AwayPools = []policy.AwayPool{{Name: "a"}, {Name: "b"}, {Name: "b"}, {Name: "none"}}
	s.Pools[1].JobDefaults.Tolerations = []policy.Toleration{{Key: "k", Operator: "In"}, {Value: "v"}, {Key: "k", Operator: "Exists", Value: "v"}, {Key: "k", Effect: "Never"}}
	const at = "pools[1].jobDefaults.tolerations"
	if diff := gocmp.Diff([]string{
		"pools[0].awayPools[0].name", "pools[0].awayPools[2].name", "pools[0].awayPools[3].name",
		at + "[0].operator", at + "[1].key", at + "[2].value", at + "[3].effect",
	}, fields(t, s.Validate())); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}
