package sim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog/memlog"
	scheduler "github.com/fairlead-batch/fairlead/services/scheduler/app"
)

// archive is the snapshots of the schedulers in their database, and what they let the
// log forget.
type archive struct {
	w     *world
	store *scheduler.MemorySnapshots
}

func newArchive(w *world) *archive { return &archive{w: w, store: scheduler.NewMemorySnapshots()} }

// load is what a term begins from. A process starts only where it reaches the database.
func (a *archive) load(r *replica) scheduler.Snapshot {
	from, err := a.store.Load(context.Background())
	if err != nil {
		a.w.fail("%s loads the snapshot: %v", r.name, err)
	}
	if from != nil {
		a.w.counts.add(countStartsFromSnapshot)
		return *from
	}
	return scheduler.Snapshot{Partitions: make([]scheduler.PartitionSnapshot, partitions)}
}

// save carries a snapshot of a replica to the database. It is stored or not, and the
// replica hears of it or not: each whatever the other.
func (a *archive) save(r *replica, save scheduler.Save) {
	life, way := r.life, between(r.place(), databasePlace)
	began := a.w.now
	answer := func(in scheduler.Input) {
		if r.life == life {
			r.post(in)
		}
	}
	a.w.after(a.w.delays.between(saveFast, saveSlow), func() {
		gone := r.life != life
		if (gone || a.w.net.isCut(way) || a.w.faults.on && a.w.fates.chance(failedSaves)) && a.w.fates.chance(500) {
			a.w.counts.add(countSnapshotsLost)
			answer(scheduler.NotStored{})
			return
		}
		err := a.store.Save(context.Background(), save)
		switch {
		case errors.Is(err, scheduler.ErrBehind):
			a.w.counts.add(countSnapshotsBehind)
			answer(scheduler.NotStored{})
		case err != nil:
			a.w.fail("%s saves a snapshot: %v", r.name, err)
		case a.w.net.isCut(way) || a.w.faults.on && a.w.fates.chance(failedSaves):
			answer(scheduler.NotStored{}) // the answer was lost
		default:
			a.stored(r, save)
			answer(scheduler.Stored{Places: scheduler.PlacesOf(save.Snapshot), Took: max(1, a.w.since(began))})
		}
	})
}

// stored judges what is stored, and lets the log forget what stands before it.
func (a *archive) stored(r *replica, save scheduler.Save) {
	a.w.counts.add(countSnapshots)
	a.w.tell(r.name, "stores a snapshot")
	var want []scheduler.EntryRef
	for n, p := range save.Snapshot.Partitions {
		list := make([]scheduler.EntryRef, 0, len(p.Entries))
		for _, at := range p.Entries {
			list = append(list, scheduler.EntryRef{Partition: uint32(n), At: at}) //nolint:gosec // few
		}
		slices.SortFunc(list, func(a, b scheduler.EntryRef) int { return a.At.Compare(b.At) })
		want = append(want, list...)
	}
	if have := a.store.Entries(); !slices.Equal(have, want) {
		a.w.fail("with the snapshot of %s the entries %v are stored, and its jobs are of %v", r.name, have, want)
	}
	places := scheduler.PlacesOf(save.Snapshot)
	for n, at := range places.Events {
		p := eventlog.Partition{Stream: eventlog.Events, Number: uint32(n)} //nolint:gosec // few
		if err := a.w.journal.core.Hold("scheduler", p, at); err != nil && !errors.Is(err, eventlog.ErrForgotten) {
			a.w.fail("%s holds %s: %v", r.name, p, err)
		}
	}
	a.w.journal.step(memlog.Trim{})
}

// look tells a replica from time to time what another one stored.
func (a *archive) look(r *replica) {
	r.after(lookForSnapshots, func() {
		if places, err := a.store.Places(context.Background()); err == nil && len(places.Events) > 0 && !a.w.net.isCut(between(r.place(), databasePlace)) {
			r.post(scheduler.Stored{Places: places})
		}
		a.look(r)
	})
}

// read answers a replica that wants entries for leases, once it reaches the database.
func (a *archive) read(r *replica, wanted []scheduler.EntryRef) {
	way := between(r.place(), databasePlace)
	r.after(a.w.pass(), func() {
		if a.w.net.isCut(way) {
			life := r.life
			a.w.at(a.w.net.heals(way), func() { r.run(life, func() { a.read(r, wanted) }) })
			return
		}
		a.w.counts.add(countEntriesRead)
		found, err := a.store.Submitted(context.Background(), wanted)
		if err != nil {
			a.w.fail("%s reads entries: %v", r.name, err)
			return
		}
		r.post(scheduler.EntriesOf(wanted, found))
	})
}

// checkAlike: replicas that read equally far are alike in all that a snapshot holds,
// whatever snapshots each began from.
func (w *world) checkAlike() {
	for i, r := range w.replicas {
		for _, other := range w.replicas[:i] {
			if !r.up || !other.up {
				continue
			}
			a, b := r.node.Snapshot(), other.node.Snapshot()
			if p, q := scheduler.PlacesOf(a), scheduler.PlacesOf(b); !p.Covers(q) || !q.Covers(p) {
				continue
			}
			w.counts.add(countCompared)
			if mine, theirs := asText(w, a), asText(w, b); mine != theirs {
				w.fail("%s and %s read equally far and differ:\n%s\n%s", r.name, other.name, mine, theirs)
			}
		}
	}
}

// asText is a snapshot but for what a leader knows and a follower need not: that plans
// before its own are settled.
func asText(w *world, s scheduler.Snapshot) string {
	s.Plans = nil
	for _, p := range s.Partitions {
		for i := range p.Jobs {
			if p.Jobs[i].More != nil {
				p.Jobs[i].More.Whole = true
			}
		}
	}
	text, err := json.Marshal(s)
	if err != nil {
		w.fail("write a snapshot as text: %v", err)
	}
	for _, p := range s.Partitions {
		text = fmt.Appendf(text, " %x", p.Gate.Bytes())
	}
	return string(fmt.Appendf(text, " %x", s.Control.Gate.Bytes()))
}
