package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/services/internal/kubetest"
	"github.com/fairlead-batch/fairlead/services/standalone/processtest"
)

// kubernetesWithin is how long a test waits for one thing that takes some seconds on an
// idle machine.
const kubernetesWithin = 5 * time.Minute

// longJobs are those of the job set that is cancelled: with the 331 of the examples, 500.
const longJobs = 169

// TestKubernetes: the services as processes over one log in Postgres, and two executors,
// each in a Kubernetes of its own, with the rights of deploy/executor/rbac.yaml and no
// more. The examples run; a job set is cancelled while some of its jobs run and others
// wait; an executor is killed while its pods run, and started again once some of them
// have ended. It is judged by the API servers' own pods, and by the events that a user
// gets.
func TestKubernetes(t *testing.T) {
	t.Parallel()
	sites := []*site{openSite(t, "east"), openSite(t, "west")}
	record := newPodRecord()
	for _, s := range sites {
		record.watch(t, s)
	}
	u := startOnKubernetes(t, sites)
	defer u.tellOfUnfinished(t, record)

	u.submit(t, u.longFile(t))
	u.submit(t, examples("sweep", "fail", "gang", "compete-a", "compete-b")...)
	long := u.sets["research/long"]
	record.await(t, "20 jobs of the job set that is to be cancelled run", func(pods []*witnessed) bool {
		return count(pods, func(w *witnessed) bool { return w.phase == corev1.PodRunning && slices.Contains(long, w.job) }) >= 20
	})
	u.cli(t, "cancel", "--all", "--queue", "research", "--job-set", "long")

	east := func(w *witnessed) bool { return w.site == sites[0] }
	ended := func(w *witnessed) bool { return east(w) && w.phase == corev1.PodSucceeded }
	before := 0
	record.await(t, "pods of cluster east ended, and others run", func(pods []*witnessed) bool {
		before = count(pods, ended)
		return before >= 30 && count(pods, func(w *witnessed) bool { return east(w) && w.live() }) >= 4
	})
	if err := u.executors["east"].Kill(); err != nil {
		t.Fatal(err)
	}
	record.await(t, "a pod ends while its executor is away", func(pods []*witnessed) bool { return count(pods, ended) > before })
	u.in.ready(u.startExecutor(sites[0]))
	// Preemptible jobs get the clusters for themselves, and there is work for three times
	// as long, so what comes then mostly preempts some. Where this machine is so busy that
	// they are over first, it does not, and that is no fault.
	compete := slices.Concat(u.sets["alpha/compete"], u.sets["beta/compete"])
	record.await(t, "the jobs of the queues that compete have run", func(pods []*witnessed) bool {
		return count(pods, func(w *witnessed) bool { return slices.Contains(compete, w.job) && w.phase == corev1.PodSucceeded }) >= len(compete)
	})
	u.submit(t, examples("preempt")...)
	preempt := u.sets["alpha/preempt"]
	record.await(t, "preemptible jobs fill the clusters", func(pods []*witnessed) bool {
		return count(pods, func(w *witnessed) bool { return slices.Contains(preempt, w.job) && w.phase == corev1.PodRunning }) >= 14
	})
	u.submit(t, examples("preempt-urgent")...)

	stories := u.awaitStories(t)
	judge(t, record, stories)
	for _, s := range sites {
		if text := metrics(t, u.executors[s.name]); !strings.Contains(text, fmt.Sprintf("fairlead_executor_reports_unacknowledged{executor=%q} 0\n", s.name)) {
			t.Errorf("executor %s keeps reports that nobody has acknowledged", s.name)
		}
	}
	if text := metrics(t, u.executors["east"]); strings.Contains(text, "fairlead_executor_pods_adopted_total{executor=\"east\"} 0\n") {
		t.Error("the executor that was started again found no pod of the one before it")
	}
	u.in.stop(u.services...)
}

// examples are files of the folder examples.
func examples(names ...string) []string {
	files := make([]string, len(names))
	for i, n := range names {
		files[i] = filepath.Join(kubetest.Root(), "examples", n+".yaml")
	}
	return files
}

// openSite starts a Kubernetes of 64 cores and lets an executor in.
func openSite(t *testing.T, name string) *site {
	t.Helper()
	admin := kubetest.Start(t, "--nodes", "4", "--cpu", "16", "--memory", "64Gi")
	cfg, err := clientcmd.BuildConfigFromFlags("", admin)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{name: name, client: client, kubeconfig: filepath.Join(t.TempDir(), "kubeconfig")}
	s.apply(t, filepath.Join(kubetest.Root(), "deploy", "executor", "rbac.yaml"))
	account, err := client.CoreV1().ServiceAccounts("fairlead").
		CreateToken(t.Context(), "fairlead-executor", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig, err := clientcmd.LoadFromFile(admin)
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig.AuthInfos["admin"] = &clientcmdapi.AuthInfo{Token: account.Status.Token}
	if err := clientcmd.WriteToFile(*kubeconfig, s.kubeconfig); err != nil {
		t.Fatal(err)
	}
	return s
}

// apply makes the objects of a file.
func (s *site) apply(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	core, rbac, made := s.client.CoreV1(), s.client.RbacV1(), metav1.CreateOptions{}
	for document := range strings.SplitSeq(string(text), "\n---\n") {
		object, _, err := scheme.Codecs.UniversalDeserializer().Decode([]byte(document), nil, nil)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		switch o := object.(type) {
		case *corev1.Namespace:
			_, err = core.Namespaces().Create(t.Context(), o, made)
		case *corev1.ServiceAccount:
			_, err = core.ServiceAccounts(o.Namespace).Create(t.Context(), o, made)
		case *rbacv1.ClusterRole:
			_, err = rbac.ClusterRoles().Create(t.Context(), o, made)
		case *rbacv1.ClusterRoleBinding:
			_, err = rbac.ClusterRoleBindings().Create(t.Context(), o, made)
		case *rbacv1.Role:
			_, err = rbac.Roles(o.Namespace).Create(t.Context(), o, made)
		case *rbacv1.RoleBinding:
			_, err = rbac.RoleBindings(o.Namespace).Create(t.Context(), o, made)
		default:
			err = fmt.Errorf("nobody here makes a %T", o)
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
}

// user is somebody with the CLI, and the installation that serves him.
type user struct {
	in         *bed
	schedulers string
	address    string
	fairlead   string
	// executors are those that run, by cluster, and services all processes that are to
	// be stopped, in that order.
	executors map[string]*processtest.Service
	services  []*processtest.Service
	// sets are the jobs that were acknowledged, by "queue/jobset".
	sets map[string][]string
}

func startOnKubernetes(t *testing.T, sites []*site) *user {
	t.Helper()
	in := newBed(t)
	u := &user{in: in, fairlead: filepath.Join(t.TempDir(), "fairlead"), executors: map[string]*processtest.Service{}, sets: map[string][]string{}}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", u.fairlead, "./fairlead")
	build.Dir = filepath.Join(kubetest.Root(), "tools")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build fairlead: %v\n%s", err, out)
	}
	eventapi, lookout := in.start("eventapi", ""), in.start("lookout", "")
	scheduler := in.start("scheduler", "scheduler: {settleAfter: 5s}") // what fits nowhere is rejected soon
	u.schedulers = scheduler.GRPC
	submit := in.start("submit", fmt.Sprintf(`
backends: {eventapi: {target: %q}, lookout: {target: %q}}
routes: {api.Event: eventapi, api.Jobs: lookout, /api.Submit/GetQueueInfo: lookout}
`, eventapi.GRPC, lookout.GRPC))
	u.address = submit.GRPC
	u.services = []*processtest.Service{submit, scheduler, eventapi, lookout}
	for _, s := range sites {
		u.startExecutor(s)
	}
	in.ready(append(slices.Clone(u.services), slices.Collect(maps.Values(u.executors))...)...)
	for _, queue := range [][]string{{"research"}, {"alpha"}, {"beta", "--priority-factor", "2"}} {
		u.cli(t, append([]string{"queue", "create"}, queue...)...)
	}
	return u
}

// startExecutor starts the executor of a cluster.
func (u *user) startExecutor(s *site) *processtest.Service {
	p := u.in.start("executor-"+s.name, fmt.Sprintf("name: %s\nschedulers: [%q]\ncluster: kubernetes\nkubernetes: {kubeconfig: %q, leaseNamespace: fairlead}\n",
		s.name, u.schedulers, s.kubeconfig))
	u.executors[s.name] = p
	return p
}

// cli runs fairlead and returns what it printed.
func (u *user) cli(t *testing.T, args ...string) []byte {
	t.Helper()
	var said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), u.fairlead, append([]string{"--url", u.address}, args...)...)
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("fairlead %s: %v\n%s", strings.Join(args, " "), err, said.String())
	}
	return out
}

// submit submits files and notes which jobs were acknowledged.
func (u *user) submit(t *testing.T, files ...string) {
	t.Helper()
	var sets []struct {
		Queue, JobSetID string
		JobIDs          []string
	}
	if err := json.Unmarshal(u.cli(t, append([]string{"submit", "-o", "json"}, files...)...), &sets); err != nil {
		t.Fatal(err)
	}
	for _, s := range sets {
		u.sets[s.Queue+"/"+s.JobSetID] = s.JobIDs
	}
}

// tellOfUnfinished logs, when the test has failed, where jobs stand whose pods have not
// ended.
func (u *user) tellOfUnfinished(t *testing.T, record *podRecord) {
	t.Helper()
	if !t.Failed() {
		return
	}
	for set, ids := range u.sets {
		for _, id := range ids {
			pods := record.ofJob(id)
			if slices.ContainsFunc(pods, func(w witnessed) bool { return !w.live() }) {
				continue
			}
			out, err := exec.CommandContext(t.Context(), u.fairlead, "--url", u.address, "get", "job", id).CombinedOutput()
			t.Logf("%s, pods %+v: %v\n%s", set, pods, err, out)
		}
	}
	for name, p := range u.executors {
		text := metrics(t, p)
		t.Logf("executor %s shows\n%s", name, strings.Join(regexp.MustCompile(`(?m)^fairlead_executor_.*$`).FindAllString(text, -1), "\n"))
	}
}

// longFile is a job file whose jobs outlast the test.
func (u *user) longFile(t *testing.T) string {
	t.Helper()
	text := `queue: research
jobSetId: long
jobs:
- &job
  namespace: default
  annotations: {sim/run-duration: 30m}
  podSpec:
    terminationGracePeriodSeconds: 0
    containers:
    - {name: main, image: alpine:3.20.0, command: [sleep, "1800"], resources: {requests: {cpu: 1, memory: 64Mi}, limits: {cpu: 1, memory: 64Mi}}}
` + strings.Repeat("- *job\n", longJobs-1)
	file := filepath.Join(t.TempDir(), "long.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// awaitStories watches every job set until all its jobs are over, and returns what each
// job was said to be.
func (u *user) awaitStories(t *testing.T) map[string]string {
	t.Helper()
	conn, err := grpc.NewClient(u.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), kubernetesWithin)
	defer cancel()
	stories := map[string]string{}
	var mu sync.Mutex
	var sets sync.WaitGroup
	for set, ids := range u.sets {
		sets.Go(func() {
			told, err := follow(ctx, api.NewEventClient(conn), set, len(ids))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Errorf("job set %s: %v", set, err)
			}
			for _, id := range ids {
				stories[id] = strings.Join(told[id], " ")
			}
		})
	}
	sets.Wait()
	return stories
}

// follow reads a job set's events until so many jobs are over.
func follow(ctx context.Context, events api.EventClient, set string, jobs int) (map[string][]string, error) {
	queue, name, _ := strings.Cut(set, "/")
	stream, err := events.GetJobSetEvents(ctx, &api.JobSetRequest{Queue: queue, Id: name, Watch: true})
	if err != nil {
		return nil, fmt.Errorf("open stream: %w", err)
	}
	told, over := map[string][]string{}, 0
	for over < jobs {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return told, fmt.Errorf("%d of %d jobs are over: %w", over, jobs, err)
		}
		message := m.GetMessage().ProtoReflect()
		field := message.WhichOneof(message.Descriptor().Oneofs().ByName("events"))
		event := message.Get(field).Message()
		id, kind := event.Get(event.Descriptor().Fields().ByName("job_id")).String(), string(field.Name())
		told[id] = append(told[id], kind)
		if kind == "succeeded" || kind == "failed" || kind == "cancelled" {
			over++
		}
	}
	return told, nil
}

// ending is a life that a job may have here, and what the record must show of the pods of
// one that ended so.
type ending struct {
	name  string
	story *regexp.Regexp
	pods  func(pods []witnessed) bool
}

var endings = []ending{
	{"succeeded", regexp.MustCompile(`^submitted queued leased pending running succeeded$`), func(pods []witnessed) bool {
		return len(pods) == 1 && pods[0].phase == corev1.PodSucceeded
	}},
	{"failed", regexp.MustCompile(`^submitted queued leased pending running failed$`), func(pods []witnessed) bool {
		return len(pods) == 1 && pods[0].phase == corev1.PodFailed
	}},
	{"rejected", regexp.MustCompile(`^submitted queued failed$`), func(pods []witnessed) bool { return len(pods) == 0 }},
	{"cancelled", regexp.MustCompile(`^submitted queued( leased( pending( running)?)?)? cancelling cancelled$`), func(pods []witnessed) bool {
		return len(pods) <= 1 && !slices.ContainsFunc(pods, func(w witnessed) bool { return w.phase == corev1.PodSucceeded || !w.gone })
	}},
	{"preempted", regexp.MustCompile(`^submitted queued leased( pending( running)?)?( preempting)? preempted failed$`), func(pods []witnessed) bool {
		return len(pods) <= 1 && !slices.ContainsFunc(pods, func(w witnessed) bool { return !w.gone })
	}},
}

// judge holds the stories of all jobs against the record.
func judge(t *testing.T, record *podRecord, stories map[string]string) {
	t.Helper()
	record.await(t, "every pod is removed once its end is acknowledged", func(pods []*witnessed) bool {
		return count(pods, func(w *witnessed) bool { return !w.gone }) == 0
	})
	for _, what := range record.violations() {
		t.Error(what)
	}
	tally := map[string]int{}
	for id, story := range stories {
		i := slices.IndexFunc(endings, func(e ending) bool { return e.story.MatchString(story) })
		pods := record.ofJob(id)
		if i < 0 {
			t.Errorf("job %s: %s; pods %+v", id, story, pods)
			continue
		}
		tally[endings[i].name]++
		if !endings[i].pods(pods) {
			t.Errorf("job %s %s; its pods: %+v", id, endings[i].name, pods)
		}
	}
	t.Logf("%d jobs: %v", len(stories), tally)
	if len(stories) != 331+longJobs || tally["rejected"] != 1 || tally["failed"] != 3 || tally["cancelled"] != longJobs {
		t.Errorf("%d jobs came to these ends: %v; want %d, with 1 rejected, 3 failed, %d cancelled", len(stories), tally, 331+longJobs, longJobs)
	}
}
