-- Requests of which it is not known yet whether the log holds them.
CREATE TABLE claims (
    id           bytea       PRIMARY KEY CHECK (octet_length(id) = 16),
    queue        text        NOT NULL,
    client_ids   text[]      NOT NULL CHECK (client_ids <> '{}'),
    author       bytea       NOT NULL CHECK (octet_length(author) = 16),
    partition    integer     NOT NULL CHECK (partition >= 0),
    after        bytea       NOT NULL CHECK (octet_length(after) = 24),
    job          bytea       NOT NULL CHECK (octet_length(job) = 16),
    made         timestamptz NOT NULL
);
