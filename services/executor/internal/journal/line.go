package journal

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/fairlead-batch/fairlead/services/executor/internal/lease"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// version is that of the file's form, which follows the types of package lease.
const version = 1

// head is the first line.
type head struct {
	Version int
	// Cluster is what the cluster is made of.
	Cluster string
}

// step is a line: what was ordered at a time.
type step struct {
	Mono   time.Duration
	Wall   job.Time
	Orders []order
}

// order has one of its fields.
type order struct {
	SaveEpoch *lease.SaveEpoch `json:",omitempty"`
	CreatePod *lease.CreatePod `json:",omitempty"`
	DeletePod *lease.DeletePod `json:",omitempty"`
}

// encode is the line of a step, with its end.
func encode(now lease.Time, orders []lease.Order) ([]byte, error) {
	s := step{Mono: now.Mono, Wall: now.Wall, Orders: make([]order, len(orders))}
	for i, o := range orders {
		switch o := o.(type) {
		case lease.SaveEpoch:
			s.Orders[i].SaveEpoch = &o
		case lease.CreatePod:
			s.Orders[i].CreatePod = &o
		case lease.DeletePod:
			s.Orders[i].DeletePod = &o
		default:
			panic(fmt.Sprintf("journal: unknown order %T", o)) // unreachable: the set is closed
		}
	}
	return line(s)
}

// line is a value as a line, with its end.
func line(value any) ([]byte, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("encode a line: %w", err)
	}
	return append(text, '\n'), nil
}

// decode reads the line of a step.
func decode(text []byte) (lease.Time, []lease.Order, error) {
	var s step
	if err := json.Unmarshal(text, &s); err != nil { //nolint:musttag // read by who wrote it
		return lease.Time{}, nil, err
	}
	orders := make([]lease.Order, len(s.Orders))
	for i, o := range s.Orders {
		switch {
		case o.SaveEpoch != nil:
			orders[i] = *o.SaveEpoch
		case o.CreatePod != nil:
			orders[i] = *o.CreatePod
		case o.DeletePod != nil:
			orders[i] = *o.DeletePod
		default:
			return lease.Time{}, nil, fmt.Errorf("order %d is none that is known", i)
		}
	}
	return lease.Time{Mono: s.Mono, Wall: s.Wall}, orders, nil
}

// refused are the facts that answer orders that were not carried out.
func refused(orders []lease.Order, err error) []lease.Fact {
	facts := make([]lease.Fact, len(orders))
	for i, o := range orders {
		switch o := o.(type) {
		case lease.SaveEpoch:
			facts[i] = lease.EpochSaved{Err: err}
		case lease.CreatePod:
			facts[i] = lease.Created{Run: o.Lease.Run, Outcome: lease.CreateFailed, Err: err}
		case lease.DeletePod:
			facts[i] = lease.Deleted{Run: o.Run, Outcome: lease.DeleteFailed, Err: err}
		}
	}
	return facts
}
