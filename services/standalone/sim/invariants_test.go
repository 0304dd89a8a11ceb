package sim

import (
	"strings"
	"testing"

	executorv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/executor/v1"
	executor "github.com/fairlead-batch/fairlead/services/executor/app"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// planted is a world of two jobs of a gang, of which the first has a run that is
// acknowledged, on executor-0 and node-0, of plan 1 of epoch 1, which is whole.
func planted(t *testing.T) *world {
	t.Helper()
	w, err := newWorld(DefaultConfig(1), nil)
	if err != nil {
		t.Fatal(err)
	}
	w.truth.whole[1] = 1
	requests := []job.Amount{{Resource: "cpu", Value: nodeCPU}}
	for n := range byte(2) {
		id := job.ID{n + 1}
		w.truth.jobs[id] = &life{
			job: job.Job{ID: id, State: job.Queued}, queue: "q", jobSet: "s", partition: partitionOf("q", "s"),
			gang: job.Gang{ID: "g", Cardinality: 2}, requests: requests,
			past: []moment{{at: eventlog.Position{Entry: 1}, job: job.Job{ID: id, State: job.Queued}}},
		}
	}
	w.truth.jobs[job.ID{1}].job.State = job.Leased
	w.truth.runs[job.RunID{1}] = &lived{job: job.ID{1}, executor: "executor-0", node: "node-0", plan: planKey{1, 1}, acknowledged: true}
	return w
}

// pod is a record of a pod of the first job that fits the planted world.
func pod() executor.PodRecord {
	return executor.PodRecord{Run: job.RunID{1}, Job: job.ID{1}, Node: "node-0"}
}

func leaseOf(run job.RunID) *executorv1.Down {
	return &executorv1.Down{Epoch: 1, Message: &executorv1.Down_Leases{Leases: &executorv1.Leases{
		Leases: []*executorv1.Lease{{Run: run[:]}},
	}}}
}

// TestInvariants: what is checked can be found broken.
func TestInvariants(t *testing.T) {
	t.Parallel()
	order := func(w *world) {
		w.checkOrder(&stream{w: w, site: w.sites[0], replica: w.replicas[0]}, leaseOf(job.RunID{1}))
	}
	newPod := func(w *world) { r := pod(); w.checkNewPod(w.sites[0], &r) }
	for name, test := range map[string]struct {
		spoil func(w *world)
		check func(w *world)
		want  string // empty: nothing is broken
	}{
		"a lease": {check: order},
		"a lease of a plan that is not whole": {
			spoil: func(w *world) { w.truth.whole[1] = 0 }, check: order, want: "not whole",
		},
		"a lease that the log does not have": {
			spoil: func(w *world) { clear(w.truth.runs) }, check: order, want: "the log does not have",
		},
		"a lease of another executor": {
			spoil: func(w *world) { w.truth.runs[job.RunID{1}].executor = "executor-1" }, check: order, want: "which is for executor-1",
		},
		"a pod": {check: newPod},
		"a pod without an acknowledged lease": {
			spoil: func(w *world) { w.truth.runs[job.RunID{1}].acknowledged = false }, check: newPod, want: "not acknowledged",
		},
		"a pod of a run that was given up": {
			spoil: func(w *world) { w.truth.runs[job.RunID{1}].expired = true }, check: newPod, want: "given up",
		},
		"a pod on another node": {
			spoil: func(w *world) { w.truth.runs[job.RunID{1}].node = "node-1" }, check: newPod, want: "on node node-0",
		},
		"a pod of no run": {
			spoil: func(w *world) { clear(w.truth.runs) }, check: newPod, want: "the log does not have",
		},
		"a full node": {
			check: func(w *world) { r := pod(); w.hold(w.sites[0], map[string]map[string]int64{}, &r) },
		},
		"a node that holds too much": {
			check: func(w *world) {
				r := pod()
				w.hold(w.sites[0], map[string]map[string]int64{"node-0": {"cpu": 1}}, &r)
			},
			want: "holds 4001 of cpu",
		},
		"pods of two jobs": {
			spoil: func(w *world) { w.sites[0].live, w.sites[2].live = []job.ID{{1}}, []job.ID{{2}} },
			check: func(w *world) { w.checkTwice(w.sites[0]) },
		},
		"two pods of a job in two clusters": {
			spoil: func(w *world) { w.sites[0].live, w.sites[2].live = []job.ID{{1}}, []job.ID{{1}} },
			check: func(w *world) { w.checkTwice(w.sites[0]) }, want: "at once",
		},
		"two pods of a job in one cluster": {
			spoil: func(w *world) { w.sites[1].live = []job.ID{{1}, {1}} },
			check: func(w *world) { w.checkTwice(w.sites[0]) }, want: "at once",
		},
		"a gang that starts by half": {
			check: func(w *world) { w.checkGangs(planKey{1, 1}, &plan{leased: []job.ID{{1}}}) }, want: "leaves",
		},
		"a gang of which a member came back since": {
			spoil: func(w *world) { w.truth.jobs[job.ID{2}].back = 2 },
			check: func(w *world) { w.checkGangs(planKey{1, 1}, &plan{leased: []job.ID{{1}}, decided: 1}) },
		},
		"a job that was acknowledged": {
			spoil: func(w *world) { w.users.acknowledged = []job.ID{{2}} }, check: (*world).checkAcknowledged,
		},
		"a job that was acknowledged and is lost": {
			spoil: func(w *world) { w.users.acknowledged = []job.ID{{3}} }, check: (*world).checkAcknowledged, want: "is lost",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := planted(t)
			if test.spoil != nil {
				test.spoil(w)
			}
			test.check(w)
			switch {
			case test.want == "" && w.failed != nil:
				t.Errorf("found %v, want nothing", w.failed)
			case test.want != "" && (w.failed == nil || !strings.Contains(w.failed.Error(), test.want)):
				t.Errorf("found %v, want %q", w.failed, test.want)
			}
		})
	}
}

// TestViews: a replica that has something else than the fold is found.
func TestViews(t *testing.T) {
	t.Parallel()
	w, err := newWorld(DefaultConfig(1), nil)
	if err != nil {
		t.Fatal(err)
	}
	w.cfg.Faults = 0
	w.start()
	for w.turn(began + job.Time(DefaultConfig(1).Work)/2) {
	}
	w.checkViews()
	if w.failed != nil {
		t.Fatalf("found %v, want nothing", w.failed)
	}
	theirs := w.replicas[0].node.Jobs()
	if len(theirs) == 0 {
		t.Fatal("the replica has no job to be wrong about")
	}
	l := w.truth.jobs[theirs[0].ID]
	l.past[len(l.past)-1].job.Priority += 100
	w.checkViews()
	if w.failed == nil {
		t.Error("a job of another priority was not found")
	}
	w.failed = nil
	delete(w.truth.jobs, theirs[0].ID)
	w.checkViews()
	if w.failed == nil {
		t.Error("a job that the fold does not have was not found")
	}
}

// TestTeller: a story that a reader cannot rely on is found.
func TestTeller(t *testing.T) {
	t.Parallel()
	run, other := job.RunID{1}, job.RunID{2}
	begin := []job.Event{job.SubmittedEvent{}, job.LeasedEvent{Run: run}, job.RunAcknowledgedEvent{Run: run}}
	runs := []job.Event{job.RunPendingEvent{Run: run}, job.RunRunningEvent{Run: run}}
	for name, test := range map[string]struct {
		events []job.Event
		amiss  bool
	}{
		"a life":                     {events: []job.Event{job.RunSucceededEvent{Run: run}, job.SucceededEvent{Run: run}}},
		"a success that nobody ran":  {events: []job.Event{job.SucceededEvent{Run: run}}, amiss: true},
		"two ends":                   {events: []job.Event{job.CancelledEvent{}, job.CancelledEvent{}}, amiss: true},
		"a release behind the end":   {events: []job.Event{job.CancelledEvent{}, job.RunReleasedEvent{Run: run}}},
		"a release of another run":   {events: []job.Event{job.CancelledEvent{}, job.RunReleasedEvent{Run: other}}, amiss: true},
		"a second run beside it":     {events: []job.Event{job.LeasedEvent{Run: other}}, amiss: true},
		"a retry":                    {events: []job.Event{job.RunExpiredEvent{Run: run}, job.RequeuedEvent{Run: run}, job.LeasedEvent{Run: other}}},
		"a retry of a run that runs": {events: []job.Event{job.RequeuedEvent{Run: run}}, amiss: true},
		"a run leased twice":         {events: []job.Event{job.RunExpiredEvent{Run: run}, job.RequeuedEvent{Run: run}, job.LeasedEvent{Run: run}}, amiss: true},
		"a step told twice":          {events: []job.Event{job.RunRunningEvent{Run: run}}, amiss: true},
		"a rejection of what runs":   {events: []job.Event{job.RejectedEvent{}}, amiss: true},
		"submitted twice":            {events: []job.Event{job.SubmittedEvent{}}, amiss: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var teller teller
			why := ""
			for _, e := range append(append(append([]job.Event{}, begin...), runs...), test.events...) {
				if why == "" {
					why = teller.hear(e)
				}
			}
			if amiss := why != ""; amiss != test.amiss {
				t.Errorf("it is said to be %q", why)
			}
		})
	}
}

// TestExpired: a run that is given up while its executor may make pods is found.
func TestExpired(t *testing.T) {
	t.Parallel()
	w, err := newWorld(DefaultConfig(1), nil)
	if err != nil {
		t.Fatal(err)
	}
	w.cfg.Faults = 0
	w.start()
	for w.turn(began + job.Time(DefaultConfig(1).Work)/2) {
	}
	var run job.RunID
	for id := range w.truth.runs {
		run = id
	}
	for _, s := range w.sites {
		s.up = false
	}
	if w.checkExpired(run); w.failed != nil {
		t.Errorf("found %v of an executor that does not live", w.failed)
	}
	for _, s := range w.sites {
		s.up = true
	}
	if w.checkExpired(run); w.failed == nil {
		t.Error("not found")
	}
}
