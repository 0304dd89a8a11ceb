package schedule_test

import (
	"fmt"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// TestIdealShareInTree: as TestIdealShare, for teams among each other with all that is part
// of them, and for the queues of a team among each other. Their parts are of what the team
// should have, or has if that is less: what it has above is not shared out anew among them.
func TestIdealShareInTree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		nodes, slots := rapid.Int64Range(1, 4).Draw(t, "nodes"), rapid.Int64Range(1, 5).Draw(t, "slots")
		var teams []*party
		for i := range rapid.IntRange(1, 3).Draw(t, "teams") {
			teams = append(teams, &party{queue: schedule.QueueID(fmt.Sprintf("t%d", i)), weight: rapid.Int64Range(1, 3).Draw(t, "weight")})
		}
		var parties []*party
		partOf := map[*party]*party{}
		for range rapid.IntRange(1, 6).Draw(t, "queues") {
			p := &party{
				weight: rapid.Int64Range(1, 3).Draw(t, "weight"), wants: rapid.Int64Range(0, 2*nodes*slots).Draw(t, "wants"),
				request: schedule.Vec{2, 1},
			}
			parties, partOf[p] = append(parties, p), rapid.SampledFrom(teams).Draw(t, "team")
		}
		w := newFairWorld(nodes, schedule.Vec{2 * slots, slots}, parties)
		for _, team := range teams {
			w.queues[team.queue] = schedule.Queue{ID: team.queue, Weight: team.weight * schedule.Million}
		}
		for _, p := range parties {
			q := w.queues[p.queue]
			q.Parent = partOf[p].queue
			w.queues[p.queue] = q
		}
		w.live(t)
		for _, p := range parties {
			partOf[p].has += p.has
			partOf[p].wants += p.wants
		}
		all := big.NewRat(nodes*slots, 1)
		if err := withinOneJob(teams, all, false); err != nil {
			t.Fatal(err)
		}
		for team, ideal := range idealOf(teams, all) {
			var inTeam []*party
			for _, p := range parties {
				if partOf[p] == team {
					inTeam = append(inTeam, p)
				}
			}
			if has := big.NewRat(team.has, 1); has.Cmp(ideal) < 0 {
				ideal = has
			}
			if err := withinOneJob(inTeam, ideal, false); err != nil {
				t.Fatalf("in %s: %v", team.queue, err)
			}
		}
	})
}
