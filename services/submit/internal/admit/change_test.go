package admit_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/submit/internal/admit"
)

func TestChangeOfSingleJobs(t *testing.T) {
	t.Parallel()
	a, b := job.ID{15: 1}, job.ID{15: 2}
	ids := []string{a.String(), b.String(), strings.ToUpper(a.String())} // the same once more
	tests := map[job.Action][]job.Event{
		job.Cancel: {
			job.CancelRequestedEvent{Head: job.Head{Job: a, Time: 9}, Reason: "why"},
			job.CancelRequestedEvent{Head: job.Head{Job: b, Time: 9}, Reason: "why"},
		},
		job.Preempt: {
			job.PreemptRequestedEvent{Head: job.Head{Job: a, Time: 9}, Reason: "why"},
			job.PreemptRequestedEvent{Head: job.Head{Job: b, Time: 9}, Reason: "why"},
		},
		job.Reprioritize: {
			job.ReprioritizeRequestedEvent{Head: job.Head{Job: a, Time: 9}, Priority: 8},
			job.ReprioritizeRequestedEvent{Head: job.Head{Job: b, Time: 9}, Priority: 8},
		},
	}
	for action, want := range tests {
		c := admit.Change{Action: action, Queue: "q", JobSet: "s", JobIDs: ids, Reason: "why", Priority: 7.7}
		got, err := rules().Change(c, 9, job.Cause{User: "ann"})
		if err != nil || got.Command != nil {
			t.Fatalf("action %d: command %v, error %v", action, got.Command, err)
		}
		if diff := cmp.Diff(want, got.Facts); diff != "" {
			t.Errorf("action %d (-want +got):\n%s", action, diff)
		}
	}
}

func TestChangeOfAJobSet(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		states []job.State
		want   []job.State
	}{
		"all":          {},
		"queued":       {states: []job.State{job.Queued}, want: []job.State{job.Queued}},
		"with a run":   {states: []job.State{job.Running, job.Pending}, want: []job.State{job.Leased, job.Pending, job.Running}},
		"leased too":   {states: []job.State{job.Leased, job.Pending, job.Running}, want: []job.State{job.Leased, job.Pending, job.Running}},
		"all by state": {states: []job.State{job.Pending, job.Running, job.Queued}, want: []job.State{job.Queued, job.Leased, job.Pending, job.Running}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := admit.Change{Action: job.Cancel, Queue: "q", JobSet: "s", States: tc.states, Reason: "why"}
			got, err := rules().Change(c, 9, job.Cause{User: "ann"})
			want := admit.Changed{Command: &job.Command{
				Time: 9, Cause: job.Cause{User: "ann"}, Action: job.Cancel, Reason: "why",
				Select: job.Selector{Queues: []string{"q"}, JobSet: "s", States: tc.want},
			}}
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("error %v, change (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestChangeIsRefused(t *testing.T) {
	t.Parallel()
	const combination = "unsupported state combination - state PENDING and RUNNING must always be used together"
	tests := map[string]struct {
		in   admit.Change
		want []string
	}{
		"empty": {
			in:   admit.Change{Priority: math.NaN()},
			want: []string{"queue |  | queue cannot be empty", "job_set_id |  | jobset cannot be empty", "new_priority | NaN | must be a number"},
		},
		"long": {
			in: admit.Change{Queue: "q", JobSet: strings.Repeat("s", 1024), Reason: strings.Repeat("r", 51)},
			want: []string{
				"job_set_id | " + strings.Repeat("s", 80) + "… | job set id of length 1024 must be less than max character length 1024",
				"reason | " + strings.Repeat("r", 51) + " | reason cannot be longer than 50 bytes",
			},
		},
		"NUL": {
			in:   admit.Change{Queue: "q\x00", JobSet: "s"},
			want: []string{"job_set_id | s | queue and job set must not contain NUL"},
		},
		"no id": {
			in:   admit.Change{Queue: "q", JobSet: "s", JobIDs: []string{job.ID{}.String(), "x"}},
			want: []string{"job_ids[1] | x | must be a job id: 26 characters, as SubmitJobs answered it"},
		},
		"pending alone": {
			in:   admit.Change{Queue: "q", JobSet: "s", States: []job.State{job.Pending}},
			want: []string{"filter.states |  | " + combination},
		},
		"running alone": {
			in:   admit.Change{Queue: "q", JobSet: "s", States: []job.State{job.Queued, job.Running}},
			want: []string{"filter.states |  | " + combination},
		},
		"terminal": {
			in:   admit.Change{Queue: "q", JobSet: "s", States: []job.State{job.Queued, job.Failed}},
			want: []string{"filter.states[1] | failed | provided job states must be non-terminal: QUEUED, or PENDING and RUNNING"},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := rules().Change(tc.in, 0, job.Cause{})
			if diff := cmp.Diff(tc.want, found(t, err)); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
	_, err := rules().Change(admit.Change{Queue: "q", JobSet: "s", JobIDs: make([]string, 11)}, 0, job.Cause{})
	if fault.KindOf(err) != fault.TooLarge {
		t.Errorf("11 ids: error %v, want too large", err)
	}
}

func TestQueueChange(t *testing.T) {
	t.Parallel()
	r := rules()
	got, err := r.QueueChange(admit.QueueChange{
		Action: job.Cancel, Queue: "q", Classes: []string{"c"}, Pools: []string{"p"}, States: []job.State{job.Leased},
	}, 9, job.Cause{User: "ann"})
	want := &job.Command{
		Time: 9, Cause: job.Cause{User: "ann"}, Action: job.Cancel,
		Select: job.Selector{Queues: []string{"q"}, Classes: []string{"c"}, Pools: []string{"p"}, States: []job.State{job.Leased}},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("error %v, command (-want +got):\n%s", err, diff)
	}
	if got, err := r.QueueChange(admit.QueueChange{Action: job.Cancel, Queue: "q"}, 0, job.Cause{}); got != nil || err != nil {
		t.Errorf("no states: %v, %v: want nothing, as no states select nothing", got, err)
	}
	if got, err := r.QueueChange(admit.QueueChange{Action: job.Preempt, Queue: "q"}, 0, job.Cause{}); got == nil || err != nil {
		t.Errorf("preempt: %v, %v: want a command", got, err)
	}
	_, err = r.QueueChange(admit.QueueChange{Action: job.Cancel, States: []job.State{job.Queued, job.Succeeded}}, 0, job.Cause{})
	refused := []string{"name |  | queue cannot be empty", "jobStates[1] | succeeded | provided job states must be non-terminal"}
	if diff := cmp.Diff(refused, found(t, err)); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
	_, err = r.QueueChange(admit.QueueChange{Action: job.Preempt, Queue: "q", Classes: make([]string, 11)}, 0, job.Cause{})
	if len(found(t, err)) != 1 {
		t.Errorf("11 classes: %v", err)
	}
}

func TestCheckQueue(t *testing.T) {
	t.Parallel()
	fine := admit.Queue{Name: "q", PriorityFactor: 1, Permissions: admit.Owners([]string{"ann"}, []string{"ops"}), Labels: map[string]string{"k": "v"}}
	if err := rules().CheckQueue(fine); err != nil {
		t.Error(err)
	}
	bad := admit.Queue{
		PriorityFactor: 0.5,
		Permissions:    []admit.Permission{{Subjects: []admit.Subject{{Kind: "User"}, {Kind: "Robot"}}}},
		Labels:         map[string]string{"": "v", "k": ""},
		OldLimits:      map[string]float64{"cpu": -1},
		Limits: []admit.ClassLimit{
			{Class: "c", Fractions: map[string]float64{"cpu": 1.5, "memory": 1}},
			{Class: "c", Pool: "p", Fractions: map[string]float64{"cpu": math.NaN()}},
		},
	}
	const prefix = "error validating queue: "
	const limit = " | " + prefix + "a resource limit must be from 0 to 1"
	want := []string{
		"name |  | " + prefix + "queue name must not be empty",
		"priority_factor | 0.5 | " + prefix + "priority factor cannot be lower than 1.0. Value: 0.5",
		"permissions[0].subjects[1].kind | Robot | " + prefix + "subject kind must be User or Group",
		`labels[""] | v | ` + prefix + "queue label key and value must not be empty",
		`labels["k"] |  | ` + prefix + "queue label key and value must not be empty",
		`resource_limits["cpu"] | -1` + limit,
		`resource_limits_by_priority_class_name["c"].maximum_resource_fraction["cpu"] | 1.5` + limit,
		`resource_limits_by_priority_class_name["c"].maximum_resource_fraction_by_pool["p"].maximum_resource_fraction["cpu"] | NaN` + limit,
	}
	if diff := cmp.Diff(want, found(t, rules().CheckQueue(bad))); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
}

func TestQueueDefinitionsAreBounded(t *testing.T) {
	t.Parallel()
	q := admit.Queue{Name: "q\x00", PriorityFactor: 1, Permissions: admit.Owners([]string{strings.Repeat("a", 256<<10)}, nil)}
	want := []string{
		"name | q\x00 | error validating queue: must not contain NUL",
		"permissions |  | error validating queue: the queue's texts have 262186 bytes together, at most 262144",
	}
	if diff := cmp.Diff(want, found(t, rules().CheckQueue(q))); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
}

func TestOwners(t *testing.T) {
	t.Parallel()
	if got := admit.Owners(nil, nil); got != nil {
		t.Errorf("no owners: %v", got)
	}
	want := []admit.Permission{{
		Subjects: []admit.Subject{{Kind: admit.User, Name: "ann"}, {Kind: admit.Group, Name: "ops"}},
		Verbs:    []string{"submit", "cancel", "preempt", "reprioritize", "watch"},
	}}
	if diff := cmp.Diff(want, admit.Owners([]string{"ann"}, []string{"ops"})); diff != "" {
		t.Errorf("owners (-want +got):\n%s", diff)
	}
}
