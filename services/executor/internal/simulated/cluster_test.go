package simulated_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-batch/fairlead/services/executor/internal/clustertest"
	"github.com/fairlead-batch/fairlead/services/executor/internal/lease"
	"github.com/fairlead-batch/fairlead/services/executor/internal/podwire"
	"github.com/fairlead-batch/fairlead/services/executor/internal/simulated"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	clustertest.Run(t, func(t *testing.T) clustertest.Bed {
		t.Helper()
		return newBed(t, simulated.Config{
			Groups: []simulated.Group{{Prefix: "node-", Count: 2, Total: machine}}, StartDelay: 100 * time.Millisecond,
			MissingNamespaces: []string{"invalid-namespace"}, Read: podwire.Read,
		}).conformance()
	})
}

var machine = []job.Amount{{Resource: "cpu", Value: 8000}, {Resource: "memory", Value: 16 << 30}}

// bed steps a cluster, jumping in time to when something happens.
type bed struct {
	t     *testing.T
	c     *simulated.Cluster
	now   lease.Time
	facts []lease.Fact
}

func newBed(t *testing.T, cfg simulated.Config) *bed {
	t.Helper()
	c, err := simulated.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &bed{t: t, c: c, now: lease.Time{Wall: 1}}
}

func (b *bed) do(orders ...lease.Order) { b.facts = append(b.facts, b.c.Step(b.now, orders...)...) }

// take returns the facts so far.
func (b *bed) take() []lease.Fact {
	facts := b.facts
	b.facts = nil
	return facts
}

// pass lets time go by, stopping wherever something happens.
func (b *bed) pass(d time.Duration) {
	end := b.now.Mono + d
	for {
		due, more := b.c.Due()
		if !more || due > end {
			break
		}
		b.now = b.now.Add(max(0, due-b.now.Mono))
		b.do()
	}
	b.now = b.now.Add(end - b.now.Mono)
	b.do()
}

func (b *bed) cause(trouble simulated.Trouble) {
	b.t.Helper()
	if err := b.c.Cause(trouble); err != nil {
		b.t.Fatal(err)
	}
	b.do()
}

func (b *bed) conformance() clustertest.Bed {
	return clustertest.Bed{
		List: func(*testing.T) lease.Listed { b.facts = nil; return b.c.List() },
		Do:   b.do,
		Next: func(t *testing.T) []lease.Fact {
			t.Helper()
			if len(b.facts) == 0 {
				due, more := b.c.Due()
				if !more {
					t.Fatal("nothing will happen any more")
				}
				b.pass(max(0, due-b.now.Mono))
			}
			return b.take()
		},
		Now:       func() time.Duration { return b.now.Mono },
		Namespace: "default",
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
}

// aLease is one for n0 whose pod wants a core and sleeps for ever.
func aLease(n byte, annotations map[string]string) *lease.Lease {
	return &lease.Lease{
		Run: job.RunID{15: n}, Job: job.ID{15: n}, Namespace: "ns", Node: "n0", PodName: "pod-" + string(rune('0'+n)), Annotations: annotations,
	}
}

func create(n byte, annotations map[string]string) lease.Order {
	return lease.CreatePod{Lease: aLease(n, annotations), Before: 1 << 60}
}

func remove(n byte, how lease.Deletion) lease.Order {
	l := aLease(n, nil)
	return lease.DeletePod{Run: l.Run, Pod: job.Pod{Name: l.PodName, Namespace: l.Namespace}, How: how}
}

// oneNode has room for two pods of a core each.
func oneNode() simulated.Config {
	return simulated.Config{
		Groups: []simulated.Group{{Prefix: "n", Count: 1, Total: []job.Amount{{Resource: "cpu", Value: 2000}}}},
		Read: func([]byte) (simulated.Spec, error) {
			return simulated.Spec{
				Containers: []simulated.Container{{Name: "main", Command: []string{"sleep", "infinity"}}},
				Requests:   []job.Amount{{Resource: "cpu", Value: 1000}}, Grace: 30 * time.Second,
			}, nil
		},
		StartDelay: time.Second, StopDelay: 2 * time.Second, RecordsMax: 100,
	}
}

// story is the facts on pods, short: run and what it became.
func story(facts []lease.Fact) (out []string) {
	phases := [...]string{"?", "pending", "running", "succeeded", "failed"}
	for _, f := range facts {
		switch f := f.(type) {
		case lease.Created:
			out = append(out, string('0'+rune(f.Run[15]))+[...]string{"?", " made", " late", " create failed", " refused"}[f.Outcome])
		case lease.Deleted:
			out = append(out, string('0'+rune(f.Run[15]))+[...]string{"?", " deleting", " absent", " delete failed"}[f.Outcome])
		case lease.PodSeen:
			s := string('0'+rune(f.Pod.Run[15])) + " " + phases[f.Pod.Phase] + f.Pod.Reason + f.Pod.Waiting
			if f.Pod.Deleting {
				s += " deleting"
			}
			out = append(out, s)
		case lease.PodGone:
			out = append(out, string('0'+rune(f.Run[15]))+" gone")
		case lease.NodeSeen:
			out = append(out, f.Node.Name+" seen")
		case lease.NodeGone:
			out = append(out, f.Name+" gone")
		case lease.EpochSaved:
			out = append(out, "epoch")
		case lease.Listed:
			out = append(out, "listed")
		}
	}
	return out
}

func (b *bed) expect(want ...string) {
	b.t.Helper()
	if diff := cmp.Diff(want, story(b.take())); diff != "" {
		b.t.Errorf("at %s (-want +got):\n%s", b.now.Mono, diff)
	}
}

// TestRoom: a node refuses what it has no room for, whoever placed it, and has room
// again when a pod ended, not when it began to go.
func TestRoom(t *testing.T) {
	t.Parallel()
	b := newBed(t, oneNode())
	b.do(create(1, map[string]string{"sim/run-duration": "10s"}), create(2, nil), create(3, nil))
	b.expect("1 made", "2 made", "3 made", "3 failedOutOfcpu")
	b.pass(5 * time.Second)
	b.expect("1 running", "2 running")
	b.do(remove(2, lease.Graceful), create(4, nil))
	b.expect("2 deleting", "4 made", "4 failedOutOfcpu")
	b.pass(2 * time.Second)
	b.expect("2 gone")
	b.do(create(5, nil))
	b.pass(4 * time.Second)
	b.expect("5 made", "5 running", "1 succeeded")
	b.do(create(6, nil))
	b.expect("6 made")
}

// TestRoomOfOthers: what others hold is not there, and room follows a change of the
// node with its pods on it.
func TestRoomOfOthers(t *testing.T) {
	t.Parallel()
	b := newBed(t, oneNode())
	b.do(create(1, nil))
	b.take()
	node := b.c.List().Nodes[0]
	node.UsedByOthers = []job.Amount{{Resource: "cpu", Value: 500}}
	b.cause(simulated.NodeChanges{Node: node})
	b.do(create(2, nil))
	b.expect("n0 seen", "2 made", "2 failedOutOfcpu")
	node.UsedByOthers, node.MaxPods, node.PodsOfOthers = nil, 4, 3
	b.cause(simulated.NodeChanges{Node: node})
	b.do(create(3, nil))
	b.expect("n0 seen", "3 made", "3 failedOutOfpods")
}

// TestSlowAndStuck: pods that start late, or never.
func TestSlowAndStuck(t *testing.T) {
	t.Parallel()
	cfg := oneNode()
	cfg.Groups[0].Total[0].Value = 100_000
	b := newBed(t, cfg)
	nowhere := aLease(5, nil)
	nowhere.Node = "no such node"
	b.do(
		create(1, map[string]string{"sim/start-delay": "1m"}), create(2, map[string]string{"sim/stuck-pending": "true"}),
		create(3, map[string]string{"sim/image": "missing"}), create(4, map[string]string{"sim/image": "invalid"}),
		lease.CreatePod{Lease: nowhere, Before: 1 << 60},
	)
	b.expect("1 made", "2 made", "3 made", "3 pendingErrImagePull", "4 made", "4 pendingInvalidImageName", "5 made")
	b.pass(59 * time.Second)
	b.expect()
	b.pass(time.Hour)
	b.expect("1 running")
}

// TestAnnotationsThatAreWrong refuse the pod with a text that helps.
func TestAnnotationsThatAreWrong(t *testing.T) {
	t.Parallel()
	for key, value := range map[string]string{
		"sim/run-duration": "long", "sim/exit-code": "300", "sim/start-delay": "-1s", "sim/stuck-pending": "maybe", "sim/image": "nice",
	} {
		b := newBed(t, oneNode())
		b.do(create(1, map[string]string{key: value}))
		f, ok := b.take()[0].(lease.Created)
		if !ok || f.Outcome != lease.CreateRefused {
			t.Fatalf("%s=%s gives %+v, want CreateRefused", key, value, f)
		}
		if want := "annotation " + key + ": \"" + value + "\" is not "; len(f.Err.Error()) <= len(want) || f.Err.Error()[:len(want)] != want {
			t.Errorf("the text is %q, want it to begin with %q", f.Err, want)
		}
	}
}

// TestImages: names that Armada's tests use.
func TestImages(t *testing.T) {
	t.Parallel()
	for image, want := range map[string]string{
		"alpine:3.20.0":                       "1 running",
		"alpine":                              "1 running",
		"registry.example/Team/app@sha256:0":  "1 running",
		"some-non-existing-image:1.2.3":       "1 pendingErrImagePull",
		"r.example/some-non-existing-image:1": "1 pendingErrImagePull",
		"Not A Name":                          "1 pendingInvalidImageName",
	} {
		cfg := oneNode()
		cfg.Read = func([]byte) (simulated.Spec, error) {
			return simulated.Spec{Containers: []simulated.Container{{Name: "main", Image: image, Command: []string{"sleep", "9"}}}}, nil
		}
		b := newBed(t, cfg)
		b.do(create(1, nil))
		b.pass(2 * time.Second)
		if got := story(b.take()); !slices.Equal(got, []string{"1 made", want}) {
			t.Errorf("image %q: %v, want %q", image, got, want)
		}
	}
}

// TestNodeDies: nothing moves on it any more, and its pods go by force alone.
func TestNodeDies(t *testing.T) {
	t.Parallel()
	b := newBed(t, oneNode())
	b.do(create(1, map[string]string{"sim/run-duration": "10s"}), create(2, nil))
	b.pass(2 * time.Second)
	b.take()
	b.cause(simulated.NodeDies{Name: "n0"})
	b.pass(time.Hour)
	b.expect("n0 gone")
	b.do(remove(1, lease.Graceful))
	b.pass(time.Hour)
	b.expect("1 deleting", "1 running deleting")
	b.do(remove(1, lease.Forced), remove(2, lease.Forced))
	b.expect("1 deleting", "1 gone", "2 deleting", "2 gone")
	if err := b.c.Cause(simulated.NodeDies{Name: "n0"}); !errors.Is(err, simulated.ErrNoSuch) {
		t.Errorf("a node that died dies: %v", err)
	}
	for _, r := range b.c.Records() {
		if r.Ended != 1+job.Time(2*time.Second) || r.Phase != lease.PodFailed {
			t.Errorf("record %+v, want it ended with its node at 2s", r)
		}
	}
}

// TestPodTrouble: pods that are ended or removed from outside.
func TestPodTrouble(t *testing.T) {
	t.Parallel()
	b := newBed(t, oneNode())
	b.do(create(1, nil), create(2, nil))
	b.pass(2 * time.Second)
	b.take()
	b.cause(simulated.PodDies{Run: job.RunID{15: 1}, Reason: "Evicted"})
	b.cause(simulated.PodVanishes{Run: job.RunID{15: 2}})
	evicted := b.take()
	if diff := cmp.Diff([]string{"1 failedEvicted", "2 gone"}, story(evicted)); diff != "" {
		t.Errorf("trouble (-want +got):\n%s", diff)
	}
	if !evicted[0].(lease.PodSeen).Pod.Ran {
		t.Error("a pod that was evicted while it ran is said not to have run")
	}
	for _, trouble := range []simulated.Trouble{simulated.PodDies{Run: job.RunID{15: 1}}, simulated.PodVanishes{Run: job.RunID{15: 2}}} {
		if err := b.c.Cause(trouble); !errors.Is(err, simulated.ErrNoSuch) {
			t.Errorf("%+v, once more: %v", trouble, err)
		}
	}
	b.do(create(3, nil))
	b.pass(2 * time.Second)
	b.take()
	b.cause(simulated.PodDies{Run: job.RunID{15: 3}, ExitCode: 9})
	p := b.take()[0].(lease.PodSeen).Pod
	if want := []job.ContainerEnd{{Name: "main", ExitCode: 9, Reason: "Error"}}; !slices.Equal(p.Ends, want) {
		t.Errorf("ends %+v, want %+v", p.Ends, want)
	}
}

// TestCallsFail: calls that fail, and some that worked all the same.
func TestCallsFail(t *testing.T) {
	t.Parallel()
	b := newBed(t, oneNode())
	b.cause(simulated.CallsFail{Creates: 1, Deletes: 1, Epochs: 1})
	b.do(create(1, nil), remove(1, lease.Graceful), lease.SaveEpoch{Epoch: 4})
	b.expect("1 create failed", "1 absent", "epoch")
	if got := b.c.List(); len(got.Pods) != 0 || got.Epoch != 0 {
		t.Errorf("%+v, want that nothing was done", got)
	}
	b.cause(simulated.CallsFail{Creates: 1, Epochs: 1, Hidden: true})
	b.do(create(1, nil), lease.SaveEpoch{Epoch: 4})
	b.expect("1 create failed", "epoch")
	if got := b.c.List(); len(got.Pods) != 1 || got.Epoch != 4 {
		t.Errorf("%+v, want that it was done", got)
	}
	b.cause(simulated.CallsFail{Deletes: 1})
	b.do(remove(1, lease.Graceful), remove(1, lease.Graceful))
	b.expect("1 delete failed", "1 deleting", "1 gone")
}

// TestFactsComeLate: everything is told in the end, in order.
func TestFactsComeLate(t *testing.T) {
	t.Parallel()
	b := newBed(t, oneNode())
	b.cause(simulated.FactsComeLate{For: time.Minute})
	b.do(create(1, map[string]string{"sim/run-duration": "10s"}))
	b.pass(59 * time.Second)
	b.expect()
	b.pass(time.Second)
	b.expect("1 made", "1 running", "1 succeeded")
	b.do(remove(1, lease.Graceful))
	b.expect("1 deleting", "1 gone")
}

// TestRecords: what a test judges by.
func TestRecords(t *testing.T) {
	t.Parallel()
	cfg := oneNode()
	cfg.RecordsMax = 3
	b := newBed(t, cfg)
	b.do(create(1, map[string]string{"sim/run-duration": "3s"}), create(2, nil))
	b.pass(10 * time.Second)
	b.do(remove(2, lease.Graceful), create(3, map[string]string{"sim/stuck-pending": "true"}))
	b.pass(10 * time.Second)
	b.do(remove(3, lease.Graceful), create(4, nil))
	at := func(s int) job.Time { return 1 + job.Time(s)*job.Time(time.Second) }
	want := []simulated.Record{
		{Run: job.RunID{15: 1}, Job: job.ID{15: 1}, Node: "n0", Name: "pod-1", Created: at(0), Started: at(1), Ended: at(4), Phase: lease.PodSucceeded},
		{Run: job.RunID{15: 2}, Job: job.ID{15: 2}, Node: "n0", Name: "pod-2", Created: at(0), Started: at(1), Ended: at(12), Phase: lease.PodRunning, Gone: at(12)},
		{Run: job.RunID{15: 3}, Job: job.ID{15: 3}, Node: "n0", Name: "pod-3", Created: at(10), Ended: at(20), Phase: lease.PodPending, Gone: at(20)},
	}
	if diff := cmp.Diff(want, b.c.Records()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestConfigurations that make no cluster.
func TestConfigurations(t *testing.T) {
	t.Parallel()
	for name, groups := range map[string][]simulated.Group{
		"two of a name": {{Prefix: "n", Count: 11}, {Prefix: "n1", Count: 1}},
		"too many":      {{Prefix: "n", Count: simulated.NodesMax}, {Prefix: "m", Count: 1}},
		"below zero":    {{Prefix: "n", Count: -1}},
	} {
		if _, err := simulated.New(simulated.Config{Groups: groups}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
