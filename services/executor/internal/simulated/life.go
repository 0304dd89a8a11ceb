package simulated

import (
	"encoding/binary"
	"strings"
	"time"

	"github.com/fairlead-batch/fairlead/services/executor/internal/lease"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// Reasons of containers, as a kubelet gives them.
const (
	waitingPull    = "ErrImagePull"
	waitingInvalid = "InvalidImageName"

	reasonCompleted = "Completed"
	reasonError     = "Error"
	reasonOOM       = "OOMKilled"
	reasonDeadline  = "DeadlineExceeded"
)

// missingImage is the name that Armada's test suite uses for an image that no
// registry has.
const missingImage = "some-non-existing-image"

// blueprint is a pod spec, read once and shared by all pods that have it.
type blueprint struct {
	spec Spec
	// requests are the spec's, by the cluster's numbers of resources.
	requests         []amount
	init, containers []program
	// waiting is the trouble that its images give, and waitingMessage says which.
	waiting, waitingMessage string
}

// amount is an amount of a resource by its number.
type amount struct {
	resource int
	value    int64
}

func newBlueprint(spec Spec, resource func(name string) int) *blueprint {
	b := &blueprint{spec: spec}
	for _, r := range spec.Requests {
		b.requests = append(b.requests, amount{resource: resource(r.Resource), value: r.Value})
	}
	for _, c := range spec.Init {
		b.init = append(b.init, compile(c.Command))
		b.judgeImage(c)
	}
	for _, c := range spec.Containers {
		b.containers = append(b.containers, compile(c.Command))
		b.judgeImage(c)
	}
	return b
}

// judgeImage notes what is wrong with an image; an invalid name is the worse.
func (b *blueprint) judgeImage(c Container) {
	switch {
	case strings.ContainsAny(c.Image, " \t") || strings.ToLower(c.Image) != c.Image && !strings.ContainsAny(c.Image, ":@"):
		b.waiting, b.waitingMessage = waitingInvalid, "Failed to apply default image tag \""+c.Image+"\": couldn't parse image name: invalid reference format"
	case strings.Contains(c.Image, missingImage) && b.waiting == "":
		b.waiting, b.waitingMessage = waitingPull, "failed to pull and unpack image \""+c.Image+"\": not found"
	}
}

// life is what a pod does once it is started.
type life struct {
	runs    time.Duration
	forever bool
	// phase, reason and ends are how it ends.
	phase           lease.PodPhase
	reason, message string
	ends            []job.ContainerEnd
}

// live works out the life of the pod of a run that starts at a moment.
func (b *blueprint) live(run job.RunID, w *wishes, start job.Time) life {
	random := &dice{state: binary.BigEndian.Uint64(run[:8]) ^ binary.BigEndian.Uint64(run[8:])}
	l := b.follow(random)
	if w != nil {
		w.overrule(&l, b, start)
	}
	if limit := b.spec.Deadline; limit > 0 && (l.forever || l.runs > limit) {
		return life{
			runs: limit, phase: lease.PodFailed, reason: reasonDeadline,
			message: "Pod was active on the node longer than the specified deadline",
		}
	}
	return l
}

// follow lets the containers do what their commands say.
func (b *blueprint) follow(random *dice) life {
	l := life{phase: lease.PodSucceeded}
	for i, p := range b.init {
		o := p.run(random)
		l.runs += o.after
		l.forever = l.forever || o.forever
		l.end(b.spec.Init[i].Name, o)
		if l.forever || l.phase == lease.PodFailed {
			return l
		}
	}
	var longest time.Duration
	for i, p := range b.containers {
		o := p.run(random)
		longest = max(longest, o.after)
		l.forever = l.forever || o.forever
		l.end(b.spec.Containers[i].Name, o)
	}
	l.runs += longest
	return l
}

// end notes how a container ended. The pod fails with any of them.
func (l *life) end(name string, o outcome) {
	e := job.ContainerEnd{Name: name, ExitCode: o.code, Reason: reasonCompleted}
	switch {
	case o.exhausted:
		e.Reason = reasonOOM
	case o.code != 0:
		e.Reason = reasonError
	}
	if o.code != 0 {
		l.phase = lease.PodFailed
	}
	l.ends = append(l.ends, e)
}

// overrule puts what the annotations say in the place of what the commands do.
func (w *wishes) overrule(l *life, b *blueprint, start job.Time) {
	switch {
	case w.until != 0:
		l.runs, l.forever = max(0, time.Duration(w.until-start)), false
	case w.runsSet:
		l.runs, l.forever = w.runs, false
	}
	if !w.codeSet {
		return
	}
	l.ends, l.phase = nil, lease.PodSucceeded
	for _, c := range b.spec.Containers {
		e := job.ContainerEnd{Name: c.Name, ExitCode: w.code, Reason: reasonCompleted}
		if w.code != 0 {
			l.phase = lease.PodFailed
			e.Reason, e.Message = reasonError, w.message
			if w.reason != "" {
				e.Reason = w.reason
			}
		}
		l.ends = append(l.ends, e)
	}
}
