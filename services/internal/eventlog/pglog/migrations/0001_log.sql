-- A log's tables. Partitions are numbered in one row of integers here: 0 is
-- control, n+1 is events/n. Entries stand in tables of their own, a table a
-- segment, entry_<segment.id>; they are made and dropped by the program.

-- What the log is. One row, written when it is made and never changed; it is
-- locked by whoever changes segments or holds.
CREATE TABLE log (
    only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    incarnation bigint NOT NULL CHECK (incarnation BETWEEN 1 AND 4294967295),
    partitions  integer NOT NULL CHECK (partitions > 0)
);

-- Where each partition ends. Whoever appends holds the rows of his partitions,
-- locked in ascending order, until his commit: so numbers have no gap and become
-- visible in order. Half empty pages keep the updates within their page.
CREATE TABLE head (
    partition integer PRIMARY KEY,
    newest    bigint NOT NULL CHECK (newest >= 0),
    segment   integer NOT NULL
) WITH (fillfactor = 50);

-- The last sequence of an author in a partition, moved together with its entries:
-- what settles a commit of unknown outcome. number is that entry's, so that the
-- row can go when the entry has gone.
CREATE TABLE author (
    author    uuid NOT NULL,
    partition integer NOT NULL,
    last      bigint NOT NULL,
    number    bigint NOT NULL,
    PRIMARY KEY (author, partition)
) WITH (fillfactor = 50);

-- The tables of entries. after holds, for each partition of the stream, the
-- number of the last entry before the segment. opened_at is when Trim opened the
-- segment, or first saw it; the last segment of a stream is not sealed.
CREATE TABLE segment (
    id        integer PRIMARY KEY,
    stream    text NOT NULL CHECK (stream IN ('control', 'events')),
    after     bigint[] NOT NULL,
    opened_at timestamptz,
    sealed_at timestamptz
);

-- What consumers keep: everything behind a number.
CREATE TABLE hold (
    consumer  text NOT NULL,
    partition integer NOT NULL,
    after     bigint NOT NULL,
    PRIMARY KEY (consumer, partition)
);
