package app_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	executorv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/executor/v1"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// leader is a scheduler that leads and has no trouble: a report counts as soon as it
// comes. It keeps the jobs as the log would. One goroutine.
type leader struct {
	epoch uint64
	jobs  map[job.RunID]job.Job
	// told are the reports, as words.
	told []string
	// hellos counts sessions, and known is what the newest said.
	hellos int
	known  []*executorv1.KnownRun
	nodes  int
	// settled counts runs that were reported over.
	settled int
	// mute keeps reports unacknowledged.
	mute bool
}

func newLeader(epoch uint64) *leader { return &leader{epoch: epoch, jobs: map[job.RunID]job.Job{}} }

// hear answers a message of the executor.
func (l *leader) hear(up *executorv1.Up) []*executorv1.Down {
	switch m := up.GetMessage().(type) {
	case *executorv1.Up_Hello:
		return l.hello(m.Hello)
	case *executorv1.Up_Heartbeat:
		return l.say(&executorv1.Down{Message: &executorv1.Down_Heartbeat{Heartbeat: &executorv1.HeartbeatAnswer{Number: m.Heartbeat.GetNumber()}}})
	case *executorv1.Up_Reports:
		return l.reports(m.Reports.GetReports())
	}
	return nil
}

func (l *leader) say(m *executorv1.Down) []*executorv1.Down {
	m.Epoch = l.epoch
	return []*executorv1.Down{m}
}

func (l *leader) hello(page *executorv1.Hello) []*executorv1.Down {
	l.known = append(l.known, page.GetRuns()...)
	l.nodes += len(page.GetNodes())
	if !page.GetLast() {
		return nil
	}
	l.hellos++
	return l.say(&executorv1.Down{Message: &executorv1.Down_Welcome{Welcome: &executorv1.Welcome{Leads: true}}})
}

func (l *leader) reports(list []*executorv1.Report) []*executorv1.Down {
	acks := &executorv1.Acknowledgements{}
	for _, r := range list {
		e, err := eventwire.ReportFrom(r.GetEvent())
		if err != nil {
			panic(err) // a bug of the executor
		}
		run := job.RunOf(e)
		l.told = append(l.told, fmt.Sprintf("%c %T", run[15], e))
		if after, err := job.Apply(l.jobs[run], e); err == nil {
			l.jobs[run] = after
			if after.Run.State.Over() {
				l.settled++
			}
		}
		acks.Reports = append(acks.Reports, r.GetNumber())
		if _, ok := e.(job.RunAcknowledgedEvent); ok && l.jobs[run].Run.State == job.RunAcknowledged {
			acks.Go = append(acks.Go, run[:])
		}
	}
	if l.mute {
		return nil
	}
	return l.say(&executorv1.Down{Message: &executorv1.Down_Acknowledgements{Acknowledgements: acks}})
}

// lease orders a run on a node.
func (l *leader) lease(number int, node string, spec []byte, annotations map[string]string) *executorv1.Down {
	run := job.RunID{0: 1}
	binary.BigEndian.PutUint64(run[8:], uint64(number)) //nolint:gosec // not below zero
	id := job.ID(run)
	l.jobs[run] = job.Job{ID: id, State: job.Leased, Run: job.Run{ID: run, State: job.RunLeased}}
	return l.say(&executorv1.Down{Message: &executorv1.Down_Leases{Leases: &executorv1.Leases{Leases: []*executorv1.Lease{{
		Run: run[:], Job: id[:], Queue: "queue", JobSet: "set", Namespace: "ns", Node: node, Pool: "default",
		PodName: "armada-" + id.String() + "-0", PodSpec: spec, Annotations: annotations,
	}}}}})[0]
}

// spec is a pod of one container with a command, on the wire.
func spec(tb testing.TB, command ...string) []byte {
	tb.Helper()
	amounts := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("100Mi")}
	pod := corev1.PodSpec{RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{
		Name: "main", Image: "alpine:3.20.0", Command: command, Resources: corev1.ResourceRequirements{Requests: amounts, Limits: amounts},
	}}}
	wire, err := pod.Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	return wire
}

// life is what is reported of run 1 when all goes well.
func life(end string) []string {
	words := []string{"RunAcknowledgedEvent", "RunPendingEvent", "RunRunningEvent", end}
	for i, w := range words {
		words[i] = "\x01 job." + w
	}
	return slices.Clone(words)
}
