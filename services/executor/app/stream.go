package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"go.uber.org/zap"
	"google.golang.org/grpc"

	executorv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/executor/v1"
)

// stream carries messages to and from one scheduler replica. It is opened again and
// again, one session at a time.
type stream struct {
	replica int
	conn    *grpc.ClientConn
	inbox   chan<- Input

	mu sync.Mutex
	// open is the session's; nil between sessions.
	open *session
}

// session is one time that a stream is open.
type session struct {
	cancel context.CancelFunc
	// queue are messages that wait to be sent, and wake says that there are some.
	queue []*executorv1.Up
	wake  chan struct{}
}

// carry opens the stream and carries messages until it is over. Closed is the last
// that the inbox hears of it.
func (s *Service) carry(ctx context.Context, st *stream) {
	err := st.session(ctx)
	if ctx.Err() != nil {
		return // nobody listens any more
	}
	target := s.cfg.Schedulers[st.replica]
	switch {
	case errors.Is(err, errNotOpened):
		s.deps.Logger.Debug("scheduler not reached", zap.String("scheduler", target), zap.Error(err))
	default:
		s.deps.Logger.Info("scheduler stream ended", zap.String("scheduler", target), zap.Error(err))
	}
	st.tell(ctx, Closed{Replica: st.replica})
}

// errNotOpened is wrapped where no stream came about: it happens again and again
// while a replica is away.
var errNotOpened = errors.New("not opened")

// session opens the stream once and returns why it ended.
func (st *stream) session(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wire, err := executorv1.NewExecutorServiceClient(st.conn).Connect(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", errNotOpened, err)
	}
	open := &session{cancel: cancel, wake: make(chan struct{}, 1)}
	st.set(open)
	defer st.set(nil)
	if !st.tell(ctx, Opened{Replica: st.replica}) {
		return context.Cause(ctx)
	}
	var sender sync.WaitGroup
	defer sender.Wait()
	defer cancel()
	sender.Go(func() { st.sendAll(ctx, wire, open) })
	return st.receiveAll(ctx, wire)
}

// receiveAll hands on what the scheduler says, as fast as the core takes it.
func (st *stream) receiveAll(ctx context.Context, wire grpc.BidiStreamingClient[executorv1.Up, executorv1.Down]) error {
	for {
		m, err := wire.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("receive: %w", err)
		}
		if !st.tell(ctx, Received{Replica: st.replica, Message: m}) {
			return context.Cause(ctx)
		}
	}
}

// sendAll sends what is queued until the session is over. Its own failure ends the
// stream, and Recv says why.
func (st *stream) sendAll(ctx context.Context, wire grpc.BidiStreamingClient[executorv1.Up, executorv1.Down], open *session) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-open.wake:
		}
		for _, m := range st.take(open) {
			if err := wire.Send(m); err != nil {
				return
			}
		}
	}
}

// tell puts an input into the inbox. It says false when the session was over first.
func (st *stream) tell(ctx context.Context, in Input) bool {
	select {
	case st.inbox <- in:
		return true
	case <-ctx.Done():
		return false
	}
}

func (st *stream) set(open *session) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.open = open
}

func (st *stream) take(open *session) []*executorv1.Up {
	st.mu.Lock()
	defer st.mu.Unlock()
	queue := open.queue
	open.queue = nil
	return queue
}

// send queues a message; between sessions it is lost, as one on the way would be. It
// says false where too many wait already: then the session is over.
func (st *stream) send(m *executorv1.Up) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.open == nil {
		return true
	}
	if len(st.open.queue) >= sendMax {
		st.open.cancel()
		return false
	}
	st.open.queue = append(st.open.queue, m)
	select {
	case st.open.wake <- struct{}{}:
	default:
	}
	return true
}

func (st *stream) hangUp() {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.open != nil {
		st.open.cancel()
	}
}
