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
