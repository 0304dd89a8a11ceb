// Package api is submit's half of the public API: it decodes requests, asks who may
// do it, lets package admit decide, has it written, and encodes the answer.
//
// # Model
//
//	SubmitJobs    look up the queue, authorise, decode, check, publish
//	Cancel ...    check, look up the queue, authorise, publish
//	queue calls   authorise, check, change the row, wait until the others are told
//
// Each handler is straight code that waits for nothing but the functions it was
// given, so that a simulation can run it. It holds no state of its own.
//
// # Guarantees
//
//   - OK means that the log holds it and that it is sure to count. What a job
//     change does to the jobs shows later, in their events.
//   - A request is refused whole, with all violations at once.
//   - Errors are faults of package fault or plain errors; package rpc makes
//     statuses of them. The texts are Armada's where its clients look at them.
//
// # When a neighbour fails
//
// Store and publisher say Unavailable; the caller tries again. A submission with
// client ids can be repeated at any time.
package api

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/services/internal/auth"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/submit/internal/admit"
	"github.com/fairlead-batch/fairlead/services/submit/internal/claim"
	"github.com/fairlead-batch/fairlead/services/submit/internal/podspec"
)

// Queues are the queues' rows. A change returns its generation.
type Queues interface {
	Queue(ctx context.Context, name string) (admit.Queue, error)
	// Queues lists those behind a name; zero: as many as come at once.
	Queues(ctx context.Context, behind string, atMost int) ([]admit.Queue, error)
	CreateQueue(ctx context.Context, q admit.Queue, at job.Time, cause job.Cause) (uint64, error)
	ChangeQueue(ctx context.Context, name string, change func(admit.Queue) admit.Queue, at job.Time, cause job.Cause) (uint64, error)
	// DeleteQueue returns zero when there was nothing to delete.
	DeleteQueue(ctx context.Context, name string, at job.Time, cause job.Cause) (uint64, error)
}

// Publisher writes to the log; what it returns without an error is sure to count.
type Publisher interface {
	Submit(ctx context.Context, s claim.Submission) ([]job.ID, error)
	Facts(ctx context.Context, batch job.Batch) error
	Command(ctx context.Context, queue, jobSet string, c job.Command) error
	CommandEverywhere(ctx context.Context, c job.Command) error
	// Relay returns when the other services can read all changes of queues up to a
	// generation.
	Relay(ctx context.Context, generation uint64) error
}

// Deps are what a server stands on. All are needed.
type Deps struct {
	Rules     admit.Rules
	Defaults  podspec.Defaults
	Queues    Queues
	Publisher Publisher
	// Ready says why nothing can be published now.
	Ready func() error
	Auth  auth.Authorizer
	Now   func() time.Time
}

// Server implements api.Submit and api.QueueService. It is safe for concurrent use.
// What it does not implement (GetQueueInfo, which is lookout's) is Unimplemented.
type Server struct {
	api.UnimplementedSubmitServer
	api.UnimplementedQueueServiceServer
	Deps
}

// New returns a server.
func New(deps Deps) *Server { return &Server{Deps: deps} }

// service is who submit is as the cause of what it writes.
const service = "submit"

// by is on whose behalf the call acts.
func by(ctx context.Context) job.Cause {
	p := auth.From(ctx)
	return job.Cause{User: p.Name, Groups: p.Groups, Service: service}
}

func (s *Server) at() job.Time { return job.Time(s.Now().UnixNano()) }

// mayOn asks whether the caller may act on a queue, by a global permission or by
// the queue's own verb. NotFound when there is no such queue.
func (s *Server) mayOn(ctx context.Context, queue string, permission auth.Permission, verb auth.Verb) error {
	q, err := s.Queues.Queue(ctx, queue)
	if err != nil {
		return err
	}
	return s.Auth.Authorize(auth.From(ctx), auth.Question{Permission: permission, Verb: verb, Grants: grants(q)})
}

// may asks whether the caller has a global permission to make a change, which is
// named in the refusal, and whether changes can be published at all: one that was
// stored and could not be told would be Unavailable, and in the way of its repeat.
func (s *Server) may(ctx context.Context, permission auth.Permission, doing string) error {
	if err := s.Ready(); err != nil {
		return err
	}
	err := s.Auth.Authorize(auth.From(ctx), auth.Question{Permission: permission})
	if refused, ok := fault.As(err); ok && refused.Kind() == fault.Denied {
		return fault.NewDenied("error %s: %s", doing, refused.Text())
	}
	return err
}

func grants(q admit.Queue) []auth.Grant {
	out := make([]auth.Grant, len(q.Permissions))
	for i, p := range q.Permissions {
		for _, s := range p.Subjects {
			out[i].Subjects = append(out[i].Subjects, auth.Subject{Kind: auth.SubjectKind(s.Kind), Name: s.Name})
		}
		for _, verb := range p.Verbs {
			out[i].Verbs = append(out[i].Verbs, auth.Verb(verb))
		}
	}
	return out
}

// Health says that the service takes calls: the answer itself is the proof.
func (s *Server) Health(context.Context, *emptypb.Empty) (*api.HealthCheckResponse, error) {
	return &api.HealthCheckResponse{Status: api.HealthCheckResponse_SERVING}, nil
}
