package api

import (
	"context"
	"math"

	"google.golang.org/grpc"

	apipb "github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/services/internal/auth"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/project"
	"github.com/fairlead-batch/fairlead/services/lookout/internal/view"
)

// GetActiveQueues gives the queues that have jobs leased, pending or running, by
// pool. A queue whose jobs all wait is in no pool.
func (s *Server) GetActiveQueues(ctx context.Context, _ *apipb.GetActiveQueuesRequest) (*apipb.GetActiveQueuesResponse, error) {
	var queues []view.ActiveQueue
	if err := s.current(ctx, s.all(), func(ctx context.Context) (bool, []project.Place, error) {
		var at []project.Place
		var err error
		queues, at, err = s.deps.Active.ActiveQueues(ctx, listMax+1)
		return false, at, err
	}); err != nil {
		return nil, err
	}
	if len(queues) > listMax {
		return nil, tooMany("active queues in pools")
	}
	out := map[string]*apipb.ActiveQueues{}
	for _, q := range queues {
		if out[q.Pool] == nil {
			out[q.Pool] = &apipb.ActiveQueues{}
		}
		out[q.Pool].Queues = append(out[q.Pool].Queues, q.Queue)
	}
	return &apipb.GetActiveQueuesResponse{ActiveQueuesByPool: out}, nil
}

// GetQueueInfo gives the job sets of a queue that have unfinished jobs, and how many
// of them wait and how many are leased, pending or running.
func (s *Server) GetQueueInfo(ctx context.Context, req *apipb.QueueInfoRequest) (*apipb.QueueInfo, error) {
	name := req.GetName()
	if name == "" {
		var check fault.Check
		check.Violate("name", name, "must not be empty")
		return nil, check.Err()
	}
	if err := s.allow(ctx, name); err != nil {
		return nil, err
	}
	var sets []view.ActiveSet
	if err := s.current(ctx, s.all(), func(ctx context.Context) (bool, []project.Place, error) {
		var at []project.Place
		var err error
		sets, at, err = s.deps.Active.ActiveSets(ctx, name, listMax+1)
		return false, at, err
	}); err != nil {
		return nil, err
	}
	if len(sets) > listMax {
		return nil, tooMany("active job sets in the queue")
	}
	out := &apipb.QueueInfo{Name: name}
	for _, set := range sets {
		out.ActiveJobSets = append(out.ActiveJobSets, &apipb.JobSetInfo{Name: set.JobSet, QueuedJobs: count(set.Queued), LeasedJobs: count(set.Leased)})
	}
	return out, nil
}

// count is n, or the most that the wire can say.
func count(n int64) int32 { return int32(min(n, math.MaxInt32)) } //nolint:gosec // cut before

// allow refuses a queue that does not exist, and callers who may not watch it.
func (s *Server) allow(ctx context.Context, queue string) error {
	question := auth.Question{Permission: auth.WatchAllEvents, Verb: auth.VerbWatch}
	if s.deps.Grants != nil {
		grants, exists, err := s.deps.Grants(ctx, queue)
		if err != nil {
			return err
		}
		if !exists {
			return fault.NewNotFound("could not find queue %q", queue)
		}
		question.Grants = grants
	}
	return s.deps.Authorize.Authorize(auth.From(ctx), question)
}

// queueInfo is api.Submit with the one method that is lookout's.
type queueInfo struct {
	apipb.UnimplementedSubmitServer
	server *Server
}

// GetQueueInfo is the Server's.
func (q queueInfo) GetQueueInfo(ctx context.Context, req *apipb.QueueInfoRequest) (*apipb.QueueInfo, error) {
	return q.server.GetQueueInfo(ctx, req)
}

// RegisterQueueInfo puts api.Submit/GetQueueInfo on a server that has no api.Submit,
// and nothing else of that service.
func (s *Server) RegisterQueueInfo(on grpc.ServiceRegistrar) {
	desc := apipb.Submit_ServiceDesc
	desc.Methods, desc.Streams = nil, nil
	for _, m := range apipb.Submit_ServiceDesc.Methods {
		if m.MethodName == "GetQueueInfo" {
			desc.Methods = append(desc.Methods, m)
		}
	}
	on.RegisterService(&desc, queueInfo{server: s})
}
