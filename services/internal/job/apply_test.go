package job_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-batch/fairlead/services/internal/job"
)

var (
	theJob = job.ID{1}
	runA   = job.RunID{0xa}
	runB   = job.RunID{0xb}
)

// events are one of each kind for every run it can name, in the order of the
// package's drawing.
func events(at job.Time) []job.Event {
	h := job.Head{Job: theJob, Time: at}
	list := []job.Event{
		job.SubmittedEvent{Head: h, Priority: 5, Preemptible: true},
		job.CancelRequestedEvent{Head: h},
		job.ReprioritizeRequestedEvent{Head: h, Priority: 7},
		job.PreemptRequestedEvent{Head: h},
		job.ReprioritizedEvent{Head: h, Priority: 7},
		job.CancelledEvent{Head: h},
		job.RejectedEvent{Head: h},
		job.ReservedEvent{Head: h},
		job.UnreservedEvent{Head: h},
	}
	for _, run := range []job.RunID{runA, runB} {
		list = append(list,
			job.LeasedEvent{Head: h, Run: run},
			job.RequeuedEvent{Head: h, Run: run},
			job.RunExpiredEvent{Head: h, Run: run},
			job.SucceededEvent{Head: h, Run: run},
			job.FailedEvent{Head: h, Run: run},
			job.PreemptedEvent{Head: h, Run: run},
			job.RunAcknowledgedEvent{Head: h, Run: run},
			job.RunPendingEvent{Head: h, Run: run},
			job.RunRunningEvent{Head: h, Run: run},
			job.RunSucceededEvent{Head: h, Run: run},
			job.RunFailedEvent{Head: h, Run: run},
			job.RunReturnedEvent{Head: h, Run: run},
			job.RunReleasedEvent{Head: h, Run: run})
	}
	return list
}

// step is one legal move between two reachable jobs.
type step struct {
	event    job.Event
	from, to job.Job
}

// explore walks every job that can be reached from none. Attempts are cut at two
// runs, which is where nothing new can happen.
func explore() []step {
	var steps []step
	seen := map[job.Job]bool{{}: true}
	for queue := []job.Job{{}}; len(queue) > 0; queue = queue[1:] {
		for _, e := range events(0) {
			next, err := job.Apply(queue[0], e)
			if err != nil {
				continue
			}
			steps = append(steps, step{e, queue[0], next})
			if next.Attempts <= 2 && !seen[next] {
				seen[next] = true
				queue = append(queue, next)
			}
		}
	}
	return steps
}

func eventName(e job.Event) string {
	return strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T", e), "job."), "Event")
}

func runName(r job.Run) string {
	if r.Releasing {
		return r.State.String() + "+releasing"
	}
	return r.State.String()
}

// TestDrawing compares the tables of the package doc with what Apply does to
// every job that can be reached.
func TestDrawing(t *testing.T) {
	t.Parallel()
	jobs, runs := map[[2]string][]string{}, map[[2]string][]string{}
	for _, s := range explore() {
		name := eventName(s.event)
		from, to := s.from.State.String(), s.to.State.String()
		if from == to {
			to = "same"
		}
		add(jobs, [2]string{name, to}, from)
		if s.from.Run == s.to.Run {
			continue
		}
		if s.from.Run.ID != s.to.Run.ID {
			add(runs, [2]string{name, runName(s.to.Run)}, "-")
			continue
		}
		add(runs, [2]string{name, runName(s.to.Run)}, runName(s.from.Run))
	}
	// A release can meet its job in any state: the drawing says so in words.
	delete(jobs, [2]string{"RunReleased", "same"})
	for name, got := range map[string]map[[2]string][]string{"job event": jobs, "run event": runs} {
		if diff := cmp.Diff(drawing(t, name), got); diff != "" {
			t.Errorf("table %q of doc.go and Apply differ (-doc +code):\n%s", name, diff)
		}
	}
}

func add(table map[[2]string][]string, key [2]string, from string) {
	if !slices.Contains(table[key], from) {
		table[key] = append(table[key], from)
		slices.Sort(table[key])
	}
}

// drawing reads one table of doc.go: event, states before, state after.
func drawing(t *testing.T, title string) map[[2]string][]string {
	t.Helper()
	file, err := os.Open("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	table := map[[2]string][]string{}
	inside := false
	for lines := bufio.NewScanner(file); lines.Scan(); {
		line, drawn := strings.CutPrefix(lines.Text(), "//\t")
		switch {
		case strings.HasPrefix(line, title):
			inside = true
		case !drawn:
			inside = false
		case inside && !strings.Contains(line, "any with a run"):
			words := strings.Fields(line)
			key := [2]string{words[0], words[len(words)-1]}
			for _, from := range words[1 : len(words)-1] {
				add(table, key, from)
			}
		}
	}
	if len(table) == 0 {
		t.Fatalf("doc.go has no table %q", title)
	}
	return table
}

// TestInvariants holds over every job that can be reached.
func TestInvariants(t *testing.T) {
	t.Parallel()
	for _, s := range explore() {
		j := s.to
		if live := j.Run.State.Live(); live && (j.State == job.Queued || j.State.Final()) {
			t.Errorf("%s: job is %s with a live run", eventName(s.event), j.State)
		}
		if j.Run.Releasing && !j.Run.State.Over() {
			t.Errorf("%s: run is %s and releasing", eventName(s.event), j.Run.State)
		}
		if s.from.State.Final() && (j.State != s.from.State || j.Asked != 0) {
			t.Errorf("%s: moved a final job from %s to %s", eventName(s.event), s.from.State, j.State)
		}
		if s.from.Settled() {
			t.Errorf("%s: moved a settled job", eventName(s.event))
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	h := job.Head{Job: theJob}
	leased := []job.Event{job.SubmittedEvent{Head: h}, job.LeasedEvent{Head: h, Run: runA}}
	running := append(slices.Clone(leased), job.RunAcknowledgedEvent{Head: h, Run: runA}, job.RunPendingEvent{Head: h, Run: runA}, job.RunRunningEvent{Head: h, Run: runA})
	tests := map[string]struct {
		history []job.Event
		event   job.Event
	}{
		"anything of a job nobody submitted":     {nil, job.CancelRequestedEvent{Head: h}},
		"an event of another job":                {leased, job.CancelRequestedEvent{Head: job.Head{Job: job.ID{9}}}},
		"a second submission":                    {leased, job.SubmittedEvent{Head: h}},
		"a second cancel":                        {append(slices.Clone(leased), job.CancelRequestedEvent{Head: h}), job.CancelRequestedEvent{Head: h}},
		"a lease after a cancel was asked for":   {[]job.Event{leased[0], job.CancelRequestedEvent{Head: h}}, leased[1]},
		"a lease of a leased job":                {leased, job.LeasedEvent{Head: h, Run: runB}},
		"a pod before the lease is read back":    {leased, job.RunPendingEvent{Head: h, Run: runA}},
		"running before pending":                 {append(slices.Clone(leased), running[2]), running[4]},
		"preemption of a protected class":        {running, job.PreemptRequestedEvent{Head: h}},
		"success while the pod runs":             {running, job.SucceededEvent{Head: h, Run: runA}},
		"failure named for another run":          {running, job.RunFailedEvent{Head: h, Run: runB}},
		"release of a run that is not over":      {running, job.RunReleasedEvent{Head: h, Run: runA}},
		"a report after the job was cancelled":   {append(slices.Clone(running), job.CancelledEvent{Head: h}), job.RunSucceededEvent{Head: h, Run: runA}},
		"a lease under the run id used before":   {append(slices.Clone(leased), job.RunReturnedEvent{Head: h, Run: runA}, job.RequeuedEvent{Head: h, Run: runA}), leased[1]},
		"requeued twice":                         {append(slices.Clone(leased), job.RunReturnedEvent{Head: h, Run: runA}, job.RequeuedEvent{Head: h, Run: runA}), job.RequeuedEvent{Head: h, Run: runA}},
		"rejection of a job that has a place":    {leased, job.RejectedEvent{Head: h}},
		"an expiry of a run that is over":        {append(slices.Clone(running), job.RunSucceededEvent{Head: h, Run: runA}), job.RunExpiredEvent{Head: h, Run: runA}},
		"a second end":                           {append(slices.Clone(leased), job.CancelledEvent{Head: h}), job.CancelledEvent{Head: h}},
		"a preemption of a queued job":           {leased[:1], job.PreemptedEvent{Head: h, Run: runA}},
		"a wish for a job that is at its end":    {append(slices.Clone(leased), job.CancelledEvent{Head: h}), job.ReprioritizeRequestedEvent{Head: h}},
		"a release of what no executor ever had": {append(slices.Clone(leased), job.CancelledEvent{Head: h}), job.RunReleasedEvent{Head: h, Run: runA}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := fold(t, test.history)
			after, err := job.Apply(before, test.event)
			if !errors.Is(err, job.ErrIllegal) {
				t.Fatalf("Apply = %+v, %v; want ErrIllegal", after, err)
			}
			if after != before {
				t.Errorf("a refused event changed the job: %+v -> %+v", before, after)
			}
		})
	}
}

func fold(t *testing.T, history []job.Event) (j job.Job) {
	t.Helper()
	for _, e := range history {
		var err error
		if j, err = job.Apply(j, e); err != nil {
			t.Fatal(err)
		}
	}
	return j
}

// TestReprioritizeInBetween: a second wish that comes before the first is
// answered stays to be answered.
func TestReprioritizeInBetween(t *testing.T) {
	t.Parallel()
	h := job.Head{Job: theJob}
	j := fold(t, []job.Event{
		job.SubmittedEvent{Head: h, Priority: 1},
		job.ReprioritizeRequestedEvent{Head: h, Priority: 2},
		job.ReprioritizeRequestedEvent{Head: h, Priority: 3},
		job.ReprioritizedEvent{Head: h, Priority: 2},
	})
	if j.Priority != 2 || j.Wanted != 3 || !j.Asked.Has(job.AskedReprioritize) {
		t.Fatalf("after the first answer: %+v", j)
	}
	j, _ = job.Apply(j, job.ReprioritizedEvent{Head: h, Priority: 3})
	if j.Priority != 3 || j.Asked != 0 {
		t.Fatalf("after the second answer: %+v", j)
	}
}

// TestTime: a clock that goes back does not take the job with it.
func TestTime(t *testing.T) {
	t.Parallel()
	j := fold(t, []job.Event{
		job.SubmittedEvent{Head: job.Head{Job: theJob, Time: 100}},
		job.LeasedEvent{Head: job.Head{Job: theJob, Time: 50}, Run: runA},
	})
	if j.Last != 100 {
		t.Fatalf("Last = %d, want 100", j.Last)
	}
}

// FuzzApply drives a job by bytes: each picks an event. The same bytes give the
// same job, a refused event changes nothing, and a job has a live run exactly
// while it is leased, pending or running and the run is not over.
func FuzzApply(f *testing.F) {
	f.Add([]byte{0, 7, 13, 14, 15, 16, 10})
	f.Add([]byte{0, 7, 1, 5, 25})
	f.Add([]byte{0, 7, 18, 8, 20, 26, 27})
	f.Fuzz(func(t *testing.T, script []byte) {
		run := func() (j job.Job) {
			for i, b := range script {
				list := events(job.Time(i))
				e := list[int(b)%len(list)]
				next, err := job.Apply(j, e)
				if err != nil && (next != j || !errors.Is(err, job.ErrIllegal)) {
					t.Fatalf("refused %s: %+v -> %+v, %v", eventName(e), j, next, err)
				}
				active := next.State == job.Leased || next.State == job.Pending || next.State == job.Running
				if next.Run.State.Live() && !active {
					t.Fatalf("%s: live run of a job that is %s", eventName(e), next.State)
				}
				if active && next.Run.ID.IsZero() {
					t.Fatalf("%s: job is %s without a run", eventName(e), next.State)
				}
				j = next
			}
			return j
		}
		if a, b := run(), run(); a != b {
			t.Fatalf("the same script gave %+v and %+v", a, b)
		}
	})
}

// TestRunOfAndAt: every event names its run, if it has one, and can be given
// another time without changing anything else.
func TestRunOfAndAt(t *testing.T) {
	t.Parallel()
	for _, e := range events(1) {
		moved := job.At(e, 9)
		if moved.Of() != (job.Head{Job: theJob, Time: 9}) {
			t.Errorf("%s: At gave %+v", eventName(e), moved.Of())
		}
		if back := job.At(moved, 1); !cmp.Equal(back, e) {
			t.Errorf("%s: At changed more than the time: %+v", eventName(e), back)
		}
		field := strings.Contains(fmt.Sprintf("%+v", e), "Run:"+job.RunOf(e).String())
		if named := job.RunOf(e) != (job.RunID{}); named && !field {
			t.Errorf("%s: RunOf gave %s", eventName(e), job.RunOf(e))
		}
	}
}
