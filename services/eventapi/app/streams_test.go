package app_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	apipb "github.com/fairlead-batch/fairlead/proto/gen/api"
	corev1 "github.com/fairlead-batch/fairlead/proto/gen/k8s.io/api/core/v1"
	"github.com/fairlead-batch/fairlead/services/eventapi/app"
	"github.com/fairlead-batch/fairlead/services/internal/auth"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

func TestReplay(t *testing.T) {
	t.Parallel()
	onBothStores(t, func(t *testing.T, w *world) {
		t.Helper()
		r := w.start("a")
		w.tell("s", submit(1), submit(2))
		w.tell("other", submit(3))
		w.tell("s", job.CancelRequestedEvent{Head: head(2), Reason: "x"})
		w.tell("s", job.CancelledEvent{Head: head(2)}, job.SucceededEvent{Head: head(1), Run: job.RunID{1}}) // the second is refused
		w.tell("s", submit(9))
		got := r.history("s")
		var kinds []string
		for _, m := range got {
			kinds = append(kinds, m.Kind)
		}
		if s := strings.Join(kinds, " "); s != "submitted queued submitted queued cancelling cancelled submitted queued" {
			t.Error(s)
		}
		same(t, "live", got, r.watch("s", "").next(8)) // the live tail, which counts, is there too
		if refused := r.counted("fairlead_eventapi_facts_refused_total"); refused != 1 {
			t.Errorf("%v facts counted as refused, want 1", refused)
		}
		if empty := r.history("never"); len(empty) > 0 {
			t.Errorf("a job set that never was: %v", empty)
		}
	})
}

// TestReadYourWrites: whatever was acknowledged before a call is in its answer,
// though the rows are written after that.
func TestReadYourWrites(t *testing.T) {
	t.Parallel()
	onBothStores(t, func(t *testing.T, w *world) {
		t.Helper()
		r := w.start("a")
		for n := range 20 {
			w.tell("s", submit(n))
			submitted(t, r.history("s"), 0, n+1)
			first := fmt.Sprintf("s%d", n)
			w.tell(first, submit(100+n))
			in, err := r.all(&apipb.JobSetRequest{Queue: "q", Id: first, ErrorIfMissing: true})
			if err != nil || len(in) != 2 {
				t.Errorf("a new job set: %v, %v", in, err)
			}
			queue := fmt.Sprintf("q%d", n)
			w.control(eventwire.Setting{Generation: uint64(n) + 2, QueueSet: &eventwire.Queue{Name: queue}})
			if _, err := r.all(&apipb.JobSetRequest{Queue: queue, Id: "s"}); err != nil {
				t.Errorf("a new queue: %v", err)
			}
		}
	})
}

func TestResumeAtEveryID(t *testing.T) {
	t.Parallel()
	onBothStores(t, func(t *testing.T, w *world) {
		t.Helper()
		r := w.start("a")
		w.tell("s", submit(1), submit(2), submit(3))
		w.submitMany("s", 4, 4)
		all := r.history("s")
		submitted(t, all, 1, 7)
		for i, m := range all {
			rest, err := r.all(&apipb.JobSetRequest{Queue: "q", Id: "s", FromMessageId: m.ID})
			must(t, err)
			same(t, "replay behind "+m.ID, append([]message(nil), all[i+1:]...), rest)
			if i+1 < len(all) {
				live := r.watch("s", m.ID)
				same(t, "watch behind "+m.ID, all[i+1:], live.next(len(all)-i-1))
				live.end()
			}
		}
	})
}

// TestWatch: a stream begins before there is anything, in the middle, or after, and
// gets each event once and in order, as a replay does.
func TestWatch(t *testing.T) {
	t.Parallel()
	onBothStores(t, func(t *testing.T, w *world) {
		t.Helper()
		r := w.start("a")
		before := r.watch("s", "")
		w.submitMany("s", 0, 10)
		before.next(20)
		middle := r.watch("s", "")
		w.submitMany("s", 10, 10)
		all := before.next(20)
		after := r.watch("s", "")
		submitted(t, all, 0, 20)
		same(t, "from the middle", all, middle.next(40))
		same(t, "from the end", all, after.next(40))
		same(t, "replay", all, r.history("s"))
		if open := r.counted("fairlead_eventapi_watches_open"); open != 3 {
			t.Errorf("%v watches counted, want 3", open)
		}
	})
}

// TestWatchersComeAnyTime: while jobs are submitted, streams begin at any moment, at
// any id, on any replica.
func TestWatchersComeAnyTime(t *testing.T) {
	t.Parallel()
	onBothStores(t, func(t *testing.T, w *world) {
		t.Helper()
		const jobs = 300
		replicas := []*replica{w.start("a"), w.start("b")}
		var streams sync.WaitGroup
		for i := range 12 {
			streams.Go(func() {
				chance := rand.New(rand.NewPCG(uint64(i), 1))
				from, got := "", []message(nil)
				for len(got) < 2*jobs { // comes and goes, and goes on behind its last id
					stream := replicas[chance.IntN(2)].watch("s", from)
					got = append(got, stream.next(min(1+chance.IntN(200), 2*jobs-len(got)))...)
					from = got[len(got)-1].ID
					stream.end()
				}
				submitted(t, got, 0, jobs)
			})
		}
		w.submitMany("s", 0, jobs)
		streams.Wait()
	})
}

// TestTwoReplicas: whichever writes the rows, both tell the same; one goes on where
// the other stopped.
func TestTwoReplicas(t *testing.T) {
	t.Parallel()
	onBothStores(t, func(t *testing.T, w *world) {
		t.Helper()
		a := w.start("a")
		w.submitMany("s", 0, 5)
		submitted(t, a.history("s"), 0, 5) // a has the lease
		b := w.start("b")
		onA, onB := a.watch("s", ""), b.watch("s", "")
		w.submitMany("s", 5, 5)
		same(t, "b", onA.next(20), onB.next(20))
		a.stop()
		if code := onA.ends(); code != codes.Unavailable {
			t.Errorf("the stream of the replica that stopped ended with %s", code)
		}
		w.submitMany("s", 10, 5)
		submitted(t, onB.next(10), 0, 15) // live, though the rows stand still until b has the lease
		goesOn := b.watch("s", onA.got[len(onA.got)-1].ID)
		same(t, "going on at b", onB.got[20:], goesOn.next(10))
		submitted(t, b.history("s"), 0, 15)
	})
}

// TestRestart: a process ends and another begins, in the middle of streams.
func TestRestart(t *testing.T) {
	t.Parallel()
	onBothStores(t, func(t *testing.T, w *world) {
		t.Helper()
		var got []message
		from := ""
		for round := range 4 {
			r := w.start(fmt.Sprintf("process %d", round))
			stream := r.watch("s", from)
			w.submitMany("s", 10*round, 10)
			stream.next(13) // and leaves the rest to the next process
			r.stop()
			got = append(got, stream.got...)
			from = got[len(got)-1].ID
		}
		last := w.start("the last")
		got = append(got, last.watch("s", from).next(4*(20-13))...)
		submitted(t, got, 0, 40)
		same(t, "replay", got, last.history("s"))
	})
}

// TestSlowWatcher: a client that does not read is left behind; others are not, and
// when it reads it gets everything once and in order.
func TestSlowWatcher(t *testing.T) {
	t.Parallel()
	onBothStores(t, func(t *testing.T, w *world) {
		t.Helper()
		r := w.start("a")
		slow, quick := r.watch("s", ""), r.watch("s", "")
		w.tell("s", submit(0))
		slow.next(2)
		quick.next(2)
		filler := strings.Repeat("x", 20<<10)
		spec, err := proto.Marshal(&corev1.PodSpec{Hostname: &filler})
		must(t, err)
		const jobs = 400 // 8 MiB: more than connection and buffer hold
		for n := range jobs {
			w.tell("s", submit(n+1, spec...))
			quick.next(2)
		}
		submitted(t, quick.got, 0, jobs+1)
		if behind := r.counted("fairlead_eventapi_watchers_behind_total"); behind == 0 {
			t.Error("nobody was left behind: the test shows nothing")
		}
		submitted(t, slow.next(2*jobs), 0, jobs+1)
		w.tell("s", submit(jobs+1))
		submitted(t, slow.next(2), 0, jobs+2) // it is live again
	})
}

func TestMissing(t *testing.T) {
	t.Parallel()
	onBothStores(t, func(t *testing.T, w *world) {
		t.Helper()
		r := w.start("a")
		w.tell("s", submit(1))
		w.control(eventwire.Setting{Generation: 2, QueueSet: &eventwire.Queue{Name: "gone"}}, eventwire.Setting{Generation: 3, QueueDeleted: "gone"},
			eventwire.Setting{Generation: 1, QueueSet: &eventwire.Queue{Name: "gone"}}) // a late one
		tests := map[string]struct {
			req  *apipb.JobSetRequest
			code codes.Code
			text string
		}{
			"job set":         {&apipb.JobSetRequest{Queue: "q", Id: "x", ErrorIfMissing: true}, codes.NotFound, "[GetJobSetEvents] Jobset x for queue q does not exist"},
			"job set, watch":  {&apipb.JobSetRequest{Queue: "q", Id: "x", ErrorIfMissing: true, Watch: true}, codes.NotFound, "[GetJobSetEvents] Jobset x for queue q does not exist"},
			"queue":           {&apipb.JobSetRequest{Queue: "none", Id: "s"}, codes.NotFound, "[GetJobSetEvents] Queue none does not exist"},
			"deleted queue":   {&apipb.JobSetRequest{Queue: "gone", Id: "s"}, codes.NotFound, "[GetJobSetEvents] Queue gone does not exist"},
			"no names":        {&apipb.JobSetRequest{}, codes.InvalidArgument, `field "id"`},
			"Armada's id":     {&apipb.JobSetRequest{Queue: "q", Id: "s", FromMessageId: "1690000000000:0:0:1"}, codes.InvalidArgument, "from_message_id"},
			"an id to come":   {&apipb.JobSetRequest{Queue: "q", Id: "s", FromMessageId: strings.Repeat("v", 44) + "u"}, codes.InvalidArgument, "from_message_id"},
			"to come, watch":  {&apipb.JobSetRequest{Queue: "q", Id: "s", FromMessageId: strings.Repeat("v", 44) + "u", Watch: true}, codes.InvalidArgument, "from_message_id"},
			"not an error":    {&apipb.JobSetRequest{Queue: "q", Id: "x"}, codes.OK, ""},
			"it exists":       {&apipb.JobSetRequest{Queue: "q", Id: "s", ErrorIfMissing: true}, codes.OK, ""},
			"nothing follows": {&apipb.JobSetRequest{Queue: "q", Id: "s", ErrorIfMissing: true, FromMessageId: r.history("s")[1].ID}, codes.OK, ""},
		}
		for name, test := range tests {
			_, err := r.all(test.req)
			if status.Code(err) != test.code || test.text != "" && !strings.Contains(err.Error(), test.text) {
				t.Errorf("%s: %v, want %s with %q", name, err, test.code, test.text)
			}
		}
		old, err := r.client.Watch(t.Context(), &apipb.WatchRequest{Queue: "q", JobSetId: "x"}) //nolint:staticcheck // deprecated, and served
		must(t, err)
		if _, err := old.Recv(); status.Code(err) != codes.NotFound {
			t.Errorf("Watch of a job set that is not: %v", err)
		}
	})
}

// TestPausedRows: while rows do not move, what needs them is Unavailable, never
// wrong; what is live goes on.
func TestPausedRows(t *testing.T) {
	t.Parallel()
	onBothStores(t, func(t *testing.T, w *world) {
		t.Helper()
		w.cfg.CaughtUpWithin = 300 * time.Millisecond
		r := w.start("a")
		live := r.watch("s", "")
		r.follows(1)
		w.tell("s", submit(0))
		submitted(t, live.next(2), 0, 1)
		w.store.pause(true)
		w.tell("s", submit(1))
		submitted(t, live.next(2), 0, 2)
		if _, err := r.all(&apipb.JobSetRequest{Queue: "q", Id: "s"}); status.Code(err) != codes.Unavailable {
			t.Errorf("a replay: %v", err)
		}
		w.tell("new", submit(7))
		if _, err := r.all(&apipb.JobSetRequest{Queue: "q", Id: "new", ErrorIfMissing: true}); status.Code(err) != codes.Unavailable {
			t.Errorf("a new job set: %v, want Unavailable and not NotFound", err)
		}
		if code := r.watch("s", "").ends(); code != codes.Unavailable {
			t.Errorf("a stream that begins: %s", code)
		}
		w.store.pause(false)
		for { // the loop tries again in its own time
			got, err := r.all(&apipb.JobSetRequest{Queue: "q", Id: "s"})
			if status.Code(err) == codes.Unavailable {
				continue
			}
			must(t, err)
			submitted(t, got, 0, 2)
			break
		}
		same(t, "live", r.history("s"), live.got)
	})
}

// TestStoppedPartition: an entry of a newer program stops its partition for watchers
// and rows alike; what was before it is told, and other partitions go on.
func TestStoppedPartition(t *testing.T) {
	t.Parallel()
	onBothStores(t, func(t *testing.T, w *world) {
		t.Helper()
		w.cfg.CaughtUpWithin = 300 * time.Millisecond
		r := w.start("a")
		other := "s"
		for n := 0; eventlog.PartitionOf("q", other, partitions) == eventlog.PartitionOf("q", "s", partitions); n++ {
			other = fmt.Sprintf("other%d", n)
		}
		stopped, goesOn := r.watch("s", ""), r.watch(other, "")
		r.follows(2)
		w.tell("s", submit(0))
		stopped.next(2) // it is live
		newer := eventlog.Draft{Partition: eventlog.PartitionOf("q", "s", partitions), Kind: eventlog.Facts, Body: []byte{0x08, 99}}
		must(t, eventlog.Append(t.Context(), w.writer, newer))
		w.tell("s", submit(1))
		w.tell(other, submit(2))
		if code := stopped.ends(); code != codes.Unavailable {
			t.Errorf("the stream ended with %s", code)
		}
		submitted(t, stopped.got, 0, 1)
		submitted(t, goesOn.next(2), 2, 1)
		if _, err := r.all(&apipb.JobSetRequest{Queue: "q", Id: "s"}); status.Code(err) != codes.Unavailable {
			t.Errorf("a replay: %v", err)
		}
		r.becomes(apipb.HealthCheckResponse_NOT_SERVING)
	})
}

// TestForgotten: an id that is older than what is kept is refused; a stream from
// the beginning gets what is kept.
func TestForgotten(t *testing.T) {
	t.Parallel()
	onBothStores(t, func(t *testing.T, w *world) {
		t.Helper()
		r := w.start("a")
		w.submitMany("s", 0, 3)
		all := r.history("s")
		must(t, w.store.Retain(t.Context(), time.Now().Add(w.cfg.Retention+48*time.Hour)))
		if left := r.history("s"); len(left) > 0 {
			t.Errorf("%d messages are left", len(left))
		}
		for _, follow := range []bool{false, true} {
			_, err := r.all(&apipb.JobSetRequest{Queue: "q", Id: "s", FromMessageId: all[0].ID, Watch: follow})
			if status.Code(err) != codes.OutOfRange {
				t.Errorf("watch %v behind what was dropped: %v", follow, err)
			}
		}
	})
}

// deny refuses everybody.
type deny struct{ asked auth.Question }

func (d *deny) Authorize(p auth.Principal, q auth.Question) error {
	d.asked = q
	return fault.NewDenied("%s lacks permission %s", p.Name, q.Permission)
}

func TestAuthorizationAndHealth(t *testing.T) {
	t.Parallel()
	cfg := app.DefaultConfig()
	store, err := app.NewMemoryStore(partitions, cfg)
	w := newWorld(t, cfg, store, err)
	w.control(eventwire.Setting{Generation: 5, QueueSet: &eventwire.Queue{Name: "q", Permissions: []eventwire.Permission{
		{Subjects: []eventwire.Subject{{Kind: "Group", Name: "quants"}}, Verbs: []string{"watch"}},
	}}})
	no := &deny{}
	r := w.start("a", func(d *app.Deps) { d.Authorize = no })
	if _, err := r.all(&apipb.JobSetRequest{Queue: "q", Id: "s"}); status.Code(err) != codes.PermissionDenied {
		t.Errorf("refused: %v", err)
	}
	if q := no.asked; q.Permission != auth.WatchAllEvents || q.Verb != auth.VerbWatch || len(q.Grants) != 1 || q.Grants[0].Subjects[0].Name != "quants" {
		t.Errorf("asked %+v", q)
	}
	r.becomes(apipb.HealthCheckResponse_SERVING)
	w.start("b", func(d *app.Deps) { d.Ready = func() error { return context.Canceled } }).becomes(apipb.HealthCheckResponse_NOT_SERVING)
}
