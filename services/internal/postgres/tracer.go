package postgres

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// loggedSQLMax is how many bytes of a statement are logged.
const loggedSQLMax = 300

// tracer is what pgx tells about queries, copies, batches, connections and waits
// for them. It logs statements and never their arguments. Safe for concurrent use.
type tracer struct {
	schema    string
	slowQuery time.Duration
	log       *zap.Logger
	metrics   metrics
	now       func() time.Time // nil: nothing is measured
}

var (
	_ pgx.QueryTracer       = (*tracer)(nil)
	_ pgx.BatchTracer       = (*tracer)(nil)
	_ pgx.CopyFromTracer    = (*tracer)(nil)
	_ pgx.ConnectTracer     = (*tracer)(nil)
	_ pgxpool.AcquireTracer = (*tracer)(nil)
)

func newTracer(cfg Config, deps Deps) (*tracer, error) {
	metrics, err := newMetrics(deps.Registerer)
	if err != nil {
		return nil, err
	}
	log := deps.Log
	if log == nil {
		log = zap.NewNop()
	}
	return &tracer{
		schema: cfg.Schema, slowQuery: cfg.SlowQuery, metrics: metrics, now: deps.Now,
		log: log.With(zap.String("schema", cfg.Schema)),
	}, nil
}

// traced is what the end of a call needs of its beginning.
type traced struct {
	name  string // of the query, see queryName
	sql   string
	began time.Time
}

// Each kind of call has a key of its own: a wait for a connection encloses the
// connecting, and a batch encloses its queries.
type (
	queryKey   struct{}
	batchKey   struct{}
	copyKey    struct{}
	connectKey struct{}
	acquireKey struct{}
)

func (t *tracer) begin(ctx context.Context, key any, call traced) context.Context {
	if t.now != nil {
		call.began = t.now()
	}
	return context.WithValue(ctx, key, call)
}

// end observes the call that key began, and returns it. took is 0 if nothing was
// measured.
func (t *tracer) end(ctx context.Context, key any, into func(call traced) prometheus.Observer) (call traced, took time.Duration) {
	call, _ = ctx.Value(key).(traced)
	if t.now == nil || call.began.IsZero() {
		return call, 0
	}
	took = t.now().Sub(call.began)
	into(call).Observe(took.Seconds())
	return call, took
}

func outcome(err error) string {
	if err != nil {
		return "error"
	}
	return "ok"
}

// finish ends a call that sent statements, and logs it.
func (t *tracer) finish(ctx context.Context, key any, rows int64, err error) {
	call, took := t.end(ctx, key, func(call traced) prometheus.Observer {
		return t.metrics.query.WithLabelValues(t.schema, call.name, outcome(err))
	})
	level, message := zapcore.DebugLevel, "query"
	if t.slowQuery > 0 && took > t.slowQuery {
		level, message = zapcore.WarnLevel, "slow query"
	}
	if entry := t.log.Check(level, message); entry != nil {
		entry.Write(zap.String("query", call.name), zap.String("sql", shortened(call.sql)),
			zap.Duration("took", took), zap.Duration("slow_query", t.slowQuery), zap.Int64("rows", rows), zap.Error(err))
	}
}

// TraceQueryStart is pgx.QueryTracer's.
func (t *tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	return t.begin(ctx, queryKey{}, traced{name: queryName(data.SQL), sql: data.SQL})
}

// TraceQueryEnd is pgx.QueryTracer's.
func (t *tracer) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	t.finish(ctx, queryKey{}, data.CommandTag.RowsAffected(), data.Err)
}

// TraceBatchStart is pgx.BatchTracer's. A batch counts as one query.
func (t *tracer) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	call := traced{name: "batch"}
	if len(data.Batch.QueuedQueries) > 0 {
		call.sql = data.Batch.QueuedQueries[0].SQL
	}
	return t.begin(ctx, batchKey{}, call)
}

// TraceBatchQuery is pgx.BatchTracer's. What a query of a batch took says little.
func (t *tracer) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd is pgx.BatchTracer's.
func (t *tracer) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchEndData) {
	t.finish(ctx, batchKey{}, 0, data.Err)
}

// TraceCopyFromStart is pgx.CopyFromTracer's. Tables are no labels: there is a
// new one for each segment and each day.
func (t *tracer) TraceCopyFromStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceCopyFromStartData) context.Context {
	return t.begin(ctx, copyKey{}, traced{name: "copy", sql: "copy " + data.TableName.Sanitize()})
}

// TraceCopyFromEnd is pgx.CopyFromTracer's.
func (t *tracer) TraceCopyFromEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceCopyFromEndData) {
	t.finish(ctx, copyKey{}, data.CommandTag.RowsAffected(), data.Err)
}

// TraceConnectStart is pgx.ConnectTracer's.
func (t *tracer) TraceConnectStart(ctx context.Context, _ pgx.TraceConnectStartData) context.Context {
	return t.begin(ctx, connectKey{}, traced{})
}

// TraceConnectEnd is pgx.ConnectTracer's.
func (t *tracer) TraceConnectEnd(ctx context.Context, data pgx.TraceConnectEndData) {
	_, took := t.end(ctx, connectKey{}, func(traced) prometheus.Observer {
		return t.metrics.connect.WithLabelValues(t.schema, outcome(data.Err))
	})
	t.log.Debug("connect", zap.Duration("took", took), zap.Error(data.Err))
}

// TraceAcquireStart is pgxpool.AcquireTracer's.
func (t *tracer) TraceAcquireStart(ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireStartData) context.Context {
	return t.begin(ctx, acquireKey{}, traced{})
}

// TraceAcquireEnd is pgxpool.AcquireTracer's.
func (t *tracer) TraceAcquireEnd(ctx context.Context, _ *pgxpool.Pool, data pgxpool.TraceAcquireEndData) {
	t.end(ctx, acquireKey{}, func(traced) prometheus.Observer {
		return t.metrics.acquire.WithLabelValues(t.schema, outcome(data.Err))
	})
}

// queryName is the name that sqlc writes before a query ("-- name: LeaseJobs
// :many"), else its first word if that is a known one: so there are as many
// labels as names in the code.
func queryName(sql string) string {
	if rest, found := strings.CutPrefix(sql, "-- name: "); found {
		if name, _, found := strings.Cut(rest, " "); found {
			return name
		}
	}
	word, _, _ := strings.Cut(strings.TrimSpace(sql), " ")
	switch word = strings.ToLower(word); word {
	case "select", "insert", "update", "delete", "with", "begin", "commit", "rollback", "copy", "listen", "notify":
		return word
	}
	return "other"
}

func shortened(sql string) string {
	if len(sql) <= loggedSQLMax {
		return sql
	}
	return strings.ToValidUTF8(sql[:loggedSQLMax], "") + "..."
}
