package api

import (
	"context"
	"fmt"
	"slices"

	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/services/internal/auth"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/submit/internal/admit"
)

// CancelJobs cancels single jobs, or the whole job set when no id is given: that is
// what Armada's clients expect, and then one empty id is the answer.
func (s *Server) CancelJobs(ctx context.Context, req *api.JobCancelRequest) (*api.CancellationResult, error) {
	ids := req.GetJobIds()
	if req.GetJobId() != "" {
		ids = append(slices.Clip(ids), req.GetJobId())
	}
	changed, err := s.change(ctx, admit.Change{
		Action: job.Cancel, Queue: req.GetQueue(), JobSet: req.GetJobSetId(), JobIDs: ids, Reason: req.GetReason(),
	})
	if err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return &api.CancellationResult{CancelledIds: []string{""}}, nil
	}
	return &api.CancellationResult{CancelledIds: changed}, nil
}

// CancelJobSet cancels the unfinished jobs of a job set, all or those in some states.
func (s *Server) CancelJobSet(ctx context.Context, req *api.JobSetCancelRequest) (*emptypb.Empty, error) {
	_, err := s.change(ctx, admit.Change{
		Action: job.Cancel, Queue: req.GetQueue(), JobSet: req.GetJobSetId(), Reason: req.GetReason(), States: states(req.GetFilter().GetStates()),
	})
	if err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, nil
}

// ReprioritizeJobs gives single jobs, or a whole job set when no id is given, a new
// priority.
func (s *Server) ReprioritizeJobs(ctx context.Context, req *api.JobReprioritizeRequest) (*api.JobReprioritizeResponse, error) {
	changed, err := s.change(ctx, admit.Change{
		Action: job.Reprioritize, Queue: req.GetQueue(), JobSet: req.GetJobSetId(), JobIDs: req.GetJobIds(), Priority: req.GetNewPriority(),
	})
	if err != nil {
		return nil, err
	}
	if len(req.GetJobIds()) == 0 {
		changed = []string{"all jobs in job set " + req.GetJobSetId()} // the key that clients print
	}
	return &api.JobReprioritizeResponse{ReprioritizationResults: noErrors(changed)}, nil
}

// PreemptJobs stops the runs of single jobs. No ids are nothing to do.
func (s *Server) PreemptJobs(ctx context.Context, req *api.JobPreemptRequest) (*api.PreemptionResult, error) {
	changed, err := s.change(ctx, admit.Change{
		Action: job.Preempt, Queue: req.GetQueue(), JobSet: req.GetJobSetId(), JobIDs: req.GetJobIds(), Reason: req.GetReason(),
	})
	if err != nil {
		return nil, err
	}
	return &api.PreemptionResult{PreemptionResults: noErrors(changed)}, nil
}

// noErrors is an answer by id in which nothing went wrong.
func noErrors(ids []string) map[string]string {
	out := make(map[string]string, len(ids))
	for _, id := range ids {
		out[id] = ""
	}
	return out
}

// change checks, authorises and publishes a change, and returns the jobs that it
// names, each once.
func (s *Server) change(ctx context.Context, c admit.Change) ([]string, error) {
	changed, err := s.Rules.Change(c, s.at(), by(ctx))
	if err != nil {
		return nil, err
	}
	permission, verb := needs(c.Action)
	if err := s.mayOn(ctx, c.Queue, permission, verb); err != nil {
		return nil, err
	}
	switch {
	case len(changed.Facts) > 0:
		err = s.Publisher.Facts(ctx, job.Batch{Queue: c.Queue, JobSet: c.JobSet, Cause: by(ctx), Events: changed.Facts})
	case c.Action != job.Preempt: // a preemption of no jobs is none
		err = s.Publisher.Command(ctx, c.Queue, c.JobSet, *changed.Command)
	}
	if err != nil {
		return nil, fmt.Errorf("publish change: %w", err)
	}
	ids := make([]string, len(changed.Facts))
	for i, e := range changed.Facts {
		ids[i] = e.Of().Job.String()
	}
	return ids, nil
}

// needs is what an action takes: a global permission, or a verb of the queue.
func needs(action job.Action) (auth.Permission, auth.Verb) {
	switch action {
	case job.Cancel:
		return auth.CancelAnyJobs, auth.VerbCancel
	case job.Preempt:
		return auth.PreemptAnyJobs, auth.VerbPreempt
	case job.Reprioritize:
		return auth.ReprioritizeAnyJobs, auth.VerbReprioritize
	}
	panic(fmt.Sprintf("api: no action %d", action)) // unreachable: the set is closed
}

// CancelOnQueue cancels jobs of a queue in all its job sets. The queue need not be
// there any more: so the jobs of one that was deleted can be ended.
func (s *Server) CancelOnQueue(ctx context.Context, req *api.QueueCancelRequest) (*emptypb.Empty, error) {
	return s.changeQueueWide(ctx, admit.QueueChange{
		Action: job.Cancel, Queue: req.GetName(), Classes: req.GetPriorityClasses(), Pools: req.GetPools(), States: states(req.GetJobStates()),
	})
}

// PreemptOnQueue stops runs of a queue's jobs in all its job sets.
func (s *Server) PreemptOnQueue(ctx context.Context, req *api.QueuePreemptRequest) (*emptypb.Empty, error) {
	return s.changeQueueWide(ctx, admit.QueueChange{
		Action: job.Preempt, Queue: req.GetName(), Classes: req.GetPriorityClasses(), Pools: req.GetPools(),
	})
}

func (s *Server) changeQueueWide(ctx context.Context, c admit.QueueChange) (*emptypb.Empty, error) {
	command, err := s.Rules.QueueChange(c, s.at(), by(ctx))
	if err != nil {
		return nil, err
	}
	permission, _ := needs(c.Action)
	if err := s.may(ctx, permission, "changing the jobs of queue "+c.Queue); err != nil {
		return nil, err
	}
	if command != nil {
		if err := s.Publisher.CommandEverywhere(ctx, *command); err != nil {
			return nil, fmt.Errorf("publish command: %w", err)
		}
	}
	return &emptypb.Empty{}, nil
}

// states are the API's names of states; what has no state of ours is the zero
// State, for the rules to refuse.
func states(list []api.JobState) []job.State {
	if len(list) == 0 {
		return nil
	}
	out := make([]job.State, len(list))
	for i, s := range list {
		out[i] = stateOf(s)
	}
	return out
}

func stateOf(s api.JobState) job.State {
	switch s {
	case api.JobState_QUEUED, api.JobState_SUBMITTED:
		return job.Queued
	case api.JobState_LEASED:
		return job.Leased
	case api.JobState_PENDING:
		return job.Pending
	case api.JobState_RUNNING:
		return job.Running
	case api.JobState_SUCCEEDED:
		return job.Succeeded
	case api.JobState_FAILED:
		return job.Failed
	case api.JobState_PREEMPTED:
		return job.Preempted
	case api.JobState_CANCELLED:
		return job.Cancelled
	case api.JobState_REJECTED:
		return job.Rejected
	case api.JobState_UNKNOWN:
	}
	return 0
}
