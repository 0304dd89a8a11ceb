package journal_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fairlead-batch/fairlead/services/executor/internal/clustertest"
	"github.com/fairlead-batch/fairlead/services/executor/internal/journal"
	"github.com/fairlead-batch/fairlead/services/executor/internal/lease"
	"github.com/fairlead-batch/fairlead/services/executor/internal/podwire"
	"github.com/fairlead-batch/fairlead/services/executor/internal/simulated"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// bed is a cluster with its file, and processes that come and go. Each has a
// monotonic clock of its own, from zero.
type bed struct {
	t     *testing.T
	cfg   journal.Config
	inner *simulated.Cluster
	c     *journal.Cluster
	now   lease.Time
	facts []lease.Fact
	// caused says that something happened that the file does not know.
	caused bool
}

func newBed(t *testing.T) *bed {
	t.Helper()
	b := &bed{t: t, now: lease.Time{Wall: job.Time(time.Hour)}, cfg: journal.Config{
		Path: filepath.Join(t.TempDir(), "journal"), Cluster: "two nodes", BytesMax: 1 << 20,
	}}
	b.start()
	t.Cleanup(func() { _ = b.c.Close() })
	return b
}

func aCluster(t *testing.T) *simulated.Cluster {
	t.Helper()
	machine := []job.Amount{{Resource: "cpu", Value: 8000}, {Resource: "memory", Value: 16 << 30}}
	c, err := simulated.New(simulated.Config{
		Groups: []simulated.Group{{Prefix: "node-", Count: 2, Total: machine}}, StartDelay: 100 * time.Millisecond,
		MissingNamespaces: []string{"invalid-namespace"}, Read: podwire.Read, RecordsMax: 100,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (b *bed) start() {
	b.t.Helper()
	b.inner = aCluster(b.t)
	var err error
	if b.c, err = journal.Open(b.cfg, b.inner, time.Unix(0, int64(b.now.Wall))); err != nil {
		b.t.Fatal(err)
	}
}

// restart is a kill and a start, some time later.
func (b *bed) restart(away time.Duration) lease.Listed {
	b.t.Helper()
	_ = b.c.Close()
	b.now = lease.Time{Wall: b.now.Wall + job.Time(away)}
	b.facts = nil
	b.start()
	return b.c.List()
}

func (b *bed) do(orders ...lease.Order) { b.facts = append(b.facts, b.c.Step(b.now, orders...)...) }

// next lets time go by until there is something to tell.
func (b *bed) next(t *testing.T) []lease.Fact {
	t.Helper()
	for len(b.facts) == 0 {
		due, more := b.c.Due()
		if !more {
			t.Fatal("nothing will happen any more")
		}
		b.now = b.now.Add(max(0, due-b.now.Mono))
		b.do()
	}
	facts := b.facts
	b.facts = nil
	return facts
}

func (b *bed) cause(trouble simulated.Trouble) {
	b.t.Helper()
	b.caused = true
	if err := b.inner.Cause(trouble); err != nil {
		b.t.Fatal(err)
	}
	b.do()
}

// TestConformance: it is a cluster, also where each List is that of another process.
func TestConformance(t *testing.T) {
	t.Parallel()
	clustertest.Run(t, func(t *testing.T) clustertest.Bed {
		t.Helper()
		b := newBed(t)
		return clustertest.Bed{
			List: func(t *testing.T) lease.Listed {
				t.Helper()
				if b.caused {
					b.facts = nil
					return b.c.List()
				}
				return b.restart(time.Millisecond)
			},
			Do: b.do, Next: b.next, Now: func() time.Duration { return b.now.Mono }, Namespace: "default",
			Remove: func(t *testing.T, pod job.Pod) {
				t.Helper()
				for _, p := range b.c.List().Pods {
					if p.Pod == pod {
						b.cause(simulated.PodVanishes{Run: p.Run})
					}
				}
			},
			LoseNode: func(t *testing.T, name string) { t.Helper(); b.cause(simulated.NodeDies{Name: name}) },
		}
	})
}

// aLease is one of a pod that runs for a minute.
func aLease(n byte) *lease.Lease {
	return &lease.Lease{
		Run: job.RunID{15: n}, Job: job.ID{15: n}, Namespace: "default", Node: "node-0", PodName: "pod-" + string(rune('0'+n)),
		Annotations: map[string]string{"sim/run-duration": "1m"}, Labels: map[string]string{"a": "b"},
		Spec: []byte{0x12, 0x06, 0x0a, 0x04, 'm', 'a', 'i', 'n'}, Gang: job.Gang{ID: "g", Cardinality: 2},
		Tolerations: []job.Toleration{{Key: "k"}}, Requests: []job.Amount{{Resource: "cpu", Value: 1}}, After: []job.RunID{{1}},
	}
}

func create(n byte) lease.Order { return lease.CreatePod{Lease: aLease(n), Before: 1 << 60} }

// TestPodsLiveOn: pods go on while no executor is there, the epoch stays, and the
// records of the file alone are those of the process that saw all of it.
func TestPodsLiveOn(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.do(lease.SaveEpoch{Epoch: 3}, create(1))
	b.now = b.now.Add(30 * time.Second)
	b.do(create(2))
	listed := b.restart(20 * time.Second)
	if listed.Epoch != 3 || len(listed.Pods) != 2 || listed.Pods[0].Run != aLease(1).Run {
		t.Fatalf("after a restart: %+v", listed)
	}
	for _, p := range listed.Pods {
		if p.Phase != lease.PodRunning {
			t.Errorf("pod %s is in phase %d, want it running", p.Name, p.Phase)
		}
	}
	// The first ended at 60.1 s, and now it is 65.
	if pods := b.restart(15 * time.Second).Pods; pods[0].Phase != lease.PodSucceeded || pods[1].Phase != lease.PodRunning {
		t.Errorf("pods %+v, want the first over and the second running", pods)
	}
	b.do(lease.DeletePod{Run: aLease(1).Run, Pod: job.Pod{Name: "pod-1", Namespace: "default"}, How: lease.Graceful})
	b.now = b.now.Add(time.Hour)
	b.do()

	again := aCluster(t)
	if err := journal.Replay(b.cfg, again, time.Unix(0, int64(b.now.Wall))); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.inner.Records(), again.Records()); diff != "" {
		t.Errorf("records of the file (-process +file):\n%s", diff)
	}
	begun, at := job.Time(time.Hour), func(d time.Duration) job.Time { return job.Time(time.Hour + d) }
	want := []simulated.Record{
		{
			Run: aLease(1).Run, Job: aLease(1).Job, Node: "node-0", Name: "pod-1", Created: begun, Started: at(100 * time.Millisecond),
			Ended: at(60*time.Second + 100*time.Millisecond), Phase: lease.PodSucceeded, Gone: at(65 * time.Second),
		},
		{
			Run: aLease(2).Run, Job: aLease(2).Job, Node: "node-0", Name: "pod-2", Created: at(30 * time.Second),
			Started: at(30*time.Second + 100*time.Millisecond), Ended: at(90*time.Second + 100*time.Millisecond), Phase: lease.PodSucceeded,
		},
	}
	if diff := cmp.Diff(want, again.Records(), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

// TestWindowEnds: the end of a start window is on the clock of the process that
// ordered.
func TestWindowEnds(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.do(create(1))
	b.now = b.now.Add(time.Hour)
	b.do(create(2))
	b.restart(time.Hour)
	b.now.Mono = 7 * time.Second
	b.do(lease.CreatePod{Lease: aLease(3), Before: 6 * time.Second}, lease.CreatePod{Lease: aLease(4), Before: 8 * time.Second})
	got := map[job.RunID]lease.CreateOutcome{}
	for _, f := range b.facts {
		if f, ok := f.(lease.Created); ok {
			got[f.Run] = f.Outcome
		}
	}
	want := map[job.RunID]lease.CreateOutcome{{15: 3}: lease.CreateLate, {15: 4}: lease.CreateMade}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestHalfALine: what a kill cut short had no effect, and what follows is whole.
func TestHalfALine(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.do(create(1))
	b.do(create(2))
	_ = b.c.Close()
	whole, err := os.ReadFile(b.cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(b.cfg.Path, whole[:len(whole)-10], 0o600); err != nil {
		t.Fatal(err)
	}
	if pods := b.restart(0).Pods; len(pods) != 1 {
		t.Fatalf("%d pods, want the first", len(pods))
	}
	b.do(create(3))
	if pods := b.restart(0).Pods; len(pods) != 2 || pods[1].Run != aLease(3).Run {
		t.Errorf("pods %+v, want the first and the third", pods)
	}
}

// TestRefused: files that are not ours, broken, or in use.
func TestRefused(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.do(create(1))
	if _, err := journal.Open(b.cfg, aCluster(t), time.Now()); err == nil || !strings.Contains(err.Error(), "another process has it") {
		t.Errorf("a file in use: error %v", err)
	}
	_ = b.c.Close()
	other := b.cfg
	other.Cluster = "three nodes"
	if _, err := journal.Open(other, aCluster(t), time.Now()); !errors.Is(err, journal.ErrOther) || !strings.Contains(err.Error(), "line 1: ") {
		t.Errorf("another cluster: error %v", err)
	}
	whole, err := os.ReadFile(b.cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		string(whole) + "{}\nnonsense\n":             "line 4: ",
		string(whole) + `{"Orders":[{}]}` + "\n":     "line 3: order 0 is none that is known",
		`{"Version":9,"Cluster":"two nodes"}` + "\n": "line 1: it is of version 9",
	} {
		if err := os.WriteFile(b.cfg.Path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := journal.Open(b.cfg, aCluster(t), time.Now()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
}

// TestFull: at the limit orders fail, and have no effect.
func TestFull(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.do(create(1))
	size, err := os.Stat(b.cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	b.cfg.BytesMax = size.Size()
	b.restart(0)
	b.do(create(2), lease.SaveEpoch{Epoch: 9}, lease.DeletePod{Run: aLease(1).Run, Pod: job.Pod{Name: "pod-1", Namespace: "default"}})
	if len(b.facts) != 3 {
		t.Fatalf("facts %+v, want an answer to each order", b.facts)
	}
	created, saved, deleted := b.facts[0].(lease.Created), b.facts[1].(lease.EpochSaved), b.facts[2].(lease.Deleted)
	if created.Outcome != lease.CreateFailed || saved.Err == nil || deleted.Outcome != lease.DeleteFailed ||
		!strings.Contains(created.Err.Error(), "the journal of the simulated cluster is full") {
		t.Errorf("facts %+v", b.facts)
	}
	if listed := b.c.List(); len(listed.Pods) != 1 || listed.Epoch != 0 {
		t.Errorf("%+v, want that nothing was done", listed)
	}
}
