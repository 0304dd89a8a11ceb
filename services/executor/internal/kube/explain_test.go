package kube_test

import (
	"fmt"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-batch/fairlead/services/executor/internal/kube"
	"github.com/fairlead-batch/fairlead/services/executor/internal/lease"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// TestWhoseTurn: however many pods are stuck and however many come, each has its turn,
// few at a time, and none that came just now.
func TestWhoseTurn(t *testing.T) {
	t.Parallel()
	pod := func(uid string) lease.Pod { return lease.Pod{Pod: job.Pod{UID: uid}} }
	var stuck []lease.Pod
	for i := range 50 {
		stuck = append(stuck, pod(fmt.Sprintf("stuck-%02d", i)))
	}
	asked := map[types.UID]int{}
	looked := map[string]int{}
	for round := range 4 {
		fresh := slices.Clone(stuck)
		for i := range 30 {
			fresh = append(fresh, pod(fmt.Sprintf("a-new-one-%d-%d", round, i)))
		}
		var turn []lease.Pod
		turn, asked = kube.WhoseTurn(fresh, asked)
		if len(turn) > 20 {
			t.Fatalf("round %d: %d at a time, want 20 at most", round, len(turn))
		}
		for _, p := range turn {
			looked[p.UID]++
			asked[types.UID(p.UID)]++
		}
	}
	// One round to be known, three to look into 50.
	for _, p := range stuck {
		if n := looked[p.UID]; n < 1 || n > 2 {
			t.Errorf("%s was looked into %d times", p.UID, n)
		}
	}
	if len(looked) != len(stuck) {
		t.Errorf("%d pods were looked into, want the %d that stay", len(looked), len(stuck))
	}
	if _, after := kube.WhoseTurn(nil, asked); len(after) != 0 {
		t.Errorf("%d that are stuck no more are remembered", len(after))
	}
}
