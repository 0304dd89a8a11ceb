package pgtest

import (
	"context"
	"crypto/rand"
	"io/fs"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairlead-batch/fairlead/services/internal/postgres"
)

const (
	// connectionsMax is of the pool of one test: enough for a few goroutines that
	// wait for each other, and a hundred such tests at once fit one server.
	connectionsMax = 4

	// dropTimeout bounds the removal of what a test made.
	dropTimeout = 20 * time.Second
)

// Schema returns a pool on a schema that is the test's own, migrated with
// migrations (nil: an empty schema). Pool and schema are gone when the test and
// its subtests have ended.
func Schema(t testing.TB, migrations fs.FS) *pgxpool.Pool {
	t.Helper()
	server := startedServer(t)
	schema := uniqueName()
	pool, err := postgres.Open(t.Context(),
		postgres.Config{URL: server, Schema: schema, ConnectionsMax: connectionsMax}, postgres.Deps{})
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		pool.Close()
		execute(t, server, "DROP SCHEMA IF EXISTS "+pgx.Identifier{schema}.Sanitize()+" CASCADE")
	})
	if migrations == nil {
		execute(t, server, "CREATE SCHEMA "+pgx.Identifier{schema}.Sanitize())
		return pool
	}
	if _, err := postgres.Migrate(t.Context(), pool, migrations); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	return pool
}

// URL returns the URL of a database that is the test's own, empty, with a user
// who may do anything in it. It is dropped when the test and its subtests have
// ended, together with connections to it that are still open.
func URL(t testing.TB) string {
	t.Helper()
	server := startedServer(t)
	u, err := url.Parse(server)
	if err != nil {
		t.Fatalf("pgtest: %s must be a URL: %v", URLEnv, err)
	}
	database := uniqueName()
	execute(t, server, "CREATE DATABASE "+pgx.Identifier{database}.Sanitize())
	t.Cleanup(func() {
		execute(t, server, "DROP DATABASE IF EXISTS "+pgx.Identifier{database}.Sanitize()+" WITH (FORCE)")
	})
	u.Path = "/" + database
	return u.String()
}

func startedServer(t testing.TB) string {
	t.Helper()
	server, err := serverURL()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	return server
}

// uniqueName tells tests of all processes apart that share a server.
func uniqueName() string { return "test_" + strings.ToLower(rand.Text()) }

// execute runs one statement on a connection of its own. It is also called after
// the test, when its context is done.
func execute(t testing.TB, server, sql string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), dropTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	defer func() { _ = conn.Close(ctx) }() // what matters is done by then
	if _, err := conn.Exec(ctx, sql); err != nil {
		t.Fatalf("pgtest: %s: %v", sql, err)
	}
}
