package soak_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/fairlead-batch/fairlead/proto/gen/api"
)

// watchers follow job sets, each with one call at a time, which is made again at the
// other replica, behind what was told, when it breaks.
type watchers struct {
	truth    *truth
	replicas []api.EventClient
	group    sync.WaitGroup
}

// follow follows a job set until ctx is done.
func (w *watchers) follow(ctx context.Context, set *jobSet, first int) {
	w.group.Go(func() {
		for at := first; ctx.Err() == nil; at++ {
			err := w.call(ctx, set, w.replicas[at%len(w.replicas)])
			switch status.Code(err) {
			case codes.Unavailable, codes.Canceled, codes.Aborted, codes.DeadlineExceeded:
			default:
				w.truth.note(func() { w.truth.fail(fmt.Errorf("watch %s: %w", set.name, err)) })
				return
			}
			w.truth.note(func() { w.truth.counts.reconnects++ })
			_ = rest(ctx) // the loop looks at ctx
		}
	})
}

// call follows until the call breaks, which it says how.
func (w *watchers) call(ctx context.Context, set *jobSet, replica api.EventClient) error {
	// A replica that is away for long is not waited for: the other one may be there.
	request := &api.JobSetRequest{Queue: queue, Id: set.name, Watch: true}
	if n := len(set.told); n > 0 {
		request.FromMessageId = set.told[n-1].GetId()
	}
	stream, err := replica.GetJobSetEvents(ctx, request, noWait)
	if err != nil {
		return err
	}
	for {
		m, err := stream.Recv()
		if err != nil {
			return err
		}
		set.told = append(set.told, m)
		if id, kind := kindOf(m); isEnd(kind) {
			w.truth.sawEnd(id)
		}
	}
}

// replay is a job set's events from its beginning, as a replica has them now. One that
// has not read so far yet says that it should be asked again.
func replay(ctx context.Context, set *jobSet, replica api.EventClient) ([]*api.EventStreamMessage, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, quietMax, fmt.Errorf("no answer within %s", quietMax))
	defer cancel()
	for {
		all, err := replayOnce(ctx, set, replica)
		if status.Code(err) != codes.Unavailable || ctx.Err() != nil {
			return all, err
		}
	}
}

func replayOnce(ctx context.Context, set *jobSet, replica api.EventClient) ([]*api.EventStreamMessage, error) {
	stream, err := replica.GetJobSetEvents(ctx, &api.JobSetRequest{Queue: queue, Id: set.name, ErrorIfMissing: true})
	if err != nil {
		return nil, err
	}
	var all []*api.EventStreamMessage
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
}

// kindOf is the job of an event and the event's name on the wire.
func kindOf(m *api.EventStreamMessage) (id, kind string) {
	message := m.GetMessage().ProtoReflect()
	field := message.WhichOneof(message.Descriptor().Oneofs().ByName("events"))
	event := message.Get(field).Message()
	return event.Get(event.Descriptor().Fields().ByName("job_id")).String(), string(field.Name())
}

func isEnd(kind string) bool {
	switch kind {
	case "succeeded", "failed", "cancelled", "preempted":
		return true
	}
	return false
}

// follows are the events that an event may come behind, of one job; "" is the
// beginning. What users ask for (cancelling) may come at any time before the end, and
// is left out of what the next comes behind.
func follows(kind, before string) bool {
	switch kind {
	case "submitted":
		return before == ""
	case "queued":
		return before == "submitted" || before == "lease_returned" || before == "lease_expired"
	case "leased":
		return before == "queued"
	case "pending":
		return before == "leased"
	case "running":
		return before == "pending"
	case "lease_returned":
		return before == "leased" || before == "pending"
	case "lease_expired":
		return before == "leased"
	case "succeeded":
		return before == "running"
	case "failed":
		return before == "running" || before == "pending" || before == "leased"
	case "cancelled":
		return before != "" && !isEnd(before)
	}
	return false
}
