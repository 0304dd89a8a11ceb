package pglog

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/postgres"
)

// Hold keeps what stands after a position, as eventlog.Log says. It keeps the whole
// segment that the position is in. Where the database stays away for longer than
// postgres' transactions wait, it fails and may be called again.
func (l *Log) Hold(ctx context.Context, consumer string, p eventlog.Partition, after eventlog.Position) error {
	if err := p.Check(l.config.Partitions); err != nil {
		return fmt.Errorf("hold: %w", err)
	}
	err := postgres.ReadCommitted(ctx, l.pool, func(tx pgx.Tx) error {
		// Trim waits for us, or we for it: what it drops is not held in between.
		if _, err := tx.Exec(ctx, "SELECT FROM log FOR SHARE"); err != nil {
			return fmt.Errorf("lock segments: %w", err)
		}
		ends, err := l.ends(ctx, tx, p)
		if err != nil {
			return err
		}
		number, err := l.number(after, ends)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO hold (consumer, partition, after) VALUES ($1, $2, $3)
			ON CONFLICT (consumer, partition) DO UPDATE SET after = excluded.after`, consumer, index(p), number)
		return err
	})
	if err != nil {
		return fmt.Errorf("hold %s after %s for %s: %w", p, after, consumer, err)
	}
	return nil
}

// Release ends the holds of a consumer. The next Trim may drop what they kept.
func (l *Log) Release(ctx context.Context, consumer string) error {
	if _, err := l.pool.Exec(ctx, "DELETE FROM hold WHERE consumer = $1", consumer); err != nil {
		return fmt.Errorf("release the holds of %s: %w", consumer, err)
	}
	return nil
}
