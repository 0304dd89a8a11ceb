package app

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairlead-batch/fairlead/services/eventapi/internal/api"
	"github.com/fairlead-batch/fairlead/services/eventapi/internal/store"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/internal/project"
)

// Store keeps what job sets were told. The two that there are pass one suite.
type Store interface {
	api.History
	Projected
	// Load reads the states of unfinished jobs, and the places that they belong to.
	Load(ctx context.Context, begin func() func(number uint32, id job.ID, kept []byte)) ([]project.Place, error)
	// Retain makes room for coming days and drops what is older than the retention.
	Retain(ctx context.Context, now time.Time) error
	// Close frees what the store holds.
	Close()
}

// Projected is the part of a store that the log moves.
type Projected interface {
	// Projection moves the rows; a simulation steps it.
	Projection() project.Advancer
	// Keeper keeps how far they are.
	Keeper() project.Keeper
}

// OpenStore brings the pool's schema up to date and gives the store in it. The
// pool is of postgres.Open with a schema of the event API's own, and stays the
// caller's; the caller closes the store.
func OpenStore(ctx context.Context, pool *pgxpool.Pool, partitions uint32, cfg Config) (Store, error) {
	if _, err := postgres.Migrate(ctx, pool, store.Migrations()); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return store.NewPostgres(pool, partitions, cfg.Retention)
}

// NewMemoryStore gives a store in memory, which replicas of a simulation share. The
// caller closes it.
func NewMemoryStore(partitions uint32, cfg Config) (Store, error) {
	return store.NewMemory(partitions, cfg.Retention)
}
