-- What was agreed when the log was made. One row, written before the log's first entry is.
CREATE TABLE installation (
    one_row       boolean  PRIMARY KEY DEFAULT true CHECK (one_row),
    id          text     NOT NULL CHECK (id <> ''),
    incarnation bigint   NOT NULL CHECK (incarnation > 0),
    partitions  integer  NOT NULL CHECK (partitions > 0),
    -- Whether the log is known to hold its first entry.
    recorded    boolean  NOT NULL
);
