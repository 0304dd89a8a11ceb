package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/internal/project"
	"github.com/fairlead-batch/fairlead/services/lookout/internal/view"
)

const (
	sqlStates = `-- name: LookoutStates :many
SELECT id, state FROM active_jobs WHERE id = ANY($1)
UNION ALL SELECT id, state FROM job_history WHERE id = ANY($1)`

	sqlStatesByURI = `-- name: LookoutStatesByURI :many
SELECT id, state FROM active_jobs WHERE external_job_uri = $1 AND queue = $2 AND job_set = $3
UNION ALL SELECT id, state FROM job_history WHERE external_job_uri = $1 AND queue = $2 AND job_set = $3
LIMIT $4`

	sqlSpecs = `-- name: LookoutSpecs :many
SELECT id, bytes, resources, amounts FROM specs WHERE id = ANY($1)`

	sqlSets = `-- name: LookoutActiveSets :many
SELECT job_set, count(*) FILTER (WHERE state = 'queued'), count(*) FILTER (WHERE state <> 'queued') FROM active_jobs
WHERE queue = $1 AND state IN ('queued', 'leased', 'pending', 'running') GROUP BY job_set ORDER BY job_set LIMIT $2`

	sqlQueues = `-- name: LookoutActiveQueues :many
SELECT DISTINCT pool, queue FROM active_jobs
WHERE run IS NOT NULL AND state IN ('leased', 'pending', 'running') ORDER BY pool, queue LIMIT $1`
)

// States are the states of those jobs that there are, and the places of the same
// moment.
func (p *Postgres) States(ctx context.Context, ids []job.ID) (map[job.ID]job.State, []project.Place, error) {
	return query(ctx, p, sqlStates, collectStates, uuids(ids))
}

// StatesByURI are the states of the jobs of a job set that have an external job
// URI, at most so many.
func (p *Postgres) StatesByURI(ctx context.Context, key view.URIKey, most int) (map[job.ID]job.State, []project.Place, error) {
	return query(ctx, p, sqlStatesByURI, collectStates, key.URI, key.Queue, key.JobSet, most)
}

// Jobs are those jobs that there are. Their State is what view.Shown says, and
// their Run is left out.
func (p *Postgres) Jobs(ctx context.Context, ids []job.ID) ([]*view.Job, []project.Place, error) {
	return query(ctx, p, p.sql.jobs, collect(scanJob), uuids(ids))
}

// Runs are the runs with those ids.
func (p *Postgres) Runs(ctx context.Context, ids []job.RunID) ([]view.Run, []project.Place, error) {
	return query(ctx, p, p.sql.runs, collect(scanRun), uuids(ids))
}

// ActiveSets are the job sets of a queue that have unfinished jobs, by name, at
// most so many.
func (p *Postgres) ActiveSets(ctx context.Context, queue string, most int) ([]view.ActiveSet, []project.Place, error) {
	return query(ctx, p, sqlSets, collect(pgx.RowToStructByPos[view.ActiveSet]), queue, most)
}

// ActiveQueues are the pools and the queues that have runs there, in order, at most
// so many.
func (p *Postgres) ActiveQueues(ctx context.Context, most int) ([]view.ActiveQueue, []project.Place, error) {
	return query(ctx, p, sqlQueues, collect(pgx.RowToStructByPos[view.ActiveQueue]), most)
}

// Specs are the pod specs with those ids.
func (p *Postgres) Specs(ctx context.Context, ids []job.ID) ([]view.Spec, error) {
	rows, err := p.pool.Query(ctx, sqlSpecs, uuids(ids))
	if err != nil {
		return nil, said(fmt.Errorf("read specs: %w", err))
	}
	specs, err := pgx.CollectRows(rows, p.scanSpec)
	if err != nil {
		return nil, said(fmt.Errorf("read specs: %w", err))
	}
	return specs, nil
}

func (p *Postgres) scanSpec(row pgx.CollectableRow) (s view.Spec, err error) {
	var (
		id        [16]byte
		packed    []byte
		resources []string
		amounts   []int64
	)
	if err := row.Scan(&id, &packed, &resources, &amounts); err != nil {
		return s, err
	}
	s.ID = id
	if s.Bytes, err = p.unzs.DecodeAll(packed, nil); err != nil {
		return s, fmt.Errorf("unpack spec %s: %w", s.ID, err)
	}
	for i := range resources {
		s.Requests = append(s.Requests, job.Amount{Resource: resources[i], Value: amounts[i]})
	}
	return s, nil
}

// query reads rows and places in one snapshot.
func query[T any](ctx context.Context, p *Postgres, sql string, take func(pgx.Rows) (T, error), args ...any) (out T, at []project.Place, err error) {
	err = postgres.Snapshot(ctx, p.pool, func(tx pgx.Tx) error {
		var batch pgx.Batch
		batch.Queue(sqlByIndex)
		batch.Queue(sql, args...).Query(func(rows pgx.Rows) (err error) {
			out, err = take(rows)
			return err
		})
		if err := tx.SendBatch(ctx, &batch).Close(); err != nil {
			return fmt.Errorf("read rows: %w", err)
		}
		at, err = p.PlacesIn(ctx, tx)
		return err
	})
	return out, at, said(err)
}

// said tells the caller of a query that the database is away.
func said(err error) error {
	if postgres.Unavailable(err) {
		return fault.NewUnavailable("jobs cannot be read now, try again").Because(err)
	}
	return err
}

func collect[T any](scan pgx.RowToFunc[T]) func(pgx.Rows) ([]T, error) {
	return func(rows pgx.Rows) ([]T, error) { return pgx.CollectRows(rows, scan) }
}

func collectStates(rows pgx.Rows) (map[job.ID]job.State, error) {
	states := map[job.ID]job.State{}
	var (
		id   [16]byte
		name string
	)
	_, err := pgx.ForEachRow(rows, []any{&id, &name}, func() (err error) {
		states[id], err = stateOf(name)
		return err
	})
	return states, err
}
