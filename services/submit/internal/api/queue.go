package api

import (
	"context"
	"maps"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/services/internal/auth"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/submit/internal/admit"
)

// CreateQueue makes a queue. One that names no owners belongs to the caller.
func (s *Server) CreateQueue(ctx context.Context, req *api.Queue) (*emptypb.Empty, error) {
	generation, err := s.create(ctx, req)
	return s.told(ctx, generation, err)
}

// CreateQueues makes several queues, each on its own.
func (s *Server) CreateQueues(ctx context.Context, req *api.QueueList) (*api.BatchQueueCreateResponse, error) {
	out := &api.BatchQueueCreateResponse{}
	err := s.each(ctx, req, s.create, func(q *api.Queue, why string) {
		out.FailedQueues = append(out.FailedQueues, &api.QueueCreateResponse{Queue: q, Error: why})
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// UpdateQueue replaces all settings of a queue.
func (s *Server) UpdateQueue(ctx context.Context, req *api.Queue) (*emptypb.Empty, error) {
	generation, err := s.update(ctx, req)
	return s.told(ctx, generation, err)
}

// UpdateQueues replaces the settings of several queues, each on its own.
func (s *Server) UpdateQueues(ctx context.Context, req *api.QueueList) (*api.BatchQueueUpdateResponse, error) {
	out := &api.BatchQueueUpdateResponse{}
	err := s.each(ctx, req, s.update, func(q *api.Queue, why string) {
		out.FailedQueues = append(out.FailedQueues, &api.QueueUpdateResponse{Queue: q, Error: why})
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *Server) create(ctx context.Context, req *api.Queue) (uint64, error) {
	if err := s.may(ctx, auth.CreateQueue, "creating queue "+req.GetName()); err != nil {
		return 0, err
	}
	owners := req.GetUserOwners()
	if len(owners) == 0 {
		owners = []string{auth.From(ctx).Name}
	}
	q := decodeQueue(req, owners)
	if err := s.checkQueue(ctx, &q); err != nil {
		return 0, err
	}
	return s.Queues.CreateQueue(ctx, q, s.at(), by(ctx))
}

func (s *Server) update(ctx context.Context, req *api.Queue) (uint64, error) {
	if err := s.may(ctx, auth.CreateQueue, "updating queue "+req.GetName()); err != nil {
		return 0, err
	}
	q := decodeQueue(req, req.GetUserOwners())
	if err := s.checkQueue(ctx, &q); err != nil {
		return 0, err
	}
	return s.Queues.ChangeQueue(ctx, q.Name, func(admit.Queue) admit.Queue { return q }, s.at(), by(ctx))
}

// each changes one queue after the other, notes those whose change is the caller's
// fault, and answers when the others are told of all. Anything else ends the call.
func (s *Server) each(
	ctx context.Context, req *api.QueueList, change func(context.Context, *api.Queue) (uint64, error), failed func(*api.Queue, string),
) error {
	if n := len(req.GetQueues()); n > s.Rules.JobsMax {
		return fault.NewTooLarge("%d queues in a request, at most %d: split it", n, s.Rules.JobsMax)
	}
	var last uint64
	for _, q := range req.GetQueues() {
		generation, err := change(ctx, q)
		switch refused, ok := fault.As(err); {
		case err == nil:
			last = generation
		case ok && refused.Kind() != fault.Unavailable:
			failed(q, refused.Text())
		default:
			return err
		}
	}
	_, err := s.told(ctx, last, nil)
	return err
}

// told answers a change once the other services are told of it. Generation zero
// changed nothing.
func (s *Server) told(ctx context.Context, generation uint64, err error) (*emptypb.Empty, error) {
	if err == nil && generation > 0 {
		err = s.Publisher.Relay(ctx, generation)
	}
	if err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, nil
}

// DeleteQueue removes a queue, unless others are part of it. Its jobs stay; CancelOnQueue
// ends them.
func (s *Server) DeleteQueue(ctx context.Context, req *api.QueueDeleteRequest) (*emptypb.Empty, error) {
	if err := s.may(ctx, auth.DeleteQueue, "deleting queue "+req.GetName()); err != nil {
		return nil, err
	}
	if err := nameNeeded(req.GetName()); err != nil {
		return nil, err
	}
	if part, err := s.partOf(ctx, req.GetName()); err != nil || part != "" {
		if err == nil {
			err = fault.NewConflict("queue %q has parts, %q among them: delete those first, or give them another %s", req.GetName(), part, parentLabel)
		}
		return nil, err
	}
	generation, err := s.Queues.DeleteQueue(ctx, req.GetName(), s.at(), by(ctx))
	return s.told(ctx, generation, err)
}

// CordonQueue stops the scheduling of a queue's jobs.
func (s *Server) CordonQueue(ctx context.Context, req *api.QueueCordonRequest) (*emptypb.Empty, error) {
	return s.cordon(ctx, req.GetName(), func(q admit.Queue) admit.Queue {
		q.Cordoned = true
		return q
	})
}

// UncordonQueue lets a queue's jobs be scheduled again.
func (s *Server) UncordonQueue(ctx context.Context, req *api.QueueUncordonRequest) (*emptypb.Empty, error) {
	return s.cordon(ctx, req.GetName(), func(q admit.Queue) admit.Queue {
		q.Cordoned = false
		return q
	})
}

func (s *Server) cordon(ctx context.Context, name string, change func(admit.Queue) admit.Queue) (*emptypb.Empty, error) {
	if err := s.may(ctx, auth.CordonQueue, "cordoning queue "+name); err != nil {
		return nil, err
	}
	if err := nameNeeded(name); err != nil {
		return nil, err
	}
	generation, err := s.Queues.ChangeQueue(ctx, name, change, s.at(), by(ctx))
	return s.told(ctx, generation, err)
}

func nameNeeded(name string) error {
	var check fault.Check
	if name == "" {
		check.Violate("name", "", "queue name must not be empty")
	}
	return check.Err()
}

// GetQueue returns one queue.
func (s *Server) GetQueue(ctx context.Context, req *api.QueueGetRequest) (*api.Queue, error) {
	q, err := s.Queues.Queue(ctx, req.GetName())
	if err != nil {
		return nil, err
	}
	return encodeQueue(q), nil
}

// GetQueues streams the queues in order of their names, then one end marker.
func (s *Server) GetQueues(req *api.StreamingQueueGetRequest, stream grpc.ServerStreamingServer[api.StreamingQueueMessage]) error {
	sent, behind := uint32(0), ""
	for {
		left := 0
		if req.GetNum() > 0 {
			left = int(req.GetNum() - sent)
		}
		page, err := s.Queues.Queues(stream.Context(), behind, left)
		if err != nil {
			return err
		}
		for _, q := range page {
			if err := stream.Send(&api.StreamingQueueMessage{Event: &api.StreamingQueueMessage_Queue{Queue: encodeQueue(q)}}); err != nil {
				return err
			}
			sent, behind = sent+1, q.Name
		}
		if len(page) == 0 || sent == req.GetNum() {
			return stream.Send(&api.StreamingQueueMessage{Event: &api.StreamingQueueMessage_End{End: &api.EndMarker{}}})
		}
	}
}

// decodeQueue reads a queue as it is to be stored: these users, and the groups that
// it names as owners, have every verb.
func decodeQueue(in *api.Queue, owners []string) admit.Queue {
	q := admit.Queue{
		Name: in.GetName(), PriorityFactor: in.GetPriorityFactor(), Cordoned: in.GetCordoned(), Labels: in.GetLabels(), RetryPolicies: in.GetRetryPolicies(),
		OldLimits: in.GetResourceLimits(), OldLabels: in.GetLabelsDeprecated(), //nolint:staticcheck // given back as sent
	}
	for _, p := range in.GetPermissions() {
		permission := admit.Permission{Verbs: p.GetVerbs()}
		for _, s := range p.GetSubjects() {
			permission.Subjects = append(permission.Subjects, admit.Subject{Kind: s.GetKind(), Name: s.GetName()})
		}
		q.Permissions = append(q.Permissions, permission)
	}
	q.Permissions = append(q.Permissions, admit.Owners(owners, in.GetGroupOwners())...)
	for _, class := range slices.Sorted(maps.Keys(in.GetResourceLimitsByPriorityClassName())) {
		limits := in.GetResourceLimitsByPriorityClassName()[class]
		pools := limits.GetMaximumResourceFractionByPool()
		if len(limits.GetMaximumResourceFraction()) > 0 || len(pools) == 0 {
			q.Limits = append(q.Limits, admit.ClassLimit{Class: class, Fractions: limits.GetMaximumResourceFraction()})
		}
		for _, pool := range slices.Sorted(maps.Keys(pools)) {
			q.Limits = append(q.Limits, admit.ClassLimit{Class: class, Pool: pool, Fractions: pools[pool].GetMaximumResourceFraction()})
		}
	}
	return q
}

func encodeQueue(q admit.Queue) *api.Queue {
	out := &api.Queue{
		Name: q.Name, PriorityFactor: q.PriorityFactor, Cordoned: q.Cordoned, Labels: q.Labels, RetryPolicies: q.RetryPolicies,
		ResourceLimits: q.OldLimits, LabelsDeprecated: q.OldLabels, //nolint:staticcheck // given back as sent
	}
	for _, p := range q.Permissions {
		permission := &api.Queue_Permissions{Verbs: p.Verbs}
		for _, s := range p.Subjects {
			permission.Subjects = append(permission.Subjects, &api.Queue_Permissions_Subject{Kind: s.Kind, Name: s.Name})
		}
		out.Permissions = append(out.Permissions, permission)
	}
	for _, l := range q.Limits {
		encodeLimit(out, l)
	}
	return out
}

func encodeLimit(out *api.Queue, l admit.ClassLimit) {
	if out.ResourceLimitsByPriorityClassName == nil {
		out.ResourceLimitsByPriorityClassName = map[string]*api.PriorityClassResourceLimits{}
	}
	class := out.ResourceLimitsByPriorityClassName[l.Class]
	if class == nil {
		class = &api.PriorityClassResourceLimits{}
		out.ResourceLimitsByPriorityClassName[l.Class] = class
	}
	if l.Pool == "" {
		class.MaximumResourceFraction = l.Fractions
		return
	}
	if class.MaximumResourceFractionByPool == nil {
		class.MaximumResourceFractionByPool = map[string]*api.PriorityClassPoolResourceLimits{}
	}
	class.MaximumResourceFractionByPool[l.Pool] = &api.PriorityClassPoolResourceLimits{MaximumResourceFraction: l.Fractions}
}
