package api_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/testing/protocmp"

	pb "github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/submit/internal/admit"
)

// full is a queue with everything set but owners.
func full(name string) *pb.Queue {
	return &pb.Queue{
		Name: name, PriorityFactor: 3, Cordoned: true, Labels: map[string]string{"k": "v"}, RetryPolicies: []string{"r"},
		ResourceLimits: map[string]float64{"cpu": 0.5}, LabelsDeprecated: []string{"old"}, //nolint:staticcheck // given back as sent
		Permissions: []*pb.Queue_Permissions{{Subjects: []*pb.Queue_Permissions_Subject{{Kind: "Group", Name: "g"}}, Verbs: []string{"submit", "dance"}}},
		ResourceLimitsByPriorityClassName: map[string]*pb.PriorityClassResourceLimits{
			"empty": {},
			"both": {
				MaximumResourceFraction:       map[string]float64{"cpu": 0.25},
				MaximumResourceFractionByPool: map[string]*pb.PriorityClassPoolResourceLimits{"p": {MaximumResourceFraction: map[string]float64{"memory": 1}}},
			},
			"pool": {MaximumResourceFractionByPool: map[string]*pb.PriorityClassPoolResourceLimits{"p": {}}},
		},
	}
}

func (b *bed) get(name string) *pb.Queue {
	b.t.Helper()
	q, err := b.queues.GetQueue(b.t.Context(), &pb.QueueGetRequest{Name: name})
	if err != nil {
		b.t.Fatal(err)
	}
	return q
}

func wantQueue(t *testing.T, want, got *pb.Queue) {
	t.Helper()
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("queue (-want +got):\n%s", diff)
	}
}

func allVerbs(kind string, names ...string) *pb.Queue_Permissions {
	p := &pb.Queue_Permissions{Verbs: []string{"submit", "cancel", "preempt", "reprioritize", "watch"}}
	for _, name := range names {
		p.Subjects = append(p.Subjects, &pb.Queue_Permissions_Subject{Kind: kind, Name: name})
	}
	return p
}

func TestQueueLife(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	_, err := b.queues.GetQueue(t.Context(), &pb.QueueGetRequest{Name: "q"})
	wantError(t, err, codes.NotFound, `could not find queue "q"`)
	_, err = b.queues.UpdateQueue(t.Context(), full("q"))
	wantError(t, err, codes.NotFound, `could not find queue "q"`)
	b.createQueue("q")
	_, err = b.submit.CreateQueue(t.Context(), full("q"))
	wantError(t, err, codes.AlreadyExists, `queue "q" already exists`)
	wantQueue(t, &pb.Queue{Name: "q", PriorityFactor: 1, Permissions: []*pb.Queue_Permissions{allVerbs("User", "anonymous")}}, b.get("q"))

	// An update stores exactly what was sent: no owner is added.
	if _, err := b.queues.UpdateQueue(t.Context(), full("q")); err != nil {
		t.Fatal(err)
	}
	wantQueue(t, full("q"), b.get("q"))
	if _, err := b.queues.UncordonQueue(t.Context(), &pb.QueueUncordonRequest{Name: "q"}); err != nil {
		t.Fatal(err)
	}
	want := full("q")
	want.Cordoned = false
	wantQueue(t, want, b.get("q"))
	if _, err := b.queues.CordonQueue(t.Context(), &pb.QueueCordonRequest{Name: "q"}); err != nil {
		t.Fatal(err)
	}
	wantQueue(t, full("q"), b.get("q"))
	for range 2 { // the second time there is nothing to delete
		if _, err := b.submit.DeleteQueue(t.Context(), &pb.QueueDeleteRequest{Name: "q"}); err != nil {
			t.Fatal(err)
		}
	}
	_, err = b.queues.CordonQueue(t.Context(), &pb.QueueCordonRequest{Name: "q"})
	wantError(t, err, codes.NotFound, `could not find queue "q"`)

	// Each answer came after the others could read the change.
	var told []string
	for _, body := range b.bodies(eventlog.Control) {
		for _, s := range body.Settings {
			if s.QueueSet != nil {
				told = append(told, fmt.Sprint(s.Generation, " set ", s.QueueSet.PriorityFactor, " ", s.QueueSet.Cordoned))
			} else {
				told = append(told, fmt.Sprint(s.Generation, " deleted ", s.QueueDeleted))
			}
		}
	}
	if diff := cmp.Diff([]string{"1 set 1 false", "2 set 3 true", "3 set 3 false", "4 set 3 true", "5 deleted q"}, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

// A change that could not be told is not stored either, so that its repeat works.
func TestQueueIsNotChangedWhileNothingCanBePublished(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.away = fault.NewUnavailable("starting")
	_, err := b.queues.CreateQueue(t.Context(), full("q"))
	wantError(t, err, codes.Unavailable, "starting")
	b.away = nil
	if _, err := b.queues.CreateQueue(t.Context(), full("q")); err != nil {
		t.Error(err)
	}
}

func TestQueueOwners(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	for name, tc := range map[string]struct {
		users, groups []string
		want          []*pb.Queue_Permissions_Subject
	}{
		"none":   {want: allVerbs("User", "anonymous").Subjects},
		"users":  {users: []string{"ann"}, want: allVerbs("User", "ann").Subjects},
		"groups": {groups: []string{"ops"}, want: append(allVerbs("User", "anonymous").Subjects, allVerbs("Group", "ops").Subjects...)},
	} {
		if _, err := b.queues.CreateQueue(t.Context(), &pb.Queue{Name: name, PriorityFactor: 1, UserOwners: tc.users, GroupOwners: tc.groups}); err != nil {
			t.Fatal(err)
		}
		want := allVerbs("")
		want.Subjects = tc.want
		wantQueue(t, &pb.Queue{Name: name, PriorityFactor: 1, Permissions: []*pb.Queue_Permissions{want}}, b.get(name))
	}
}

func TestQueueIsRefused(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	_, err := b.queues.CreateQueue(t.Context(), &pb.Queue{PriorityFactor: 0.5})
	wantError(t, err, codes.InvalidArgument, "priority factor cannot be lower than 1.0. Value: 0.5")
	wantError(t, err, codes.InvalidArgument, "queue name must not be empty")
	_, err = b.queues.UpdateQueue(t.Context(), &pb.Queue{Name: "q"})
	wantError(t, err, codes.InvalidArgument, "priority factor")
	_, err = b.queues.DeleteQueue(t.Context(), &pb.QueueDeleteRequest{})
	wantError(t, err, codes.InvalidArgument, "queue name must not be empty")
	_, err = b.queues.CordonQueue(t.Context(), &pb.QueueCordonRequest{})
	wantError(t, err, codes.InvalidArgument, "queue name must not be empty")
	b.may.all = false
	_, err = b.queues.CreateQueue(t.Context(), full("q"))
	wantError(t, err, codes.PermissionDenied, "error creating queue q: anonymous lacks permission create_queue")
}

func TestQueuesInBatches(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	created, err := b.queues.CreateQueues(t.Context(), &pb.QueueList{Queues: []*pb.Queue{full("a"), full("b"), full("a"), {Name: "bad"}}})
	if err != nil {
		t.Fatal(err)
	}
	want := &pb.BatchQueueCreateResponse{FailedQueues: []*pb.QueueCreateResponse{
		{Queue: full("a"), Error: `queue "a" already exists`},
		{Queue: &pb.Queue{Name: "bad"}, Error: `value "0" is invalid for field "priority_factor": error validating queue: priority factor cannot be lower than 1.0. Value: 0`},
	}}
	if diff := cmp.Diff(want, created, protocmp.Transform()); diff != "" {
		t.Errorf("created (-want +got):\n%s", diff)
	}
	updated, err := b.submit.UpdateQueues(t.Context(), &pb.QueueList{Queues: []*pb.Queue{{Name: "a", PriorityFactor: 7}, full("none")}})
	if err != nil {
		t.Fatal(err)
	}
	wantUpdated := &pb.BatchQueueUpdateResponse{FailedQueues: []*pb.QueueUpdateResponse{{Queue: full("none"), Error: `could not find queue "none"`}}}
	if diff := cmp.Diff(wantUpdated, updated, protocmp.Transform()); diff != "" {
		t.Errorf("updated (-want +got):\n%s", diff)
	}
	if got := b.get("a").GetPriorityFactor(); got != 7 {
		t.Errorf("priority factor %v", got)
	}
	if n := len(b.bodies(eventlog.Control)); n != 2 {
		t.Errorf("%d entries for two batches", n)
	}
	_, err = b.queues.CreateQueues(t.Context(), &pb.QueueList{Queues: make([]*pb.Queue, 1001)})
	wantError(t, err, codes.ResourceExhausted, "1001 queues in a request")
}

// Queues come by name, then an end marker, over as many pages as it takes.
func TestGetQueues(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	var names []string
	list := &pb.QueueList{}
	for i := range 701 {
		names = append(names, fmt.Sprintf("queue-%04d", i))
		list.Queues = append(list.Queues, &pb.Queue{Name: names[i], PriorityFactor: 1})
	}
	slices.Reverse(list.Queues)
	if _, err := b.queues.CreateQueues(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	for num, want := range map[uint32][]string{0: names, 3: names[:3], 600: names[:600], 701: names, 9999: names} {
		stream, err := b.queues.GetQueues(t.Context(), &pb.StreamingQueueGetRequest{Num: num})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		ends := 0
		for {
			m, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if m.GetEnd() != nil {
				ends++
			} else {
				got = append(got, m.GetQueue().GetName())
			}
		}
		if !slices.Equal(got, want) || ends != 1 {
			t.Errorf("num %d: %d queues and %d end markers, want %d and 1", num, len(got), ends, len(want))
		}
	}
}

// A queue's labels say what it is part of and what it may count on; what is wrong with them
// is named, all of it at once.
func TestQueueParts(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	create := func(name string, labels map[string]string) error {
		_, err := b.queues.CreateQueue(t.Context(), &pb.Queue{Name: name, PriorityFactor: 1, Labels: labels})
		return err
	}
	parent := func(name string) map[string]string { return map[string]string{"fairlead/parent": name} }
	if err := create("team", map[string]string{"fairlead/guarantee": "cpu=20, memory=1Ti", "fairlead/borrow@gpu": "nvidia.com/gpu=4", "other": "x"}); err != nil {
		t.Fatal(err)
	}
	if err := create("part", parent("team")); err != nil {
		t.Fatal(err)
	}
	stored, err := b.store.Queue(t.Context(), "team")
	if err != nil {
		t.Fatal(err)
	}
	want := []admit.Quota{
		{Guarantee: map[string]int64{"cpu": 20_000, "memory": 1 << 40}},
		{Pool: "gpu", Borrow: map[string]int64{"nvidia.com/gpu": 4}},
	}
	if diff := cmp.Diff(want, stored.Quotas); diff != "" {
		t.Errorf("quotas (-want +got):\n%s", diff)
	}
	const field = `is invalid for field "labels[\"fairlead/`
	wantError(t, create("x", parent("none")), codes.InvalidArgument, `value "none" `+field+`parent\"]": error validating queue: there must be a queue of that name`)
	bad := create("x", map[string]string{"fairlead/parent": "x", "fairlead/lend": "cpu", "fairlead/borrow@": "cpu=1", "fairlead/grant": "cpu=1", "fairlead/guarantee": "cpu=-1"})
	for _, rule := range []string{
		"a queue must not be part of itself", "amounts are resource=quantity", "a pool must be named behind the @",
		"labels with the prefix fairlead/ are", `the amount of "cpu" must be from 0`,
	} {
		wantError(t, bad, codes.InvalidArgument, rule)
	}
	_, err = b.queues.UpdateQueue(t.Context(), &pb.Queue{Name: "team", PriorityFactor: 1, Labels: parent("part")})
	wantError(t, err, codes.InvalidArgument, "a queue must not be part of itself")
	_, err = b.queues.DeleteQueue(t.Context(), &pb.QueueDeleteRequest{Name: "team"})
	wantError(t, err, codes.FailedPrecondition, `queue "team" has parts, "part" among them`)
	for i := range 6 {
		if err := create(fmt.Sprintf("d%d", i), parent([]string{"part", fmt.Sprintf("d%d", i-1)}[min(i, 1)])); err != nil {
			t.Fatal(err)
		}
	}
	wantError(t, create("d6", parent("d5")), codes.InvalidArgument, "queues stand at most 8 deep in each other, with it they would 9")
	if err := create("top", nil); err != nil {
		t.Fatal(err)
	}
	_, err = b.queues.UpdateQueue(t.Context(), &pb.Queue{Name: "team", PriorityFactor: 1, Labels: parent("top")})
	wantError(t, err, codes.InvalidArgument, "at most 8 deep")
}
