package sim

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	corev1 "github.com/fairlead-batch/fairlead/proto/gen/k8s.io/api/core/v1"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// users are people and the submit service before them, in one process: an author
// that publishes requests and, after a crash, finds out what became of those it has
// no answer for, as design 8 has it: it closes the old author, reads up to that, and
// publishes what is not there under the same ids.
type users struct {
	process
	author eventlog.Author
	tags   uint64
	// claims are the requests that are not answered.
	claims []*claim
	// acknowledged are the jobs that users were told are accepted.
	acknowledged []job.ID
	// known are the jobs that were ever asked for, in order, and generation counts
	// settings.
	known      []wanted
	generation uint64
	gangs      int
	// doom befalls them right after their next request; nil: nothing.
	doom func()
}

// wanted is a job that somebody asked for.
type wanted struct {
	id          job.ID
	queue, set  string
	preemptible bool
}

// claim is a request of one entry.
type claim struct {
	tag   uint64
	by    eventlog.Author
	draft eventlog.Draft
	// jobs are those that the entry submits; none: it may get lost.
	jobs []job.ID
}

// start begins a life with a new author, which first settles what the one before it
// left open.
func (u *users) start() {
	u.begin()
	u.author = eventlog.Author(u.w.ids.next(u.wall()))
	u.w.journal.open(&u.process, u.author, u.answered)
	open := u.claims
	u.claims = nil
	for _, c := range open {
		if len(c.jobs) == 0 && c.draft.Partition != eventlog.ControlPartition {
			continue // the user sees an error, and lets it be
		}
		u.resolve(c)
	}
}

func (u *users) kill() {
	u.end()
	u.w.journal.leave(u.author)
}

// resolve closes the author of a claim, waits until the log has that, and publishes
// the claim again if it is not there.
func (u *users) resolve(c *claim) {
	u.claims = append(u.claims, c)
	if c.by == u.author {
		return
	}
	u.tags++
	u.w.journal.append(u.author, u.tags, []eventlog.Draft{{Partition: c.draft.Partition, Kind: eventlog.AuthorClosed, Closes: c.by}})
	u.look(c)
}

func (u *users) look(c *claim) {
	u.after(lookEvery, func() {
		if !u.w.truth.partitions[c.draft.Partition].gate.IsClosed(c.by) {
			u.look(c)
			return
		}
		if len(c.jobs) > 0 && u.w.truth.jobs[c.jobs[0]] != nil {
			u.w.tell("users", "job %s was published", c.jobs[0])
			u.done(c)
			return
		}
		u.send(c)
	})
}

// publish sends a request.
func (u *users) publish(p eventlog.Partition, body eventwire.Body, jobs ...job.ID) {
	bytes, err := eventwire.Encode(body)
	if err != nil {
		u.w.fail("encode a request: %v", err)
		return
	}
	c := &claim{draft: eventlog.Draft{Partition: p, Kind: eventlog.Facts, Body: bytes}, jobs: jobs}
	u.claims = append(u.claims, c)
	u.send(c)
}

func (u *users) send(c *claim) {
	u.tags++
	c.tag, c.by = u.tags, u.author
	u.w.journal.append(u.author, c.tag, []eventlog.Draft{c.draft})
	if doom := u.doom; doom != nil {
		u.doom = nil
		doom()
	}
}

// answered takes what became of an append.
func (u *users) answered(tag uint64, err error) {
	if err != nil {
		u.w.fail("the log refuses a request: %v", err)
		return
	}
	for _, c := range u.claims {
		if c.tag == tag && c.by == u.author {
			u.done(c)
			return
		}
	}
}

// done answers a request.
func (u *users) done(c *claim) {
	u.acknowledged = append(u.acknowledged, c.jobs...)
	for i, other := range u.claims {
		if other == c {
			u.claims = append(u.claims[:i], u.claims[i+1:]...)
			return
		}
	}
}

// setQueue defines a queue.
func (u *users) setQueue(name string, factor float64) {
	u.generation++
	u.publish(eventlog.ControlPartition, eventwire.Body{Settings: []eventwire.Setting{{
		Generation: u.generation, Time: u.wall(), Cause: submitCause(), QueueSet: &eventwire.Queue{Name: name, PriorityFactor: factor},
	}}})
}

// created writes the first entry of the control stream.
func (u *users) created() {
	u.publish(eventlog.ControlPartition, eventwire.Body{Settings: []eventwire.Setting{{
		Time: u.wall(), Cause: submitCause(), LogCreated: &eventwire.LogCreated{Installation: "sim", Incarnation: 1, Partitions: partitions},
	}}})
}

func submitCause() job.Cause { return job.Cause{User: "ann", Service: "submit"} }

// podSpec is a pod spec of one container that asks for cpu in thousandths of a core.
func podSpec(cpuMilli int64) (*job.PodSpec, error) {
	grace := int64(2)
	spec := &corev1.PodSpec{
		TerminationGracePeriodSeconds: &grace,
		Containers: []*corev1.Container{{
			Name: new("main"), Image: new("alpine"),
			Resources: &corev1.ResourceRequirements{Requests: quantities(cpuMilli)},
		}},
	}
	wire, err := proto.MarshalOptions{Deterministic: true}.Marshal(spec)
	if err != nil {
		return nil, fmt.Errorf("encode pod spec: %w", err)
	}
	return &job.PodSpec{Bytes: wire}, nil
}

func (u *users) head(id job.ID) job.Head { return job.Head{Job: id, Time: u.wall()} }

// every lets users do something again and again until a moment.
func (u *users) every(least, most time.Duration, until job.Time, do func()) {
	u.w.after(u.w.people.between(least, most), func() {
		if u.w.now >= until {
			return
		}
		if u.up && !u.paused() {
			do()
		}
		u.every(least, most, until, do)
	})
}
