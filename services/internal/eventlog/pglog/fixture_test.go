package pglog_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog/logtest"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog/pglog"
	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgtest"
)

const partitions = 3

var config = pglog.Config{Partitions: partitions, Retention: time.Hour, SegmentAge: time.Minute}

// process is a log with a pool of its own, as another process has it, and a dialer
// that can lose answers.
type process struct {
	*pglog.Log
	pool  *pgxpool.Pool
	lossy *lossyDialer
	stop  func()
}

// startProcess opens and runs the log of pool's schema. It is stopped when the
// test ends, if it was not before.
func startProcess(t testing.TB, pool *pgxpool.Pool, config pglog.Config) *process {
	t.Helper()
	lossy := &lossyDialer{}
	own := pool.Config()
	own.ConnConfig.DialFunc = lossy.dial
	ownPool, err := pgxpool.NewWithConfig(t.Context(), own)
	if err != nil {
		t.Fatal(err)
	}
	log, err := pglog.Open(t.Context(), ownPool, config, pglog.Deps{})
	if err != nil {
		ownPool.Close()
		t.Fatal(err)
	}
	stopLog := run(t, log)
	p := &process{Log: log, pool: ownPool, lossy: lossy, stop: sync.OnceFunc(func() {
		stopLog()
		ownPool.Close()
	})}
	t.Cleanup(p.stop)
	return p
}

// run runs a log until stop is called or the test ends.
func run(t testing.TB, log *pglog.Log) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() {
		if err := log.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	stop = func() {
		cancel()
		running.Wait()
	}
	t.Cleanup(stop)
	return stop
}

func fixture(t *testing.T) logtest.Fixture {
	t.Helper()
	pool := pgtest.Schema(t, pglog.Migrations())
	first := startProcess(t, pool, config)
	now := time.Unix(1_700_000_000, 0)
	return logtest.Fixture{
		Log:        first,
		Partitions: partitions,
		Crash: func(t *testing.T) eventlog.Log {
			t.Helper()
			first.stop()
			return startProcess(t, pool, config)
		},
		Second: func(t *testing.T) eventlog.Log { t.Helper(); return startProcess(t, pool, config) },
		OpenWith: func(t *testing.T, partitions uint32) error {
			t.Helper()
			other := config
			other.Partitions = partitions
			_, err := pglog.Open(t.Context(), pool, other, pglog.Deps{})
			return err
		},
		Trim: func(t *testing.T) {
			t.Helper()
			// It sees the first segment; it finds it full; its time is over.
			for _, pass := range []time.Duration{0, config.SegmentAge, config.Retention} {
				now = now.Add(pass)
				if err := first.Trim(t.Context(), now); err != nil {
					t.Fatal(err)
				}
			}
		},
		LoseReply: func(_ *testing.T, writes int) { first.lossy.commits.Add(int64(writes)) },
		Pause:     func(t *testing.T) (resume func()) { t.Helper(); return lockHeads(t, pool) },
		Put:       func(t *testing.T, p eventlog.Partition, frame []byte) { t.Helper(); put(t, pool, p, frame) },
	}
}

// lockHeads keeps everybody from appending until resume is called.
func lockHeads(t testing.TB, pool *pgxpool.Pool) (resume func()) {
	t.Helper()
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	resume = sync.OnceFunc(func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) })
	t.Cleanup(resume)
	if _, err := tx.Exec(t.Context(), "SELECT FROM head FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	return resume
}

// put stores bytes as they are.
func put(t testing.TB, pool *pgxpool.Pool, p eventlog.Partition, frame []byte) {
	t.Helper()
	index := int32(0)
	if p.Stream == eventlog.Events {
		index = int32(p.Number) + 1
	}
	err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		var newest int64
		var segment pgx.Identifier = []string{""}
		row := tx.QueryRow(t.Context(), "UPDATE head SET newest = newest + 1 WHERE partition = $1 RETURNING newest, 'entry_' || segment", index)
		if err := row.Scan(&newest, &segment[0]); err != nil {
			return err
		}
		_, err := tx.Exec(t.Context(), "INSERT INTO "+segment.Sanitize()+" (partition, number, frame) VALUES ($1, $2, $3)", index, newest, frame)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// lossyDialer makes connections that lose the server's answer to a COMMIT, as often
// as commits says: the server has committed, and the connection breaks.
type lossyDialer struct{ commits atomic.Int64 }

func (d *lossyDialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &lossyConn{Conn: conn, dialer: d}, nil
}

func (d *lossyDialer) loses() bool {
	for {
		n := d.commits.Load()
		if n == 0 {
			return false
		}
		if d.commits.CompareAndSwap(n, n-1) {
			return true
		}
	}
}

type lossyConn struct {
	net.Conn
	dialer *lossyDialer
}

var errLost = errors.New("the answer is lost")

func (c *lossyConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if bytes.Contains(b[:n], []byte("COMMIT\x00")) && c.dialer.loses() {
		c.Close()
		return 0, errLost
	}
	return n, err
}
