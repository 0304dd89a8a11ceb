-- What the job sets were told: one row for each entry of the log and job set, or
-- several where that is large, cut by day so that old ones are dropped whole.
CREATE TABLE told (
	-- Days since 1970-01-01 of the newest fact, never going back within a partition
	-- of the log.
	day     integer NOT NULL,
	-- The first 16 bytes of the SHA-256 of queue, NUL, job set.
	job_set bytea   NOT NULL CHECK (length(job_set) = 16),
	-- Where the entry stands, and the index of the row's first message.
	at      bytea   NOT NULL CHECK (length(at) = 24),
	first   bigint  NOT NULL,
	-- Encoded messages, each behind its length, packed.
	body    bytea   NOT NULL,
	PRIMARY KEY (job_set, at, first, day)
) PARTITION BY RANGE (day);

-- What is kept of unfinished jobs, moved with the position.
CREATE TABLE jobs (
	id     bytea   PRIMARY KEY CHECK (length(id) = 16),
	-- The partition of the log that the job's facts are in.
	number integer NOT NULL,
	kept   bytea   NOT NULL
) WITH (fillfactor = 70); -- rewritten with each fact: room for it on the same page

-- The last entry of each partition of the log that has rows in a day.
CREATE TABLE days (
	number integer NOT NULL,
	day    integer NOT NULL,
	last   bytea   NOT NULL CHECK (length(last) = 24),
	PRIMARY KEY (number, day)
) WITH (fillfactor = 50);

-- Up to where rows were dropped.
CREATE TABLE forgotten (
	number integer PRIMARY KEY,
	at     bytea   NOT NULL CHECK (length(at) = 24)
);
