package app_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/standalone/processtest"
)

// podsMade is the cluster's own count, of all its time.
const podsMade = `fairlead_executor_pods_created_total{executor="one"} %d`

// TestPausedLeader: the leading scheduler is stopped with SIGSTOP when it has decided
// to start twenty jobs and its entries are on their way to the log. Its sessions end,
// as when a network gives it up; the other takes over and runs the jobs. Then it wakes:
// its entries are stored, behind the fence, and the log says OK to it. No job has a
// second pod, by the cluster's own count, and both schedulers go on. What would happen
// without the rules is shown by the twins in scheduler/internal/lead (docs/failures.md).
func TestPausedLeader(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short: it builds five programs")
	}
	in := newBed(t)
	schedulers := []*processtest.Service{in.start("scheduler-1", ""), in.start("scheduler-2", "")}
	submit := in.start("submit", "")
	in.ready(append(schedulers, submit)...)
	user := in.dial(submit.GRPC)
	user.createQueue(t)
	const jobs = 20
	user.submit(t, jobs)
	paused, heir := schedulers[0], schedulers[1]
	if heir.Shows(t.Context(), "fairlead_scheduler_leading 1") {
		paused, heir = heir, paused
	}

	db := in.connect()
	held := db.holdHeads()
	executor := in.start("executor", fmt.Sprintf("name: one\nschedulers: [%q, %q]\nsimulated: {nodes: [{name: node, count: 2, resources: {cpu: \"8\", memory: 8Gi, ephemeral-storage: 1Ti}}]}",
		schedulers[0].GRPC, schedulers[1].GRPC))
	in.ready(executor) // and with it there is room for jobs
	appender := db.waitingAppender()
	if err := paused.Pause(); err != nil {
		t.Fatal(err)
	}
	db.end("its appender", appender)
	db.end("its lock", db.leader())
	held()

	comesToShow(t, heir, "fairlead_scheduler_leading 1")
	comesToShow(t, executor, fmt.Sprintf(podsMade, jobs))
	comesToBeIdle(t, executor)
	if err := paused.Resume(); err != nil {
		t.Fatal(err)
	}
	comesToShow(t, paused, "fairlead_scheduler_terms_total 1")
	in.ready(paused)
	comesToShow(t, heir, `fairlead_scheduler_entries_dropped_total{reason="closed"}`)
	user.submit(t, 1)
	comesToShow(t, executor, fmt.Sprintf(podsMade, jobs+1))
	comesToBeIdle(t, executor)
	if !executor.Shows(t.Context(), fmt.Sprintf(podsMade, jobs+1)) || !heir.Shows(t.Context(), "fairlead_scheduler_leading 1") {
		t.Errorf("a job has a second pod, or the heir was deposed; the executor says:\n%s", metrics(t, executor))
	}
	in.stop(append(schedulers, submit, executor)...)
}

// dial is a user of the installation.
func (in *bed) dial(address string) *program {
	in.t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		in.t.Fatal(err)
	}
	in.t.Cleanup(func() { _ = conn.Close() }) // the end
	return &program{conn: conn}
}

// database is the installation's database as somebody who looks after it sees it.
type database struct {
	t    *testing.T
	url  string
	conn *pgx.Conn
}

func (in *bed) connect() *database {
	in.t.Helper()
	db := &database{t: in.t, url: in.Postgres}
	db.conn = db.open()
	return db
}

func (db *database) open() *pgx.Conn {
	db.t.Helper()
	conn, err := pgx.Connect(db.t.Context(), db.url)
	if err != nil {
		db.t.Fatal(err)
	}
	db.t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(db.t.Context())) })
	return conn
}

// holdHeads lets nobody append to the log until it is released.
func (db *database) holdHeads() (release func()) {
	db.t.Helper()
	conn := db.open()
	tx, err := conn.Begin(db.t.Context())
	if err != nil {
		db.t.Fatal(err)
	}
	if _, err := tx.Exec(db.t.Context(), "SELECT FROM log.head FOR UPDATE"); err != nil {
		db.t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(db.t.Context()); err != nil {
			db.t.Fatal(err)
		}
	}
}

// waitingAppender waits until somebody's append waits for the heads, and returns its
// session.
func (db *database) waitingAppender() int {
	db.t.Helper()
	return db.session(`SELECT pid FROM pg_stat_activity
		WHERE datname = current_database() AND application_name = 'fairlead log appender' AND wait_event_type = 'Lock'`)
}

// leader is the session that holds the leader lock.
func (db *database) leader() int {
	db.t.Helper()
	key := uint64(postgres.LockKey("scheduler", "leader")) //nolint:gosec // its bits
	return db.session(fmt.Sprintf(`SELECT pid FROM pg_locks JOIN pg_database d ON d.oid = database
		WHERE datname = current_database() AND locktype = 'advisory' AND granted AND classid = %d AND objid = %d`, key>>32, key&0xffffffff))
}

// session waits until a query finds a session.
func (db *database) session(query string) (pid int) {
	db.t.Helper()
	found := func() bool { return db.conn.QueryRow(db.t.Context(), query).Scan(&pid) == nil }
	if !eventually(db.t, found) {
		db.t.Fatalf("no session is found by %s", query)
	}
	return pid
}

func (db *database) end(whose string, pid int) {
	db.t.Helper()
	var done bool
	if err := db.conn.QueryRow(db.t.Context(), "SELECT pg_terminate_backend($1)", pid).Scan(&done); err != nil || !done {
		db.t.Fatalf("end the session of %s: %t, %v", whose, done, err)
	}
}

// eventually waits until something is so; false: it is not in time.
func eventually(t *testing.T, is func() bool) bool {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(upWithin)
	for !is() {
		select {
		case <-late:
			return false
		case <-tick.C:
		}
	}
	return true
}

// comesToShow waits until a line stands in the program's metrics; one that ends with
// its labels, with any number but 0.
func comesToShow(t *testing.T, p *processtest.Service, line string) {
	t.Helper()
	shows := func() bool { return p.Shows(t.Context(), line) }
	if strings.HasSuffix(line, "}") {
		shows = func() bool {
			text := "\n" + metrics(t, p)
			return strings.Contains(text, "\n"+line+" ") && !strings.Contains(text, "\n"+line+" 0\n")
		}
	}
	if !eventually(t, shows) {
		t.Fatalf("%s does not show %s:\n%s", p.Name, line, metrics(t, p))
	}
}

// comesToBeIdle waits until an executor holds no run.
func comesToBeIdle(t *testing.T, p *processtest.Service) {
	t.Helper()
	for _, phase := range []string{"leased", "pending", "running", "ended", "releasing"} {
		comesToShow(t, p, fmt.Sprintf("fairlead_executor_runs{executor=\"one\",phase=%q} 0", phase))
	}
}

func metrics(t *testing.T, p *processtest.Service) string {
	t.Helper()
	_, text := p.Get(t.Context(), "/metrics")
	return text
}
