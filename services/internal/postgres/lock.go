package postgres

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// MigrationLock is the name of the lock that Migrate holds.
	MigrationLock = "migrations"

	// lockPollInterval is how often a taken lock is asked for again.
	lockPollInterval = 100 * time.Millisecond

	// closeTimeout bounds the clean end of a connection or transaction of which
	// nothing more is wanted.
	closeTimeout = 5 * time.Second
)

// LockKey is the key of the advisory lock called name in a service's schema.
// Advisory locks belong to the whole database, where other services, and other
// installations, have theirs.
func LockKey(schema, name string) int64 {
	hash := fnv.New64a()
	hash.Write([]byte(schema + "\x00" + name)) // a hash never fails
	return int64(hash.Sum64())
}

// UnderLock runs fn while this process alone, of all that use the pool's schema,
// holds the advisory lock called name. It waits for the lock until ctx ends. fn
// gets the connection that holds the lock, without statement timeouts: what it
// does there happens under the lock for certain, for when the connection is lost
// so is the lock. The connection is not of the pool and is closed afterwards.
func UnderLock(ctx context.Context, pool *pgxpool.Pool, name string, fn func(context.Context, *pgx.Conn) error) (err error) {
	schema, err := schemaOf(pool)
	if err != nil {
		return err
	}
	conn, err := pgx.ConnectConfig(ctx, unlimited(pool))
	if err != nil {
		return fmt.Errorf("connect for lock %s: %w", name, err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		if closeErr := conn.Close(ctx); closeErr != nil {
			err = errors.Join(err, fmt.Errorf("give lock %s back: %w", name, closeErr))
		}
	}()
	if err := takeLock(ctx, conn, LockKey(schema, name)); err != nil {
		return fmt.Errorf("take lock %s of schema %s: %w", name, schema, err)
	}
	return fn(ctx, conn)
}

// takeLock asks until it gets the lock. To wait inside of Postgres would hold a
// snapshot for as long, which CREATE INDEX CONCURRENTLY of the one who has the
// lock waits for: both would wait for ever.
func takeLock(ctx context.Context, conn *pgx.Conn, key int64) error {
	ticker := time.NewTicker(lockPollInterval)
	defer ticker.Stop()
	for {
		var taken bool
		if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", key).Scan(&taken); err != nil {
			return err
		}
		if taken {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
}
