package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgtest"
)

func TestTypedNamesTheConstraint(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t, fstest.MapFS{"0001_t.sql": {Data: []byte(`
		CREATE TABLE queues (name text CONSTRAINT queues_pkey PRIMARY KEY);
		CREATE TABLE jobs (
			id int CONSTRAINT jobs_pkey PRIMARY KEY,
			queue text CONSTRAINT jobs_queue REFERENCES queues,
			state text NOT NULL CONSTRAINT jobs_state CHECK (state <> 'lost'),
			span int4range,
			CONSTRAINT jobs_span EXCLUDE USING gist (span WITH &&)
		);
		INSERT INTO queues VALUES ('q');
		INSERT INTO jobs VALUES (1, 'q', 'queued', '[1,5)');`)}})
	tests := map[string]struct {
		sql  string
		want postgres.ConstraintError
	}{
		"unique":            {sql: "INSERT INTO jobs VALUES (1, 'q', 'secret')", want: postgres.ConstraintError{Kind: postgres.Unique, Name: "jobs_pkey", Table: "jobs"}},
		"foreign key":       {sql: "INSERT INTO jobs VALUES (2, 'secret', 'queued')", want: postgres.ConstraintError{Kind: postgres.ForeignKey, Name: "jobs_queue", Table: "jobs"}},
		"foreign key, back": {sql: "DELETE FROM queues", want: postgres.ConstraintError{Kind: postgres.ForeignKey, Name: "jobs_queue", Table: "jobs"}},
		"check":             {sql: "INSERT INTO jobs VALUES (2, 'q', 'lost')", want: postgres.ConstraintError{Kind: postgres.Check, Name: "jobs_state", Table: "jobs"}},
		"not null":          {sql: "INSERT INTO jobs VALUES (2, 'q', NULL)", want: postgres.ConstraintError{Kind: postgres.NotNull, Table: "jobs", Column: "state"}},
		"exclusion":         {sql: "INSERT INTO jobs VALUES (2, 'q', 'queued', '[4,6)')", want: postgres.ConstraintError{Kind: postgres.Exclusion, Name: "jobs_span", Table: "jobs"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := pool.Exec(t.Context(), tc.sql)
			err = postgres.Typed(fmt.Errorf("write job: %w", err))
			var got *postgres.ConstraintError
			if !errors.As(err, &got) {
				t.Fatalf("Typed() = %v, want a ConstraintError", err)
			}
			ignore := []cmp.Option{cmpopts.IgnoreUnexported(postgres.ConstraintError{})}
			if tc.want.Kind == postgres.NotNull { // named since Postgres 18
				ignore = append(ignore, cmpopts.IgnoreFields(postgres.ConstraintError{}, "Name"))
			}
			if diff := cmp.Diff(tc.want, *got, ignore...); diff != "" {
				t.Errorf("ConstraintError (-want +got):\n%s", diff)
			}
			if tc.want.Name != "" && (!postgres.Violates(err, tc.want.Name) || postgres.Violates(err, "another")) {
				t.Errorf("Violates() does not tell %s from another", tc.want.Name)
			}
			if strings.Contains(got.Error(), "secret") {
				t.Errorf("the error shows a value of the row: %v", got)
			}
			if again := postgres.Typed(err); again != err { //nolint:errorlint // the same error is what is asked for
				t.Errorf("Typed() of a typed error = %v, want it as it is", again)
			}
		})
	}
}

func TestTypedLeavesOtherErrorsAlone(t *testing.T) {
	t.Parallel()
	for _, err := range []error{nil, errors.New("ours"), &pgconn.PgError{Code: "42P01"}} {
		if got := postgres.Typed(err); got != err { //nolint:errorlint // the same error is what is asked for
			t.Errorf("Typed(%v) = %v", err, got)
		}
	}
}

func TestUnavailable(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t, nil)
	_, cutOff := pool.Exec(t.Context(), "SELECT pg_terminate_backend(pg_backend_pid())")
	_, refused := pool.Exec(t.Context(), "SELECT FROM nowhere")
	tests := map[string]struct {
		err  error
		want bool
	}{
		"nil":                  {err: nil, want: false},
		"cut off":              {err: cutOff, want: true},
		"a wrong statement":    {err: refused, want: false},
		"starting":             {err: &pgconn.PgError{Code: "57P03"}, want: true},
		"connection exception": {err: &pgconn.PgError{Code: "08006"}, want: true},
		"the caller left":      {err: context.Canceled, want: false},
		"the caller's time":    {err: context.DeadlineExceeded, want: false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := postgres.Unavailable(tc.err); got != tc.want {
				t.Errorf("Unavailable(%v) = %v, want %v", tc.err, got, tc.want)
			}
		})
	}
}
