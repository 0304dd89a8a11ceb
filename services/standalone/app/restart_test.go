package app_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/fairlead-batch/fairlead/proto/gen/api"
	corev1 "github.com/fairlead-batch/fairlead/proto/gen/k8s.io/api/core/v1"
	"github.com/fairlead-batch/fairlead/proto/gen/k8s.io/apimachinery/pkg/api/resource"
)

// TestKilled: the process is killed with SIGKILL while jobs wait and run, three
// times over. Each time the next start goes on: nothing that was acknowledged is
// lost, every job comes to its end, and the stream has every event once, in the
// order of a life.
func TestKilled(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short: it starts an embedded database four times")
	}
	binary := build(t)
	data := dataDir(t)
	const rounds, each = 3, 40
	var ids []string
	for range rounds {
		p := startBinary(t, binary, data)
		if len(ids) == 0 {
			p.createQueue(t)
		}
		ids = append(ids, p.submit(t, each)...)
		p.await(t, "running", each/4) // some run, and most of them wait: the cluster has 8 cores
		p.kill(t)
	}
	p := startBinary(t, binary, data)
	lives := p.awaitEnds(t, len(ids))
	for _, id := range ids {
		checkLife(t, id, lives[id])
	}
	p.kill(t)
}

// checkLife wants the events of a job to be those of a life: in order, each once,
// with one end.
func checkLife(t *testing.T, id string, life []string) {
	t.Helper()
	story := strings.Join(life, " ")
	switch story {
	case "submitted queued leased pending running succeeded",
		"submitted queued leased pending running failed",
		"submitted queued leased pending failed":
	default:
		t.Errorf("job %s: %s", id, story)
	}
}

// build makes the binary.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fairlead-standalone")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "../cmd/fairlead-standalone").CombinedOutput()
	if err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}

// dataDir is a folder that the database's own user can enter, too.
func dataDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "fairlead-killed-") //nolint:usetesting // t.TempDir is closed to other users
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // see above
		t.Fatal(err)
	}
	return dir
}

type program struct {
	cmd    *exec.Cmd
	conn   *grpc.ClientConn
	events api.EventClient
}

func startBinary(t *testing.T, binary, data string) *program {
	t.Helper()
	config := filepath.Join(t.TempDir(), "config.yaml")
	text := "clusters: [{name: local, nodes: [{name: node, count: 2, resources: {cpu: \"4\", memory: 8Gi, ephemeral-storage: 1Ti}}]}]\nfsync: false\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), binary, "serve", "--config", config, "--data-dir", data)
	cmd.Env = append(os.Environ(), "FAIRLEAD__GRPC__ADDRESS=127.0.0.1:0", "FAIRLEAD__HTTP__ADDRESS=127.0.0.1:0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = cmd.Wait()
		t.Fatalf("it did not start: %v\n%s", err, said.String())
	}
	address, _, _ := strings.Cut(strings.TrimPrefix(line, "Fairlead is up: gRPC on "), ",")
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	return &program{cmd: cmd, conn: conn, events: api.NewEventClient(conn)}
}

func (p *program) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.cmd.Wait() // it was killed
	if err := p.conn.Close(); err != nil {
		t.Fatal(err)
	}
}

func (p *program) createQueue(t *testing.T) {
	t.Helper()
	if _, err := api.NewSubmitClient(p.conn).CreateQueue(t.Context(), &api.Queue{Name: "q", PriorityFactor: 1}); err != nil {
		t.Fatal(err)
	}
}

// submit submits so many jobs and returns their ids, which are acknowledged.
func (p *program) submit(t *testing.T, n int) []string {
	t.Helper()
	amounts := map[string]*resource.Quantity{"cpu": {String_: new("500m")}, "memory": {String_: new("64Mi")}}
	request := &api.JobSubmitRequest{Queue: "q", JobSetId: "s"}
	for range n {
		request.JobRequestItems = append(request.JobRequestItems, &api.JobSubmitRequestItem{
			Namespace: "default",
			PodSpecs: []*corev1.PodSpec{{Containers: []*corev1.Container{{
				Name: new("main"), Image: new("alpine:3.20.0"), Command: []string{"sh", "-c"}, Args: []string{"sleep 1"},
				Resources: &corev1.ResourceRequirements{Requests: amounts, Limits: amounts},
			}}}},
		})
	}
	answer, err := api.NewSubmitClient(p.conn).SubmitJobs(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]string, n)
	for i, item := range answer.GetJobResponseItems() {
		ids[i] = item.GetJobId()
	}
	return ids
}

// watch gives every event of the job set from its beginning, as job and kind.
func (p *program) watch(t *testing.T, each func(id, kind string) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	stream, err := p.events.GetJobSetEvents(ctx, &api.JobSetRequest{Queue: "q", Id: "s", Watch: true})
	if err != nil {
		t.Fatal(err)
	}
	for {
		m, err := stream.Recv()
		if err != nil {
			t.Fatalf("watch: %v", err)
		}
		message := m.GetMessage().ProtoReflect()
		field := message.WhichOneof(message.Descriptor().Oneofs().ByName("events"))
		event := message.Get(field).Message()
		id := event.Get(event.Descriptor().Fields().ByName("job_id")).String()
		if !each(id, string(field.Name())) {
			return
		}
	}
}

// await waits until so many jobs were said to be of a kind.
func (p *program) await(t *testing.T, kind string, n int) {
	t.Helper()
	seen := map[string]bool{}
	p.watch(t, func(id, k string) bool {
		if k == kind {
			seen[id] = true
		}
		return len(seen) < n
	})
}

// awaitEnds waits until so many jobs have ended, and returns what each was said to be.
func (p *program) awaitEnds(t *testing.T, n int) map[string][]string {
	t.Helper()
	lives, ended := map[string][]string{}, 0
	p.watch(t, func(id, kind string) bool {
		lives[id] = append(lives[id], kind)
		if kind == "succeeded" || kind == "failed" {
			ended++
		}
		return ended < n
	})
	if len(lives) != n {
		t.Fatalf("%d jobs have events, %d were acknowledged", len(lives), n)
	}
	return lives
}
