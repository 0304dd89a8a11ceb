package sim

import (
	"errors"
	"fmt"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog/memlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// journal is the log and what carries requests to it. Each request of an author is
// on its way by itself, so the parts of one append arrive apart, or not at all.
type journal struct {
	w    *world
	core *memlog.Core
	// resendAll says that authors send all again that was not acknowledged, as with
	// Pulsar; else they ask first what is stored, as with Postgres.
	resendAll bool
	writers   map[eventlog.Author]writer
	// drafted is when each entry was handed over, for an author numbers what it writes
	// to a partition in that order.
	drafted map[stretch][]job.Time
}

// stretch is what an author wrote to a partition.
type stretch struct {
	author    eventlog.Author
	partition eventlog.Partition
}

// writer is a process that writes, and what it does with the outcome.
type writer struct {
	p *process
	// life is the writer's, which its author does not outlive.
	life int
	done func(tag uint64, err error)
}

func newJournal(w *world) (*journal, error) {
	core, err := memlog.New(memlog.Config{Partitions: partitions, Retention: logRetention})
	if err != nil {
		return nil, fmt.Errorf("make log: %w", err)
	}
	return &journal{w: w, core: core, resendAll: w.fates.chance(500), writers: map[eventlog.Author]writer{}, drafted: map[stretch][]job.Time{}}, nil
}

// all are the partitions of the log.
func allPartitions() []eventlog.Partition {
	all := []eventlog.Partition{eventlog.ControlPartition}
	for n := range uint32(partitions) {
		all = append(all, eventlog.Partition{Stream: eventlog.Events, Number: n})
	}
	return all
}

// open makes an author of a process, which lives as long as that does. done is told
// of each append.
func (j *journal) open(p *process, author eventlog.Author, done func(tag uint64, err error)) {
	j.writers[author] = writer{p: p, life: p.life, done: done}
}

func (j *journal) append(author eventlog.Author, tag uint64, drafts []eventlog.Draft) {
	for _, d := range drafts {
		key := stretch{author, d.Partition}
		j.drafted[key] = append(j.drafted[key], j.w.now)
	}
	j.step(memlog.Append{Author: author, Tag: tag, Drafts: drafts})
}

// decided is when an entry was handed over.
func (j *journal) decided(p eventlog.Partition, e eventlog.Entry) job.Time {
	return j.drafted[stretch{e.Author, p}][e.Sequence-1]
}

// leave ends an author: what it has on its way may still arrive, also much later.
func (j *journal) leave(author eventlog.Author) { j.step(memlog.Crash{Author: author}) }

// step steps the log and sees to what it asks for.
func (j *journal) step(in memlog.Input) {
	for _, o := range j.core.Step(time.Unix(0, int64(j.w.now)), in) {
		switch o := o.(type) {
		case memlog.Sent:
			j.w.after(j.w.pass(), func() { j.arrive(o) })
		case memlog.Stored:
			j.w.stored(o.Partition)
		case memlog.Acknowledged:
			j.answer(o.Author, o.Tag, nil)
		case memlog.Refused:
			j.answer(o.Author, o.Tag, o.Err)
		case memlog.Lost:
			j.lost(o)
		case memlog.Forgot:
			j.w.counts.add(countForgotten)
		}
	}
}

// arrive decides what becomes of a request that is on its way.
func (j *journal) arrive(sent memlog.Sent) {
	from := j.writers[sent.Author]
	gone := from.p.life != from.life
	way := between(from.p.place(), logPlace)
	switch {
	case j.w.net.isCut(way) && gone:
		j.deliver(sent, memlog.LoseRequest)
	case j.w.net.isCut(way):
		j.w.at(j.w.net.heals(way), func() { j.w.after(j.w.pass(), func() { j.arrive(sent) }) })
	case gone && j.w.fates.chance(lostWithProcess):
		// It was in the memory of a process that is gone.
		j.deliver(sent, memlog.LoseRequest)
	case gone && j.w.faults.on && j.w.fates.chance(lateOfTheGone):
		// Something on the way holds it, and hands it on much later.
		j.w.after(j.w.delays.between(messageSlow, pauseLongest), func() { j.arrive(sent) })
	case from.p.paused() && j.w.fates.chance(500):
		// It is in the memory of a process that stands still.
		j.w.at(from.p.wakes, func() { j.w.after(j.w.pass(), func() { j.arrive(sent) }) })
	default:
		j.deliver(sent, j.fate())
	}
}

func (j *journal) deliver(sent memlog.Sent, fate memlog.Fate) {
	j.step(memlog.Deliver{Author: sent.Author, Partition: sent.Partition, Fate: fate})
}

// fate draws what becomes of a request that reaches the log.
func (j *journal) fate() memlog.Fate {
	if !j.w.faults.on {
		return memlog.Arrive
	}
	switch lot := j.w.fates.IntN(1000); {
	case lot < lostReplies:
		j.w.counts.add(countLostReplies)
		return memlog.LoseReply
	case lot < lostReplies+storedTwice:
		j.w.counts.add(countStoredTwice)
		return memlog.StoreTwice
	case lot < lostReplies+storedTwice+lostRequests:
		j.w.counts.add(countLostRequests)
		return memlog.LoseRequest
	}
	return memlog.Arrive
}

// lost mends a connection that broke.
func (j *journal) lost(lost memlog.Lost) {
	from := j.writers[lost.Author]
	if from.p.life != from.life {
		return
	}
	from.p.after(j.w.delays.between(reconnectFast, reconnectSlow), func() {
		if way := between(from.p.place(), logPlace); j.w.net.isCut(way) {
			j.w.at(j.w.net.heals(way), func() { j.lost(lost) })
			return
		}
		if j.resendAll {
			j.step(memlog.Resend(lost))
			return
		}
		j.step(memlog.Settle(lost))
	})
}

// answer tells a writer what became of an append.
func (j *journal) answer(author eventlog.Author, tag uint64, err error) {
	to := j.writers[author]
	back := between(to.p.place(), logPlace)
	j.w.at(j.w.net.heals(back), func() {
		j.w.after(j.w.pass(), func() {
			if to.p.life == to.life {
				to.done(tag, err)
			}
		})
	})
}

// reader hands a partition to one life of a process, from a position.
type reader struct {
	p         *process
	partition eventlog.Partition
	at        eventlog.Position
	hand      func(eventlog.Run)
	// forgotten is called where the log no longer has what comes next.
	forgotten func()
	// busy says that a read is on its way.
	busy bool
}

// poke makes the reader look whether there is more.
func (r *reader) poke() {
	if r.busy {
		return
	}
	r.busy = true
	w := r.p.w
	pause := w.pass()
	if w.faults.on && w.delays.chance(slowReads) {
		pause = w.delays.between(readSlow, readSlowest)
	}
	r.p.after(pause, r.read)
}

func (r *reader) read() {
	w := r.p.w
	if way := between(r.p.place(), logPlace); w.net.isCut(way) {
		life := r.p.life
		w.at(w.net.heals(way), func() { r.p.run(life, r.read) })
		return
	}
	run, err := w.journal.core.Read(r.partition, r.at, 1+w.delays.IntN(readEntriesMax))
	if errors.Is(err, eventlog.ErrForgotten) {
		r.forgotten()
		return
	}
	if err != nil {
		w.fail("%s reads %s: %v", r.p.name, r.partition, err)
		return
	}
	r.busy = false
	if len(run.Entries) == 0 {
		return
	}
	r.at = run.To
	r.hand(run)
	r.poke()
}
