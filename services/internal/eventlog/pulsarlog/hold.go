package pulsarlog

import (
	"context"
	"fmt"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

// holdPrefix begins the names of subscriptions that hold.
const holdPrefix = "fairlead-hold."

// Hold keeps what stands after a position, as eventlog.Log says: a durable
// subscription whose cursor stands before the position's own entry, so that a reader
// that begins there can see that it is still the one. Nobody reads by it. While
// Pulsar is away it waits, as long as ctx allows.
func (l *Log) Hold(ctx context.Context, consumer string, p eventlog.Partition, after eventlog.Position) error {
	if err := p.Check(l.config.Partitions); err != nil {
		return fmt.Errorf("hold: %w", err)
	}
	if err := l.hold(ctx, consumer, p, after); err != nil {
		return fmt.Errorf("hold %s after %s for %s: %w", p, after, consumer, err)
	}
	return nil
}

func (l *Log) hold(ctx context.Context, consumer string, p eventlog.Partition, after eventlog.Position) error {
	if err := l.checkPosition(ctx, p, after); err != nil {
		return err
	}
	from := behind(after)
	if from.Entry > 0 {
		from.Entry--
	}
	err := l.patiently(ctx, func() error { return l.admin.subscribe(ctx, l.path(p), holdPrefix+consumer, from) })
	if err != nil {
		return err
	}
	// Pulsar does not say when it has forgotten where the cursor should stand: it
	// begins later. What was there before the cursor stood may be gone since.
	return l.checkPosition(ctx, p, after)
}

func (l *Log) checkPosition(ctx context.Context, p eventlog.Partition, after eventlog.Position) error {
	e, err := l.ends(ctx, p)
	if err != nil {
		return err
	}
	return e.check(after)
}

// Release ends the holds of a consumer. Pulsar may forget what they kept at once.
func (l *Log) Release(ctx context.Context, consumer string) error {
	for _, p := range l.partitions() {
		err := l.patiently(ctx, func() error { return l.admin.unsubscribe(ctx, l.path(p), holdPrefix+consumer) })
		if err != nil {
			return fmt.Errorf("release the hold of %s on %s: %w", consumer, p, err)
		}
	}
	return nil
}
