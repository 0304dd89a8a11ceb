package soak_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/fairlead-batch/fairlead/proto/gen/api"
	executor "github.com/fairlead-batch/fairlead/services/executor/app"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// told is an event of a job, at a place of its stream.
func told(place int, id, kind string) *api.EventStreamMessage {
	m := &api.EventMessage{}
	switch kind {
	case "submitted":
		m.Events = &api.EventMessage_Submitted{Submitted: &api.JobSubmittedEvent{JobId: id}}
	case "queued":
		m.Events = &api.EventMessage_Queued{Queued: &api.JobQueuedEvent{JobId: id}}
	case "leased":
		m.Events = &api.EventMessage_Leased{Leased: &api.JobLeasedEvent{JobId: id}}
	case "pending":
		m.Events = &api.EventMessage_Pending{Pending: &api.JobPendingEvent{JobId: id}}
	case "running":
		m.Events = &api.EventMessage_Running{Running: &api.JobRunningEvent{JobId: id}}
	case "succeeded":
		m.Events = &api.EventMessage_Succeeded{Succeeded: &api.JobSucceededEvent{JobId: id}}
	case "cancelling":
		m.Events = &api.EventMessage_Cancelling{Cancelling: &api.JobCancellingEvent{JobId: id}}
	case "cancelled":
		m.Events = &api.EventMessage_Cancelled{Cancelled: &api.JobCancelledEvent{JobId: id}}
	default:
		panic("no such event here: " + kind)
	}
	return &api.EventStreamMessage{Id: fmt.Sprintf("%09d", place), Message: m}
}

// TestJudge: of a run in which one thing is wrong the judge finds just that, and of
// one where nothing is, nothing.
func TestJudge(t *testing.T) {
	t.Parallel()
	id := job.ID{15: 1}
	const life = "submitted queued leased pending running succeeded"
	pod := executor.PodRecord{Job: id, Name: "pod", Started: 10, Ended: 20, Phase: executor.PodSucceeded}
	later, beside := pod, pod
	later.Started, later.Ended = 30, 40
	beside.Started, beside.Ended = 15, 25
	on, strange := pod, pod
	on.Ended, strange.Job, strange.Started = 0, job.ID{15: 9}, 0
	for name, test := range map[string]struct {
		events    string
		replayed  string // of one replica; empty: the same
		pods      []executor.PodRecord
		cancelled bool
		want      string
	}{
		"all is well":         {events: life, pods: []executor.PodRecord{pod}},
		"cancelled":           {events: "submitted queued cancelling cancelled", cancelled: true},
		"nothing was told":    {events: "", want: "was acknowledged and has no end"},
		"an event is missing": {events: "submitted queued leased running succeeded", pods: []executor.PodRecord{pod}, want: "submitted queued leased running"},
		"an event is there twice": {
			events: "submitted queued leased pending running running succeeded", pods: []executor.PodRecord{pod}, want: "pending running running",
		},
		"the order is wrong":      {events: "submitted leased queued pending", want: "submitted leased"},
		"something after the end": {events: life + " cancelling", pods: []executor.PodRecord{pod}, want: "succeeded cancelling"},
		"no end":                  {events: "submitted queued", want: "is not over"},
		"nobody cancelled it":     {events: "submitted queued cancelled", want: "cancelled false: submitted queued cancelled"},
		"a replica has less":      {events: life, replayed: "submitted queued leased pending running", pods: []executor.PodRecord{pod}, want: "5 events, a watcher was told 6"},
		"a replica has another":   {events: life, replayed: "submitted queued leased pending running cancelled", pods: []executor.PodRecord{pod}, want: "event 5: replayed is"},
		"it ran twice at once":    {events: life, pods: []executor.PodRecord{pod, beside}, want: "ran 2 times, AT ONCE"},
		"it ran twice":            {events: life, pods: []executor.PodRecord{later, pod}, want: "ran 2 times, one after the other"},
		"it never ran":            {events: life, want: "phase 0"},
		"it runs on":              {events: life, pods: []executor.PodRecord{on}, want: "runs on"},
		"a pod of no job":         {events: life, pods: []executor.PodRecord{pod, strange}, want: "never acknowledged"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := &jobSet{name: "set"}
			truth := newTruth()
			truth.acknowledged(id.String(), asked{set: set, cancelled: test.cancelled})
			var replayed []*api.EventStreamMessage
			for i, kind := range strings.Fields(test.events) {
				set.told = append(set.told, told(i, id.String(), kind))
			}
			for i, kind := range strings.Fields(test.replayed) {
				replayed = append(replayed, told(i, id.String(), kind))
			}
			if test.replayed == "" {
				replayed = slices.Clone(set.told)
			}
			j := &judge{truth: truth, sets: []*jobSet{set}, ends: map[string]string{}}
			j.lives(set)
			j.same("a replica", set, replayed)
			j.allOver()
			j.ran(test.pods)
			found := errors.Join(j.found...)
			if test.want == "" && found != nil || test.want != "" && (found == nil || !strings.Contains(found.Error(), test.want)) {
				t.Errorf("found: %v, want %q in it", found, test.want)
			}
		})
	}
}
