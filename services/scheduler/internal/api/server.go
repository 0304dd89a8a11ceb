package api

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	executorv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/executor/v1"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/lead"
)

// SendMax is the most messages that wait for one executor.
const SendMax = 1024

// Inbox takes what an executor said. It blocks while the core is busy, which holds
// the stream back.
type Inbox func(context.Context, lead.Input) error

// Server serves fairlead.executor.v1.ExecutorService. It is safe for concurrent use.
type Server struct {
	executorv1.UnimplementedExecutorServiceServer

	mu    sync.Mutex
	inbox Inbox
	// serving is closed when there is an inbox.
	serving  chan struct{}
	last     lead.Session
	sessions map[lead.Session]*session
	// installation is empty until the log has said it.
	installation string
}

// session is one open stream.
type session struct {
	// down are the messages that wait; nil ends the session with the reason in last.
	down   chan *executorv1.Down
	last   error
	closed chan struct{}
	once   sync.Once
	why    error
}

// end closes the session behind what waits, or at once where nothing more can wait.
// It is called once.
func (s *session) end(why error) {
	s.last = why
	select {
	case s.down <- nil:
	default:
		s.close(why)
	}
}

func (s *session) close(why error) {
	s.once.Do(func() {
		s.why = why
		close(s.closed)
	})
}

// readyWithin is how long a session waits for a core before it is refused. An executor
// that was refused at once would dial again with ever longer pauses, and be away when the
// core is there.
const readyWithin = 5 * time.Second

// New makes a server without a core: sessions wait until there is one.
func New() *Server {
	return &Server{sessions: map[lead.Session]*session{}, serving: make(chan struct{})}
}

// Serve hands what executors say to a core, until the returned func is called,
// which ends every session: a new core knows none of them.
func (s *Server) Serve(inbox Inbox) (stop func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inbox = inbox
	close(s.serving)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.inbox, s.serving = nil, make(chan struct{})
		for _, open := range s.sessions {
			open.close(fault.NewUnavailable("this scheduler starts anew"))
		}
	}
}

// Installed says which installation this is; executors of another one are refused.
func (s *Server) Installed(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.installation = name
}

// Send puts a message into the queue of a session. One that is over is fine.
func (s *Server) Send(to lead.Session, m *executorv1.Down) {
	s.mu.Lock()
	open := s.sessions[to]
	s.mu.Unlock()
	if open == nil {
		return
	}
	select {
	case open.down <- m:
	default:
		open.close(fault.NewExhausted("%d messages wait for this executor", SendMax))
	}
}

// Refuse ends a session behind what it was sent: the executor must have heard which
// epoch it is refused under. It is called once for a session.
func (s *Server) Refuse(to lead.Session, why string) {
	s.mu.Lock()
	open := s.sessions[to]
	s.mu.Unlock()
	if open != nil {
		open.end(fault.NewConflict("%s", why))
	}
}

// Connect is one session of one executor.
func (s *Server) Connect(stream executorv1.ExecutorService_ConnectServer) error {
	name, open, inbox, err := s.open(stream.Context())
	if err != nil {
		return err
	}
	defer s.drop(name)
	ear := NewEar(name)
	who, err := s.listen(stream, ear)
	if err != nil {
		return err
	}
	if err := inbox(stream.Context(), who); err != nil {
		return fmt.Errorf("hand on hello: %w", err)
	}
	// Recv ends only with the stream, and the stream only when this handler returns:
	// so the reader is not waited for. What it still hands on is of a session that
	// the core knows no more.
	go receive(stream, open, ear, inbox)
	err = send(stream, open)
	told := context.WithoutCancel(stream.Context()) // the core must hear of the end in any case
	return errors.Join(err, inbox(told, lead.Disconnected{Session: name}))
}

// listen hears the pages of the executor's hello.
func (s *Server) listen(stream executorv1.ExecutorService_ConnectServer, ear *Ear) (who lead.Input, err error) {
	for who == nil {
		up, err := stream.Recv()
		if err != nil {
			return nil, fmt.Errorf("receive hello: %w", err)
		}
		if who, err = ear.Hear(up); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if theirs := ear.Installation(); theirs != "" && s.installation != "" && theirs != s.installation {
		return nil, fault.NewConflict("executor %q belongs to installation %q, this is %q", ear.Executor(), theirs, s.installation)
	}
	return who, nil
}

// open begins a session as soon as there is a core. Errors: a fault of kind Unavailable
// where there is none within readyWithin.
func (s *Server) open(ctx context.Context) (lead.Session, *session, Inbox, error) {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for {
		if name, open, inbox := s.begin(); inbox != nil {
			return name, open, inbox, nil
		}
		s.mu.Lock()
		serving := s.serving
		s.mu.Unlock()
		select {
		case <-serving:
		case <-ctx.Done():
			return 0, nil, nil, fault.NewUnavailable("this scheduler is not ready for executors")
		}
	}
}

// begin begins a session, if there is a core.
func (s *Server) begin() (lead.Session, *session, Inbox) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inbox == nil {
		return 0, nil, nil
	}
	s.last++
	open := &session{down: make(chan *executorv1.Down, SendMax), closed: make(chan struct{})}
	s.sessions[s.last] = open
	return s.last, open, s.inbox
}

func (s *Server) drop(name lead.Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, name)
}

// send writes the queue of a session until it is over.
func send(stream executorv1.ExecutorService_ConnectServer, open *session) error {
	for {
		select {
		case <-stream.Context().Done(): // the server stops
			return fmt.Errorf("serve executor: %w", context.Cause(stream.Context()))
		case <-open.closed:
			return open.why
		case m := <-open.down:
			if m == nil {
				return open.last
			}
			if err := stream.Send(m); err != nil {
				return fmt.Errorf("send to executor: %w", err)
			}
		}
	}
}

// receive hands on what the executor says until the stream ends, and closes the
// session with the reason.
func receive(stream executorv1.ExecutorService_ConnectServer, open *session, ear *Ear, inbox Inbox) {
	for {
		up, err := stream.Recv()
		if err != nil {
			open.close(fmt.Errorf("receive from executor: %w", err))
			return
		}
		in, err := ear.Hear(up)
		if err == nil {
			err = inbox(stream.Context(), in)
		}
		if err != nil {
			open.close(err)
			return
		}
	}
}
