package store

import (
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/lookout/internal/view"
)

// timeOf is a time of the database; nil is zero.
func timeOf(t *time.Time) job.Time {
	if t == nil {
		return 0
	}
	return job.Time(t.UnixNano())
}

func stateOf(name string) (job.State, error) {
	for _, s := range job.States() {
		if s.String() == name {
			return s, nil
		}
	}
	return 0, fmt.Errorf("read job state: there is no %q", name)
}

// runStateOf is the zero RunState for an empty name.
func runStateOf(name string) (job.RunState, error) {
	if name == "" {
		return 0, nil
	}
	for s := job.RunLeased; s <= job.RunExpired; s++ {
		if s.String() == name {
			return s, nil
		}
	}
	return 0, fmt.Errorf("read run state: there is no %q", name)
}

func textOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// jobRow takes a row of historyColumns.
type jobRow struct {
	job                                view.Job
	id, spec                           [16]byte
	client, uri, user, reason, failure *string
	state                              string
	priority                           int64
	submitted, transitioned, cancelled *time.Time
	runs                               [][16]byte
}

func (r *jobRow) targets() []any {
	j := &r.job
	return []any{
		&r.id, &j.Queue, &j.JobSet, &j.Owner, &j.Groups, &j.Namespace, &j.Class, &r.client, &r.uri,
		&j.Requests.CPUMilli, &j.Requests.MemoryBytes, &j.Requests.StorageBytes, &j.Requests.GPUs,
		&j.Labels, &j.Annotations, &j.Services, &j.Ingresses, &r.spec, &r.submitted,
		&r.state, &r.priority, &r.transitioned, &r.cancelled, &r.user, &r.reason, &r.failure, &r.runs,
	}
}

func (r *jobRow) take() (*view.Job, error) {
	state, err := stateOf(r.state)
	if err != nil {
		return nil, err
	}
	j := &r.job
	j.State = job.Job{ID: r.id, State: state, Priority: uint32(r.priority)} //nolint:gosec // written from one
	j.ClientID, j.ExternalJobURI, j.Error = textOf(r.client), textOf(r.uri), textOf(r.failure)
	j.Spec, j.Submitted, j.Transitioned = r.spec, timeOf(r.submitted), timeOf(r.transitioned)
	j.Cancel = view.Cancel{At: timeOf(r.cancelled), User: textOf(r.user), Reason: textOf(r.reason)}
	for _, id := range r.runs {
		j.Runs = append(j.Runs, id)
	}
	return j, nil
}

// scanJob reads a row of historyColumns.
func scanJob(row pgx.CollectableRow) (*view.Job, error) {
	var r jobRow
	if err := row.Scan(r.targets()...); err != nil {
		return nil, err
	}
	return r.take()
}

// runRow takes what is said of a run, as in runColumns from executor on.
type runRow struct {
	run                                                     view.Run
	executor, node, pool, state, why, category, subcategory *string
	leased, pending, started, finished                      *time.Time
}

func (r *runRow) targets() []any {
	return []any{
		&r.executor, &r.node, &r.pool, &r.state, &r.leased, &r.pending, &r.started, &r.finished,
		&r.run.ExitCode, &r.why, &r.category, &r.subcategory,
	}
}

func (r *runRow) take() (view.Run, error) {
	var err error
	run := &r.run
	run.Executor, run.Node, run.Pool = textOf(r.executor), textOf(r.node), textOf(r.pool)
	run.Leased, run.Pending, run.Started, run.Finished = timeOf(r.leased), timeOf(r.pending), timeOf(r.started), timeOf(r.finished)
	run.Error, run.Category, run.Subcategory = textOf(r.why), textOf(r.category), textOf(r.subcategory)
	run.State, err = runStateOf(textOf(r.state))
	return *run, err
}

// scanRun reads a row of runColumns.
func scanRun(row pgx.CollectableRow) (view.Run, error) {
	var r runRow
	var id, of [16]byte
	if err := row.Scan(append([]any{&id, &of, &r.run.Number}, r.targets()...)...); err != nil {
		return view.Run{}, err
	}
	r.run.ID, r.run.Job = id, of
	return r.take()
}

// scanActive reads a row of activeColumns.
func scanActive(row pgx.CollectableRow) (*view.Job, error) {
	var (
		of               jobRow
		runs             runRow
		state            job.Job
		wanted, attempts int64
		last             *time.Time
		run              *[16]byte
	)
	inner := []any{&state.Preemptible, &state.Asked, &wanted, &attempts, &last, &state.Run.Releasing, &run, &runs.run.Number}
	if err := row.Scan(append(append(of.targets(), inner...), runs.targets()...)...); err != nil {
		return nil, err
	}
	j, err := of.take()
	if err != nil {
		return nil, err
	}
	if j.Run, err = runs.take(); err != nil {
		return nil, err
	}
	if run != nil {
		j.Run.ID, j.Run.Job = *run, j.State.ID
	}
	state.ID, state.State, state.Priority = j.State.ID, j.State.State, j.State.Priority
	state.Wanted, state.Attempts, state.Last = uint32(wanted), uint32(attempts), timeOf(last) //nolint:gosec // written from such
	state.Run.ID, state.Run.State = j.Run.ID, j.Run.State
	j.State = state
	return j, nil
}
