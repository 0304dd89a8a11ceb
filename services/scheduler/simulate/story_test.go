package simulate_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
	"github.com/fairlead-batch/fairlead/services/scheduler/simulate"
)

// trace keeps all rows.
type trace struct {
	runs   []simulate.RunRow
	shares []simulate.ShareRow
}

func (t *trace) Run(r simulate.RunRow) error {
	t.runs = append(t.runs, r)
	return nil
}

func (t *trace) Shares(rows []simulate.ShareRow) error {
	t.shares = append(t.shares, rows...)
	return nil
}

// run simulates a world to its end.
func run(t *testing.T, w simulate.World) (*trace, simulate.Summary) {
	t.Helper()
	s, err := simulate.New(w)
	if err != nil {
		t.Fatal(err)
	}
	out := &trace{}
	for more := true; more; {
		if more, err = s.Step(out); err != nil {
			t.Fatal(err)
		}
	}
	return out, s.Summary()
}

// lines are the runs as text, in the order of their starts.
func (t *trace) lines(w *simulate.World) string {
	runs := slices.Clone(t.runs)
	slices.SortStableFunc(runs, func(a, b simulate.RunRow) int {
		return cmp.Or(cmp.Compare(a.Started, b.Started), cmp.Compare(a.Template, b.Template), cmp.Compare(a.Number, b.Number))
	})
	var b strings.Builder
	for _, r := range runs {
		fmt.Fprintf(&b, "%s-%d/%d %s %v..%v %v\n", w.Templates[r.Template].ID, r.Number, r.Attempt, w.Nodes[r.Node].ID, r.Started, r.Ended, r.Outcome)
	}
	return b.String()
}

// lab is a world of so many nodes of two cpus, and queues a and b of equal weight.
func lab(nodes int, templates ...simulate.Template) simulate.World {
	w := simulate.World{
		Rules: schedule.Config{
			Resources: []string{"cpu"}, Dominant: []string{"cpu"}, Pools: []schedule.PoolID{"default"},
			Classes:   []schedule.Class{{ID: "fixed", Priority: 1}, {ID: "soft", Priority: 1, Preemptible: true}},
			Protected: schedule.Million, Lookback: 1000,
		},
		Queues:    []schedule.Queue{{ID: "a", Weight: schedule.Million}, {ID: "b", Weight: schedule.Million}},
		Templates: templates,
	}
	for i := range nodes {
		w.Nodes = append(w.Nodes, schedule.Node{
			ID: schedule.NodeID(fmt.Sprintf("lab/n%d", i)), Executor: "lab", Pool: "default",
			Total: schedule.Vec{2000}, Other: schedule.Vec{0}, Labels: map[string]string{"rack": fmt.Sprint(i % 2)},
		})
	}
	return w
}

// jobs is a template of so many jobs of queue a of so many thousandths of a cpu.
func jobs(id string, number uint32, cpu int64, runtime time.Duration, change ...func(*simulate.Template)) simulate.Template {
	t := simulate.Template{
		ID: id, Queue: "a", Number: number, Runtime: simulate.Spread{Minimum: runtime},
		Shape: schedule.Shape{Request: schedule.Vec{cpu}, Class: "fixed"},
	}
	for _, c := range change {
		c(&t)
	}
	return t
}

func in(queue schedule.QueueID, class schedule.ClassID) func(*simulate.Template) {
	return func(t *simulate.Template) { t.Queue, t.Shape.Class = queue, class }
}

func from(at time.Duration) func(*simulate.Template) {
	return func(t *simulate.Template) { t.Earliest = at }
}

func after(delay time.Duration, of ...int) func(*simulate.Template) {
	return func(t *simulate.Template) { t.After, t.AfterDelay = of, delay }
}

func gangs(size uint32, label string) func(*simulate.Template) {
	return func(t *simulate.Template) { t.Gang, t.Label = size, label }
}

// overtaken is a large job of queue a behind two runs, and small ones of queue b.
func overtaken() simulate.World {
	const s = time.Second
	return lab(1, jobs("one", 1, 1000, 10*s), jobs("two", 1, 1000, 12*s), jobs("large", 1, 2000, 10*s, from(s)),
		jobs("small", 6, 1000, 10*s, in("b", "fixed"), from(s)))
}

// Each story was worked out by hand from the rules of the package.
func TestStories(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for name, story := range map[string]struct {
		world simulate.World
		want  string
	}{
		"what does not fit waits for the first end": {
			world: lab(1, jobs("j", 3, 1000, 10*s)),
			want: `j-0/0 lab/n0 0s..10s succeeded
j-1/0 lab/n0 0s..10s succeeded
j-2/0 lab/n0 10s..20s succeeded
`,
		},
		"a template waits for others, and a while longer": {
			world: lab(1, jobs("first", 2, 1000, 10*s), jobs("then", 1, 1000, s, after(5*s, 0)), jobs("late", 1, 1000, s, after(0, 0), from(30*s))),
			want: `first-0/0 lab/n0 0s..10s succeeded
first-1/0 lab/n0 0s..10s succeeded
then-0/0 lab/n0 15s..16s succeeded
late-0/0 lab/n0 30s..31s succeeded
`,
		},
		// b has nothing of the pool and may have half: the run that came last goes, and
		// comes back behind the others three seconds later. It has lost its ten seconds.
		"a preempted job starts again from nothing": {
			world: func() simulate.World {
				w := lab(1, jobs("long", 2, 1000, 100*s, in("a", "soft")), jobs("short", 1, 1000, 50*s, in("b", "soft"), from(10*s)))
				w.Resubmit = simulate.Spread{Minimum: 3 * s}
				return w
			}(),
			want: `long-0/0 lab/n0 0s..1m40s succeeded
long-1/0 lab/n0 0s..10s preempted
short-0/0 lab/n0 10s..1m0s succeeded
long-1/1 lab/n0 1m0s..2m40s succeeded
`,
		},
		// Two nodes with one cpu free each would do for the gang, but not of one rack.
		"a gang starts together, in one rack": {
			world: lab(2, jobs("one", 2, 2000, 10*s), jobs("gang", 2, 1000, 5*s, gangs(2, "rack"), from(s))),
			want: `one-0/0 lab/n0 0s..10s succeeded
one-1/0 lab/n1 0s..10s succeeded
gang-0/0 lab/n0 10s..15s succeeded
gang-1/0 lab/n0 10s..15s succeeded
`,
		},
		"a gang is preempted whole and comes back whole": {
			world: lab(2, jobs("gang", 2, 2000, 100*s, gangs(2, ""), in("a", "soft")), jobs("short", 1, 2000, 50*s, in("b", "soft"), from(10*s))),
			want: `gang-0/0 lab/n0 0s..10s preempted
gang-1/0 lab/n1 0s..10s preempted
short-0/0 lab/n0 10s..1m0s succeeded
gang-0/1 lab/n0 1m0s..2m40s succeeded
gang-1/1 lab/n1 1m0s..2m40s succeeded
`,
		},
		"a pod that is pending holds its node": {
			world: func() simulate.World {
				w := lab(1, jobs("j", 2, 2000, 10*s))
				w.Pending = simulate.Spread{Minimum: 4 * s}
				return w
			}(),
			want: `j-0/0 lab/n0 0s..14s succeeded
j-1/0 lab/n0 14s..28s succeeded
`,
		},
		// The first round is at once; the next, for what came after one second, at ten. The end
		// at 13 is for the round at 20, so what comes at 25 is for the one at 30.
		"rounds keep their distance": {
			world: func() simulate.World {
				w := lab(2, jobs("j", 1, 2000, 3*s), jobs("k", 1, 2000, 3*s, from(s)), jobs("l", 1, 2000, 3*s, from(25*s)))
				w.Interval = 10 * s
				return w
			}(),
			want: `j-0/0 lab/n0 0s..3s succeeded
k-0/0 lab/n0 10s..13s succeeded
l-0/0 lab/n0 30s..33s succeeded
`,
		},
		// A token is there at once and one each two seconds: the round asks to be woken.
		"a limit on starts a second wakes the round": {
			world: func() simulate.World {
				w := lab(2, jobs("j", 3, 1000, 10*s))
				w.Rules.Rate = schedule.Rate{PerToken: int64(2 * s), Burst: 1}
				return w
			}(),
			want: `j-0/0 lab/n0 0s..10s succeeded
j-1/0 lab/n0 2s..12s succeeded
j-2/0 lab/n1 4s..14s succeeded
`,
		},
		// The small jobs of b would take each cpu as it is given back. After five seconds the
		// large job's turn is kept, so it starts when both runs of the beginning have ended;
		// without that it starts at 42s: see the next.
		"a large job is not overtaken for ever": {
			world: func() simulate.World {
				w := overtaken()
				w.Rules.ReserveAfter, w.Rules.ReservationsMax = int64(5*s), 1
				return w
			}(),
			want: `one-0/0 lab/n0 0s..10s succeeded
two-0/0 lab/n0 0s..12s succeeded
large-0/0 lab/n0 12s..22s succeeded
small-0/0 lab/n0 22s..32s succeeded
small-1/0 lab/n0 22s..32s succeeded
small-2/0 lab/n0 32s..42s succeeded
small-3/0 lab/n0 32s..42s succeeded
small-4/0 lab/n0 42s..52s succeeded
small-5/0 lab/n0 42s..52s succeeded
`,
		},
		"without a reservation a large job is overtaken": {
			world: overtaken(),
			want: `one-0/0 lab/n0 0s..10s succeeded
two-0/0 lab/n0 0s..12s succeeded
small-0/0 lab/n0 10s..20s succeeded
small-1/0 lab/n0 12s..22s succeeded
small-2/0 lab/n0 20s..30s succeeded
small-3/0 lab/n0 22s..32s succeeded
small-4/0 lab/n0 30s..40s succeeded
small-5/0 lab/n0 32s..42s succeeded
large-0/0 lab/n0 42s..52s succeeded
`,
		},
		"the end cuts off what runs": {
			world: func() simulate.World {
				w := lab(1, jobs("j", 2, 2000, 10*s), jobs("never", 1, 1000, s, after(0, 0)))
				w.Until = 12 * s
				return w
			}(),
			want: `j-0/0 lab/n0 0s..10s succeeded
j-1/0 lab/n0 10s..12s unfinished
`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, _ := run(t, story.world)
			if got := out.lines(&story.world); got != story.want {
				t.Errorf("got\n%swant\n%s", got, story.want)
			}
		})
	}
}

// The figures of a preemption: see the story of it.
func TestSummary(t *testing.T) {
	t.Parallel()
	const s = time.Second
	w := lab(1,
		jobs("long", 2, 1000, 100*s, in("a", "soft")), jobs("short", 1, 1000, 50*s, in("b", "soft"), from(10*s)),
		jobs("huge", 2, 3000, s, in("b", "soft")), jobs("never", 3, 1000, s, after(0, 2)))
	w.Resubmit = simulate.Spread{Minimum: 3 * s}
	out, got := run(t, w)
	want := simulate.Counts{Jobs: 8, Submitted: 5, Succeeded: 3, Rejected: 2, Preemptions: 1, Starts: 4, Rounds: got.Rounds}
	if got.Counts != want {
		t.Errorf("counts %+v, want %+v", got.Counts, want)
	}
	if got.Unsubmitted != 3 || got.Queued != 0 || got.Unfinished != 0 || len(got.Rejections) != 1 || got.Rejections[0].Jobs != 2 {
		t.Errorf("unsubmitted %d, queued %d, unfinished %d, rejections %v", got.Unsubmitted, got.Queued, got.Unfinished, got.Rejections)
	}
	// 2 cpus have 250 s of work that counts.
	if got.Makespan != 160*s || got.MakespanFloor != 125*s || got.LostCPU != 10*1000 {
		t.Errorf("makespan %v, at least %v, lost %d", got.Makespan, got.MakespanFloor, got.LostCPU)
	}
	// Waits: 0, 0, 0 and, from 13s to 60s, 47s. By nearest rank p50 is the second of four.
	if want := (simulate.Waits{P50: 0, P90: 47 * s, P99: 47 * s, Max: 47 * s}); got.Wait != want {
		t.Errorf("waits %+v, want %+v", got.Wait, want)
	}
	// 2 cpus over 160 s: long-0 100, the lost 10, short 50, long-1 100: 260 of 320.
	if got, want := got.Pools[0].Used[0], int64(260*simulate.Whole/320); got != want {
		t.Errorf("used %d, want %d", got, want)
	}
	// From 10 s on a wants half as long as b runs, and all there is after that: what it
	// did not have of it is (100 - 60) s x 0 while long-0 ran beside long-1, then 60 s of
	// nothing it wanted. So nobody was below its share at any time.
	if got.Pools[0].ShareError != 0 {
		t.Errorf("share error %d", got.Pools[0].ShareError)
	}
	if len(out.shares) == 0 || out.shares[0].Actual != simulate.Whole {
		t.Errorf("shares %+v", out.shares)
	}
}

// What no rules could have ended sooner: on a node of 2 cpus, unless said.
func TestMakespanFloor(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for name, c := range map[string]struct {
		world simulate.World
		want  time.Duration
	}{
		"nothing":                   {world: lab(1)},
		"the longest job":           {world: lab(1, jobs("short", 4, 500, 10*s), jobs("long", 1, 1000, 60*s, from(5*s))), want: 65 * s},
		"all work":                  {world: lab(1, jobs("j", 6, 1000, 10*s)), want: 30 * s},
		"the work of who came late": {world: lab(1, jobs("early", 1, 1000, 10*s), jobs("late", 6, 1000, 10*s, from(100*s))), want: 130 * s},
		"one after the other":       {world: lab(1, jobs("first", 2, 1000, 10*s), jobs("second", 1, 1000, 20*s, after(5*s, 0)), jobs("third", 1, 1000, s, after(0, 1))), want: 36 * s},
		"after nobody":              {world: lab(1, jobs("none", 0, 1000, 10*s, from(7*s)), jobs("then", 1, 1000, 20*s, after(5*s, 0))), want: 32 * s},
		"what never ran":            {world: lab(1, jobs("huge", 1, 3000, 10*s), jobs("then", 1, 1000, 20*s, after(5*s, 0)), jobs("other", 1, 1000, s)), want: s},
	} {
		if _, got := run(t, c.world); got.MakespanFloor != c.want || got.Makespan < c.want {
			t.Errorf("%s: at least %v, want %v; makespan %v", name, got.MakespanFloor, c.want, got.Makespan)
		}
	}
	pending := lab(1, jobs("j", 1, 1000, 10*s))
	pending.Pending = simulate.Spread{Minimum: 3 * s, TailMean: 5 * s}
	if _, got := run(t, pending); got.MakespanFloor != 13*s || got.Makespan < 13*s {
		t.Errorf("pending: at least %v, makespan %v", got.MakespanFloor, got.Makespan)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, w := range map[string]simulate.World{
		"half a gang":      lab(1, jobs("j", 3, 1, 1, gangs(2, ""))),
		"a circle":         lab(1, jobs("j", 1, 1, 1, after(0, 1)), jobs("k", 1, 1, 1, after(0, 0))),
		"itself":           lab(1, jobs("j", 1, 1, 1, after(0, 0))),
		"no such template": lab(1, jobs("j", 1, 1, 1, after(0, 7))),
		"no such queue":    lab(1, jobs("j", 1, 1, 1, in("z", "soft"))),
		"negative time":    lab(1, jobs("j", 1, 1, -1)),
		"too long":         lab(1, jobs("j", 1, 1, 2*simulate.SpanMax)),
		"no such class":    lab(1, jobs("j", 1, 1, 1, in("a", "none"))),
		"negative request": lab(1, jobs("j", 1, -1, 1)),
		"too many jobs":    lab(1, jobs("j", simulate.JobsMax, 1, 1), jobs("k", simulate.JobsMax, 1, 1)),
	} {
		if _, err := simulate.New(w); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// Jobs that preempt each other for ever would be simulated for ever; no job of the rules
// does, but a hundred years are enough in any case.
func TestEndless(t *testing.T) {
	t.Parallel()
	w := lab(1, jobs("j", 200, 2000, simulate.SpanMax))
	s, err := simulate.New(w)
	if err != nil {
		t.Fatal(err)
	}
	for more := true; more; {
		if more, err = s.Step(&trace{}); err != nil {
			return
		}
	}
	t.Errorf("two hundred years were simulated: %v", s.Now())
}
