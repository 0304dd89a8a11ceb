package api

import (
	"cmp"
	"context"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	apipb "github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/internal/project"
	"github.com/fairlead-batch/fairlead/services/lookout/internal/view"
)

// GetJobDetails gives what is known of jobs, on demand with their specs and runs.
// Jobs that there are not are left out.
func (s *Server) GetJobDetails(ctx context.Context, req *apipb.JobDetailsRequest) (*apipb.JobDetailsResponse, error) {
	jobs, err := ask(s, "job_ids", req.GetJobIds(), job.ParseID)
	if err != nil {
		return nil, err
	}
	rows, err := s.jobs(ctx, jobs.ids)
	if err != nil {
		return nil, err
	}
	var runs map[job.ID][]*apipb.JobRunDetails
	if req.GetExpandJobRun() {
		if runs, err = s.runsOf(ctx, rows); err != nil {
			return nil, err
		}
	}
	var specs specs
	if req.GetExpandJobSpec() {
		if specs, err = s.specsOf(ctx, rows); err != nil {
			return nil, err
		}
	}
	out := make(map[string]*apipb.JobDetails, len(rows))
	for _, row := range rows {
		details := detailsOf(row)
		details.JobRuns = runs[row.State.ID]
		if details.JobSpec, err = specs.job(row); err != nil {
			return nil, err
		}
		answer(jobs, out, row.State.ID, details)
	}
	return &apipb.JobDetailsResponse{JobDetails: out}, nil
}

// jobs are the rows of jobs that there are.
func (s *Server) jobs(ctx context.Context, ids []job.ID) (rows []*view.Job, err error) {
	err = s.current(ctx, s.all(), func(ctx context.Context) (bool, []project.Place, error) {
		var at []project.Place
		var err error
		rows, at, err = s.deps.Jobs.Jobs(ctx, ids)
		return len(rows) == len(ids), at, err
	})
	return rows, err
}

func detailsOf(row *view.Job) *apipb.JobDetails {
	out := &apipb.JobDetails{
		JobId: row.State.ID.String(), Queue: row.Queue, Jobset: row.JobSet, Namespace: row.Namespace, State: stateOf(row.State.State),
		SubmittedTs: timestamp(row.Submitted), LastTransitionTs: timestamp(row.Transitioned),
		CancelTs: timestamp(row.Cancel.At), CancelReason: row.Cancel.Reason, CancelUser: row.Cancel.User,
	}
	if n := len(row.Runs); n > 0 {
		out.LatestRunId = row.Runs[n-1].String()
	}
	return out
}

// timestamp is nil for the zero time.
func timestamp(t job.Time) *timestamppb.Timestamp {
	if t == 0 {
		return nil
	}
	return timestamppb.New(time.Unix(0, int64(t)))
}

// runsOf are the runs of jobs, oldest first. Each row was read before, so every run
// that it names is there.
func (s *Server) runsOf(ctx context.Context, rows []*view.Job) (map[job.ID][]*apipb.JobRunDetails, error) {
	var ids []job.RunID
	for _, row := range rows {
		ids = append(ids, row.Runs...)
	}
	runs, _, err := s.deps.Jobs.Runs(ctx, ids)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(runs, func(a, b view.Run) int { return cmp.Compare(a.Number, b.Number) })
	out := make(map[job.ID][]*apipb.JobRunDetails, len(rows))
	for _, run := range runs {
		out[run.Job] = append(out[run.Job], runOf(run))
	}
	return out, nil
}

func runOf(run view.Run) *apipb.JobRunDetails {
	return &apipb.JobRunDetails{
		RunId: run.ID.String(), JobId: run.Job.String(), State: runStateOf(run.State), Cluster: run.Executor, Node: run.Node,
		LeasedTs: timestamp(run.Leased), PendingTs: timestamp(run.Pending), StartedTs: timestamp(run.Started), FinishedTs: timestamp(run.Finished),
	}
}

// GetJobErrors says why jobs ended badly. Jobs that there are not, or that did not,
// are left out.
func (s *Server) GetJobErrors(ctx context.Context, req *apipb.JobErrorsRequest) (*apipb.JobErrorsResponse, error) {
	jobs, err := ask(s, "job_ids", req.GetJobIds(), job.ParseID)
	if err != nil {
		return nil, err
	}
	rows, err := s.jobs(ctx, jobs.ids)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, row := range rows {
		if row.Error != "" {
			answer(jobs, out, row.State.ID, row.Error)
		}
	}
	return &apipb.JobErrorsResponse{JobErrors: out}, nil
}

// GetJobRunDetails gives what is known of runs. Runs that there are not are left out.
func (s *Server) GetJobRunDetails(ctx context.Context, req *apipb.JobRunDetailsRequest) (*apipb.JobRunDetailsResponse, error) {
	asked, err := ask(s, "run_ids", req.GetRunIds(), job.ParseRunID)
	if err != nil {
		return nil, err
	}
	var runs []view.Run
	if err := s.current(ctx, s.all(), func(ctx context.Context) (bool, []project.Place, error) {
		var at []project.Place
		var err error
		runs, at, err = s.deps.Jobs.Runs(ctx, asked.ids)
		return len(runs) >= len(asked.ids), at, err
	}); err != nil {
		return nil, err
	}
	out := make(map[string]*apipb.JobRunDetails, len(runs))
	for _, run := range runs {
		answer(asked, out, run.ID, runOf(run))
	}
	return &apipb.JobRunDetailsResponse{JobRunDetails: out}, nil
}
