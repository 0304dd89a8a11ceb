package schedule_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// TestWhyChangesLetItStart: of every job that waits, each change that Why names lets it
// start, and a little less of it does not. Asking changes nothing.
func TestWhyChangesLetItStart(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w, s := drawLived(t)
		dropUnreserved(t, w, s)
		before := s.Dump()
		rows := s.SnapshotAssumed()
		for _, j := range rows.Jobs {
			why, waits := s.Why(j.ID, w.now)
			if !waits {
				t.Fatalf("job %x does not wait", j.ID)
			}
			if starts := startsIn(s.Try(j.ID, schedule.Round{Now: w.now}), j.ID); starts != why.Starts {
				t.Fatalf("it starts alone: %v, and why says\n%s", starts, why.Text())
			}
			for _, c := range why.Changes {
				if !startsIn(tried(t, w.cfg, rows, j, c), j.ID) {
					t.Fatalf("job %x does not start after %+v\n%s", j.ID, c, why.Text())
				}
				if less, is := lessOf(c); is {
					if plan := tried(t, w.cfg, rows, j, less); w.startsWhereLeastIsSought(plan, j) && len(plan.Preempts) == 0 {
						t.Fatalf("job %x starts after %+v, which is less than %+v\n%s", j.ID, less, c, why.Text())
					}
				}
			}
		}
		if diff := gocmp.Diff(before, s.Dump()); diff != "" {
			t.Fatalf("Why changed the content (-before +after):\n%s", diff)
		}
		round := schedule.Round{Now: w.now}
		if diff := gocmp.Diff(refplan(&w.cfg, rows, round), s.Plan(round), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("plan after Why (-refplan +plan):\n%s", diff)
		}
	})
}

// startsWhereLeastIsSought says whether a job starts at home in a plan, of a pool where it may not be
// away from home: where it may, what is the least is not looked for.
func (w *world) startsWhereLeastIsSought(plan *schedule.Plan, j schedule.Job) bool {
	class := w.classes[w.shapeOf(j).Class]
	return slices.ContainsFunc(plan.Starts, func(s schedule.Start) bool {
		return s.Job == j.ID && s.Level == class.Priority && (len(class.Away) == 0 || w.cfg.Switches[s.Pool].Away)
	})
}

// TestTryIsPlan: where one job or gang waits alone, trying it is the round.
func TestTryIsPlan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w, s := drawLived(t)
		rows := s.SnapshotAssumed()
		if len(rows.Jobs) == 0 {
			return
		}
		j := rapid.SampledFrom(rows.Jobs).Draw(t, "job")
		rows.Jobs = slices.DeleteFunc(rows.Jobs, func(o schedule.Job) bool {
			return o.ID != j.ID && (j.Gang == "" || o.Queue != j.Queue || o.Gang != j.Gang)
		})
		aloneIn(t, w, &rows, j)
		s = loaded(t, w.cfg, rows)
		round := schedule.Round{Now: w.now}
		want, got := s.Plan(round), s.Try(j.ID, round)
		if j.Gang != "" && (&ref{rows: rows}).gangOf(j.Queue, j.Gang).Min > 0 && len(got.Starts) > 0 {
			want.Starts = want.Starts[:min(len(got.Starts), len(want.Starts))] // then others of it go, one by one
		}
		if diff := gocmp.Diff(want.Starts, got.Starts, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("starts (-plan +try):\n%s", diff)
		}
		if diff := gocmp.Diff(want.Preempts, got.Preempts, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("preempts (-plan +try):\n%s", diff)
		}
	})
}

// aloneIn has a job that goes by itself, its elastic gang being whole, wait alone of it, and
// asks about another that starts with others where these go before it.
func aloneIn(t *rapid.T, w *world, rows *schedule.Snapshot, j schedule.Job) {
	t.Helper()
	if j.Gang == "" {
		return
	}
	r := &ref{cfg: &w.cfg, rows: *rows}
	for i := range rows.Runs {
		r.runs = append(r.runs, refRun{RunRow: rows.Runs[i]})
	}
	g := r.gangOf(j.Queue, j.Gang)
	core, complete := r.core(g)
	if g.Min == 0 || !complete || slices.Contains(core, j.ID) {
		return
	}
	if len(core) > 0 {
		t.Skip("others of its gang go before it")
	}
	rows.Jobs = slices.DeleteFunc(rows.Jobs, func(o schedule.Job) bool { return o.ID != j.ID })
}

func startsIn(plan *schedule.Plan, id schedule.JobID) bool {
	return slices.ContainsFunc(plan.Starts, func(s schedule.Start) bool { return s.Job == id })
}

func loaded(t rapid.TB, cfg schedule.Config, rows schedule.Snapshot) *schedule.State {
	t.Helper()
	// A reservation ends with the first of its jobs.
	rows.Reservations = slices.DeleteFunc(slices.Clone(rows.Reservations), func(r schedule.Reservation) bool {
		return slices.ContainsFunc(r.Members, func(m schedule.Reserved) bool {
			return !slices.ContainsFunc(rows.Jobs, func(j schedule.Job) bool { return j.ID == m.Job })
		})
	})
	s, err := schedule.Load(&cfg, rows)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// tried is what comes of a job alone after a change.
func tried(t rapid.TB, cfg schedule.Config, rows schedule.Snapshot, j schedule.Job, c schedule.Change) *schedule.Plan {
	t.Helper()
	cfg, rows = changed(t, cfg, rows, j, c)
	return loaded(t, cfg, rows).Try(j.ID, schedule.Round{Now: c.At})
}

// lessOf is a change that is a little less; false: there is none.
func lessOf(c schedule.Change) (schedule.Change, bool) {
	c.Amounts = slices.Clone(c.Amounts)
	switch {
	case c.Kind == schedule.AskLess && len(c.Amounts) == 1:
		c.Amounts[0].Amount++
	case c.Kind == schedule.RaiseLimit && c.Amounts[0].Amount > 0:
		c.Amounts[0].Amount--
	case c.Kind == schedule.AddNodes && c.Count > 1, c.Kind == schedule.LookFurther && c.Count > 1, c.Kind == schedule.AddMembers && c.Count > 1:
		c.Count--
	case c.Kind == schedule.AskFewer:
		c.Count++
	case c.Kind == schedule.WaitUntil:
		c.At--
	default:
		return c, false
	}
	return c, true
}

// changed makes a change, told in rows and rules.
func changed(t rapid.TB, cfg schedule.Config, rows schedule.Snapshot, j schedule.Job, c schedule.Change) (schedule.Config, schedule.Snapshot) {
	t.Helper()
	rows.Jobs, rows.Shapes, rows.Gangs = slices.Clone(rows.Jobs), slices.Clone(rows.Shapes), slices.Clone(rows.Gangs)
	rows.Nodes, rows.Queues = slices.Clone(rows.Nodes), slices.Clone(rows.Queues)
	shapes := func(change func(*schedule.Shape)) {
		for i := range rows.Jobs {
			if o := &rows.Jobs[i]; o.ID == j.ID || j.Gang != "" && o.Queue == j.Queue && o.Gang == j.Gang {
				at := slices.IndexFunc(rows.Shapes, func(s schedule.ShapeAdded) bool { return s.ID == o.Shape })
				s := schedule.ShapeAdded{ID: schedule.ShapeID(1000 + len(rows.Shapes)), Shape: rows.Shapes[at].Shape}
				s.Shape.Request, s.Shape.Match.Tolerations = slices.Clone(s.Shape.Request), slices.Clone(s.Shape.Match.Tolerations)
				change(&s.Shape)
				rows.Shapes = append(rows.Shapes, s)
				o.Shape = s.ID
			}
		}
	}
	switch c.Kind {
	case schedule.WaitUntil:
	case schedule.AskLess:
		shapes(func(s *schedule.Shape) {
			for _, a := range c.Amounts {
				s.Request[slices.Index(cfg.Resources, a.Resource)] = a.Amount
			}
		})
	case schedule.AskFewer:
		keep := 0
		rows.Jobs = slices.DeleteFunc(rows.Jobs, func(o schedule.Job) bool {
			if o.Queue != j.Queue || o.Gang != j.Gang || o.ID == j.ID {
				return false
			}
			keep++
			return keep >= c.Count
		})
		for i := range rows.Gangs {
			if g := &rows.Gangs[i]; g.Queue == j.Queue && g.ID == j.Gang {
				g.Cardinality = uint32(c.Count)
			}
		}
	case schedule.AddMembers:
		last := j
		for _, o := range rows.Jobs {
			if o.Queue == j.Queue && o.Gang == j.Gang {
				last = o // they stand in their order
			}
		}
		for i := range c.Count {
			last.ID = schedule.JobID{0xff, byte(i + 1)}
			rows.Jobs = append(rows.Jobs, last)
		}
	case schedule.TryAgain:
		for i := range rows.Jobs {
			rows.Jobs[i].Avoid = nil
		}
	case schedule.Tolerate:
		shapes(func(s *schedule.Shape) {
			s.Match.Tolerations = append(s.Match.Tolerations, schedule.Toleration{Key: c.Taint.Key, Value: c.Taint.Value, Effect: c.Taint.Effect})
		})
	case schedule.DropSelector:
		shapes(func(s *schedule.Shape) { s.Match.Selector = nil })
	case schedule.DropAffinity:
		shapes(func(s *schedule.Shape) { s.Match.Terms = nil })
	case schedule.UsePool:
		shapes(func(s *schedule.Shape) { s.Pools = []schedule.PoolID{c.Pool} })
	case schedule.UseClass:
		shapes(func(s *schedule.Shape) { s.Class = c.Class })
	case schedule.Uncordon:
		for i := range rows.Queues {
			if rows.Queues[i].ID == c.Queue {
				rows.Queues[i].Cordoned = false
			}
		}
	case schedule.DefineQueue:
		rows.Queues = append(rows.Queues, schedule.Queue{ID: c.Queue, Weight: schedule.Million})
	case schedule.RaiseLimit:
		raised(&cfg, rows.Queues, c)
	case schedule.LookFurther:
		cfg.Lookback = c.Count
	case schedule.AddNodes:
		at := slices.IndexFunc(rows.Nodes, func(n schedule.Node) bool { return n.ID == c.Node })
		for i := range c.Count {
			n := rows.Nodes[at]
			n.ID, n.Other = schedule.NodeID(fmt.Sprintf("%s/more%d", n.Executor, i)), make(schedule.Vec, len(n.Total))
			rows.Nodes = append(rows.Nodes, n)
		}
	default:
		t.Fatalf("change %+v", c)
	}
	return cfg, rows
}

// raised sets a limit, whatever limits there were of that class.
func raised(cfg *schedule.Config, queues []schedule.Queue, c schedule.Change) {
	for i := range queues {
		q := &queues[i]
		if q.ID != c.Queue {
			continue
		}
		limit := map[string]int64{}
		for _, class := range cfg.Classes {
			if class.ID == c.Class {
				maps.Copy(limit, class.Limit)
			}
		}
		for _, pool := range []schedule.PoolID{"", c.Pool} {
			for _, l := range q.Limits {
				if l.Class == c.Class && l.Pool == pool {
					limit = maps.Clone(l.Limit)
				}
			}
		}
		for _, a := range c.Amounts {
			limit[a.Resource] = a.Amount
		}
		q.Limits = append([]schedule.ClassLimit{{Class: c.Class, Pool: c.Pool, Limit: limit}}, q.Limits...)
	}
}
