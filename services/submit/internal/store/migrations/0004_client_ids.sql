-- Which job a client id stands for. It is pending while its claim is there. No foreign key: a claim goes when its jobs
-- are published, and the client ids stay.
CREATE TABLE client_ids (
    queue     text        NOT NULL,
    client_id text        NOT NULL CHECK (client_id <> ''),
    job       bytea       NOT NULL CHECK (octet_length(job) = 16),
    claim     bytea       NOT NULL CHECK (octet_length(claim) = 16),
    made      timestamptz NOT NULL,
    PRIMARY KEY (queue, client_id)
);
