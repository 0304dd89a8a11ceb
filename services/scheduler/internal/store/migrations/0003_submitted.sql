-- The bodies of the entries in which the jobs of the snapshot were submitted, packed
-- with zstd: leases carry what stands in them. A row goes with its last job.
CREATE TABLE submitted (
    number integer NOT NULL CHECK (number >= 0),
    at     bytea   NOT NULL CHECK (length(at) = 24),
    body   bytea   NOT NULL,
    PRIMARY KEY (number, at)
);

ALTER TABLE submitted ALTER COLUMN body SET STORAGE EXTERNAL;
