-- Jobs that something can still happen to, each with its newest run. Rows are
-- updated a few times and then move to job_history, so there is room on the page
-- for their next version, and no index on what changes (but for the run's id).
-- Submit bounds what is indexed far below the 2.7 KB that an index takes.
CREATE TABLE active_jobs (
	id               uuid        PRIMARY KEY,
	queue            text        NOT NULL,
	job_set          text        NOT NULL,
	owner            text        NOT NULL,
	groups           text[],
	namespace        text        NOT NULL,
	class            text        NOT NULL,
	client_id        text,
	external_job_uri text,
	cpu_milli        bigint      NOT NULL,
	memory_bytes     bigint      NOT NULL,
	storage_bytes    bigint      NOT NULL,
	gpus             bigint      NOT NULL,
	labels           jsonb,
	annotations      jsonb,
	services         bytea[],
	ingresses        bytea[],
	spec             uuid        NOT NULL,
	submitted        timestamptz NOT NULL,
	-- From here on a row changes.
	state            text        NOT NULL CHECK (state IN ('queued', 'leased', 'pending', 'running', 'succeeded', 'failed', 'preempted', 'cancelled', 'rejected')),
	priority         bigint      NOT NULL,
	transitioned     timestamptz NOT NULL,
	cancelled        timestamptz,
	cancel_user      text,
	cancel_reason    text,
	error            text,
	runs             uuid[]      NOT NULL,
	-- From here on it is what the next event needs, and the newest run.
	preemptible      boolean     NOT NULL,
	asked            smallint    NOT NULL,
	wanted           bigint      NOT NULL,
	attempts         bigint      NOT NULL,
	last             timestamptz NOT NULL,
	releasing        boolean     NOT NULL,
	run              uuid,
	run_number       integer     NOT NULL,
	executor         text,
	node             text,
	pool             text,
	run_state        text        CHECK (run_state IN ('leased', 'acknowledged', 'pending', 'running', 'succeeded', 'failed', 'preempted', 'cancelled', 'returned', 'expired')),
	leased           timestamptz,
	pending          timestamptz,
	started          timestamptz,
	finished         timestamptz,
	exit_code        integer,
	run_error        text,
	category         text,
	subcategory      text,
	CHECK ((run IS NULL) = (run_state IS NULL))
) WITH (fillfactor = 70);
CREATE INDEX active_jobs_set ON active_jobs (queue, job_set);
CREATE INDEX active_jobs_run ON active_jobs (run) WHERE run IS NOT NULL;
CREATE INDEX active_jobs_uri ON active_jobs (external_job_uri) WHERE external_job_uri IS NOT NULL;

-- Jobs that nothing can happen to any more. Rows are added and never changed.
CREATE TABLE job_history (
	id               uuid        PRIMARY KEY,
	queue            text        NOT NULL,
	job_set          text        NOT NULL,
	owner            text        NOT NULL,
	groups           text[],
	namespace        text        NOT NULL,
	class            text        NOT NULL,
	client_id        text,
	external_job_uri text,
	cpu_milli        bigint      NOT NULL,
	memory_bytes     bigint      NOT NULL,
	storage_bytes    bigint      NOT NULL,
	gpus             bigint      NOT NULL,
	labels           jsonb,
	annotations      jsonb,
	services         bytea[],
	ingresses        bytea[],
	spec             uuid        NOT NULL,
	submitted        timestamptz NOT NULL,
	state            text        NOT NULL CHECK (state IN ('succeeded', 'failed', 'preempted', 'cancelled', 'rejected')),
	priority         bigint      NOT NULL,
	transitioned     timestamptz NOT NULL,
	cancelled        timestamptz,
	cancel_user      text,
	cancel_reason    text,
	error            text,
	runs             uuid[]      NOT NULL
);
CREATE INDEX job_history_uri ON job_history (external_job_uri) WHERE external_job_uri IS NOT NULL;

-- Runs that nothing can happen to any more: those of job_history, and all but the
-- newest of active_jobs. The index is not unique: see view.Run.
CREATE TABLE run_history (
	id          uuid    NOT NULL,
	job         uuid    NOT NULL,
	number      integer NOT NULL,
	executor    text,
	node        text,
	pool        text,
	state       text    NOT NULL CHECK (state IN ('succeeded', 'failed', 'preempted', 'cancelled', 'returned', 'expired')),
	leased      timestamptz,
	pending     timestamptz,
	started     timestamptz,
	finished    timestamptz,
	exit_code   integer,
	error       text,
	category    text,
	subcategory text
);
CREATE INDEX run_history_id ON run_history (id);

-- Pod specs, one for each distinct one of an entry of the log, under the id of the
-- first job that has it. Compressed with zstd before they come here.
CREATE TABLE specs (
	id        uuid     PRIMARY KEY,
	bytes     bytea    NOT NULL,
	resources text[]   NOT NULL,
	amounts   bigint[] NOT NULL
);
ALTER TABLE specs ALTER COLUMN bytes SET STORAGE EXTERNAL;
