package app

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/internal/project"
	"github.com/fairlead-batch/fairlead/services/lookout/internal/api"
	"github.com/fairlead-batch/fairlead/services/lookout/internal/events"
	"github.com/fairlead-batch/fairlead/services/lookout/internal/store"
)

// projection names the projection, its lease, and its hold on the log.
const projection = "lookout.events"

// Store keeps the rows of jobs and runs. The two that there are pass one suite.
type Store interface {
	api.Jobs
	api.Active
	Projected
}

// Projected is the part of a store that the log moves.
type Projected interface {
	// Projection makes what moves the rows, for a log of so many partitions; a
	// simulation steps it. Metrics go to reg; nil: nowhere.
	Projection(partitions int, reg prometheus.Registerer) (project.Advancer, error)
	// Keeper keeps how far they are.
	Keeper() project.Keeper
}

// OpenStore brings the pool's schema up to date and gives the store in it. The pool
// is of postgres.Open with a schema of lookout's own, and stays the caller's.
func OpenStore(ctx context.Context, pool *pgxpool.Pool) (Store, error) {
	if _, err := postgres.Migrate(ctx, pool, store.Migrations()); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return inPostgres{store.NewPostgres(pool, projection)}, nil
}

// NewMemoryStore gives a store in memory, which replicas of a simulation share.
func NewMemoryStore() Store { return inMemory{store.NewMemory(projection)} }

type inPostgres struct{ *store.Postgres }

func (p inPostgres) Keeper() project.Keeper { return p.Postgres }

func (p inPostgres) Projection(partitions int, reg prometheus.Registerer) (project.Advancer, error) {
	return newProjection(p.Postgres, partitions, reg)
}

type inMemory struct{ *store.Memory }

func (m inMemory) Keeper() project.Keeper { return m.Memory }

func (m inMemory) Projection(partitions int, reg prometheus.Registerer) (project.Advancer, error) {
	return newProjection(m.Memory, partitions, reg)
}

// rows is a store whose transactions are of type Tx.
type rows[Tx any] interface {
	project.Store[Tx]
	events.Rows[Tx]
}

func newProjection[Tx any](db rows[Tx], partitions int, reg prometheus.Registerer) (project.Advancer, error) {
	writer, err := events.NewWriter(db, partitions, reg)
	if err != nil {
		return nil, err
	}
	return project.New(db, writer.Write), nil
}
