package app_test

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgtest"
	"github.com/fairlead-batch/fairlead/services/standalone/processtest"
)

// upWithin is how long a process may take to be ready, and stopWithin to end.
const (
	upWithin   = 60 * time.Second
	stopWithin = 40 * time.Second
)

// TestBinaries: the services as processes of their own, on one log in one Postgres,
// with two schedulers and an executor that knows both. The unmodified Python client
// sees one Fairlead at submit's port, also after the leading scheduler was killed;
// then every process ends cleanly when it is told to.
func TestBinaries(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short: it builds five programs, and needs Python and, the first time, its package index")
	}
	python := venv(t)
	in := newBed(t)
	eventapi := in.start("eventapi", "")
	lookout := in.start("lookout", "")
	schedulers := []*processtest.Service{in.start("scheduler-1", ""), in.start("scheduler-2", "")}
	executor := in.start("executor", fmt.Sprintf("name: one\nschedulers: [%q, %q]", schedulers[0].GRPC, schedulers[1].GRPC))
	submit := in.start("submit", fmt.Sprintf(`
backends: {eventapi: {target: %q}, lookout: {target: %q}}
routes: {api.Event: eventapi, api.Jobs: lookout, /api.Submit/GetQueueInfo: lookout}
`, eventapi.GRPC, lookout.GRPC))
	all := append(schedulers, eventapi, lookout, executor, submit)
	in.ready(all...)

	// Not query: it reads states right after the stream told them, and lookout, which
	// reads the log by itself, may be a moment behind eventapi.
	in.stories(python, submit.GRPC, "life", "failure", "cancel", "reprioritize", "preempt", "queues", "refusals")
	in.asksLookout(submit.GRPC)
	in.asksREST("http://" + submit.HTTP)
	leader, follower := schedulers[0], schedulers[1]
	if follower.Shows(t.Context(), "fairlead_scheduler_leading 1") {
		leader, follower = follower, leader
	}
	if !leader.Shows(t.Context(), "fairlead_scheduler_leading 1") || !follower.Shows(t.Context(), "fairlead_scheduler_leading 0") {
		t.Fatal("not one of two schedulers leads")
	}
	if err := leader.Kill(); err != nil {
		t.Fatal(err)
	}
	in.stories(python, submit.GRPC, "life")
	if !follower.Shows(t.Context(), "fairlead_scheduler_takeovers_total 1") {
		t.Error("the other scheduler did not take over")
	}
	for _, p := range all {
		if p != leader {
			in.stop(p)
		}
	}
}

// bed is the programs of a Fairlead in a test.
type bed struct {
	processtest.Installation
	t *testing.T
}

func newBed(t *testing.T) *bed {
	t.Helper()
	url := pgtest.URL(t)
	return &bed{t: t, Installation: processtest.Installation{
		Bin: processtest.Build(t), Dir: t.TempDir(), Postgres: url, Log: fmt.Sprintf("{partitions: 4, postgres: {url: %q}}", url),
	}}
}

// start starts a program, which ends with the test.
func (in *bed) start(name, extra string) *processtest.Service {
	in.t.Helper()
	s, err := in.Start(in.t.Context(), name, extra)
	if err != nil {
		in.t.Fatal(err)
	}
	in.t.Cleanup(func() {
		s.Close()
		if in.t.Failed() {
			in.t.Logf("%s said:\n%s", s.Name, s.Said())
		}
	})
	return s
}

// ready waits until programs say that they are, and stop ends them without an error.
func (in *bed) ready(all ...*processtest.Service) {
	in.t.Helper()
	for _, s := range all {
		in.within(upWithin, s.AwaitReady)
	}
}

func (in *bed) stop(all ...*processtest.Service) {
	in.t.Helper()
	for _, s := range all {
		in.within(stopWithin, s.Stop)
	}
}

// within does what may take so long at most.
func (in *bed) within(limit time.Duration, do func(context.Context) error) {
	in.t.Helper()
	ctx, cancel := context.WithTimeout(in.t.Context(), limit)
	defer cancel()
	if err := do(ctx); err != nil {
		in.t.Fatal(err)
	}
}

// stories runs parts of the Python user, all at once.
func (in *bed) stories(python, address string, parts ...string) {
	in.t.Helper()
	var group sync.WaitGroup
	for _, part := range parts {
		group.Go(func() {
			script := filepath.Join("..", "testdata", "python_user.py")
			out, err := exec.CommandContext(in.t.Context(), python, script, address, part).CombinedOutput()
			if err != nil || !strings.HasSuffix(string(out), "ok "+part+"\n") {
				in.t.Errorf("%s: %v\n%s", part, err, out)
			}
		})
	}
	group.Wait()
}

// asksREST asks at submit's port for REST what three services answer.
func (in *bed) asksREST(base string) {
	in.t.Helper()
	u := newRESTUser(in.t, base)
	u.call(http.StatusOK, "POST /v1/queue", `{"name": "rest", "priorityFactor": 2}`)
	u.has(u.call(http.StatusOK, "GET /v1/queue/rest", ""), `"priorityFactor":2`)
	u.has(u.call(http.StatusOK, "GET /v1/queue/rest/info", ""), `"name":"rest"`) // lookout's
	u.has(u.call(http.StatusOK, "POST /v1/job/status", `{"jobIds": ["00000000000000000000000001"]}`), "UNKNOWN")
	u.call(http.StatusNotFound, "POST /v1/job-set/rest/none", `{"errorIfMissing": true}`) // eventapi's
	u.call(http.StatusNotFound, "GET /v1/queue/none", "")
}

// asksLookout asks at submit's port what lookout answers.
func (in *bed) asksLookout(address string) {
	in.t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		in.t.Fatal(err)
	}
	defer conn.Close()
	const nobody = "00000000000000000000000001"
	states, err := api.NewJobsClient(conn).GetJobStatus(in.t.Context(), &api.JobStatusRequest{JobIds: []string{nobody}})
	if err != nil || states.GetJobStates()[nobody] != api.JobState_UNKNOWN {
		in.t.Errorf("status of a job that is not there: %v, error %v", states, err)
	}
	info, err := api.NewSubmitClient(conn).GetQueueInfo(in.t.Context(), &api.QueueInfoRequest{Name: "not-there"})
	if err != nil || info.GetName() != "not-there" {
		in.t.Errorf("queue info: %v, error %v", info, err)
	}
}
