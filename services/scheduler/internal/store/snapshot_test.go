package store_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgtest"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/lead"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/store"
	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

var update = flag.Bool("update", false, "write golden files again")

// snapshots is what both stores do.
type snapshots interface {
	Load(ctx context.Context) (*lead.Snapshot, error)
	Places(ctx context.Context) (lead.Places, error)
	Save(ctx context.Context, save store.Save) error
	Submitted(ctx context.Context, wanted []lead.EntryRef) ([]store.Submitted, error)
}

// both runs a test against the real store and the one in memory.
func both(t *testing.T, test func(t *testing.T, s snapshots)) {
	t.Helper()
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, store.New(pgtest.Schema(t, store.Migrations()), t.Name()))
	})
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		test(t, store.NewMemory())
	})
}

// everything is a snapshot in which each field of each row says something.
func everything() lead.Snapshot {
	groups := []schedule.Group{{ID: "x"}, {ID: "x/y", Parent: "x", Tier: "host", Label: "l"}}
	at := func(n uint64) eventlog.Position { return eventlog.Position{Incarnation: 1, Entry: n} }
	leased := job.LeasedEvent{
		Head: job.Head{Job: job.ID{3}, Time: 700}, Run: job.RunID{30}, Executor: "east", Node: "n1", Pool: "gpu", Level: 1000,
		After: []job.RunID{{29}}, Attempt: 2, Tolerations: []job.Toleration{{Key: "a", Operator: "Exists", Effect: "NoSchedule"}}, GangLabelValue: "r1",
	}
	failure := job.Failure{
		Cause: job.CauseOutOfMemory, Message: "no memory left", Category: "user", Subcategory: "oom",
		Containers: []job.ContainerEnd{{Name: "main", ExitCode: 137, Reason: "OOMKilled"}}, Pod: job.Pod{Name: "p", Namespace: "default", UID: "u", Node: "n1"},
	}
	shape := &job.Shape{
		Requests: []job.Amount{{Resource: "cpu", Value: 1500}, {Resource: "memory", Value: 1 << 31}}, NodeSelector: []job.Label{{Key: "zone", Value: "a"}},
		NodeAffinity: []job.NodeTerm{{
			Labels: []job.NodeExpression{{Key: "kind", Operator: "In", Values: []string{"x", "y"}}},
			Fields: []job.NodeExpression{{Key: "metadata.name", Operator: "NotIn", Values: []string{"n9"}}},
		}},
		Tolerations: []job.Toleration{{Key: "b", Value: "c", Effect: "NoExecute"}},
	}
	jobs := []lead.JobSnapshot{
		{Job: job.Job{ID: job.ID{1}, State: job.Queued, Priority: 4, Last: 500}, Submitted: 500},
		{
			Job: job.Job{
				ID: job.ID{2}, State: job.Queued, Asked: job.AskedReprioritize | job.AskedCancel, Preemptible: true, Attempts: 1, Priority: 9, Wanted: 3,
				Run: job.Run{ID: job.RunID{20}, State: job.RunReturned}, Last: 900,
			},
			Submitted: 400, Set: 1, Spec: 1, Entry: 1,
			More: &lead.MoreSnapshot{
				Cancel: &lead.AskedSnapshot{By: "ann", Why: "enough"}, Preempt: &lead.AskedSnapshot{By: "bob"},
				Reprioritize: &lead.AskedSnapshot{By: "cem"}, Priority: 3, Tried: []string{"east/n1", "east/n2"}, TriedAt: 890,
				Reserved: &job.ReservedEvent{
					Head: job.Head{Job: job.ID{2}, Time: 800}, Pool: "gpu", Until: 4000,
					Members: []job.ReservedMember{{Job: job.ID{2}, Run: job.RunID{20}, Executor: "east", Node: "n3"}, {Job: job.ID{5}, Executor: "west", Node: "n1"}},
				},
			},
		},
		{
			Job:       job.Job{ID: job.ID{3}, State: job.Failed, Run: job.Run{ID: job.RunID{30}, State: job.RunFailed, Releasing: true}, Last: 800},
			Submitted: 600, Set: 1, Entry: 1,
			More: &lead.MoreSnapshot{Gang: &job.Gang{ID: "g", Cardinality: 2, UniformityLabel: "rack"}, Leased: &leased, Whole: true, End: &failure},
		},
		{Job: job.Job{ID: job.ID{4}, State: job.Queued, Run: job.Run{ID: job.RunID{40}, State: job.RunExpired}, Last: 650}, Submitted: 650, Spec: 1},
	}
	return lead.Snapshot{
		Control: lead.ControlSnapshot{
			At: at(3), Created: &lead.Created{Installation: "01j", Partitions: 2},
			Settings: []lead.Setting{
				{Generation: 7, Deleted: "gone"},
				{Generation: 5, Queue: &lead.Queue{
					Name: "research", Weight: 500_000, Cordoned: true,
					Parent: "team", Quotas: []lead.Quota{{Pool: "gpu", Guarantee: map[string]int64{"cpu": 20_000}, Borrow: map[string]int64{"cpu": 1}, Lend: map[string]int64{"memory": 2}}},
					Limits: []lead.ClassLimit{{Class: "armada-default", Pool: "gpu", Fraction: map[string]int64{"cpu": 250_000, "memory": 1}}},
				}},
			},
		},
		Partitions: []lead.PartitionSnapshot{
			{
				At: at(9), Sets: []lead.SetSnapshot{{Queue: "research", Name: "s1"}, {Queue: "ops", Name: "s2"}},
				Specs:   []lead.SpecSnapshot{{Shape: shape, Class: "armada-default"}, {Shape: &job.Shape{}, Class: "armada-preemptible"}},
				Entries: []eventlog.Position{at(2), at(5)}, Jobs: jobs,
			},
			{At: at(1)},
		},
		Plans: []lead.EpochSnapshot{{Epoch: 4, Next: 2, Plans: []lead.PlanSnapshot{
			{Number: 3, Parts: 2, Seen: []uint32{2}, Leases: []lead.LeaseSnapshot{{Job: job.ID{3}, Run: job.RunID{30}}}},
		}}},
		Round: lead.RoundSnapshot{
			Gangs: []schedule.GangRow{{Gang: schedule.Gang{ID: "g", Queue: "ops", Cardinality: 2, Label: "rack", Tier: "block", Groups: groups}, Ended: 1, Missed: 1}, {
				Gang:  schedule.Gang{ID: "h", Queue: "ops", Cardinality: 5, Min: 2, Want: 4, Groups: []schedule.Group{{ID: "x", Min: 1, Want: 3, Label: "zone"}}},
				Ended: 2, Done: []schedule.DoneRow{{Members: 1}, {Group: "x", Members: 1}},
			}},
			Usage: []lead.UsageSnapshot{{Queue: "ops", Pool: "gpu", Epoch: 59_000_000, Amounts: []lead.UsedAmount{{Resource: "cpu", Hi: 1, Lo: 2}}}},
			Charges: []lead.ChargeSnapshot{{
				Run: job.RunID{7}, Queue: "ops", Pool: "gpu", Amounts: []job.Amount{{Resource: "cpu", Value: 5}, {Resource: "memory", Value: 6}}, Until: 99,
			}},
			Buckets: []schedule.Bucket{{Free: 1234}, {Queue: "ops", Free: 77}},
			Started: []schedule.StartedRow{{Pool: "default", From: 10, Amounts: map[string]int64{"cpu": 3, "memory": 4}}},
		},
	}
}

var alike = cmp.Options{cmpopts.EquateEmpty(), cmp.Comparer(func(a, b eventlog.Gate) bool { return bytes.Equal(a.Bytes(), b.Bytes()) })}

// TestSnapshot: what was saved is what is loaded, to the last field.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s snapshots) {
		t.Helper()
		if none, err := s.Load(t.Context()); err != nil || none != nil {
			t.Fatalf("Load before anything was saved = %v, %v; want none", none, err)
		}
		if places, err := s.Places(t.Context()); err != nil || len(places.Events) > 0 {
			t.Fatalf("Places before anything was saved = %v, %v; want none", places, err)
		}
		want := everything()
		if err := s.Save(t.Context(), store.Save{Snapshot: want}); err != nil {
			t.Fatal(err)
		}
		got, err := s.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&want, got, alike...); diff != "" {
			t.Errorf("loaded differs from saved (-saved +loaded):\n%s", diff)
		}
		places, err := s.Places(t.Context())
		if err != nil || !cmp.Equal(places, lead.PlacesOf(want)) {
			t.Errorf("Places = %v, %v; want %v", places, err, lead.PlacesOf(want))
		}
	})
}

// TestNeverBack: a snapshot that read any partition less far than the stored one is
// refused and changes nothing; the same one again is fine.
func TestNeverBack(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s snapshots) {
		t.Helper()
		at := func(control, first, second uint64) lead.Snapshot {
			return lead.Snapshot{
				Control:    lead.ControlSnapshot{At: eventlog.Position{Entry: control}},
				Partitions: []lead.PartitionSnapshot{{At: eventlog.Position{Entry: first}}, {At: eventlog.Position{Entry: second}}},
			}
		}
		for _, step := range []struct {
			save lead.Snapshot
			want error
		}{
			{at(1, 5, 5), nil},
			{at(1, 5, 5), nil},
			{at(1, 9, 4), store.ErrBehind},
			{at(0, 9, 9), store.ErrBehind},
			{at(1, 5, 6), nil},
			{lead.Snapshot{Partitions: make([]lead.PartitionSnapshot, 3)}, eventlog.ErrPartitions},
		} {
			if err := s.Save(t.Context(), store.Save{Snapshot: step.save}); !errors.Is(err, step.want) {
				t.Fatalf("Save(%v) = %v, want %v", lead.PlacesOf(step.save), err, step.want)
			}
		}
		if places, err := s.Places(t.Context()); err != nil || !cmp.Equal(places, lead.PlacesOf(at(1, 5, 6))) {
			t.Errorf("Places = %v, %v; want those of the last that was taken", places, err)
		}
	})
}

// TestSubmitted: entries come and go with snapshots; one that another replica stored is
// not stored twice, and a snapshot that is refused brings none.
func TestSubmitted(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s snapshots) {
		t.Helper()
		ref := func(n uint64) lead.EntryRef { return lead.EntryRef{Partition: 1, At: eventlog.Position{Entry: n}} }
		entry := func(n uint64) store.Submitted {
			return store.Submitted{Entry: ref(n), Body: bytes.Repeat([]byte{byte(n)}, 100)}
		}
		snapshot := func(n uint64) lead.Snapshot {
			return lead.Snapshot{Partitions: []lead.PartitionSnapshot{{}, {At: eventlog.Position{Entry: n}}}}
		}
		save := func(want error, save store.Save) {
			t.Helper()
			if err := s.Save(t.Context(), save); !errors.Is(err, want) {
				t.Fatalf("Save = %v, want %v", err, want)
			}
		}
		have := func(want ...uint64) {
			t.Helper()
			list, err := s.Submitted(t.Context(), []lead.EntryRef{ref(1), ref(2), ref(3), ref(4)})
			if err != nil {
				t.Fatal(err)
			}
			slices.SortFunc(list, func(a, b store.Submitted) int { return a.Entry.At.Compare(b.Entry.At) })
			var wanted []store.Submitted
			for _, n := range want {
				wanted = append(wanted, entry(n))
			}
			if diff := cmp.Diff(wanted, list); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
		}
		save(nil, store.Save{Snapshot: snapshot(3), Submitted: []store.Submitted{entry(1), entry(2)}})
		have(1, 2)
		save(store.ErrBehind, store.Save{Snapshot: snapshot(2), Submitted: []store.Submitted{entry(3)}, Settled: []lead.EntryRef{ref(1)}})
		have(1, 2)
		save(nil, store.Save{Snapshot: snapshot(5), Submitted: []store.Submitted{entry(2), entry(4)}, Settled: []lead.EntryRef{ref(1), ref(3)}})
		have(2, 4)
	})
}

// TestEncoded: equal snapshots give equal bytes, and a form that was stored once is read
// for ever.
func TestEncoded(t *testing.T) {
	t.Parallel()
	first, err := store.Encode(everything())
	if err != nil {
		t.Fatal(err)
	}
	if second, err := store.Encode(everything()); err != nil || !bytes.Equal(first, second) {
		t.Errorf("a second time it is encoded differently: %v", err)
	}
	golden := filepath.Join("testdata", "snapshot_v1.bin")
	if *update {
		if err := os.WriteFile(golden, store.Pack(everything()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	stored, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	got, err := store.Unpack(stored)
	if err != nil {
		t.Fatal(err)
	}
	want := everything()
	want.Round.Charges, want.Round.Usage, want.Round.Started = nil, nil, nil // they came later
	want.Round.Gangs = want.Round.Gangs[:1]
	want.Round.Gangs[0].Tier, want.Round.Gangs[0].Groups = "", nil
	want.Partitions[0].Jobs[1].More.Reserved, want.Partitions[0].Jobs[1].More.TriedAt = nil, 0
	for _, setting := range want.Control.Settings {
		if setting.Queue != nil {
			setting.Queue.Parent, setting.Queue.Quotas = "", nil // as did they
		}
	}
	if diff := cmp.Diff(&want, got, alike...); diff != "" {
		t.Errorf("%s reads differently (-want +got):\n%s", golden, diff)
	}
}

// TestDamaged: bytes that are no snapshot, or one of a newer program, are refused.
func TestDamaged(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*store.Wire)
		want   error
	}{
		"newer":                {func(w *store.Wire) { w.Partition.Version = 2 }, eventlog.ErrNewer},
		"newer control":        {func(w *store.Wire) { w.Control.Version = 2 }, eventlog.ErrNewer},
		"no version":           {func(w *store.Wire) { w.Partition.Version = 0 }, store.ErrDamaged},
		"a column too short":   {func(w *store.Wire) { w.Partition.Priorities = w.Partition.Priorities[1:] }, store.ErrDamaged},
		"less than it says":    {func(w *store.Wire) { w.Partition.More = nil }, store.ErrDamaged},
		"half a position":      {func(w *store.Wire) { w.Partition.Entries = w.Partition.Entries[1:] }, store.ErrDamaged},
		"a run id of no bytes": {func(w *store.Wire) { w.Partition.More[0].Run.Id = nil }, store.ErrDamaged},
		"half a lease":         {func(w *store.Wire) { w.Control.Plans[0].Plans[0].Leases = []byte{1} }, store.ErrDamaged},
		"a lease that is none": {func(w *store.Wire) { w.Partition.More[1].Leased.Event = nil }, eventlog.ErrNewer},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := store.Reread(everything(), test.change); !errors.Is(err, test.want) {
				t.Errorf("reading it = %v, want %v", err, test.want)
			}
		})
	}
}
