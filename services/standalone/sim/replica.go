package sim

import (
	"slices"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	scheduler "github.com/fairlead-batch/fairlead/services/scheduler/app"
)

// replica is a scheduler process: the stepped node and what a term of the real shell
// does around it.
type replica struct {
	process
	number int
	node   *scheduler.Node
	author eventlog.Author
	inbox  []scheduler.Input
	// readers are those of the partitions, in the order of allPartitions.
	readers []*reader
	streams map[scheduler.Session]*stream
	// sessions counts the streams of the process, over its terms.
	sessions scheduler.Session
	// timer counts the SetTimers: only the newest one is due.
	timer int
	// counted are the node's counters as far as they are in the world's.
	counted scheduler.Counts
	// doom is what befalls it right after its next append that fits; nil: nothing.
	doom *doom
}

// doom befalls a leader in the middle of an append.
type doom struct {
	// plan says that it waits for a plan of several parts.
	plan bool
	do   func()
}

// start begins a life with a first term.
func (r *replica) start() {
	r.sessions = 0
	r.term()
}

// term begins anew from the stored snapshot and the log behind it, as the shell does after a StepDown.
func (r *replica) term() {
	r.begin()
	r.author = eventlog.Author(r.w.ids.next(r.wall()))
	r.inbox, r.streams, r.counted, r.doom = nil, map[scheduler.Session]*stream{}, scheduler.Counts{}, nil
	from := r.w.archive.load(r)
	node, err := scheduler.NewNode(r.w.rules, scheduler.Identity{
		Author: r.author, Partitions: partitions, NewID: r.w.ids.next,
	}, from)
	if err != nil {
		r.w.fail("make scheduler: %v", err)
		return
	}
	r.node = node
	r.w.journal.open(&r.process, r.author, func(tag uint64, err error) {
		r.post(scheduler.Appended{Ticket: tag, Err: err})
	})
	warm := scheduler.Warm{To: map[eventlog.Partition]eventlog.Position{}}
	r.readers = nil
	for _, p := range allPartitions() {
		bounds, err := r.w.journal.core.Bounds(p)
		if err != nil {
			r.w.fail("find the end of %s: %v", p, err)
			return
		}
		warm.To[p] = bounds.Newest
		read := &reader{p: &r.process, partition: p, at: r.node.Position(p), hand: r.read, forgotten: r.forgotten}
		r.readers = append(r.readers, read)
		read.poke()
	}
	r.post(warm)
	r.w.lock.try(r)
	r.w.archive.look(r)
}

// forgotten begins anew: the log let go of what the replica has not read, for a
// snapshot of another holds it.
func (r *replica) forgotten() {
	r.w.counts.add(countOvertaken)
	r.stepDown()
}

func (r *replica) read(run eventlog.Run) {
	in, err := scheduler.ReadLog(run)
	if err != nil {
		r.w.fail("%s: %v", r.name, err)
		return
	}
	r.post(in)
}

// post puts something into the inbox.
func (r *replica) post(in scheduler.Input) {
	r.inbox = append(r.inbox, in)
	r.soon(r.step)
}

// step takes what waits and carries out what comes of it. As in the shell, an input
// that ends the term leaves the outputs behind it undone.
func (r *replica) step() {
	inputs := r.inbox
	r.inbox = nil
	before := r.node.Epoch()
	outputs, err := r.node.Step(r.wall(), inputs...)
	if err != nil {
		r.w.fail("%s: %v", r.name, err)
		return
	}
	if now := r.node.Epoch(); now != before {
		r.w.tell(r.name, "leads in epoch %d", now)
	}
	r.count()
	life := r.life
	for _, o := range outputs {
		r.w.note(r.name, o)
		r.do(o)
		if r.life != life || r.w.failed != nil {
			return
		}
	}
}

func (r *replica) do(o scheduler.Output) {
	switch o := o.(type) {
	case scheduler.Append:
		r.append(o)
	case scheduler.TakeEpoch:
		r.w.lock.take(r, o.Above)
	case scheduler.CheckLock:
		r.w.lock.check(r)
	case scheduler.SetTimer:
		r.timer++
		timer, life := r.timer, r.life
		r.w.at(o.At-job.Time(r.skew), func() {
			if r.life == life && r.timer == timer {
				r.post(scheduler.Due{})
			}
		})
	case scheduler.Send:
		if s := r.streams[o.Session]; s != nil && s.down.open {
			r.w.checkOrder(s, o.Message)
			s.order(o.Message)
		}
	case scheduler.Refuse:
		if s := r.streams[o.Session]; s != nil {
			s.refuse()
		}
	case scheduler.StepDown:
		r.w.tell(r.name, "steps down: %v", o.Why)
		r.stepDown()
	case scheduler.Halt:
		r.w.fail("%s halts: %v", r.name, o.Why)
	case scheduler.Unsent:
		r.w.fail("%s does not send a lease: %v", r.name, o.Why)
	case scheduler.SaveSnapshot:
		r.w.archive.save(r, o.Save)
	case scheduler.ReadEntries:
		r.w.archive.read(r, o.Wanted)
	case scheduler.Installed:
	}
}

func (r *replica) append(o scheduler.Append) {
	r.w.journal.append(r.author, o.Ticket, o.Drafts)
	if d := r.doom; d != nil && (!d.plan || len(o.Drafts) > 1 && o.Drafts[0].Plan > 0) {
		r.doom = nil
		d.do()
	}
}

// stepDown ends the term: its streams are closed, the lock is given back, and what
// it has on its way is given up.
func (r *replica) stepDown() {
	r.w.counts.add(countStepDowns)
	for _, s := range slices.Clone(r.w.streams) {
		if s.replica == r && s.down.open {
			s.down.open = false
			s.carry(&s.up, s.endUp)
		}
	}
	r.release()
	r.end()
	r.term()
}

// kill ends the process where it stands.
func (r *replica) kill() {
	life := r.life
	r.w.leave(&r.process)
	r.end()
	r.w.journal.leave(r.author)
	if r.w.lock.heldBy(r, life) {
		r.w.lock.drop(r, life, r.w.now+job.Time(r.w.delays.between(messageFast, sessionEndSlow)))
	}
}

// release gives the lock back, and the author up.
func (r *replica) release() {
	r.w.journal.leave(r.author)
	if r.w.lock.heldBy(r, r.life) {
		r.w.lock.drop(r, r.life, r.w.now)
	}
}

// count adds what the node counted since the last time to the world's counts.
func (r *replica) count() {
	now := r.node.Counts()
	r.w.counts.addNode(r.counted, now)
	r.counted = now
	if amiss := r.w.counts.Amiss(); len(amiss) > 0 {
		r.w.fail("%s counts %s", r.name, amiss)
	}
}
