package eventlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// ErrJump: the next entry of an author is missing. The partition stops, for what
// follows would be applied without it.
var ErrJump = errors.New("entries of an author are missing")

// Gate decides which entries of one partition count. It is a value: Admit gives
// the gate behind a run and leaves the one before it as it was. The zero Gate
// stands at the beginning of a partition.
//
// Its rules, in the order in which they are applied to an entry:
//
//  1. Of an author it does not know it takes the first sequence it meets, for
//     earlier ones may be forgotten by the log. After that, at or below the last
//     is a resend and dropped; a jump is ErrJump. What is dropped for another
//     reason advances the sequence too.
//  2. An entry of a closed author is dropped.
//  3. A scheduler's entry below the highest epoch seen is dropped; a higher one
//     raises it. A fence closes the scheduler authors of lower epochs.
//  4. An AuthorClosed closes the author it names, also one that was never met.
type Gate struct {
	// epoch is the highest epoch seen.
	epoch uint64
	// authors are sorted by id. They are few: the processes that ever wrote here
	// and whose close the log still holds.
	authors []authorGate
}

type authorGate struct {
	id   Author
	last uint64
	// epoch is the highest the author wrote under; zero: no scheduler.
	epoch uint64
	// closed is where it was closed; zero: it is open.
	closed Position
}

// Dropped counts the entries of a run that do not count, by reason.
type Dropped struct {
	// Resent were stored twice.
	Resent int
	// Closed came from an author behind its close.
	Closed int
	// Fenced came from a leader behind a newer one's fence.
	Fenced int
}

// Add is the sum of two counts.
func (d Dropped) Add(e Dropped) Dropped {
	return Dropped{Resent: d.Resent + e.Resent, Closed: d.Closed + e.Closed, Fenced: d.Fenced + e.Fenced}
}

// Epoch is the highest epoch that was seen: the leadership that counts.
func (g Gate) Epoch() uint64 { return g.epoch }

// IsClosed says whether what an author writes behind this point is dropped.
func (g Gate) IsClosed(a Author) bool {
	i, known := find(g.authors, a)
	return known && !g.authors[i].closed.IsZero()
}

// Admitted is what a gate made of a run.
type Admitted struct {
	// Entries are those that count, fences and closes among them, and the damaged
	// ones, which the consumer parks.
	Entries []Entry
	Dropped Dropped
	// Next is the gate behind the run.
	Next Gate
}

// Admit judges the entries of a run, which must begin where the gate stands. On
// ErrJump nothing of the run may be applied.
func (g Gate) Admit(entries []Entry) (Admitted, error) {
	j := judge{epoch: g.epoch, authors: slices.Clone(g.authors)}
	admitted := make([]Entry, 0, len(entries))
	for _, e := range entries {
		if e.Damage != nil {
			admitted = append(admitted, e)
			continue
		}
		counts, err := j.admit(e)
		if err != nil {
			return Admitted{}, err
		}
		if counts {
			admitted = append(admitted, e)
		}
	}
	return Admitted{Entries: admitted, Dropped: j.dropped, Next: Gate{epoch: j.epoch, authors: j.authors}}, nil
}

// judge is a gate on its way through a run.
type judge struct {
	epoch   uint64
	authors []authorGate
	dropped Dropped
}

// admit moves the judge behind one entry.
func (g *judge) admit(e Entry) (bool, error) {
	author := g.at(e.Author)
	if author.last > 0 {
		if e.Sequence <= author.last {
			g.dropped.Resent++
			return false, nil
		}
		if e.Sequence != author.last+1 {
			return false, fmt.Errorf("%w: author %s went from %d to %d at %s", ErrJump, e.Author, author.last, e.Sequence, e.At)
		}
	}
	author.last = e.Sequence
	author.epoch = max(author.epoch, e.Epoch)
	switch {
	case !author.closed.IsZero():
		g.dropped.Closed++
		return false, nil
	case e.Epoch > 0 && e.Epoch < g.epoch:
		g.dropped.Fenced++
		return false, nil
	}
	g.epoch = max(g.epoch, e.Epoch)
	switch e.Kind {
	case Fence:
		g.fence(e)
	case AuthorClosed:
		closeAt(g.at(e.Closes), e.At)
	case Facts:
	}
	return true, nil
}

// fence closes the scheduler authors of lower epochs.
func (g *judge) fence(e Entry) {
	for i := range g.authors {
		if a := &g.authors[i]; a.epoch > 0 && a.epoch < e.Epoch {
			closeAt(a, e.At)
		}
	}
}

// closeAt keeps the first close: a reader that looks for it stops there.
func closeAt(a *authorGate, at Position) {
	if a.closed.IsZero() {
		a.closed = at
	}
}

// Forget drops the authors that were closed before a position that the log has
// forgotten: nothing of them can come any more.
func (g Gate) Forget(oldest Position) Gate {
	kept := slices.DeleteFunc(slices.Clone(g.authors), func(a authorGate) bool {
		return !a.closed.IsZero() && a.closed.Before(oldest)
	})
	return Gate{epoch: g.epoch, authors: kept}
}

func find(authors []authorGate, id Author) (int, bool) {
	return slices.BinarySearchFunc(authors, id, func(a authorGate, id Author) int { return bytes.Compare(a.id[:], id[:]) })
}

// at finds an author, or makes it. The pointer is good until the next call.
func (g *judge) at(id Author) *authorGate {
	i, known := find(g.authors, id)
	if !known {
		g.authors = slices.Insert(g.authors, i, authorGate{id: id})
	}
	return &g.authors[i]
}

const (
	gateVersion = 1
	authorBytes = 16 + 8 + 8 + PositionBytes
)

// Bytes is the gate as it is stored beside the position. Equal gates give equal
// bytes.
func (g Gate) Bytes() []byte {
	b := make([]byte, 0, 1+8+len(g.authors)*authorBytes)
	b = append(b, gateVersion)
	b = binary.BigEndian.AppendUint64(b, g.epoch)
	for _, a := range g.authors {
		b = append(b, a.id[:]...)
		b = binary.BigEndian.AppendUint64(b, a.last)
		b = binary.BigEndian.AppendUint64(b, a.epoch)
		b = append(b, a.closed.Bytes()...)
	}
	return b
}

// GateFrom reads what Bytes wrote. No bytes are the zero Gate.
func GateFrom(b []byte) (Gate, error) {
	if len(b) == 0 {
		return Gate{}, nil
	}
	if b[0] > gateVersion {
		return Gate{}, fmt.Errorf("%w: gate of version %d, at most %d", ErrNewer, b[0], gateVersion)
	}
	if len(b) < 9 || (len(b)-9)%authorBytes != 0 {
		return Gate{}, fmt.Errorf("%w: a gate of %d bytes", ErrDamaged, len(b))
	}
	g := Gate{epoch: binary.BigEndian.Uint64(b[1:])}
	for b = b[9:]; len(b) > 0; b = b[authorBytes:] {
		closed, err := PositionFrom(b[32:authorBytes])
		if err != nil {
			return Gate{}, err
		}
		g.authors = append(g.authors, authorGate{
			id: Author(b[:16]), last: binary.BigEndian.Uint64(b[16:]), epoch: binary.BigEndian.Uint64(b[24:]), closed: closed,
		})
	}
	return g, nil
}
