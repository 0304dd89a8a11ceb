package pglog

import (
	"slices"
	"sync"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

// tail is the end of a partition as this process knows it: how far it goes, and
// the newest entries, unpacked, for all readers here. What this process appends is
// put there when it is committed; what others append, by the first reader that
// reads it. The entries have no gap among them. The newest of them carry a share, in
// which the first reader leaves the decoded body for the others.
type tail struct {
	// bytesMax bounds the entries, sharedMax what is in their shares.
	bytesMax, sharedMax int

	// fetching is held by the one reader that reads the end of the partition from the
	// database, so that the others find it here.
	fetching chan struct{}

	mu     sync.Mutex
	newest uint64
	// entries[i] has the number first+i.
	entries []eventlog.Entry
	first   uint64
	bytes   int
	// shared is what the shares take, which the entries have from this index on.
	shared, sharing int
	// changed is closed and replaced when newest grows.
	changed chan struct{}
}

// newTail makes an empty tail. Entries get two thirds of its bytes, what is shared of
// them the rest.
func newTail(bytesMax int) *tail {
	return &tail{bytesMax: bytesMax - bytesMax/3, sharedMax: bytesMax / 3, fetching: make(chan struct{}, 1), changed: make(chan struct{})}
}

// publish adds entries that follow the number from. Where they do not follow what
// is here, or hold more of the end, they take its place.
func (t *tail) publish(from uint64, entries []eventlog.Entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	to, next := from+uint64(len(entries)), t.first+uint64(len(t.entries))
	switch {
	case len(t.entries) == 0, from >= next, from+1 < t.first && to+1 >= next:
		t.forget(len(t.entries))
		t.first = from + 1
		t.add(entries)
	case to >= next:
		t.add(entries[next-from-1:])
	}
	t.grow(to)
}

// saw notes that the partition goes so far.
func (t *tail) saw(newest uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.grow(newest)
}

// grow needs the lock.
func (t *tail) grow(newest uint64) {
	if newest > t.newest {
		t.newest = newest
		close(t.changed)
		t.changed = make(chan struct{})
	}
}

// add gives entries their shares and puts them at the end. It needs the lock.
func (t *tail) add(entries []eventlog.Entry) {
	for i := range entries {
		entries[i].Share = new(eventlog.Share) // also for the reader that brings them
		t.bytes += entryBytes(entries[i])
		t.shared += sharedBytes(entries[i])
	}
	t.entries = append(t.entries, entries...)
	for ; t.shared > t.sharedMax; t.sharing++ {
		t.shared -= sharedBytes(t.entries[t.sharing])
		t.entries[t.sharing].Share = nil
	}
	n, over := 0, t.bytes-t.bytesMax
	for ; over > 0; n++ {
		over -= entryBytes(t.entries[n])
	}
	t.forget(n)
}

// forget drops the first n entries. It needs the lock.
func (t *tail) forget(n int) {
	for _, e := range t.entries[:n] {
		t.bytes -= entryBytes(e)
		t.shared -= sharedBytes(e)
	}
	t.sharing = max(0, t.sharing-n)
	clear(t.entries[:n]) // the bodies can go before the array does
	t.entries = t.entries[n:]
	t.first += uint64(n)
}

// entryBytes is what an entry takes in a tail.
func entryBytes(e eventlog.Entry) int { return 200 + len(e.Body) }

// sharedBytes is what its share takes at most, once somebody has decoded the body:
// measured, 1.3 times the body of a report and 4.6 times that of a submission.
func sharedBytes(e eventlog.Entry) int {
	if e.Share == nil {
		return 0
	}
	return 200 + 4*len(e.Body)
}

// standing is what a reader finds at a tail.
type standing struct {
	// entries follow the reader's number; none: they are not here.
	entries []eventlog.Entry
	newest  uint64
	// changed is closed when newest has grown.
	changed <-chan struct{}
}

// after gives what follows a number, within the limits of a run.
func (t *tail) after(number uint64) standing {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := standing{newest: t.newest, changed: t.changed}
	if number+1 < t.first || number+1 >= t.first+uint64(len(t.entries)) {
		return s
	}
	s.entries = withinRun(t.entries[number+1-t.first:])
	s.entries = slices.Clone(s.entries) // what is shared is cleared later
	return s
}

// withinRun is the beginning of a list that a run may hold, at least one entry.
func withinRun(entries []eventlog.Entry) []eventlog.Entry {
	bytes := 0
	for i, e := range entries {
		bytes += len(e.Body)
		if i == eventlog.RunEntriesMax || i > 0 && bytes > eventlog.RunBytesMax {
			return entries[:i]
		}
	}
	return entries
}
