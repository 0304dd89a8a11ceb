package pglog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

// heads is what a transaction finds under its locks.
type heads struct {
	// newest and segment are by index of the partition.
	newest  map[int32]uint64
	segment map[int32]int32
	// last are the sequences of authors that have written there before.
	last map[authorAt]uint64
}

// authorAt is an author in a partition.
type authorAt struct {
	author    eventlog.Author
	partition int32
}

// moved is where an author stands after a group.
type moved struct {
	last   uint64
	number uint64
}

// numbered is a group as it will be written.
type numbered struct {
	// rows are by segment.
	rows map[int32][]copyRow
	// entries are what is new, by partition.
	entries map[int32][]eventlog.Entry
	authors map[authorAt]moved
}

// errTables says that the tables do not agree with each other: somebody else has
// written to them, or parts of a backup were put back.
var errTables = errors.New("the log's tables do not agree")

// lockHeads begins a transaction that holds the heads of a group's partitions, and
// reads what it needs. Ascending order keeps two processes from waiting for each
// other. The authors are read by a statement of its own, whose snapshot is from
// after the locks were got.
func lockHeads(ctx context.Context, conn *pgx.Conn, group []*pending) (heads, error) {
	partitions, authors, at := asked(group)
	found := heads{newest: map[int32]uint64{}, segment: map[int32]int32{}, last: map[authorAt]uint64{}}
	batch := &pgx.Batch{}
	batch.Queue("BEGIN")
	batch.Queue("SELECT partition, newest, segment FROM head WHERE partition = ANY($1) ORDER BY partition FOR UPDATE", partitions).
		Query(func(rows pgx.Rows) error {
			var partition, segment int32
			var newest uint64
			_, err := pgx.ForEachRow(rows, []any{&partition, &newest, &segment}, func() error {
				found.newest[partition], found.segment[partition] = newest, segment
				return nil
			})
			return err
		})
	batch.Queue(`SELECT author, partition, last FROM author
		JOIN unnest($1::uuid[], $2::integer[]) AS asked (author, partition) USING (author, partition)`, authors, at).
		Query(func(rows pgx.Rows) error {
			var author [16]byte
			var partition int32
			var last uint64
			_, err := pgx.ForEachRow(rows, []any{&author, &partition, &last}, func() error {
				found.last[authorAt{author, partition}] = last
				return nil
			})
			return err
		})
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		return heads{}, fmt.Errorf("lock %d partitions: %w", len(partitions), err)
	}
	if len(found.newest) != len(partitions) {
		return heads{}, fmt.Errorf("lock partitions %v: %w: %d have a head", partitions, errTables, len(found.newest))
	}
	return found, nil
}

// asked are the partitions of a group, and the pairs of author and partition.
func asked(group []*pending) (partitions []int32, authors [][16]byte, at []int32) {
	seen := map[authorAt]bool{}
	for _, e := range group {
		key := authorAt{e.entry.Author, e.partition}
		if seen[key] {
			continue
		}
		seen[key] = true
		authors, at = append(authors, key.author), append(at, key.partition)
		if !slices.Contains(partitions, e.partition) {
			partitions = append(partitions, e.partition)
		}
	}
	return partitions, authors, at
}

// refusals are the appenders of a group that must not write, and why: their
// author's rows are not what they left.
func refusals(group []*pending, found heads) map[*appender]error {
	refused := map[*appender]error{}
	seen := map[authorAt]bool{}
	for _, e := range group {
		key := authorAt{e.entry.Author, e.partition}
		if seen[key] {
			continue // what follows the first of an author follows by one
		}
		seen[key] = true
		last, known := found.last[key]
		switch {
		case known && last >= e.entry.Sequence && !e.tried:
			refused[e.appender] = fmt.Errorf("append as %s: %w: another process wrote its sequence %d", key.author, eventlog.ErrAuthorTaken, last)
		case known && last+1 < e.entry.Sequence:
			refused[e.appender] = fmt.Errorf("append as %s: %w: its sequence %d was acknowledged and the log ends at %d",
				key.author, errTables, e.entry.Sequence-1, last)
		}
	}
	return refused
}

// arrange gives numbers to the entries of a group that are not stored yet, from the
// heads on.
func (l *Log) arrange(group []*pending, found heads) numbered {
	todo := numbered{rows: map[int32][]copyRow{}, entries: map[int32][]eventlog.Entry{}, authors: map[authorAt]moved{}}
	for _, e := range l.queue.living(group) {
		key := authorAt{e.entry.Author, e.partition}
		if last, known := found.last[key]; known && e.entry.Sequence <= last {
			continue
		}
		number := found.newest[e.partition] + uint64(len(todo.entries[e.partition])) + 1
		segment := found.segment[e.partition]
		todo.rows[segment] = append(todo.rows[segment], copyRow{partition: e.partition, number: number, frame: e.frame})
		entry := e.entry
		entry.At = l.position(number)
		todo.entries[e.partition] = append(todo.entries[e.partition], entry)
		todo.authors[key] = moved{last: entry.Sequence, number: number}
	}
	return todo
}

// writeGroup copies a group into its tables, moves heads and authors, notifies the
// other processes and commits.
func writeGroup(ctx context.Context, conn *pgx.Conn, channel string, found heads, todo numbered) error {
	for segment, rows := range todo.rows {
		if _, err := conn.PgConn().CopyFrom(ctx, newCopyReader(rows), copyEntries(segment)); err != nil {
			return fmt.Errorf("copy %d entries: %w", len(rows), err)
		}
	}
	var partitions []int32
	var newest []uint64
	for partition, entries := range todo.entries {
		partitions = append(partitions, partition)
		newest = append(newest, found.newest[partition]+uint64(len(entries)))
	}
	var authors [][16]byte
	var at []int32
	var last, numbers []uint64
	for key, to := range todo.authors {
		authors, at = append(authors, key.author), append(at, key.partition)
		last, numbers = append(last, to.last), append(numbers, to.number)
	}
	batch := &pgx.Batch{}
	batch.Queue(`UPDATE head SET newest = moved.newest
		FROM unnest($1::integer[], $2::bigint[]) AS moved (partition, newest)
		WHERE head.partition = moved.partition`, partitions, newest)
	batch.Queue(`INSERT INTO author (author, partition, last, number)
		SELECT author, partition, last, number
		FROM unnest($1::uuid[], $2::integer[], $3::bigint[], $4::bigint[]) AS moved (author, partition, last, number)
		ON CONFLICT (author, partition) DO UPDATE SET last = excluded.last, number = excluded.number`, authors, at, last, numbers)
	batch.Queue("SELECT pg_notify($1, $2)", channel, encodeNews(partitions, newest))
	batch.Queue("COMMIT")
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("commit %d partitions: %w", len(partitions), err)
	}
	return nil
}

// encodeNews says to which numbers partitions have come: "3:17 4:2". It is far
// below the 8000 bytes of a notification for partitionsMax.
func encodeNews(partitions []int32, newest []uint64) string {
	var b strings.Builder
	for i, p := range partitions {
		fmt.Fprintf(&b, "%d:%d ", p, newest[i])
	}
	return b.String()
}

// decodeNews reads what encodeNews wrote, as far as it can be read: what is missed
// is found by polling.
func decodeNews(payload string) map[int32]uint64 {
	news := map[int32]uint64{}
	for word := range strings.FieldsSeq(payload) {
		partition, newest, _ := strings.Cut(word, ":")
		p, err := strconv.ParseUint(partition, 10, 31)
		if err != nil {
			continue
		}
		if n, err := strconv.ParseUint(newest, 10, 64); err == nil {
			news[int32(p)] = n //nolint:gosec // of 31 bits
		}
	}
	return news
}
