package api

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc"

	apipb "github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/services/eventapi/internal/stream"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
)

// following is one stream under way. One goroutine.
type following struct {
	*Server
	set       stream.Set
	partition eventlog.Partition
	out       grpc.ServerStream
	// sent is the last message that was sent, or where the caller wants to begin.
	sent stream.ID
	// fromField is what that is called in the request.
	fromField string
}

// requireExists refuses a job set of which nothing is kept, once it is sure that
// nothing was acknowledged before the call.
func (f *following) requireExists(ctx context.Context) error {
	exists, err := f.deps.History.Exists(ctx, f.set)
	if err != nil || exists {
		return err
	}
	if err := f.wait(ctx, func(bounded context.Context) error {
		newest, err := f.deps.Catchup.Newest(bounded, f.partition)
		if err != nil {
			return err
		}
		return f.deps.Catchup.Reached(bounded, f.partition, newest)
	}); err != nil {
		return err
	}
	if exists, err = f.deps.History.Exists(ctx, f.set); err != nil || exists {
		return err
	}
	return fault.NewNotFound("[GetJobSetEvents] Jobset %s for queue %s does not exist", f.set.JobSet, f.set.Queue)
}

// replay sends all that was acknowledged before the call.
func (f *following) replay(ctx context.Context) error {
	newest, err := f.newest(ctx)
	if err != nil {
		return err
	}
	if newest.Before(f.sent.At) {
		return f.errStrangeID()
	}
	_, err = f.readTo(ctx, newest)
	return err
}

// newest is up to where the log is.
func (f *following) newest(ctx context.Context) (at eventlog.Position, err error) {
	err = f.wait(ctx, func(bounded context.Context) (err error) {
		at, err = f.deps.Catchup.Newest(bounded, f.partition)
		return err
	})
	return at, err
}

// errStrangeID refuses an id that stands behind the end of the log: no event has it.
// Without that a stream would be silent for ever.
func (f *following) errStrangeID() error {
	return fault.NewInvalid(fault.Violation{Field: f.fromField, Value: f.sent.String(), Rule: ruleID})
}

// readTo sends what the rows hold until they have reached a position and no row is
// left, and gives the position that it was sent up to.
func (f *following) readTo(ctx context.Context, at eventlog.Position) (eventlog.Position, error) {
	for {
		place, err := f.readRows(ctx)
		if err != nil || !place.Before(at) {
			return place, err
		}
		if err := f.wait(ctx, func(bounded context.Context) error { return f.deps.Catchup.Reached(bounded, f.partition, at) }); err != nil {
			return place, err
		}
	}
}

// readRows sends pages until no row is left, and gives where the rows stood then.
func (f *following) readRows(ctx context.Context) (eventlog.Position, error) {
	for {
		page, err := f.deps.History.Read(ctx, f.set, f.sent)
		if err != nil {
			return eventlog.Position{}, err
		}
		for _, told := range page.Told {
			if err := f.send(told); err != nil {
				return eventlog.Position{}, err
			}
		}
		if page.End {
			return page.Place, nil
		}
	}
}

// follow sends what was and what comes, until ctx is done.
func (f *following) follow(ctx context.Context) error {
	for {
		// A long history is read before the live tail is joined, so that its buffer is
		// there for the little that comes meanwhile.
		if _, err := f.readRows(ctx); err != nil {
			return err
		}
		err := f.live(ctx)
		if !errors.Is(err, stream.ErrBehind) {
			return err
		}
	}
}

// live joins the tail, closes the hole between rows and tail, and sends what comes.
func (f *following) live(ctx context.Context) error {
	var watcher Watcher
	var at eventlog.Position
	if err := f.wait(ctx, func(bounded context.Context) (err error) {
		watcher, at, err = f.deps.Watch(bounded, f.set)
		return err
	}); err != nil {
		return err
	}
	defer watcher.Close()
	if at.Before(f.sent.At) { // a replica that is ahead gave it out, or nobody
		newest, err := f.newest(ctx)
		if err != nil {
			return err
		}
		if newest.Before(f.sent.At) {
			return f.errStrangeID()
		}
	}
	place, err := f.readTo(ctx, at)
	if err != nil {
		return err
	}
	for {
		came, err := watcher.Next(ctx)
		if err != nil {
			return err
		}
		for _, told := range came {
			if told.At.Compare(place) <= 0 {
				continue // the rows held it
			}
			if err := f.send(told); err != nil {
				return err
			}
		}
	}
}

// send sends the messages behind the last one that was sent.
func (f *following) send(told stream.Told) error {
	told = told.After(f.sent)
	for _, frame := range told.Frames() {
		if err := f.out.SendMsg(encoded(frame)); err != nil {
			return fmt.Errorf("send event: %w", err)
		}
	}
	if len(told.Messages) > 0 {
		f.sent = told.Last()
		f.metrics.sent.Add(float64(len(told.Messages)))
	}
	return nil
}

// encoded is a message whose fields are bytes already: as fields that its type does
// not know they are written as they are, so a pod spec is not decoded on its way.
func encoded(frame []byte) *apipb.EventStreamMessage {
	m := &apipb.EventStreamMessage{}
	m.ProtoReflect().SetUnknown(frame)
	return m
}

// errPatience ends a wait for the rows.
var errPatience = errors.New("the rows are behind the log")

// wait does what waits for rows or log, for as long as a call may.
func (f *following) wait(ctx context.Context, do func(bounded context.Context) error) error {
	bounded, cancel := context.WithTimeoutCause(ctx, f.deps.CaughtUpWithin, errPatience)
	defer cancel()
	err := do(bounded)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return fault.NewUnavailable("events are not up to date within %s, try again", f.deps.CaughtUpWithin).Because(err)
}
