-- Who writes to the log, one row a start of a process. What an author writes is acknowledged only while its row is
-- open, and its row is closed before anything in the log says so.
CREATE TABLE authors (
    id        bytea       PRIMARY KEY CHECK (octet_length(id) = 16),
    renewed   timestamptz NOT NULL,
    -- When it was closed; NULL while it is open.
    closed    timestamptz,
    -- Whether every partition has been told that it is closed.
    announced boolean     NOT NULL DEFAULT false,
    CHECK (closed IS NOT NULL OR NOT announced)
);
