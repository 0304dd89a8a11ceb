package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/submit/internal/admit"
	"github.com/fairlead-batch/fairlead/services/submit/internal/store/gen"
)

// Queue returns a queue, or a fault of kind NotFound.
func (s *Postgres) Queue(ctx context.Context, name string) (admit.Queue, error) {
	raw, err := s.sql.Queue(ctx, s.pool, name)
	if errors.Is(err, pgx.ErrNoRows) {
		return admit.Queue{}, noQueue(name)
	}
	if err != nil {
		return admit.Queue{}, failed("look up queue", err)
	}
	return queueFrom(raw)
}

// Queues returns the queues behind a name, by name, at most so many; a page when
// atMost is zero. They are ordered byte by byte.
func (s *Postgres) Queues(ctx context.Context, behind string, atMost int) ([]admit.Queue, error) {
	if atMost <= 0 || atMost > pageRows {
		atMost = pageRows
	}
	rows, err := s.sql.Queues(ctx, s.pool, gen.QueuesParams{Behind: behind, AtMost: int32(atMost)})
	if err != nil {
		return nil, failed("list queues", err)
	}
	out := make([]admit.Queue, len(rows))
	for i, raw := range rows {
		if out[i], err = queueFrom(raw); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// CreateQueue makes a queue and puts it into the outbox. It returns the generation
// of the change, or a fault of kind Exists.
func (s *Postgres) CreateQueue(ctx context.Context, q admit.Queue, at job.Time, cause job.Cause) (uint64, error) {
	return s.change(ctx, "create queue", func(tx pgx.Tx) (admit.Setting, error) {
		raw, err := encodeQueue(q)
		if err != nil {
			return admit.Setting{}, err
		}
		rows, err := s.sql.CreateQueue(ctx, tx, gen.CreateQueueParams{Name: q.Name, Definition: raw})
		if err == nil && rows == 0 {
			err = queueExists(q.Name)
		}
		return admit.Setting{Time: at, Cause: cause, Set: &q}, err
	})
}

// ChangeQueue replaces a queue by what change makes of it and puts it into the
// outbox. change may run more than once. It returns the generation of the change,
// or a fault of kind NotFound.
func (s *Postgres) ChangeQueue(ctx context.Context, name string, change func(admit.Queue) admit.Queue, at job.Time, cause job.Cause) (uint64, error) {
	return s.change(ctx, "change queue", func(tx pgx.Tx) (admit.Setting, error) {
		raw, err := s.sql.LockQueue(ctx, tx, name)
		if errors.Is(err, pgx.ErrNoRows) {
			return admit.Setting{}, noQueue(name)
		}
		if err != nil {
			return admit.Setting{}, err
		}
		q, err := queueFrom(raw)
		if err != nil {
			return admit.Setting{}, err
		}
		q = change(q)
		if raw, err = encodeQueue(q); err != nil {
			return admit.Setting{}, err
		}
		_, err = s.sql.UpdateQueue(ctx, tx, gen.UpdateQueueParams{Name: name, Definition: raw})
		return admit.Setting{Time: at, Cause: cause, Set: &q}, err
	})
}

// errNothing ends a transaction that has nothing to change.
var errNothing = errors.New("nothing to change")

// DeleteQueue removes a queue and puts that into the outbox. It returns the
// generation of the change; zero when there was no such queue.
func (s *Postgres) DeleteQueue(ctx context.Context, name string, at job.Time, cause job.Cause) (uint64, error) {
	generation, err := s.change(ctx, "delete queue", func(tx pgx.Tx) (admit.Setting, error) {
		rows, err := s.sql.DeleteQueue(ctx, tx, name)
		if err == nil && rows == 0 {
			err = errNothing
		}
		return admit.Setting{Time: at, Cause: cause, Deleted: name}, err
	})
	if errors.Is(err, errNothing) {
		return 0, nil
	}
	return generation, err
}

// change runs a change of a queue and puts what it returns into the outbox.
func (s *Postgres) change(ctx context.Context, doing string, fn func(pgx.Tx) (admit.Setting, error)) (generation uint64, err error) {
	err = postgres.ReadCommitted(ctx, s.pool, func(tx pgx.Tx) error {
		setting, err := fn(tx)
		if err != nil {
			return err
		}
		raw, err := encodeSetting(setting)
		if err != nil {
			return err
		}
		next, err := s.sql.NextGeneration(ctx, tx)
		if err != nil {
			return err
		}
		generation = uint64(next) //nolint:gosec // never negative, by the schema
		return s.sql.PutIntoOutbox(ctx, tx, gen.PutIntoOutboxParams{Generation: next, Setting: raw})
	})
	if err != nil {
		return 0, failed(doing, err)
	}
	return generation, nil
}
