package stream

import (
	"cmp"
	"errors"
	"slices"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

// ErrBehind: more came for a watcher than its buffer holds. What it missed is in
// the rows.
var ErrBehind = errors.New("the watcher is behind")

// Watcher names a watcher of a Live. The zero Watcher is nobody.
type Watcher uint64

// Live is the fan-out of one partition: what came, for who watches. It is a stepped
// core: one goroutine at a time, and the same calls give the same results.
type Live struct {
	bufferBytes int
	book        *Book
	at          eventlog.Position
	last        Watcher
	// watching is in order of arrival within a set; known finds a watcher's.
	watching map[Set][]*watching
	known    map[Watcher]*watching
	// heard is what the entry in hand tells, by set; spare is room of earlier entries,
	// to be used again.
	heard, spare []*hearing
}

// watching is one watcher and its buffer.
type watching struct {
	id     Watcher
	set    Set
	told   []Told
	bytes  int
	behind bool
}

// NewLive makes the fan-out of a partition that stands at its beginning. Each
// watcher's buffer holds at most bufferBytes, as the sum of messages.
func NewLive(bufferBytes int) *Live {
	return &Live{bufferBytes: bufferBytes, book: NewBook(), watching: map[Set][]*watching{}, known: map[Watcher]*watching{}}
}

// Reset puts it at a position, with what is kept of jobs there. Who watches is
// behind, for what was between is unknown.
func (l *Live) Reset(at eventlog.Position, book *Book) (woken []Watcher) {
	l.at, l.book = at, book
	for _, set := range l.sets() {
		woken = append(woken, l.leaveBehind(set)...)
	}
	return woken
}

// sets are the job sets that are watched, in order of their oldest watcher.
func (l *Live) sets() []Set {
	sets := make([]Set, 0, len(l.watching))
	for set := range l.watching { //archcheck:sorted below
		sets = append(sets, set)
	}
	slices.SortFunc(sets, func(a, b Set) int { return cmp.Compare(l.watching[a][0].id, l.watching[b][0].id) })
	return sets
}

// Took is what a step of Take did.
type Took struct {
	// Woken have something to Drain that had nothing before.
	Woken []Watcher
	// Refused counts the facts that were refused.
	Refused int
	// Behind counts the watchers whose buffer was thrown away.
	Behind int
}

// Take moves it over entries that count, up to a position. An error is the book's,
// and then it has to be Reset.
func (l *Live) Take(entries []Entry, to eventlog.Position) (Took, error) {
	var took Took
	for _, e := range entries {
		if err := l.take(e, &took); err != nil {
			return took, err
		}
	}
	l.at = to
	return took, nil
}

// heardKeptMax is how large the room for what an entry tells a set is kept, in bytes: that
// of a few hundred submitted jobs.
const heardKeptMax = 256 << 10

// hearing are the messages of one entry for one set that is watched: one behind the
// other in raw, which end at ends.
type hearing struct {
	set  Set
	raw  []byte
	ends []int
	// bytes is what they sum up to, also where that is more than anybody's buffer holds
	// and raw was thrown away.
	bytes int
}

// messages are a copy of what was heard.
func (h *hearing) messages() [][]byte {
	raw, list, from := slices.Clone(h.raw), make([][]byte, len(h.ends)), 0
	for i, end := range h.ends {
		list[i], from = raw[from:end:end], end
	}
	return list
}

func (l *Live) take(e Entry, took *Took) error {
	refused, err := l.book.Apply(e, func(set Set) Hear {
		if len(l.watching[set]) == 0 {
			return nil
		}
		h := l.hearing(set)
		return func(message []byte) {
			h.bytes += len(message)
			if h.bytes > l.bufferBytes { // nobody's buffer holds that
				h.raw, h.ends = nil, nil
				return
			}
			h.raw = append(h.raw, message...)
			h.ends = append(h.ends, len(h.raw))
		}
	})
	took.Refused += refused
	for _, h := range l.heard {
		l.deliver(h, e.At, took)
		if cap(h.raw) <= heardKeptMax {
			l.spare = append(l.spare, h)
		}
	}
	clear(l.heard)
	l.heard = l.heard[:0]
	return err
}

// hearing is what the entry in hand tells a set, so far.
func (l *Live) hearing(set Set) *hearing {
	if i := slices.IndexFunc(l.heard, func(h *hearing) bool { return h.set == set }); i >= 0 {
		return l.heard[i]
	}
	h := &hearing{}
	if n := len(l.spare); n > 0 {
		h, l.spare = l.spare[n-1], l.spare[:n-1]
	}
	*h = hearing{set: set, raw: h.raw[:0], ends: h.ends[:0]}
	l.heard = append(l.heard, h)
	return h
}

func (l *Live) deliver(h *hearing, at eventlog.Position, took *Took) {
	if h.bytes > l.bufferBytes {
		behind := l.leaveBehind(h.set)
		took.Woken = append(took.Woken, behind...)
		took.Behind += len(behind)
		return
	}
	if len(h.ends) == 0 {
		return
	}
	told := Told{At: at, Messages: h.messages()}
	var full []*watching
	for _, w := range l.watching[h.set] {
		if len(w.told) == 0 {
			took.Woken = append(took.Woken, w.id)
		}
		if w.bytes+h.bytes > l.bufferBytes {
			full = append(full, w)
			continue
		}
		w.told = append(w.told, told)
		w.bytes += h.bytes
	}
	for _, w := range full {
		l.remove(w)
		w.behind, w.told, w.bytes = true, nil, 0
		took.Behind++
	}
}

// leaveBehind throws away the buffers of all who watch a set.
func (l *Live) leaveBehind(set Set) (woken []Watcher) {
	for _, w := range l.watching[set] {
		woken = append(woken, w.id)
		w.behind, w.told, w.bytes = true, nil, 0
	}
	delete(l.watching, set)
	return woken
}

// Watch begins to watch a job set, and says from where: the watcher gets what
// stands behind that position.
func (l *Live) Watch(set Set) (Watcher, eventlog.Position) {
	l.last++
	w := &watching{id: l.last, set: set}
	l.known[w.id] = w
	l.watching[set] = append(l.watching[set], w)
	return w.id, l.at
}

// Drain hands out what a watcher's buffer holds. Errors: ErrBehind, and then the
// watcher is to leave.
func (l *Live) Drain(id Watcher) ([]Told, error) {
	w := l.known[id]
	if w == nil || w.behind {
		return nil, ErrBehind
	}
	told := w.told
	w.told, w.bytes = nil, 0
	return told, nil
}

// Leave ends a watcher. One that has left already is fine.
func (l *Live) Leave(id Watcher) {
	w := l.known[id]
	if w == nil {
		return
	}
	l.remove(w)
	delete(l.known, id)
}

// remove takes a watcher off its job set.
func (l *Live) remove(w *watching) {
	rest := slices.DeleteFunc(l.watching[w.set], func(other *watching) bool { return other == w })
	if len(rest) == 0 {
		delete(l.watching, w.set)
		return
	}
	l.watching[w.set] = rest
}

// At is the position up to which it has taken.
func (l *Live) At() eventlog.Position { return l.at }

// Watchers is how many watch, those behind among them.
func (l *Live) Watchers() int { return len(l.known) }

// Jobs is how many unfinished jobs it keeps.
func (l *Live) Jobs() int { return l.book.Len() }
