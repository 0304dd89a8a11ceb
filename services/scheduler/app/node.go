package app

import (
	"fmt"

	executorv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/executor/v1"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/api"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/events"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/lead"
)

// Node is the core of a scheduler replica in the terms of its neighbours: entries of
// the log, messages of the executor stream, the leader lock. It lives for one term
// and is stepped: a term of a [Service] runs one between its goroutines, and a
// simulation steps several in one loop. One goroutine.
type Node struct {
	core     *lead.Core
	payloads *payloads
	out      []Output
}

// Identity is what a node is beside its configuration.
type Identity struct {
	// Author is the node in the log, new for each node.
	Author eventlog.Author
	// Partitions is how many partitions the events stream has.
	Partitions uint32
	// NewID makes a ULID of a time.
	NewID func(job.Time) [16]byte
}

// NewNode makes a node that has read nothing. The configuration was validated.
func NewNode(cfg Config, id Identity) (*Node, error) {
	round, err := cfg.Scheduling.round()
	if err != nil {
		return nil, err
	}
	core := cfg.lead()
	core.Author, core.Partitions = id.Author, id.Partitions
	made, err := lead.New(core, round, id.NewID)
	if err != nil {
		return nil, fmt.Errorf("make core: %w", err)
	}
	return &Node{core: made, payloads: newPayloads()}, nil
}

// Input is what a node is stepped with: what [ReadLog] and an [Ear] return, and the
// types below.
type Input = lead.Input

// The inputs that come ready made.
type (
	// Warm says how far the log reached when the term began.
	Warm = lead.Warm
	// LockGained says that this process holds the leader lock.
	LockGained = lead.LockGained
	// LockLost says that it does not, or cannot tell.
	LockLost = lead.LockLost
	// LockChecked says that the lock was held at a moment after the newest CheckLock.
	LockChecked = lead.LockChecked
	// EpochTaken answers TakeEpoch.
	EpochTaken = lead.EpochTaken
	// Appended answers Append.
	Appended = lead.Appended
	// Due says that the time of the newest SetTimer has come.
	Due = lead.Due
	// Disconnected says that a session is over.
	Disconnected = lead.Disconnected
)

// Session names a stream of an executor within a process, counted from 1.
type Session = lead.Session

// Ear turns what an executor says in one session into inputs.
type Ear = api.Ear

// NewEar listens to a session of which nothing was heard.
func NewEar(session Session) *Ear { return api.NewEar(session) }

// ReadLog decodes a run of the log. The error is eventlog.ErrNewer: this program
// cannot read the partition on. It is safe for concurrent use.
func ReadLog(run eventlog.Run) (Input, error) { return events.Read(run) }

// Counts are a node's counters.
type Counts = lead.Counts

// Counts are the counters since the node was made.
func (n *Node) Counts() Counts { return n.core.Counts() }

// Epoch is the epoch that the node leads in; zero when it does not lead.
func (n *Node) Epoch() uint64 { return n.core.Epoch() }

// Jobs are the jobs that the node keeps, in the order of their ids: all that are not
// settled, as the log makes them up to Position. The caller owns the list.
func (n *Node) Jobs() []job.Job { return n.core.Jobs() }

// Position is how far the node has read a partition.
func (n *Node) Position(p eventlog.Partition) eventlog.Position { return n.core.Position(p) }

// Output is what a node wants done, in order. The set is closed: it is the types of
// this file that implement it.
//
//sumtype:decl
type Output interface{ output() }

// Append writes entries as the node's author, in order. Appended answers.
type Append struct {
	Ticket uint64
	Drafts []eventlog.Draft
}

// Send puts a message into the stream of a session, if that is still open.
type Send struct {
	Session Session
	Message *executorv1.Down
}

// Refuse closes a session. Disconnected answers.
type Refuse struct {
	Session Session
	Why     string
}

// TakeEpoch asks the store for an epoch above every one in its row and above this.
// EpochTaken answers, or LockLost when another was quicker.
type TakeEpoch struct{ Above uint64 }

// CheckLock asks whether the lock is held. LockChecked or LockLost answers.
type CheckLock struct{}

// SetTimer asks for Due at a time; a later one replaces it.
type SetTimer struct{ At job.Time }

// Installed says which installation the log belongs to.
type Installed struct{ Installation string }

// StepDown ends the node: nothing of it counts any more, and a new one begins from
// the log.
type StepDown struct{ Why error }

// Halt ends the node because the log cannot be read on. An operator is needed.
type Halt struct{ Why error }

// Unsent says that a lease was not sent, for what was submitted is not kept: our bug.
// The run will expire.
type Unsent struct{ Why error }

func (Append) output()    {}
func (Send) output()      {}
func (Refuse) output()    {}
func (TakeEpoch) output() {}
func (CheckLock) output() {}
func (SetTimer) output()  {}
func (Installed) output() {}
func (StepDown) output()  {}
func (Halt) output()      {}
func (Unsent) output()    {}

// Step takes what happened at a time and returns what is to be done, in order. now
// never goes back. The error is that an own entry cannot be encoded, which ends the
// process. The outputs are the caller's until the next Step.
func (n *Node) Step(now job.Time, inputs ...Input) ([]Output, error) {
	n.out = n.out[:0]
	outputs := n.core.Step(now, inputs...)
	n.installed(inputs)
	for _, o := range outputs {
		if err := n.translate(inputs, o); err != nil {
			return nil, err
		}
	}
	return n.out, nil
}

func (n *Node) emit(o Output) { n.out = append(n.out, o) }

// installed tells what the log says of the installation.
func (n *Node) installed(inputs []Input) {
	for _, in := range inputs {
		in, ok := in.(lead.LogRead)
		if !ok || in.Run.Partition != eventlog.ControlPartition {
			continue
		}
		for _, body := range in.Bodies {
			for _, s := range body.Settings {
				if s.Created != nil {
					n.emit(Installed{Installation: s.Created.Installation})
				}
			}
		}
	}
}

// translate puts an output of the core into the terms of who will carry it out.
func (n *Node) translate(inputs []Input, o lead.Output) error {
	switch o := o.(type) {
	case lead.Append:
		drafts, err := events.Drafts(o.Drafts)
		if err != nil {
			return err
		}
		n.emit(Append{Ticket: o.Ticket, Drafts: drafts})
	case lead.TakeEpoch:
		n.emit(TakeEpoch(o))
	case lead.CheckLock:
		n.emit(CheckLock{})
	case lead.SetTimer:
		n.emit(SetTimer(o))
	case lead.StepDown:
		n.emit(StepDown(o))
	case lead.Halt:
		n.emit(Halt(o))
	case lead.SendLeases:
		n.sendLeases(o)
	case lead.SendStops:
		n.emit(Send{Session: o.Session, Message: api.Stops(o)})
	case lead.Acknowledge:
		n.emit(Send{Session: o.Session, Message: api.Acknowledge(o)})
	case lead.AnswerHeartbeat:
		n.emit(Send{Session: o.Session, Message: api.Answer(o)})
	case lead.Greet:
		n.emit(Send{Session: o.Session, Message: api.Greet(o)})
	case lead.Refuse:
		n.emit(Refuse(o))
	case lead.Keep:
		n.payloads.keep(o.Entry, bodyOf(inputs, o.Entry))
	case lead.Release:
		n.payloads.release(o.Entry)
	}
	return nil
}

// sendLeases adds to the core's decisions what was submitted.
func (n *Node) sendLeases(o lead.SendLeases) {
	list := make([]*executorv1.Lease, 0, len(o.Leases))
	for _, l := range o.Leases {
		payload, err := n.payloads.get(l.Entry, l.Job)
		if err != nil {
			n.emit(Unsent{Why: err})
			continue
		}
		list = append(list, api.Lease(l, payload.Submitted, payload.Cause))
	}
	n.emit(Send{Session: o.Session, Message: api.Leases(o.Epoch, list)})
}

// bodyOf finds the body of an entry that came with this step's inputs.
func bodyOf(inputs []Input, ref lead.EntryRef) []byte {
	for _, in := range inputs {
		in, ok := in.(lead.LogRead)
		if !ok || in.Run.Partition != (eventlog.Partition{Stream: eventlog.Events, Number: ref.Partition}) {
			continue
		}
		for _, e := range in.Run.Entries {
			if e.At == ref.At {
				return e.Body
			}
		}
	}
	return nil
}
