package schedule_test

import (
	"fmt"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// drawGroupedWorld draws a full pool of a few racks in which gangs wait that have groups, bound to
// racks, blocks or nothing.
func drawGroupedWorld(t *rapid.T) *world {
	w := drawWorld(t)
	cfg := &w.cfg
	cfg.Tiers = []schedule.Tier{{ID: "block", Label: "l/block"}, {ID: "rack", Label: "l/rack"}}
	cfg.ReserveAfter, cfg.ReservationsMax = 1, rapid.IntRange(1, 2).Draw(t, "reservations")
	cfg.GangMax, cfg.PeriodLimit = 0, schedule.PeriodLimit{}
	cfg.Markets, cfg.SpotCutoff, cfg.Bids = nil, nil, nil
	first := len(w.shapes) + 1
	w.shapes[schedule.ShapeID(first)] = schedule.Shape{Request: vecOf(*cfg, 1), Class: "firm"}
	w.shapes[schedule.ShapeID(first+1)] = schedule.Shape{Request: vecOf(*cfg, 2), Class: "firm"}
	w.shapes[schedule.ShapeID(first+2)] = schedule.Shape{Request: vecOf(*cfg, 1), Class: "firm", Limit: 7}
	w.shapes[schedule.ShapeID(first+3)] = schedule.Shape{Request: vecOf(*cfg, 2), Class: "firm", Limit: 30}
	for i := range rapid.IntRange(3, 6).Draw(t, "more nodes") {
		n := schedule.Node{
			ID: schedule.NodeID(fmt.Sprintf("x/m%d", i)), Executor: "x", Pool: "p", Total: vecOf(*cfg, int64(rapid.IntRange(2, 4).Draw(t, "cpu")), 8), Other: vecOf(*cfg),
			Labels: map[string]string{"l/block": fmt.Sprint(i / 3), "l/rack": fmt.Sprint(i / 2)},
		}
		w.nodes[n.ID] = n
		for free := n.Total[0]; free > 0; { // it is full, or nearly so
			shape := schedule.ShapeID(rapid.IntRange(first, first+3).Draw(t, "runs"))
			if free -= w.shapes[shape].Request[0]; free < 0 || rapid.IntRange(0, 9).Draw(t, "idle") == 0 {
				break
			}
			j := schedule.Job{ID: w.id(), Queue: "q0", Shape: shape}
			r := schedule.Run{ID: w.id(), Job: j.ID, Node: n.ID, Pool: "p", Since: w.now - schedule.Time(rapid.Int64Range(0, 3).Draw(t, "since")*1e9), Phase: schedule.Running}
			w.runs[r.ID] = worldRun{r, j, nil}
		}
	}
	w.queues["q0"], w.queues["q1"] = schedule.Queue{ID: "q0", Weight: schedule.Million}, schedule.Queue{ID: "q1", Weight: schedule.Million}
	for i := range rapid.IntRange(1, 2).Draw(t, "grouped gangs") {
		g := schedule.Gang{ID: schedule.GangID(fmt.Sprintf("h%d", i)), Queue: schedule.QueueID(fmt.Sprintf("q%d", i))}
		g.Tier = rapid.SampledFrom([]schedule.TierID{"", "block"}).Draw(t, "tier")
		for _, group := range []schedule.Group{{ID: "a"}, {ID: "a/1", Parent: "a"}, {ID: "b"}} {
			group.Tier = rapid.SampledFrom([]schedule.TierID{"", "block", "rack", "rack"}).Draw(t, "tier")
			g.Groups = append(g.Groups, group)
		}
		var members []schedule.Job
		for range rapid.IntRange(2, 5).Draw(t, "members") {
			members = append(members, schedule.Job{ID: w.id(), Queue: g.Queue, Shape: schedule.ShapeID(rapid.IntRange(first, first+1).Draw(t, "shape")), Gang: g.ID, Group: anyGroup(t, g)})
		}
		g.Cardinality = uint32(len(members)) //nolint:gosec // few
		w.gangs[g.ID] = g
		for _, j := range members {
			w.waiting[j.ID] = j
		}
	}
	return w
}

// TestPlanReservesForGroups: for gangs with bound groups too a plan is what refplan makes of the
// content, over some rounds, and every reservation keeps its groups in their domains.
func TestPlanReservesForGroups(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := drawGroupedWorld(t)
		s := w.load(t, anyOrder(t))
		for range rapid.IntRange(1, 3).Draw(t, "rounds") {
			round := schedule.Round{Now: w.now, MayReject: rapid.Bool().Draw(t, "reject")}
			plan := s.Plan(round)
			if diff := gocmp.Diff(refplan(&w.cfg, s.SnapshotAssumed(), round), plan, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("plan (-refplan +plan):\n%s", diff)
			}
			for _, r := range plan.Reservations {
				if err := w.keepsGroups(r); err != nil {
					t.Fatal(err)
				}
			}
			w.drawChange(t, s, plan)
		}
	})
}

// keepsGroups says whether the nodes of each bound group of a gang that has none running are in one domain.
func (w *world) keepsGroups(r schedule.Reservation) error {
	gang := w.gangs[w.waiting[r.Job].Gang]
	for _, group := range gang.Groups {
		seen := ""
		for _, m := range r.Members {
			j, labels := w.waiting[m.Job], map[schedule.TierID][]string{"block": {"l/block"}, "rack": {"l/block", "l/rack"}}[group.Tier]
			within := j.Group == group.ID || group.ID == "a" && j.Group == "a/1"
			if labels == nil || !within {
				continue
			}
			node := w.nodes[m.Node]
			name, is := domainName(&node, labels)
			if !is || seen != "" && seen != name {
				return fmt.Errorf("gang %s: group %s is on nodes of %q and %q", gang.ID, group.ID, seen, name)
			}
			seen = name
		}
	}
	return nil
}
