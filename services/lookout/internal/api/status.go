package api

import (
	"context"

	apipb "github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/internal/project"
	"github.com/fairlead-batch/fairlead/services/lookout/internal/view"
)

// listMax is how many items a list has at most that no list of ids bounds: some
// 10 MiB on the wire.
const listMax = 100_000

// tooMany refuses a list that would be longer.
func tooMany(what string) error {
	return fault.NewTooLarge("more than %d %s: too many for one answer", listMax, what)
}

// GetJobStatus gives the state of each job asked for; UNKNOWN where there is none.
func (s *Server) GetJobStatus(ctx context.Context, req *apipb.JobStatusRequest) (*apipb.JobStatusResponse, error) {
	jobs, err := ask(s, "job_ids", req.GetJobIds(), job.ParseID)
	if err != nil {
		return nil, err
	}
	var states map[job.ID]job.State
	if err := s.current(ctx, s.all(), func(ctx context.Context) (bool, []project.Place, error) {
		var at []project.Place
		var err error
		states, at, err = s.deps.Jobs.States(ctx, jobs.ids)
		return len(states) == len(jobs.ids), at, err
	}); err != nil {
		return nil, err
	}
	out := make(map[string]apipb.JobState, len(req.GetJobIds()))
	for _, text := range req.GetJobIds() {
		out[text] = apipb.JobState_UNKNOWN
	}
	for id, state := range states {
		answer(jobs, out, id, stateOf(state))
	}
	return &apipb.JobStatusResponse{JobStates: out}, nil
}

// GetJobStatusUsingExternalJobUri gives the states of the jobs of a job set that have
// that URI, by id; none where no job has it.
func (s *Server) GetJobStatusUsingExternalJobUri(ctx context.Context, req *apipb.JobStatusUsingExternalJobUriRequest) (*apipb.JobStatusResponse, error) {
	key := view.URIKey{Queue: req.GetQueue(), JobSet: req.GetJobset(), URI: req.GetExternalJobUri()}
	var check fault.Check
	for _, field := range [...]struct{ name, value string }{{"queue", key.Queue}, {"jobset", key.JobSet}, {"external_job_uri", key.URI}} {
		if field.value == "" {
			check.Violate(field.name, field.value, "must not be empty")
		}
	}
	if err := check.Err(); err != nil {
		return nil, err
	}
	partition := eventlog.PartitionOf(key.Queue, key.JobSet, s.deps.Partitions)
	var states map[job.ID]job.State
	if err := s.current(ctx, []eventlog.Partition{partition}, func(ctx context.Context) (bool, []project.Place, error) {
		var at []project.Place
		var err error
		states, at, err = s.deps.Jobs.StatesByURI(ctx, key, listMax+1)
		return false, at, err
	}); err != nil {
		return nil, err
	}
	if len(states) > listMax {
		return nil, tooMany("jobs have this URI")
	}
	out := make(map[string]apipb.JobState, len(states))
	for id, state := range states {
		out[id.String()] = stateOf(state)
	}
	return &apipb.JobStatusResponse{JobStates: out}, nil
}

// stateOf is a state as Armada's API names it.
func stateOf(s job.State) apipb.JobState {
	switch s {
	case job.Queued:
		return apipb.JobState_QUEUED
	case job.Leased:
		return apipb.JobState_LEASED
	case job.Pending:
		return apipb.JobState_PENDING
	case job.Running:
		return apipb.JobState_RUNNING
	case job.Succeeded:
		return apipb.JobState_SUCCEEDED
	case job.Failed:
		return apipb.JobState_FAILED
	case job.Preempted:
		return apipb.JobState_PREEMPTED
	case job.Cancelled:
		return apipb.JobState_CANCELLED
	case job.Rejected:
		return apipb.JobState_REJECTED
	}
	return apipb.JobState_UNKNOWN
}

// runStateOf is a run's state as Armada's API names it. An acknowledged lease is a
// lease still: no pod was made.
func runStateOf(s job.RunState) apipb.JobRunState {
	switch s {
	case job.RunLeased, job.RunAcknowledged:
		return apipb.JobRunState_RUN_STATE_LEASED
	case job.RunPending:
		return apipb.JobRunState_RUN_STATE_PENDING
	case job.RunRunning:
		return apipb.JobRunState_RUN_STATE_RUNNING
	case job.RunSucceeded:
		return apipb.JobRunState_RUN_STATE_SUCCEEDED
	case job.RunFailed:
		return apipb.JobRunState_RUN_STATE_FAILED
	case job.RunPreempted:
		return apipb.JobRunState_RUN_STATE_PREEMPTED
	case job.RunCancelled:
		return apipb.JobRunState_RUN_STATE_CANCELLED
	case job.RunReturned:
		return apipb.JobRunState_RUNS_STATE_LEASE_RETURNED
	case job.RunExpired:
		return apipb.JobRunState_RUN_STATE_LEASE_EXPIRED
	}
	return apipb.JobRunState_RUN_STATE_UNKNOWN
}
