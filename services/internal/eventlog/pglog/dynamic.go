package pglog

import "fmt"

// The tables of entries are named by segment, so their SQL cannot be written down
// once. This file is the only one that puts names into SQL, and they are numbers.

// entryTable is the table of a segment.
func entryTable(segment int32) string { return fmt.Sprintf("entry_%d", segment) }

// createEntries makes the table of a segment. Nothing is ever updated or deleted
// there, so there is nothing to vacuum before the table is dropped.
func createEntries(segment int32) string {
	return fmt.Sprintf(`CREATE TABLE %s (
		partition integer NOT NULL,
		number    bigint NOT NULL,
		frame     bytea NOT NULL,
		PRIMARY KEY (partition, number)
	) WITH (autovacuum_vacuum_insert_threshold = -1, toast.autovacuum_vacuum_insert_threshold = -1)`, entryTable(segment))
}

// keepFrames says that frames are compressed already: no second try. Postgres 15
// does not take it with the table.
func keepFrames(segment int32) string {
	return fmt.Sprintf("ALTER TABLE %s ALTER COLUMN frame SET STORAGE EXTERNAL", entryTable(segment))
}

func dropEntries(segment int32) string { return "DROP TABLE " + entryTable(segment) }

// copyEntries takes rows of partition, number, frame in the binary format.
func copyEntries(segment int32) string {
	return fmt.Sprintf("COPY %s (partition, number, frame) FROM STDIN (FORMAT binary)", entryTable(segment))
}

// readEntries gives what follows number $2 of partition $1: at most $3 entries,
// and of them those before which fewer than $4 bytes stand. The sizes are known
// without reading the frames.
func readEntries(segment int32) string {
	return fmt.Sprintf(`SELECT number, frame FROM (
		SELECT number, frame, sum(octet_length(frame)) OVER (ORDER BY number) - octet_length(frame) AS before
		FROM %s WHERE partition = $1 AND number > $2 ORDER BY number LIMIT $3
	) AS following WHERE before < $4 ORDER BY number`, entryTable(segment))
}
