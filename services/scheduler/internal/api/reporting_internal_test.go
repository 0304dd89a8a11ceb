package api

import (
	"strings"
	"testing"

	"github.com/fairlead-batch/fairlead/services/scheduler/internal/lead"
	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// TestReportSpotPrice: the price of a market is told with its pool, and nothing where there is
// none.
func TestReportSpotPrice(t *testing.T) {
	t.Parallel()
	for spot, want := range map[string]bool{"": false, "2.5": true} {
		var b strings.Builder
		(&seenPool{name: "market", spot: spot}).write(&b, nil, "", false)
		if got := strings.Contains(b.String(), "  Spot price: 2.5\n"); got != want {
			t.Errorf("with price %q: %q", spot, b.String())
		}
	}
}

// TestReportResources: what a round started and preempted is summed over the queues of a pool,
// or is that of the one that is asked for.
func TestReportResources(t *testing.T) {
	t.Parallel()
	p := seenPool{name: "p", resources: []string{"cpu", "gpu"}, capacity: schedule.Vec{9000, 2}}
	round := RoundTook{Round: lead.Round{Queues: []lead.RoundQueue{
		{Pool: "p", Queue: "a", Started: 2, Scheduled: schedule.Vec{3000, 0}, Lost: schedule.Vec{0, 0}},
		{Pool: "p", Queue: "b", Started: 1, Preempted: 1, Scheduled: schedule.Vec{500, 1}, Lost: schedule.Vec{1000, 0}},
		{Pool: "other", Queue: "a", Started: 1, Scheduled: schedule.Vec{7000, 7}, Lost: schedule.Vec{7000, 7}},
	}}}
	for queue, want := range map[string]string{
		"":  "  Resources scheduled: cpu 3500m, gpu 1\n  Resources preempted: cpu 1\n",
		"a": "  Resources scheduled: cpu 3\n  Resources preempted: none\n",
	} {
		var b strings.Builder
		p.write(&b, []RoundTook{round}, queue, true)
		if !strings.Contains(b.String(), want) || !strings.Contains(b.String(), "Total capacity: cpu 9, gpu 2\n") {
			t.Errorf("of queue %q: %q, want %q", queue, b.String(), want)
		}
	}
}

// TestReportOfAFollower: who does not lead had no rounds, and says why it tells of none.
func TestReportOfAFollower(t *testing.T) {
	t.Parallel()
	for leads, want := range map[bool]string{true: "Newest round: none\n", false: "Newest round: none here, for another replica leads"} {
		var b strings.Builder
		(&seenPool{name: "p", leads: leads}).write(&b, nil, "", false)
		if !strings.Contains(b.String(), want) {
			t.Errorf("leads: %v: %q, want %q", leads, b.String(), want)
		}
	}
}
