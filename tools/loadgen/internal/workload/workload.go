// Package workload makes the jobs that are submitted, and says what their events are.
//
// The jobs are those of a sweep as users send them: one container with a command, an
// image, a few variables, requests that equal limits. [Specs] of them differ, in
// requests and text, so that nothing is gained by there being only one.
package workload

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/fairlead-batch/fairlead/proto/gen/api"
	corev1 "github.com/fairlead-batch/fairlead/proto/gen/k8s.io/api/core/v1"
	"github.com/fairlead-batch/fairlead/proto/gen/k8s.io/apimachinery/pkg/api/resource"
)

// Specs is how many different pod specs a list of jobs has.
const Specs = 25

// Kind is what jobs do.
type Kind struct {
	// MilliCPU is what the smallest of the specs asks for; the others ask for up to
	// twice as much, unless Equal.
	MilliCPU int
	Equal    bool
	// Runs is how long the pod runs.
	Runs time.Duration
	// ExitCode is what it ends with.
	ExitCode int
	// PriorityClass of the pod; empty: the server's default.
	PriorityClass string
}

// Jobs makes n jobs, spec after spec in turn.
func Jobs(kind Kind, n int) []*api.JobSubmitRequestItem {
	specs := make([]*corev1.PodSpec, Specs)
	for i := range specs {
		specs[i] = kind.spec(i)
	}
	jobs := make([]*api.JobSubmitRequestItem, n)
	for i := range jobs {
		jobs[i] = &api.JobSubmitRequestItem{
			Namespace: "default", PodSpecs: []*corev1.PodSpec{specs[i%Specs]},
			Labels:      map[string]string{"sweep": "bench", "member": fmt.Sprint(i % Specs)},
			Annotations: kind.annotations(),
		}
	}
	return jobs
}

// annotations tell a simulated cluster what the pod does.
func (k Kind) annotations() map[string]string {
	a := map[string]string{"sim/run-duration": k.Runs.String()}
	if k.ExitCode != 0 {
		a["sim/exit-code"] = fmt.Sprint(k.ExitCode)
	}
	return a
}

func (k Kind) spec(i int) *corev1.PodSpec {
	cpu := k.MilliCPU
	if !k.Equal {
		cpu += k.MilliCPU * i / Specs
	}
	amounts := map[string]*resource.Quantity{
		"cpu": {String_: new(fmt.Sprintf("%dm", cpu))}, "memory": {String_: new(fmt.Sprintf("%dMi", 64+i))},
	}
	spec := &corev1.PodSpec{
		RestartPolicy: new("Never"), TerminationGracePeriodSeconds: new(int64(0)),
		Containers: []*corev1.Container{{
			Name: new("main"), Image: new("registry.example.com/research/sweep:1.4.2"), Command: []string{"/usr/bin/python3", "-m", "sweep"},
			Args: []string{"--member", fmt.Sprint(i), "--learning-rate", fmt.Sprintf("0.%03d", i)},
			Env: []*corev1.EnvVar{
				{Name: new("OMP_NUM_THREADS"), Value: new("1")},
				{Name: new("MEMBER"), Value: new(fmt.Sprint(i))},
				{Name: new("OUTPUT"), Value: new(fmt.Sprintf("s3://results/sweep/%d", i))},
			},
			Resources: &corev1.ResourceRequirements{Requests: amounts, Limits: amounts},
		}},
	}
	if k.PriorityClass != "" {
		spec.PriorityClassName = new(k.PriorityClass)
	}
	return spec
}

// Event is what a message of an event stream says of a job.
type Event struct {
	// Kind is the event's name on the wire: submitted, lease_returned.
	Kind string
	Job  string
	// Created is when its author made it.
	Created time.Time
}

// Read reads a message; false: it is of a kind that this build does not know.
func Read(m *api.EventStreamMessage) (Event, bool) {
	message := m.GetMessage().ProtoReflect()
	field := message.WhichOneof(message.Descriptor().Oneofs().ByName("events"))
	if field == nil {
		return Event{}, false
	}
	event := message.Get(field).Message()
	fields := event.Descriptor().Fields()
	created, ok := event.Get(fields.ByName("created")).Message().Interface().(*timestamppb.Timestamp)
	if !ok {
		return Event{}, false
	}
	return Event{Kind: string(field.Name()), Job: text(event, fields.ByName("job_id")), Created: created.AsTime()}, true
}

func text(m protoreflect.Message, field protoreflect.FieldDescriptor) string {
	return m.Get(field).String()
}

// Ended says whether a message is the last of a job, and whether that succeeded.
// It is Read for those that count millions.
func Ended(m *api.EventStreamMessage) (ended, succeeded bool) {
	switch m.GetMessage().GetEvents().(type) {
	case *api.EventMessage_Succeeded:
		return true, true
	case *api.EventMessage_Failed, *api.EventMessage_Cancelled, *api.EventMessage_Preempted:
		return true, false
	default:
		return false, false
	}
}
