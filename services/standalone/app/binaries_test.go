package app_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgtest"
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
	in := &installation{t: t, bin: buildBinaries(t), url: pgtest.URL(t)}
	eventapi := in.start("eventapi", "")
	lookout := in.start("lookout", "")
	schedulers := []*service{in.start("scheduler", ""), in.start("scheduler", "")}
	executor := in.start("executor", fmt.Sprintf("name: one\nschedulers: [%q, %q]", schedulers[0].grpc, schedulers[1].grpc))
	submit := in.start("submit", fmt.Sprintf(`
backends: {eventapi: {target: %q}, lookout: {target: %q}}
routes: {api.Event: eventapi, api.Jobs: lookout, /api.Submit/GetQueueInfo: lookout}
`, eventapi.grpc, lookout.grpc))
	all := append(schedulers, eventapi, lookout, executor, submit)
	for _, p := range all {
		p.becomesReady()
	}

	// Not query: it reads states right after the stream told them, and lookout, which
	// reads the log by itself, may be a moment behind eventapi.
	in.stories(python, submit.grpc, "life", "failure", "cancel", "reprioritize", "preempt", "queues", "refusals")
	in.asksLookout(submit.grpc)
	leader, follower := schedulers[0], schedulers[1]
	if follower.shows("fairlead_scheduler_leading 1") {
		leader, follower = follower, leader
	}
	if !leader.shows("fairlead_scheduler_leading 1") || !follower.shows("fairlead_scheduler_leading 0") {
		t.Fatal("not one of two schedulers leads")
	}
	leader.kill()
	in.stories(python, submit.grpc, "life")
	if !follower.shows("fairlead_scheduler_takeovers_total 1") {
		t.Error("the other scheduler did not take over")
	}
	for _, p := range all {
		if p != leader {
			p.stop()
		}
	}
}

// buildBinaries builds the five programs and gives their folder.
func buildBinaries(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	args := []string{"build", "-o", dir}
	for _, name := range []string{"submit", "scheduler", "executor", "eventapi", "lookout"} {
		args = append(args, "./"+name+"/cmd/"+name)
	}
	build := exec.CommandContext(t.Context(), "go", args...)
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the programs: %v\n%s", err, out)
	}
	return dir
}

// installation is the programs of a Fairlead.
type installation struct {
	t   *testing.T
	bin string
	url string
}

// stories runs parts of the Python user, all at once.
func (in *installation) stories(python, address string, parts ...string) {
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

// asksLookout asks at submit's port what lookout answers.
func (in *installation) asksLookout(address string) {
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

// service is a process of one.
type service struct {
	t         *testing.T
	name      string
	grpc, ops string
	cmd       *exec.Cmd
	said      bytes.Buffer // to be read when it has ended
	ended     chan error
}

// start runs a program with its own ports and schema; extra is what is its alone.
func (in *installation) start(name, extra string) *service {
	in.t.Helper()
	p := &service{t: in.t, name: name, grpc: freeAddress(in.t), ops: freeAddress(in.t), ended: make(chan error, 1)}
	text := fmt.Sprintf("log: {partitions: 4, postgres: {url: %q}}\npostgres: {url: %q}\ngrpc: {address: %q}\nops: {address: %q}\n%s",
		in.url, in.url, p.grpc, p.ops, extra)
	if name == "executor" { // it stands on no database and is called by nobody
		text = fmt.Sprintf("http: {address: %q}\n%s", p.ops, extra)
	}
	file := filepath.Join(in.t.TempDir(), name+".yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		in.t.Fatal(err)
	}
	p.cmd = exec.CommandContext(context.WithoutCancel(in.t.Context()), filepath.Join(in.bin, name), "serve", "--config", file)
	p.cmd.Stdout, p.cmd.Stderr = &p.said, &p.said
	if err := p.cmd.Start(); err != nil {
		in.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { // ends with the process, which the cleanup sees to
		defer close(done)
		p.ended <- p.cmd.Wait()
	}()
	in.t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // unless it has ended
		<-done
		if in.t.Failed() {
			in.t.Logf("%s said:\n%s", p.name, p.said.String())
		}
	})
	return p
}

func freeAddress(t *testing.T) string {
	t.Helper()
	lis, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer lis.Close()
	return lis.Addr().String()
}

// becomesReady waits until the program says that it is.
func (p *service) becomesReady() {
	p.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(upWithin)
	why := ""
	for {
		if code, text := p.get("/readyz"); code == http.StatusNoContent {
			return
		} else if text != "" {
			why = text
		}
		select {
		case err := <-p.ended:
			p.t.Fatalf("%s ended: %v", p.name, err)
		case <-late:
			p.t.Fatalf("%s is not ready: %s", p.name, why)
		case <-tick.C:
		}
	}
}

// get asks the program's port for operators; code 0: it does not answer.
func (p *service) get(path string) (code int, text string) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, "http://"+p.ops+path, http.NoBody)
	if err != nil {
		p.t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(resp.Body); err != nil {
		return 0, ""
	}
	return resp.StatusCode, body.String()
}

// shows says whether a line stands in the program's metrics.
func (p *service) shows(line string) bool {
	_, text := p.get("/metrics")
	return strings.Contains(text, "\n"+line+"\n")
}

// kill ends the program as a crash does.
func (p *service) kill() {
	p.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		p.t.Fatalf("kill %s: %v", p.name, err)
	}
	if err := <-p.ended; err == nil {
		p.t.Errorf("%s had ended before it was killed", p.name)
	}
}

// stop tells the program to end, which it does without an error.
func (p *service) stop() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatalf("stop %s: %v", p.name, err)
	}
	select {
	case err := <-p.ended:
		if err != nil {
			p.t.Errorf("%s ended with %v", p.name, err)
		}
	case <-time.After(stopWithin):
		p.t.Errorf("%s has not ended", p.name)
	}
}
