package project

import (
	"errors"
	"fmt"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
)

// Judged is a run after the gate and the decoder.
type Judged struct {
	Partition eventlog.Partition
	// From and To are what was judged: all that stands behind From up to and with
	// To. To is before the end of the run where Stop is set.
	From, To eventlog.Position
	// Entries count, in log order.
	Entries []Entry
	Parked  []Parked
	Dropped eventlog.Dropped
	// Gate stands at To.
	Gate eventlog.Gate
	// Stop says why nothing behind To may be applied: it wraps eventlog.ErrJump or
	// eventlog.ErrNewer. Nil: the run was judged to its end.
	Stop error
}

// Place is where the projection stands after this.
func (j Judged) Place() Place { return Place{Partition: j.Partition, At: j.To, Gate: j.Gate} }

// Judge says what counts of a run that begins where the gate stands. It is the one
// policy for what cannot be read: damaged bytes are parked, and a newer format
// stops the partition in front of it. It is pure.
func Judge(gate eventlog.Gate, run eventlog.Run) Judged { return decode(run).judge(gate) }

// decoded is a run with what became of each entry's bytes. Decoding takes no
// gate, so it is done before a transaction begins.
type decoded struct {
	run    eventlog.Run
	bodies []body // of run.Entries
}

type body struct {
	eventwire.Body
	err error
}

func decode(run eventlog.Run) decoded {
	d := decoded{run: run, bodies: make([]body, len(run.Entries))}
	for i, e := range run.Entries {
		switch {
		case e.Damage != nil:
			d.bodies[i].err = e.Damage
		case e.Kind == eventlog.Facts:
			d.bodies[i].Body, d.bodies[i].err = eventwire.Read(e)
		}
	}
	return d
}

// after is the part behind a position.
func (d decoded) after(at eventlog.Position) decoded {
	rest := d.run.After(at)
	return decoded{run: rest, bodies: d.bodies[len(d.bodies)-len(rest.Entries):]}
}

// before is the part in front of an entry, by its index.
func (d decoded) before(i int) decoded {
	run := d.run
	run.To = run.From
	if i > 0 {
		run.To = run.Entries[i-1].At
	}
	run.Entries = run.Entries[:i]
	return decoded{run: run, bodies: d.bodies[:i]}
}

func (d decoded) judge(gate eventlog.Gate) Judged {
	admitted, err := gate.Admit(d.run.Entries)
	if err != nil {
		return Judged{
			Partition: d.run.Partition, From: d.run.From, To: d.run.From, Gate: gate,
			Stop: fmt.Errorf("judge %s: %w", d.run.Partition, err),
		}
	}
	out := Judged{
		Partition: d.run.Partition, From: d.run.From, To: d.run.To, Dropped: admitted.Dropped, Gate: admitted.Next,
		Entries: make([]Entry, 0, len(admitted.Entries)),
	}
	i := 0 // of the entry in the run
	for _, e := range admitted.Entries {
		for d.run.Entries[i].At != e.At {
			i++
		}
		switch err := d.bodies[i].err; {
		case err == nil:
			out.Entries = append(out.Entries, Entry{Header: e.Header, At: e.At, Body: d.bodies[i].Body})
		case errors.Is(err, eventlog.ErrNewer):
			prefix := d.before(i).judge(gate)
			prefix.Stop = fmt.Errorf("judge %s at %s: %w", d.run.Partition, e.At, err)
			return prefix
		default:
			out.Parked = append(out.Parked, Parked{Partition: d.run.Partition, At: e.At, Why: err.Error(), Bytes: e.Body})
		}
	}
	return out
}
