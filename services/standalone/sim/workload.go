package sim

import (
	"fmt"
	"strconv"
	"time"

	"github.com/fairlead-batch/fairlead/proto/gen/k8s.io/apimachinery/pkg/api/resource"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// What users ask for. cpu in thousandths of a core.
const (
	nodeCPU      = 4000
	hopelessCPU  = 100_000
	jobSetsMax   = 5
	gangMax      = 4
	priorityMax  = 10
	lateQueue    = "late"
	classDefault = "armada-default"
	classPreempt = "armada-preemptible"
	classUrgent  = "urgent"
)

func nodeTotal(resource string) int64 {
	if resource == "cpu" {
		return nodeCPU
	}
	return 0
}

func quantities(cpuMilli int64) map[string]*resource.Quantity {
	return map[string]*resource.Quantity{"cpu": {String_: new(strconv.FormatInt(cpuMilli, 10) + "m")}}
}

// work lets users ask for things until a moment, and look after them until all is at
// rest.
func (u *users) work(until, rest job.Time) {
	u.created()
	u.setQueue("blue", 1)
	u.setQueue("green", 2)
	u.w.after(lateQueueAfter, func() { u.run(u.life, func() { u.setQueue(lateQueue, 1) }) })
	u.every(submitLeast, submitMost, until, u.submitSome)
	u.every(changeLeast, changeMost, until, u.changeSome)
	u.every(changeMost, changeMost, rest, u.tidy)
}

// tidy cancels what waits of gangs of which a member ended while it waited: the others
// may wait for ever.
func (u *users) tidy() {
	broken := map[string]bool{}
	all := u.w.truth.sorted()
	for _, l := range all {
		if l.gang.ID != "" && l.missed {
			broken[l.gang.ID] = true
		}
	}
	for _, l := range all {
		if broken[l.gang.ID] && l.job.State == job.Queued && !l.job.Asked.Has(job.AskedCancel) {
			u.event(wanted{id: l.job.ID, queue: l.queue, set: l.jobSet}, job.CancelRequestedEvent{Head: u.head(l.job.ID), Reason: "its gang is broken"})
		}
	}
}

// submitSome submits some jobs of one queue.
func (u *users) submitSome() {
	dice := u.w.people
	queue := pick(dice, "blue", "blue", "green", "green", lateQueue)
	if dice.chance(gangs) {
		u.submitGang(queue)
		return
	}
	set := u.anySet()
	var jobs []job.SubmittedEvent
	for range 1 + dice.IntN(3) {
		jobs = append(jobs, u.job(u.anyClass()))
	}
	u.submit(queue, set, jobs...)
}

// submitGang submits a gang whose members are of several job sets, and so of
// several partitions.
func (u *users) submitGang(queue string) {
	dice := u.w.people
	u.gangs++
	n := 2 + dice.IntN(gangMax-1)
	gang := job.Gang{ID: fmt.Sprintf("gang-%d", u.gangs), Cardinality: uint32(n)} //nolint:gosec // few
	class := u.anyClass()
	for range n {
		e := u.job(class)
		e.Gang = gang
		u.submit(queue, u.anySet(), e)
	}
}

func (u *users) anySet() string { return fmt.Sprintf("set-%d", u.w.people.IntN(jobSetsMax)) }

func (u *users) anyClass() string {
	return pick(u.w.people, classDefault, classDefault, classPreempt, classPreempt, classUrgent)
}

// job makes a job of random size and life.
func (u *users) job(class string) job.SubmittedEvent {
	dice := u.w.people
	cpu := int64(500 * (1 + dice.IntN(nodeCPU/500)))
	if dice.chance(hopeless) {
		cpu = hopelessCPU
	}
	spec, err := podSpec(cpu)
	if err != nil {
		u.w.fail("%v", err)
		spec = &job.PodSpec{}
	}
	shape := &job.Shape{Requests: []job.Amount{{Resource: "cpu", Value: cpu}}}
	if dice.chance(limited) { // some end sooner, and others are stuck and do not
		shape.LimitSeconds, shape.ExpectSeconds = int32(runLong/time.Second)+1, int32(runLong/time.Second)/2
	}
	return job.SubmittedEvent{
		Head: u.head(job.ID(u.w.ids.next(u.wall()))), Priority: uint32(dice.IntN(priorityMax)), //nolint:gosec // small
		Class: class, Preemptible: class == classPreempt, Namespace: "default",
		Annotations: u.fate(), Spec: spec, Shape: shape,
	}
}

// fate is what becomes of a pod, as the simulated cluster reads it.
func (u *users) fate() map[string]string {
	dice := u.w.people
	out := map[string]string{"sim/run-duration": dice.between(runShort, runLong).Round(time.Millisecond).String()}
	switch lot := dice.IntN(100); {
	case lot < 10:
		out["sim/exit-code"] = "3"
	case lot < 14:
		out["sim/stuck-pending"] = "true"
	case lot < 17:
		out["sim/image"] = pick(dice, "missing", "invalid")
	case lot < 27:
		out["sim/start-delay"] = dice.between(0, runShort*20).Round(time.Millisecond).String()
	}
	return out
}

// submit publishes jobs of one job set as one request.
func (u *users) submit(queue, set string, jobs ...job.SubmittedEvent) {
	batch := job.Batch{Queue: queue, JobSet: set, Cause: submitCause()}
	var list []job.ID
	for _, e := range jobs {
		batch.Events = append(batch.Events, e)
		list = append(list, e.Job)
		u.known = append(u.known, wanted{id: e.Job, queue: queue, set: set, preemptible: e.Preemptible})
		u.w.counts.add(countSubmitted)
	}
	u.publish(partitionOf(queue, set), eventwire.Body{Batches: []job.Batch{batch}}, list...)
}

// changeSome changes something about jobs that were submitted.
func (u *users) changeSome() {
	if len(u.known) == 0 {
		return
	}
	dice := u.w.people
	recent := u.known[max(0, len(u.known)-recentJobs):]
	j := recent[dice.IntN(len(recent))]
	head := u.head(j.id)
	switch dice.IntN(8) {
	case 0, 1:
		u.event(j, job.CancelRequestedEvent{Head: head, Reason: "not needed"})
	case 2, 3:
		u.event(j, job.ReprioritizeRequestedEvent{Head: head, Priority: uint32(dice.IntN(priorityMax))}) //nolint:gosec // small
	case 4:
		u.event(j, job.PreemptRequestedEvent{Head: head, Reason: "room"})
	case 5:
		u.command(j.queue, j.set, job.Command{Action: job.Cancel, Select: job.Selector{Queues: []string{j.queue}, JobSet: j.set, States: []job.State{job.Queued}}})
	case 6:
		u.command(j.queue, j.set, job.Command{Action: job.Reprioritize, Priority: 1, Select: job.Selector{Queues: []string{j.queue}, JobSet: j.set}})
	case 7:
		u.everywhere(job.Command{
			Action: pick(dice, job.Preempt, job.Cancel), Reason: "the cluster is emptied",
			Select: job.Selector{Executor: pick(dice, u.w.sites...).name, Classes: []string{classPreempt}},
		})
	}
}

func (u *users) event(j wanted, e job.Event) {
	u.publish(partitionOf(j.queue, j.set), eventwire.Body{Batches: []job.Batch{
		{Queue: j.queue, JobSet: j.set, Cause: submitCause(), Events: []job.Event{e}},
	}})
}

func (u *users) command(queue, set string, c job.Command) {
	c.Time, c.Cause = u.wall(), submitCause()
	u.publish(partitionOf(queue, set), eventwire.Body{Commands: []job.Command{c}})
}

// everywhere publishes a command to every partition, as one that reaches many job
// sets is.
func (u *users) everywhere(c job.Command) {
	c.Time, c.Cause = u.wall(), submitCause()
	for n := range uint32(partitions) {
		u.publish(eventlog.Partition{Stream: eventlog.Events, Number: n}, eventwire.Body{Commands: []job.Command{c}})
	}
}
