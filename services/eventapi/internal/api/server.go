package api

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"

	apipb "github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/services/eventapi/internal/stream"
	"github.com/fairlead-batch/fairlead/services/internal/auth"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
)

// History is the rows. Errors: stream.ErrForgotten, Unavailable faults.
type History interface {
	Read(ctx context.Context, set stream.Set, after stream.ID) (stream.Page, error)
	Exists(ctx context.Context, set stream.Set) (bool, error)
}

// Catchup compares the rows with the log.
type Catchup interface {
	Newest(ctx context.Context, p eventlog.Partition) (eventlog.Position, error)
	Reached(ctx context.Context, p eventlog.Partition, at eventlog.Position) error
}

// Watcher is a place in the live tail.
type Watcher interface {
	Next(ctx context.Context) ([]stream.Told, error)
	Close()
}

// Deps are what a Server works with. All are needed.
type Deps struct {
	// Partitions is how many the events stream has.
	Partitions uint32
	History    History
	Catchup    Catchup
	// Watch joins the live tail, behind the position it gives.
	Watch func(ctx context.Context, set stream.Set) (Watcher, eventlog.Position, error)
	// Grants says who may do what on a queue, and whether there is such a queue.
	Grants    func(ctx context.Context, queue string) ([]auth.Grant, bool, error)
	Authorize auth.Authorizer
	// CaughtUpWithin is the longest that a call waits for the rows.
	CaughtUpWithin time.Duration
	// Ready says why the process cannot work now; nil: it can.
	Ready func() error
	// Registerer gets the metrics. Nil: they are shown to nobody.
	Registerer prometheus.Registerer
}

// Server implements api.Event. It is safe for concurrent use.
type Server struct {
	apipb.UnimplementedEventServer
	deps    Deps
	metrics *metrics
}

// New makes a server.
func New(deps Deps) *Server { return &Server{deps: deps, metrics: newMetrics(deps.Registerer)} }

// Health says whether the service takes calls.
func (s *Server) Health(context.Context, *emptypb.Empty) (*apipb.HealthCheckResponse, error) {
	status := apipb.HealthCheckResponse_SERVING
	if s.deps.Ready() != nil {
		status = apipb.HealthCheckResponse_NOT_SERVING
	}
	return &apipb.HealthCheckResponse{Status: status}, nil
}

// Watch is GetJobSetEvents with watch and errorIfMissing.
func (s *Server) Watch(req *apipb.WatchRequest, out grpc.ServerStreamingServer[apipb.EventStreamMessage]) error {
	asked := request{set: stream.Set{Queue: req.GetQueue(), JobSet: req.GetJobSetId()}, from: req.GetFromId(), mustExist: true, follow: true}
	return s.serve(asked, requestFields{queue: "queue", set: "job_set_id", from: "from_id"}, out)
}

// GetJobSetEvents streams what a job set was told.
func (s *Server) GetJobSetEvents(req *apipb.JobSetRequest, out grpc.ServerStreamingServer[apipb.EventStreamMessage]) error {
	asked := request{
		set: stream.Set{Queue: req.GetQueue(), JobSet: req.GetId()}, from: req.GetFromMessageId(),
		mustExist: req.GetErrorIfMissing(), follow: req.GetWatch(),
	}
	return s.serve(asked, requestFields{queue: "queue", set: "id", from: "from_message_id"}, out)
}

// request is a call of either method.
type request struct {
	set  stream.Set
	from string
	// mustExist: a job set without events is NotFound. follow: stay for what comes.
	mustExist, follow bool
}

// requestFields are the names of its fields on the wire.
type requestFields struct{ queue, set, from string }

const ruleID = "must be the id of a message of this job set, as it was received, or empty"

// check reads the id and refuses what no stream can begin with.
func (r request) check(names requestFields) (stream.ID, error) {
	var c fault.Check
	if r.set.Queue == "" {
		c.Violate(names.queue, r.set.Queue, "must not be empty")
	}
	if r.set.JobSet == "" {
		c.Violate(names.set, r.set.JobSet, "must not be empty")
	}
	from, err := stream.ParseID(r.from)
	if err != nil {
		c.Violate(names.from, r.from, ruleID)
	}
	return from, c.Err()
}

func (s *Server) serve(asked request, names requestFields, out grpc.ServerStream) error {
	from, err := asked.check(names)
	if err != nil {
		return err
	}
	ctx := out.Context()
	if err := s.allow(ctx, asked.set.Queue); err != nil {
		return err
	}
	f := &following{Server: s, set: asked.set, partition: asked.set.Partition(s.deps.Partitions), out: out, sent: from, fromField: names.from}
	if asked.mustExist {
		if err := f.requireExists(ctx); err != nil {
			return err
		}
	}
	if !asked.follow {
		return said(f.replay(ctx))
	}
	s.metrics.watches.Inc()
	defer s.metrics.watches.Dec()
	return said(f.follow(ctx))
}

// allow refuses a queue that does not exist, and callers who may not watch it.
func (s *Server) allow(ctx context.Context, queue string) error {
	grants, exists, err := s.deps.Grants(ctx, queue)
	if err != nil {
		return err
	}
	if !exists {
		return fault.NewNotFound("[GetJobSetEvents] Queue %s does not exist", queue)
	}
	return s.deps.Authorize.Authorize(auth.From(ctx), auth.Question{Permission: auth.WatchAllEvents, Verb: auth.VerbWatch, Grants: grants})
}

// said turns what the domain says into what a caller may read.
func said(err error) error {
	if errors.Is(err, stream.ErrForgotten) {
		return fault.NewOutOfRange("events that followed this id are no longer kept: begin without an id").Because(err)
	}
	return err
}
