package pglog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/postgres"
)

// foundSegments makes the first segments and the heads, if there are none.
func (l *Log) foundSegments(ctx context.Context, tx pgx.Tx) error {
	var heads uint32
	if err := tx.QueryRow(ctx, "SELECT count(*) FROM head").Scan(&heads); err != nil {
		return fmt.Errorf("count heads: %w", err)
	}
	if heads == 1+l.config.Partitions {
		return nil
	}
	if heads != 0 {
		return fmt.Errorf("%w: %d heads for %d partitions of events", errTables, heads, l.config.Partitions)
	}
	for id, stream := range []eventlog.Stream{eventlog.Control, eventlog.Events} {
		partitions := int32(1)
		first := int32(0)
		if stream == eventlog.Events {
			partitions, first = int32(l.config.Partitions), 1 //nolint:gosec // at most partitionsMax
		}
		if err := createSegment(ctx, tx, segment{id: int32(id), stream: stream, after: make([]uint64, partitions)}); err != nil { //nolint:gosec // two
			return err
		}
		if _, err := tx.Exec(ctx, "INSERT INTO head (partition, newest, segment) SELECT generate_series($1::integer, $2), 0, $3",
			first, first+partitions-1, id); err != nil {
			return fmt.Errorf("make heads: %w", err)
		}
	}
	return nil
}

// segment is a table of entries.
type segment struct {
	id     int32
	stream eventlog.Stream
	// after is the number of the last entry before the segment, for each partition.
	after []uint64
	// openedAt is nil until Trim has seen the segment, sealedAt until it is full.
	openedAt, sealedAt *time.Time
}

func createSegment(ctx context.Context, tx pgx.Tx, s segment) error {
	for _, sql := range []string{createEntries(s.id), keepFrames(s.id)} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return fmt.Errorf("create the table of segment %d: %w", s.id, err)
		}
	}
	if _, err := tx.Exec(ctx, "INSERT INTO segment (id, stream, after, opened_at) VALUES ($1, $2, $3, $4)",
		s.id, s.stream.String(), s.after, s.openedAt); err != nil {
		return fmt.Errorf("note segment %d: %w", s.id, err)
	}
	return nil
}

// ends are the numbers of the last forgotten and of the last entry of a partition.
type ends struct {
	oldest, newest uint64
}

// ends reads them in one statement, so they belong together.
func (l *Log) ends(ctx context.Context, q queryer, p eventlog.Partition) (e ends, err error) {
	row := q.QueryRow(ctx, `SELECT head.newest, (SELECT after[$2] FROM segment WHERE stream = $3 ORDER BY id LIMIT 1)
		FROM head WHERE partition = $1`, index(p), place(p), p.Stream.String())
	if err := row.Scan(&e.newest, &e.oldest); err != nil {
		return ends{}, fmt.Errorf("read the ends: %w", err)
	}
	return e, nil
}

// place is a partition's place in a segment's array, from 1.
func place(p eventlog.Partition) int32 {
	if p.Stream == eventlog.Control {
		return 1
	}
	return index(p)
}

// segmentAfter is the segment that holds what follows a number.
func (l *Log) segmentAfter(ctx context.Context, p eventlog.Partition, number uint64) (id int32, err error) {
	err = l.pool.QueryRow(ctx, "SELECT id FROM segment WHERE stream = $1 AND after[$2] <= $3 ORDER BY id DESC LIMIT 1",
		p.Stream.String(), place(p), number).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, eventlog.ErrForgotten
	}
	if err != nil {
		return 0, fmt.Errorf("find segment: %w", err)
	}
	return id, nil
}

// TrimEvery is how often a log is to be trimmed.
const TrimEvery = time.Minute

// KeepTrimmed trims the log again and again, until ctx is done: a part (package run).
// Where it fails it says so and goes on: what is dropped late harms nobody.
func (l *Log) KeepTrimmed(ctx context.Context, now func() time.Time) error {
	tick := time.NewTicker(TrimEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := l.Trim(ctx, now()); err != nil && ctx.Err() == nil {
				l.log.Warn("the log cannot be trimmed, trying again", zap.Error(err))
			}
		}
	}
}

// Trim opens a new segment of events where the present one is full at now, and
// drops those that were full for the retention and are held by nobody. It is to be
// called every minute or so, by one process or several; now must not go backwards.
// An idle log is trimmed too. It waits for appends under way, and they for it, for
// some milliseconds.
func (l *Log) Trim(ctx context.Context, now time.Time) error {
	opened, err := l.roll(ctx, now)
	if err != nil {
		return fmt.Errorf("trim log: %w", err)
	}
	if opened {
		l.log.Info("the log opened a segment")
	}
	for l.config.Retention > 0 {
		dropped, err := l.dropOldest(ctx, now)
		if err != nil {
			return fmt.Errorf("trim log: %w", err)
		}
		if !dropped {
			break
		}
		l.log.Info("the log forgot a segment")
	}
	return nil
}

// roll seals the segment that is written and opens the next, if it is full, and
// says whether it did.
func (l *Log) roll(ctx context.Context, now time.Time) (opened bool, err error) {
	err = postgres.ReadCommitted(ctx, l.pool, func(tx pgx.Tx) error {
		opened = false
		all, err := lockSegments(ctx, tx)
		if err != nil {
			return err
		}
		last := all[len(all)-1]
		if last.openedAt == nil {
			_, err := tx.Exec(ctx, "UPDATE segment SET opened_at = $2 WHERE id = $1", last.id, now)
			return err
		}
		full, err := l.isFull(ctx, tx, last, now)
		if err != nil || !full {
			return err
		}
		newest, err := lockEvents(ctx, tx)
		if err != nil {
			return err
		}
		next := segment{id: last.id + 1, stream: eventlog.Events, after: newest, openedAt: &now}
		if err := createSegment(ctx, tx, next); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "UPDATE segment SET sealed_at = $2 WHERE id = $1", last.id, now); err != nil {
			return fmt.Errorf("seal segment %d: %w", last.id, err)
		}
		if _, err := tx.Exec(ctx, "UPDATE head SET segment = $1 WHERE partition > 0", next.id); err != nil {
			return fmt.Errorf("move heads to segment %d: %w", next.id, err)
		}
		opened = true
		return nil
	})
	return opened, err
}

// isFull says whether a segment is to be sealed: it is old or large, and not
// empty.
func (l *Log) isFull(ctx context.Context, tx pgx.Tx, s segment, now time.Time) (full bool, err error) {
	old := !s.openedAt.Add(l.config.SegmentAge).After(now)
	row := tx.QueryRow(ctx, `SELECT ($2 OR pg_total_relation_size($3::text::regclass) >= $4)
		AND EXISTS (SELECT FROM head, segment WHERE partition > 0 AND id = $1 AND newest > after[partition])`,
		s.id, old, entryTable(s.id), l.config.SegmentBytes)
	if err := row.Scan(&full); err != nil {
		return false, fmt.Errorf("measure segment %d: %w", s.id, err)
	}
	return full, nil
}

// lockSegments gives the segments of events in order. Until the end of the
// transaction nobody else changes segments or holds.
func lockSegments(ctx context.Context, tx pgx.Tx) ([]segment, error) {
	if _, err := tx.Exec(ctx, "SELECT FROM log FOR UPDATE"); err != nil {
		return nil, fmt.Errorf("lock segments: %w", err)
	}
	rows, err := tx.Query(ctx, "SELECT id, after, opened_at, sealed_at FROM segment WHERE stream = $1 ORDER BY id", eventlog.Events.String())
	if err != nil {
		return nil, fmt.Errorf("list segments: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (segment, error) {
		s := segment{stream: eventlog.Events}
		err := row.Scan(&s.id, &s.after, &s.openedAt, &s.sealedAt)
		return s, err
	})
	if err == nil && len(all) == 0 {
		err = errTables
	}
	if err != nil {
		return nil, fmt.Errorf("list segments: %w", err)
	}
	return all, nil
}

// lockEvents stops appends to events until the end of the transaction and says
// where they have come to.
func lockEvents(ctx context.Context, tx pgx.Tx) ([]uint64, error) {
	rows, err := tx.Query(ctx, "SELECT newest FROM head WHERE partition > 0 ORDER BY partition FOR UPDATE")
	if err != nil {
		return nil, fmt.Errorf("lock events: %w", err)
	}
	newest, err := pgx.CollectRows(rows, pgx.RowTo[uint64])
	if err != nil {
		return nil, fmt.Errorf("lock events: %w", err)
	}
	return newest, nil
}

// dropOldest drops the oldest segment of events if its time has come and nobody
// holds anything of it, and says whether it did.
func (l *Log) dropOldest(ctx context.Context, now time.Time) (dropped bool, err error) {
	err = postgres.ReadCommitted(ctx, l.pool, func(tx pgx.Tx) error {
		dropped = false
		all, err := lockSegments(ctx, tx)
		if err != nil {
			return err
		}
		if len(all) < 2 || all[0].sealedAt == nil || all[0].sealedAt.Add(l.config.Retention).After(now) {
			return nil
		}
		oldest, next := all[0], all[1]
		held, err := isHeld(ctx, tx, oldest, next)
		if err != nil || held {
			return err
		}
		if _, err := tx.Exec(ctx, dropEntries(oldest.id)); err != nil {
			return fmt.Errorf("drop the table of segment %d: %w", oldest.id, err)
		}
		if _, err := tx.Exec(ctx, "DELETE FROM segment WHERE id = $1", oldest.id); err != nil {
			return fmt.Errorf("forget segment %d: %w", oldest.id, err)
		}
		// Nothing of these authors is left in that partition; one that still lives
		// gets a new row with its next entry.
		if _, err := tx.Exec(ctx, "DELETE FROM author WHERE partition > 0 AND number <= ($1::bigint[])[partition]", next.after); err != nil {
			return fmt.Errorf("forget authors: %w", err)
		}
		dropped = true
		return nil
	})
	return dropped, err
}

// isHeld says whether a consumer holds an entry of a segment, given the one behind
// it.
func isHeld(ctx context.Context, tx pgx.Tx, s, next segment) (held bool, err error) {
	row := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM hold
		WHERE partition > 0 AND after < ($2::bigint[])[partition] AND ($1::bigint[])[partition] < ($2::bigint[])[partition])`,
		s.after, next.after)
	if err := row.Scan(&held); err != nil {
		return false, fmt.Errorf("look for holds of segment %d: %w", s.id, err)
	}
	return held, nil
}
