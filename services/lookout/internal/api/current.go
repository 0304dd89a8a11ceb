package api

import (
	"context"
	"errors"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/project"
)

// errPatience ends a wait for what was acknowledged before a call.
var errPatience = errors.New("the rows are behind the log")

// reading asks the rows, and says whether that is the whole answer whatever the log
// holds, and where the rows stood.
type reading func(ctx context.Context) (whole bool, at []project.Place, err error)

// all are the partitions of the events stream: where a job stands of which nothing
// but the id is known.
func (s *Server) all() []eventlog.Partition {
	out := make([]eventlog.Partition, s.deps.Partitions)
	for n := range s.deps.Partitions {
		out[n] = eventlog.Partition{Stream: eventlog.Events, Number: n}
	}
	return out
}

// current reads until the answer is whole, or the rows that it was read from hold
// all that was acknowledged before the call in these partitions.
func (s *Server) current(ctx context.Context, partitions []eventlog.Partition, read reading) error {
	whole, at, err := read(ctx)
	if whole || err != nil {
		return err
	}
	bounded, cancel := context.WithTimeoutCause(ctx, s.deps.CaughtUpWithin, errPatience)
	defer cancel()
	newest := make([]eventlog.Position, len(partitions))
	for i, p := range partitions {
		if newest[i], err = s.deps.Catchup.Newest(bounded, p); err != nil {
			return s.behind(ctx, err)
		}
	}
	for {
		i := firstBehind(partitions, newest, at)
		if i < 0 {
			return nil
		}
		for ; i < len(partitions); i++ {
			if err := s.deps.Catchup.Reached(bounded, partitions[i], newest[i]); err != nil {
				return s.behind(ctx, err)
			}
		}
		// Once more in a snapshot of their own: a database may have lost its newest commits.
		if whole, at, err = read(ctx); whole || err != nil {
			return err
		}
	}
}

// firstBehind is the index of the first partition whose rows do not hold its newest
// position; -1: all do.
func firstBehind(partitions []eventlog.Partition, newest []eventlog.Position, at []project.Place) int {
	stands := make(map[eventlog.Partition]eventlog.Position, len(at))
	for _, place := range at {
		stands[place.Partition] = place.At
	}
	for i, p := range partitions {
		if stands[p].Before(newest[i]) {
			return i
		}
	}
	return -1
}

// behind says that what was asked for cannot be answered for sure now.
func (s *Server) behind(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fault.NewUnavailable("jobs are not up to date within %s, try again", s.deps.CaughtUpWithin).Because(err)
}
