package project

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

// The waits between attempts at what the world refused: doubled from the first to
// the last.
const (
	RetryFirst = 100 * time.Millisecond
	RetryMax   = 10 * time.Second
)

// Follow judges what stands behind a place and gives it to take, run by run, until
// ctx is done or something ends it for good. It is for consumers in memory, for
// which the place is wherever they are. It retries what is the log's trouble, with
// waits from RetryFirst to RetryMax, and logs that.
//
// It returns the cause of ctx, an error of take, or why the partition stops: an
// error that wraps eventlog.ErrJump, ErrNewer, ErrForgotten, ErrAhead or ErrPartitions.
func Follow(ctx context.Context, source eventlog.Log, from Place, log *zap.Logger, take func(Judged) error) error {
	place := from
	return read(ctx, source, from, log, func(run eventlog.Run) error {
		judged := Judge(place.Gate, run)
		if judged.To != place.At {
			if err := take(judged); err != nil {
				return err
			}
		}
		place = judged.Place()
		return judged.Stop
	})
}

// stops says whether an error of the log ends the reading of a partition: to try
// again would not help.
func stops(err error) bool {
	for _, final := range [...]error{eventlog.ErrJump, eventlog.ErrNewer, eventlog.ErrForgotten, eventlog.ErrAhead, eventlog.ErrPartitions} {
		if errors.Is(err, final) {
			return true
		}
	}
	return false
}

// handError tells an error of the receiver from one of the log.
type handError struct{ error }

// read hands out the runs behind a place. Only what the log says is tried again;
// an error of hand ends it.
func read(ctx context.Context, source eventlog.Log, from Place, log *zap.Logger, hand func(eventlog.Run) error) error {
	at, wait := from.At, RetryFirst
	for {
		err := readOnce(ctx, source, from.Partition, at, func(run eventlog.Run) error {
			if err := hand(run); err != nil {
				return handError{err}
			}
			at, wait = run.To, RetryFirst
			return nil
		})
		var handed handError
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.As(err, &handed):
			return handed.error
		case stops(err):
			return err
		}
		log.Warn("log cannot be read, trying again", zap.Stringer("partition", from.Partition), zap.Duration("wait", wait), zap.Error(err))
		if err := pause(ctx, wait); err != nil {
			return err
		}
		wait = min(2*wait, RetryMax)
	}
}

// readOnce reads until the first error.
func readOnce(ctx context.Context, source eventlog.Log, p eventlog.Partition, at eventlog.Position, hand func(eventlog.Run) error) error {
	reader, err := source.Read(ctx, p, at)
	if err != nil {
		return fmt.Errorf("open reader of %s: %w", p, err)
	}
	defer reader.Close()
	for {
		run, err := reader.Next(ctx)
		if err != nil {
			return fmt.Errorf("read %s: %w", p, err)
		}
		if err := hand(run); err != nil {
			return err
		}
	}
}

// pause waits, or returns why ctx ended.
func pause(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
