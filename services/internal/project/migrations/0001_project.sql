-- How far each projection has read each partition of the log, moved in one
-- transaction with the rows made of it. stream and number name the partition, at
-- is a position and gate the gate's own binary form.
CREATE TABLE project_places (
	projection text     NOT NULL,
	stream     smallint NOT NULL CHECK (stream IN (1, 2)),
	number     integer  NOT NULL CHECK (number >= 0),
	at         bytea    NOT NULL CHECK (length(at) = 24),
	gate       bytea    NOT NULL,
	PRIMARY KEY (projection, stream, number)
) WITH (fillfactor = 50); -- rewritten many times a second: room for it on the same page

-- Entries that could not be decoded. Nothing reads them but people.
CREATE TABLE project_parked (
	projection text        NOT NULL,
	stream     smallint    NOT NULL,
	number     integer     NOT NULL,
	at         bytea       NOT NULL CHECK (length(at) = 24),
	why        text        NOT NULL,
	bytes      bytea       NOT NULL,
	parked_at  timestamptz NOT NULL,
	PRIMARY KEY (projection, stream, number, at)
);

-- Which replica moves a projection. Two for a moment are harmless.
CREATE TABLE project_leases (
	projection text        PRIMARY KEY,
	holder     text        NOT NULL,
	until      timestamptz NOT NULL
);
