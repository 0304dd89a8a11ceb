package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgembed"
)

// databaseStopWithin is how long the stop of the embedded server may take.
const databaseStopWithin = 30 * time.Second

// database is the Postgres server of all services, each in its own schema.
type database struct {
	url    string
	server *pgembed.Server // nil for a user's own
	log    *zap.Logger
	reg    prometheus.Registerer
	now    func() time.Time
	pools  []*pgxpool.Pool
	// first are closed before the pools.
	first []func()
}

// openDatabase starts the embedded server, or takes the user's own.
func openDatabase(ctx context.Context, cfg Config, log *zap.Logger, reg prometheus.Registerer) (*database, error) {
	db := &database{url: cfg.Postgres, log: log, reg: reg, now: time.Now}
	if db.url != "" {
		return db, nil
	}
	cache, err := pgembed.DefaultCacheDir()
	if err != nil {
		return nil, fmt.Errorf("find a folder for the embedded database: %w", err)
	}
	server, err := pgembed.Start(ctx, pgembed.Config{
		DataDir: filepath.Join(cfg.DataDir, "postgres"), CacheDir: cache,
		BinariesDir: cfg.PostgresBinaries, FsyncOff: !cfg.Fsync,
		Settings: map[string]string{"max_connections": "200"},
	}, log)
	if err != nil {
		return nil, fmt.Errorf("start the embedded database: %w", err)
	}
	db.server, db.url = server, server.URL()
	return db, nil
}

// RunDatabase runs the database of the data folder alone, until ctx is done, for
// services that are processes of their own, or to look into it. started is called
// with its connection string. It fails where the database is a user's own.
func RunDatabase(ctx context.Context, cfg Config, logger *zap.Logger, started func(url string)) (err error) {
	if cfg.Postgres != "" {
		return errors.New("postgres is set: the database is not in the data folder")
	}
	db, err := openDatabase(ctx, cfg, logger, prometheus.NewRegistry())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close(ctx)) }()
	started(db.url)
	return db.run(ctx)
}

// pool opens a pool on a schema.
func (db *database) pool(ctx context.Context, schema string) (*pgxpool.Pool, error) {
	pool, err := postgres.Open(ctx, postgres.Config{URL: db.url, Schema: schema, ConnectionsMax: connectionsMax},
		postgres.Deps{Log: db.log, Registerer: db.reg, Now: db.now})
	if err != nil {
		return nil, fmt.Errorf("open schema %s: %w", schema, err)
	}
	db.pools = append(db.pools, pool)
	return pool, nil
}

// run waits until the server ends, which nothing but a failure makes it do, or ctx.
func (db *database) run(ctx context.Context) error {
	if db.server == nil {
		<-ctx.Done()
		return nil
	}
	select {
	case <-ctx.Done():
		return nil
	case <-db.server.Done():
		return fmt.Errorf("the embedded database ended: %w", errors.Join(db.server.Err()))
	}
}

// close closes the pools and stops the embedded server.
func (db *database) close(ctx context.Context) error {
	for _, closeIt := range db.first {
		closeIt()
	}
	for _, pool := range db.pools {
		pool.Close()
	}
	if db.server == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), databaseStopWithin)
	defer cancel()
	return db.server.Stop(ctx)
}

// closeFirst closes something that stands on a pool before the pools are closed.
func (db *database) closeFirst(closeIt func()) { db.first = append(db.first, closeIt) }
