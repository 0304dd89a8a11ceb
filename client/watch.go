package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/fairlead-batch/fairlead/proto/gen/api"
)

// The waits between attempts to connect again: doubled from the first to the second,
// each shortened at random by up to half, so that the watchers of a server that comes
// back do not all come at once.
const (
	reconnectMin = 100 * time.Millisecond
	reconnectMax = 5 * time.Second
)

// errEnded stands for the end of a stream that was asked never to end.
var errEnded = status.Error(codes.Unavailable, "the server ended the stream")

// WatchRequest says what to follow.
type WatchRequest struct {
	Queue, JobSet string
	// From is the id of the event after which to begin; empty: the first.
	From string
	// MustExist makes a job set without events an error (NotFound).
	MustExist bool
	// Once ends the watch at the newest event there was when it last connected.
	Once bool
	// Lost is called each time the connection was lost and will be tried again; nil:
	// nobody wants to know. To give up, it cancels Watch's context.
	Lost func(error)
}

// Watch calls each for every event of a job set, in order and each once, until each
// returns false, ctx is done, or the server refuses: the job set or queue is not there,
// may not be watched, or the event after which to begin is no longer kept. A lost
// connection is made again, for as long as it takes, at the event after the last.
// each and Lost are called from Watch itself, so a slow each slows the stream and
// nothing else. When ctx is done the error wraps its cause.
func (c *Client) Watch(ctx context.Context, req WatchRequest, each func(*api.EventStreamMessage) bool) error {
	wait := reconnectMin
	for {
		seen := req.From
		done, err := c.watchOnce(ctx, &req, each)
		switch {
		case done:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("watch job set %s: %w", req.JobSet, context.Cause(ctx))
		case !passes(err):
			return fmt.Errorf("watch job set %s: %w", req.JobSet, err)
		}
		if req.From != seen {
			wait = reconnectMin
		}
		if req.Lost != nil {
			req.Lost(err)
		}
		pause(ctx, wait/2+rand.N(wait/2))
		wait = min(2*wait, reconnectMax)
	}
}

// pause returns after d, or when ctx is done.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// watchOnce follows one stream and moves req.From. done says that the watch is over;
// else err says why the stream is.
func (c *Client) watchOnce(ctx context.Context, req *WatchRequest, each func(*api.EventStreamMessage) bool) (done bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.Events.GetJobSetEvents(ctx, &api.JobSetRequest{
		Queue: req.Queue, Id: req.JobSet, FromMessageId: req.From, Watch: !req.Once, ErrorIfMissing: req.MustExist,
	})
	if err != nil {
		return false, err
	}
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return req.Once, errEnded
		}
		if err != nil {
			return false, err
		}
		req.From = m.GetId()
		if !each(m) {
			return true, nil
		}
	}
}

// passes says whether an error may be gone when it is tried again. Unknown and Internal
// are there for the errors of proxies and for servers that code no better. A deadline
// here is not the caller's, whose context was asked before: a proxy's limit on streams.
// Canceled is not there: it is what a closed client answers.
func passes(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.Aborted, codes.ResourceExhausted, codes.Internal, codes.Unknown, codes.DeadlineExceeded:
		return true
	default:
		return false
	}
}
