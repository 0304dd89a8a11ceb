package postgres_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgtest"
)

// stepClock is a clock that each look at it moves on by step.
func stepClock(step time.Duration) func() time.Time {
	var looks atomic.Int64
	return func() time.Time { return time.Unix(0, 0).Add(time.Duration(looks.Add(1)) * step) }
}

// counts gives how many observations each series of a histogram has, by its
// labels but the schema.
func counts(t *testing.T, reg *prometheus.Registry, name string) map[string]uint64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]uint64{}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, metric := range family.GetMetric() {
			all[labels(metric)] = metric.GetHistogram().GetSampleCount()
		}
	}
	return all
}

func labels(metric *dto.Metric) string {
	var values []string
	for _, label := range metric.GetLabel() { // sorted by name
		if label.GetName() != "schema" {
			values = append(values, label.GetValue())
		}
	}
	return strings.Join(values, " ")
}

func TestQueriesAreMeasuredByName(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	pool := open(t, postgres.Config{URL: pgtest.URL(t), Schema: "test"}, postgres.Deps{Registerer: reg, Now: stepClock(time.Millisecond)})
	exec(t, pool, "CREATE SCHEMA test")
	exec(t, pool, "CREATE TABLE a (n int)")
	exec(t, pool, "-- name: PutNumber :exec\nINSERT INTO a VALUES ($1)", 1)
	exec(t, pool, "-- name: PutNumber :exec\nINSERT INTO a VALUES ($1)", 2)
	exec(t, pool, "SELECT n FROM a")
	if _, err := pool.Exec(t.Context(), "DELETE FROM nowhere"); err == nil {
		t.Fatal("deleted from a table that is not there")
	}
	if _, err := pool.CopyFrom(t.Context(), pgx.Identifier{"a"}, []string{"n"}, pgx.CopyFromRows([][]any{{3}})); err != nil {
		t.Fatal(err)
	}
	batch := &pgx.Batch{}
	batch.Queue("INSERT INTO a VALUES (4)")
	batch.Queue("INSERT INTO a VALUES (5)")
	if err := pool.SendBatch(t.Context(), batch).Close(); err != nil {
		t.Fatal(err)
	}
	got := counts(t, reg, "fairlead_postgres_query_seconds")
	for series, want := range map[string]uint64{
		"ok PutNumber": 2, "ok select": 1, "error delete": 1, "ok copy": 1, "ok batch": 1, "ok other": 2,
	} {
		if got[series] != want {
			t.Errorf("%q has %d observations, want %d (all: %v)", series, got[series], want, got)
		}
	}
	if counts(t, reg, "fairlead_postgres_connect_seconds")["ok"] == 0 || counts(t, reg, "fairlead_postgres_acquire_seconds")["ok"] == 0 {
		t.Error("connections or waits for them are not measured")
	}
}

func TestPoolsOfOneRegistererShareTheirMetrics(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	database := pgtest.URL(t)
	for range 2 {
		pool := open(t, postgres.Config{URL: database, Schema: "test"}, postgres.Deps{Registerer: reg, Now: stepClock(time.Millisecond)})
		exec(t, pool, "SELECT 1")
	}
	if got := counts(t, reg, "fairlead_postgres_query_seconds")["ok select"]; got != 2 {
		t.Errorf("select has %d observations, want 2", got)
	}
}

func TestSlowQueriesAreWarningsWithoutArguments(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zapcore.DebugLevel)
	deps := postgres.Deps{Log: zap.New(core), Now: stepClock(2 * time.Second)} // everything takes 2 seconds
	pool := open(t, postgres.Config{URL: pgtest.URL(t), Schema: "test", SlowQuery: time.Second}, deps)
	exec(t, pool, "-- name: Ask :one\nSELECT $1::text", "hunter2")
	slow := logs.FilterMessage("slow query").FilterField(zap.String("query", "Ask")).All()
	if len(slow) != 1 || slow[0].Level != zapcore.WarnLevel {
		t.Fatalf("slow queries in the log: %v, want one warning", slow)
	}
	for _, entry := range logs.All() {
		for key, field := range entry.ContextMap() {
			if text, ok := field.(string); ok && strings.Contains(text, "hunter2") {
				t.Errorf("the log shows an argument in %s: %s", key, text)
			}
		}
	}
}

func TestQuickQueriesAreLoggedAtDebug(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zapcore.DebugLevel)
	pool := open(t, postgres.Config{URL: pgtest.URL(t), Schema: "test"}, postgres.Deps{Log: zap.New(core), Now: stepClock(time.Millisecond)})
	exec(t, pool, "-- name: Ask :one\nSELECT 1")
	entries := logs.FilterField(zap.String("query", "Ask")).All()
	if len(entries) != 1 || entries[0].Level != zapcore.DebugLevel {
		t.Errorf("entries = %v, want one at debug", entries)
	}
}
