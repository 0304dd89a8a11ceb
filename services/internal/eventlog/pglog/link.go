package pglog

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// dropTimeout bounds the goodbye to a server.
const dropTimeout = time.Second

// link is a connection that is not of the pool, since its session has settings or
// subscriptions of its own. One goroutine at a time.
type link struct {
	log *Log
	// settings changes the session's parameters.
	settings func(params map[string]string)
	conn     *pgx.Conn
}

// get connects if there is no connection.
func (k *link) get(ctx context.Context) (*pgx.Conn, error) {
	if k.conn != nil {
		return k.conn, nil
	}
	config := k.log.pool.Config().ConnConfig
	k.settings(config.RuntimeParams)
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	k.conn = conn
	return conn, nil
}

// drop ends the connection, also when ctx is done.
func (k *link) drop(ctx context.Context) {
	if k.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropTimeout)
	defer cancel()
	_ = k.conn.Close(ctx) // it is gone in any case
	k.conn = nil
}

// sleep waits, or says why it did not: ctx is done, or closed is closed (nil:
// never).
func sleep(ctx context.Context, closed <-chan struct{}, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-closed:
		return errLogClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
