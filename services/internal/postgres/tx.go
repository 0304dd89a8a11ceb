package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// TxAttemptsMax is how often a transaction is tried at most.
	TxAttemptsMax = 6

	// The wait before the second attempt, doubled for each further one. Each wait is
	// drawn between half of it and all of it, so that two that collided do not
	// collide again. Together below a second.
	txWaitFirst = 20 * time.Millisecond
)

// ReadCommitted runs fn in a transaction that sees what is committed as each of
// its statements begins, and commits it if fn returns nil.
//
// It tries again, TxAttemptsMax times in all, after a serialization failure, a
// deadlock, and a connection that was lost before the commit was sent. So fn may
// run several times: it must do nothing but use its tx and set variables that it
// sets anew each time, and must return the errors of tx. An error of fn ends the
// transaction without effect and comes back as it is, typed by Typed.
// Where the connection is lost after the commit was sent, the error is
// ErrOutcomeUnknown and nothing is retried.
func ReadCommitted(ctx context.Context, pool *pgxpool.Pool, fn func(tx pgx.Tx) error) error {
	return inTx(ctx, pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, fn)
}

// Serializable is ReadCommitted for a transaction that has the effect it would
// have if no other ran beside it. It is retried more often and costs more: for
// rules over several rows that no constraint or row lock can keep.
func Serializable(ctx context.Context, pool *pgxpool.Pool, fn func(tx pgx.Tx) error) error {
	return inTx(ctx, pool, pgx.TxOptions{IsoLevel: pgx.Serializable}, fn)
}

// Snapshot runs fn in a transaction that may only read, and whose statements all
// see the same state: rows and the position they were written at, for instance.
func Snapshot(ctx context.Context, pool *pgxpool.Pool, fn func(tx pgx.Tx) error) error {
	return inTx(ctx, pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, fn)
}

func inTx(ctx context.Context, pool *pgxpool.Pool, options pgx.TxOptions, fn func(tx pgx.Tx) error) error {
	for attempt, wait := 1, txWaitFirst; ; attempt, wait = attempt+1, 2*wait {
		err := tryTx(ctx, pool, options, fn)
		var again *againError
		if !errors.As(err, &again) {
			return Typed(err)
		}
		if attempt == TxAttemptsMax {
			return fmt.Errorf("transaction failed %d times: %w", attempt, again.err)
		}
		countRetry(pool, again.why)
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), again.err)
		case <-time.After(wait/2 + rand.N(wait/2)):
		}
	}
}

// againError says that a transaction had no effect for a reason that may pass.
type againError struct {
	why string // for the metric
	err error
}

func (e *againError) Error() string { return e.err.Error() }

// tryTx runs one transaction to its end, whatever happens in fn.
func tryTx(ctx context.Context, pool *pgxpool.Pool, options pgx.TxOptions, fn func(tx pgx.Tx) error) error {
	tx, err := pool.BeginTx(ctx, options)
	if err != nil {
		err = fmt.Errorf("begin transaction: %w", err)
		if Unavailable(err) && ctx.Err() == nil {
			return &againError{why: "connection", err: err}
		}
		return err
	}
	defer func() { // does nothing after a commit; needed after a panic too
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		_ = tx.Rollback(ctx) // where it fails pgx closes the connection, which rolls back
	}()
	if err := fn(tx); err != nil {
		return retriedBeforeCommit(ctx, tx, err)
	}
	return commit(ctx, tx)
}

// retriedBeforeCommit marks an error of fn that another attempt may not meet.
// That the connection is closed is asked of the connection: its error may have
// any form by the time fn returns it.
func retriedBeforeCommit(ctx context.Context, tx pgx.Tx, err error) error {
	if why, ok := collision(err); ok {
		return &againError{why: why, err: err}
	}
	ended := ctx.Err() != nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
	if !ended && tx.Conn().IsClosed() {
		return &againError{why: "connection", err: err}
	}
	return err
}

// commit tells a commit that had no effect from one that may have had. It does not
// ask pgconn.SafeToRetry, which says yes after a connection that broke while the
// answer was awaited: the error is lost in a peek, and what comes out is "conn
// closed", as though nothing had been sent (seen in pgx 5.12).
func commit(ctx context.Context, tx pgx.Tx) error {
	if ctx.Err() != nil {
		return fmt.Errorf("commit transaction: %w", context.Cause(ctx))
	}
	if tx.Conn().IsClosed() {
		return &againError{why: "connection", err: fmt.Errorf("commit transaction: %w", pgconn.ErrConnClosed)}
	}
	err := tx.Commit(ctx)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("commit transaction: %w", err)
	if why, ok := collision(err); ok {
		return &againError{why: why, err: err}
	}
	var said *pgconn.PgError
	switch {
	case errors.Is(err, pgx.ErrTxCommitRollback): // fn swallowed the error of a statement
		return err
	case errors.As(err, &said) && said.SeverityUnlocalized == "ERROR":
		return err // refused, by a deferred constraint for instance; FATAL could come after the commit
	}
	return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
}

// collision reports whether the server rolled a transaction back because of
// another one.
func collision(err error) (why string, ok bool) {
	var said *pgconn.PgError
	if !errors.As(err, &said) {
		return "", false
	}
	switch said.Code {
	case "40001":
		return "serialization", true
	case "40P01":
		return "deadlock", true
	}
	return "", false
}

func countRetry(pool *pgxpool.Pool, why string) {
	if t, ok := pool.Config().ConnConfig.Tracer.(*tracer); ok {
		t.metrics.retries.WithLabelValues(t.schema, why).Inc()
	}
}
