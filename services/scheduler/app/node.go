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
	// told says that Installed was put out.
	told bool
	// floating are the names of the floating resources.
	floating []string
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

// NewNode makes a node that has read what a snapshot holds; the zero Snapshot with so
// many partitions is of nothing. The configuration was validated.
func NewNode(cfg Config, id Identity, from Snapshot) (*Node, error) {
	round, err := cfg.Scheduling.Round()
	if err != nil {
		return nil, err
	}
	core := cfg.lead()
	core.Author, core.Partitions = id.Author, id.Partitions
	made, err := lead.Restore(core, round, id.NewID, from)
	if err != nil {
		return nil, fmt.Errorf("make core: %w", err)
	}
	node := &Node{core: made, payloads: newPayloads(), floating: cfg.Scheduling.Floating()}
	node.payloads.storedTo(lead.PlacesOf(from))
	return node, nil
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
	// Stored answers SaveSnapshot, or says what another replica stored.
	Stored = lead.Stored
	// NotStored answers SaveSnapshot.
	NotStored = lead.NotStored
	// Trimmed says what the log has forgotten.
	Trimmed = lead.Trimmed
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

// SaveSnapshot stores a snapshot. Stored or NotStored answers.
type SaveSnapshot struct{ Save Save }

// ReadEntries asks for entries of the stored snapshot's jobs. [EntriesOf] answers.
type ReadEntries struct{ Wanted []EntryRef }

// StepDown ends the node: nothing of it counts any more, and a new one begins from
// the log.
type StepDown struct{ Why error }

// Halt ends the node because the log cannot be read on. An operator is needed.
type Halt struct{ Why error }

// Unsent says that a lease was not sent, for what was submitted is not there: our bug.
// The run will expire.
type Unsent struct{ Why error }

func (Append) output()       {}
func (Send) output()         {}
func (Refuse) output()       {}
func (TakeEpoch) output()    {}
func (CheckLock) output()    {}
func (SetTimer) output()     {}
func (Installed) output()    {}
func (SaveSnapshot) output() {}
func (ReadEntries) output()  {}
func (StepDown) output()     {}
func (Halt) output()         {}
func (Unsent) output()       {}

// Step takes what happened at a time and returns what is to be done, in order. now
// never goes back. The error is that an own entry cannot be encoded, which ends the
// process. The outputs are the caller's until the next Step.
func (n *Node) Step(now job.Time, inputs ...Input) ([]Output, error) {
	n.out = n.out[:0]
	for _, in := range inputs {
		if in, ok := in.(lead.Stored); ok {
			n.payloads.storedTo(in.Places)
		}
	}
	outputs := n.core.Step(now, inputs...)
	n.installed()
	for _, o := range outputs {
		if err := n.translate(inputs, o); err != nil {
			return nil, err
		}
	}
	for _, in := range inputs {
		if in, ok := in.(lead.EntriesRead); ok {
			n.arrived(in)
		}
	}
	return n.out, nil
}

func (n *Node) emit(o Output) { n.out = append(n.out, o) }

// installed tells once what the log says of the installation.
func (n *Node) installed() {
	if created := n.core.Created(); created != nil && !n.told {
		n.told = true
		n.emit(Installed{Installation: created.Installation})
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
	case lead.SaveSnapshot:
		fresh, err := n.payloads.fresh(o)
		if err != nil {
			return fmt.Errorf("save snapshot: %w", err)
		}
		n.emit(SaveSnapshot{Save: Save{Snapshot: o.Snapshot, Submitted: fresh, Settled: o.Settled}})
	}
	return nil
}

// sendLeases adds to the core's decisions what was submitted. Where that has to be read
// first, the lease waits.
func (n *Node) sendLeases(o lead.SendLeases) {
	var list []*executorv1.Lease
	var wanted []EntryRef
	for _, l := range o.Leases {
		jobs, known, err := n.payloads.entry(l.Entry)
		switch {
		case err != nil:
			n.emit(Unsent{Why: err})
		case known:
			list = n.lease(list, l, jobs)
		case n.payloads.wait(l.Entry, waitingLease{o.Session, o.Epoch, l}):
			wanted = append(wanted, l.Entry)
		}
	}
	if len(list) > 0 {
		n.emit(Send{Session: o.Session, Message: api.Leases(o.Epoch, list)})
	}
	if len(wanted) > 0 {
		n.emit(ReadEntries{Wanted: wanted})
	}
}

// lease adds a lease, with what was submitted in its entry, to a list.
func (n *Node) lease(list []*executorv1.Lease, l lead.Lease, jobs map[job.ID]events.Payload) []*executorv1.Lease {
	payload, ok := jobs[l.Job]
	if !ok {
		n.emit(Unsent{Why: fmt.Errorf("the entry at %d/%s does not have job %s", l.Entry.Partition, l.Entry.At, l.Job)})
		return list
	}
	return append(list, api.Lease(l, payload.Submitted, payload.Cause, n.floating))
}

// arrived sends the leases that waited for entries, if they are still to be sent: their
// executors may have been told meanwhile that the runs are over, or have begun anew.
func (n *Node) arrived(in lead.EntriesRead) {
	for _, ref := range inOrder(in.Bodies) {
		jobs, err := n.payloads.decode(ref, in.Bodies[ref])
		for _, w := range n.payloads.arrived(ref) {
			switch {
			case !n.core.Owes(w.session, w.lease):
			case err != nil:
				n.emit(Unsent{Why: err})
			default:
				if list := n.lease(nil, w.lease, jobs); list != nil {
					n.emit(Send{Session: w.session, Message: api.Leases(w.epoch, list)})
				}
			}
		}
	}
	for _, ref := range in.Missing {
		for _, w := range n.payloads.arrived(ref) {
			if n.core.Owes(w.session, w.lease) {
				n.emit(Unsent{Why: fmt.Errorf("the entry of job %s at %d/%s is not stored", w.lease.Job, ref.Partition, ref.At)})
			}
		}
	}
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
