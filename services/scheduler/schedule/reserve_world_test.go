package schedule_test

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"pgregory.net/rapid"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// drawReservations reserves nodes, good ones or not, for some that wait.
func (w *world) drawReservations(t *rapid.T) {
	for _, j := range byID(w.waiting) {
		if rapid.IntRange(0, 5).Draw(t, "reserve") > 0 {
			continue
		}
		r := schedule.Reservation{
			Job: j.ID, Pool: rapid.SampledFrom(w.cfg.Pools).Draw(t, "pool"),
			Time: schedule.Time(rapid.SampledFrom([]int64{0, 5, 1000, 1e9 + 1000, 2e9 + 3, 3e9}).Draw(t, "from")),
		}
		for _, mate := range byID(w.waiting) {
			if mate.ID == j.ID || j.Gang != "" && mate.Gang == j.Gang && mate.Queue == j.Queue {
				r.Members = append(r.Members, schedule.Reserved{Job: mate.ID, Node: w.anyNode(t)})
			}
		}
		if r.Members[0].Job == r.Job {
			r.Pool = w.nodes[r.Members[0].Node].Pool
			w.reserved[r.Job] = r
		}
	}
}

// endReservation forgets the reservation of a job.
func (w *world) endReservation(id schedule.JobID) {
	maps.DeleteFunc(w.reserved, func(_ schedule.JobID, r schedule.Reservation) bool {
		return slices.ContainsFunc(r.Members, func(m schedule.Reserved) bool { return m.Job == id })
	})
}

// isReserved says whether a node is in a reservation.
func (w *world) isReserved(id schedule.NodeID) bool {
	for _, r := range w.reserved {
		if slices.ContainsFunc(r.Members, func(m schedule.Reserved) bool { return m.Node == id }) {
			return true
		}
	}
	return false
}

// reservationsKept: no start of a job that has none takes the room of a reservation that
// stays, at its time, but one of a higher class or that has ended by then.
func reservationsKept(w *world, plan *schedule.Plan, after *world) error {
	for name, r := range w.reserved {
		if _, held := after.reserved[name]; !held || slices.Contains(plan.Unreserves, name) || !after.waitsFor(r) {
			continue
		}
		for _, s := range plan.Starts {
			shape := w.shapeOf(w.waiting[s.Job])
			if s.Level > after.levelOf(r) || shape.Limit > 0 && w.now+schedule.Time(shape.Limit)*1e9 <= r.Time {
				continue
			}
			need := after.needOn(r, s.Node)
			room := after.room(s.Node, func(run worldRun) bool {
				// What a higher class took is no fault of this start: where quotas are it may go later.
				_, started := w.waiting[run.Job]
				return stays(run) && (r.Time == 0 || after.ends(run) > r.Time) && (!started || run.Level <= after.levelOf(r))
			})
			for i, amount := range w.onNode(shape) {
				if need != nil && amount > 0 && room[i] < need[i] {
					return fmt.Errorf("start %x on %s delays reservation %x: of resource %d it leaves %d at %d, and %d is reserved", s.Job, s.Node, name, i, room[i], r.Time, need[i])
				}
			}
		}
	}
	return nil
}

// waitsFor says whether all jobs of a reservation wait.
func (w *world) waitsFor(r schedule.Reservation) bool {
	return !slices.ContainsFunc(r.Members, func(m schedule.Reserved) bool { _, waits := w.waiting[m.Job]; return !waits })
}

// levelOf is the highest class of a reservation's jobs.
func (w *world) levelOf(r schedule.Reservation) (level int32) {
	level = math.MinInt32
	for _, m := range r.Members {
		level = max(level, w.classes[w.shapeOf(w.waiting[m.Job]).Class].Priority)
	}
	return level
}

// needOn is what a reservation needs of a node; nil: nothing.
func (w *world) needOn(r schedule.Reservation, node schedule.NodeID) (need schedule.Vec) {
	for _, m := range r.Members {
		if m.Node == node {
			if need == nil {
				need = make(schedule.Vec, len(w.cfg.Resources))
			}
			addTo(need, w.onNode(w.shapeOf(w.waiting[m.Job])))
		}
	}
	return need
}

// ends is when a run ends by what is known of it.
func (w *world) ends(r worldRun) schedule.Time {
	sh := w.shapeOf(r.job)
	limit := refAfter(r.Since, sh.Limit)
	if expected := min(limit, refAfter(r.Since, sh.Expect)); sh.Expect > 0 && expected > w.now {
		return expected
	}
	return limit
}

// dropUnreserved drops the reservations that cannot be held.
func dropUnreserved(t rapid.TB, w *world, s *schedule.State) {
	t.Helper()
	for _, name := range s.Plan(schedule.Round{Now: w.now}).Unreserves {
		if err := s.Apply(schedule.ReservationGone{Job: name}); err != nil {
			t.Fatal(err)
		}
	}
}
