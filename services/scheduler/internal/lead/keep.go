package lead

import (
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// Places is how far a snapshot read each partition of the log. The zero Places are of
// none.
type Places struct {
	Control eventlog.Position
	// Events are by the number of their partition.
	Events []eventlog.Position
}

// PlacesOf is how far a snapshot read.
func PlacesOf(s Snapshot) Places {
	p := Places{Control: s.Control.At}
	for i := range s.Partitions {
		p.Events = append(p.Events, s.Partitions[i].At)
	}
	return p
}

// Covers says whether p read every partition at least as far as q.
func (p Places) Covers(q Places) bool {
	if len(p.Events) < len(q.Events) || p.Control.Before(q.Control) {
		return false
	}
	for i := range q.Events {
		if p.Events[i].Before(q.Events[i]) {
			return false
		}
	}
	return true
}

// Has says whether what stands at a position of a partition was read.
func (p Places) Has(ref EntryRef) bool {
	return int(ref.Partition) < len(p.Events) && !p.Events[ref.Partition].Before(ref.At)
}

// keeping is what a replica knows of the stored snapshot, whoever stored it.
type keeping struct {
	places Places
	// since is when it was heard of, or when the core was first stepped.
	since job.Time
	// events counts those that were read since, and newest is when the last of them was.
	events uint64
	newest job.Time
	// settled are the entries whose last jobs settled behind places. The stored snapshot
	// may have them, and the next must not.
	settled []settledEntry
	// saving says that one of ours is under way, and notBefore when the next may be.
	saving    bool
	notBefore job.Time
}

type settledEntry struct {
	ref EntryRef
	// at is where its last job settled.
	at eventlog.Position
}

// trimmed lets the gates forget the authors that were closed where the log has nothing
// any more. Else they would grow with every start of a process, for ever.
func (c *Core) trimmed(oldest Places) {
	c.control.gate = c.control.gate.Forget(oldest.Control)
	for i := range min(len(c.partitions), len(oldest.Events)) {
		c.partitions[i].gate = c.partitions[i].gate.Forget(oldest.Events[i])
	}
}

const (
	// saveShare bounds what snapshots cost: after one that took a while nothing is saved
	// for that many times as long.
	saveShare = 20
	// quietAfter is how long after the newest event nothing else is to be done, so that a
	// snapshot costs nobody anything: it is taken for the quietShare-th part of the events
	// that are else waited for.
	quietAfter = job.Time(2 * time.Second)
	quietShare = 20
	// saveAgainAfter is how long after a failure it is tried again.
	saveAgainAfter = job.Time(10 * time.Second)
)

// settledEntry notes that the last job of an entry is settled.
func (c *Core) settledEntry(ref EntryRef) {
	if c.cfg.SnapshotEvents > 0 {
		c.keep.settled = append(c.keep.settled, settledEntry{ref, c.partitions[ref.Partition].at})
	}
}

// stored takes note of a snapshot that is stored.
func (k *keeping) stored(in Stored, c *Core) {
	if in.Took > 0 {
		c.counts.SnapshotsStored++
		k.saving, k.notBefore = false, c.now+saveShare*job.Time(in.Took)
	}
	if k.places.Covers(in.Places) {
		return // known
	}
	k.places, k.since, k.events = in.Places, c.now, 0
	kept := k.settled[:0]
	for _, s := range k.settled {
		if !in.Places.Has(EntryRef{Partition: s.ref.Partition, At: s.at}) {
			kept = append(kept, s)
		}
	}
	clear(k.settled[len(kept):])
	k.settled = kept
}

func (k *keeping) notStored(c *Core) {
	c.counts.SnapshotsFailed++
	k.saving, k.notBefore = false, c.now+saveAgainAfter
}

// readEvent counts what stands behind the stored snapshot.
func (k *keeping) readEvent(now job.Time) {
	k.events++
	k.newest = now
}

// maybeSave takes a snapshot when the stored one is too far behind. A leader leaves it
// to a follower for a while, which has nothing better to do.
func (c *Core) maybeSave() {
	k := &c.keep
	if k.since == 0 {
		k.since = c.now
	}
	if c.cfg.SnapshotEvents == 0 || k.saving || k.events == 0 || c.now < k.notBefore || c.phase == stopped || !c.CaughtUp() {
		return
	}
	events, interval := c.cfg.SnapshotEvents, job.Time(c.cfg.SnapshotInterval)
	if c.phase != following {
		events, interval = 2*events, interval+interval/2
	}
	quiet := c.now >= k.newest+quietAfter && k.events >= events/quietShare
	if k.events < events && c.now < k.since+interval && !quiet {
		return
	}
	k.saving = true
	out := SaveSnapshot{Snapshot: c.Snapshot(), After: k.places}
	for _, s := range k.settled {
		out.Settled = append(out.Settled, s.ref)
	}
	c.emit(out)
}
