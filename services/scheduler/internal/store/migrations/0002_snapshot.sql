-- The newest snapshot of the scheduler's state: a row for each partition of the log,
-- all of one state and written in one transaction. stream and number name the
-- partition, at is how far it was read and gate the gate's own binary form; body is
-- fairlead.scheduler.v1, packed with zstd.
CREATE TABLE snapshot (
    stream smallint NOT NULL CHECK (stream IN (1, 2)),
    number integer  NOT NULL CHECK (number >= 0),
    at     bytea    NOT NULL CHECK (length(at) = 24),
    gate   bytea    NOT NULL,
    body   bytea    NOT NULL,
    PRIMARY KEY (stream, number)
);

-- It is packed already.
ALTER TABLE snapshot ALTER COLUMN body SET STORAGE EXTERNAL;
