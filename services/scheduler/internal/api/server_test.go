package api_test

import (
	"context"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	executorv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/executor/v1"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/internal/rpc/rpctest"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/api"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/lead"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bed is a server with a core that keeps what it is told.
type bed struct {
	server *api.Server
	client executorv1.ExecutorServiceClient
	heard  chan lead.Input
	stop   func()
}

func setup(t *testing.T) *bed {
	t.Helper()
	b := &bed{server: api.New(), heard: make(chan lead.Input, 100)}
	conn := rpctest.Serve(t, func(r grpc.ServiceRegistrar) { executorv1.RegisterExecutorServiceServer(r, b.server) })
	b.client = executorv1.NewExecutorServiceClient(conn)
	b.stop = b.server.Serve(func(_ context.Context, in lead.Input) error {
		b.heard <- in
		return nil
	})
	return b
}

// connect opens a stream and sends messages.
func (b *bed) connect(t *testing.T, messages ...*executorv1.Up) executorv1.ExecutorService_ConnectClient {
	t.Helper()
	stream, err := b.client.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		if err := stream.Send(m); err != nil {
			break // the server's answer is what tells
		}
	}
	return stream
}

func next[T lead.Input](t *testing.T, b *bed) T {
	t.Helper()
	select {
	case in := <-b.heard:
		got, ok := in.(T)
		if !ok {
			t.Fatalf("heard %T, want %T", in, got)
		}
		return got
	case <-t.Context().Done():
		t.Fatal("nothing was heard")
	}
	panic("unreachable")
}

var session = make([]byte, 16)

func page(last bool, change func(*executorv1.Hello)) *executorv1.Up {
	hello := &executorv1.Hello{Executor: "east", Pool: "gpu", Session: session, Last: last}
	if change != nil {
		change(hello)
	}
	return &executorv1.Up{Message: &executorv1.Up_Hello{Hello: hello}}
}

// TestSession: the pages of a hello are one input, what follows is handed on as it
// comes, what the core sends arrives, and the end is told.
func TestSession(t *testing.T) {
	t.Parallel()
	b := setup(t)
	run, id := job.RunID{1}, job.ID{2}
	stream := b.connect(t,
		page(false, func(h *executorv1.Hello) { h.Nodes = []*executorv1.Node{{Name: "n1"}} }),
		page(true, func(h *executorv1.Hello) {
			h.Nodes = []*executorv1.Node{{Name: "n2"}}
			h.Runs = []*executorv1.KnownRun{{Run: run[:], Job: id[:], Phase: executorv1.RunPhase_RUN_PHASE_RUNNING}}
		}),
		&executorv1.Up{Message: &executorv1.Up_Heartbeat{Heartbeat: &executorv1.Heartbeat{Number: 3}}},
		&executorv1.Up{Message: &executorv1.Up_Reports{Reports: &executorv1.Reports{Reports: []*executorv1.Report{{
			Number: 7, Event: eventwire.Report(job.RunReleasedEvent{Head: job.Head{Job: id, Time: 5}, Run: run}),
		}}}}},
		&executorv1.Up{Message: &executorv1.Up_Nodes{Nodes: &executorv1.NodeChanges{Gone: []string{"n1"}}}})
	hello := next[lead.Connected](t, b)
	if len(hello.Nodes) != 2 || len(hello.Runs) != 1 || hello.Runs[0].Phase != lead.PhaseRunning || hello.Executor != "east" || hello.Pool != "gpu" {
		t.Fatalf("hello %+v", hello)
	}
	if beat := next[lead.Heartbeat](t, b); beat.Number != 3 || beat.Session != hello.Session {
		t.Errorf("heartbeat %+v", beat)
	}
	if said := next[lead.Reported](t, b); said.Reports[0].Number != 7 || job.RunOf(said.Reports[0].Event) != run {
		t.Errorf("reports %+v", said)
	}
	if gone := next[lead.NodesChanged](t, b); len(gone.Gone) != 1 {
		t.Errorf("nodes %+v", gone)
	}
	b.server.Send(hello.Session, api.Acknowledge(lead.Acknowledge{Epoch: 4, Reports: []uint64{7}, Go: []job.RunID{run}}))
	down, err := stream.Recv()
	if err != nil || down.GetEpoch() != 4 || job.RunID(down.GetAcknowledgements().GetGo()[0]) != run {
		t.Fatalf("received %v, %v", down, err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if end := next[lead.Disconnected](t, b); end.Session != hello.Session {
		t.Errorf("the end of %d, want %d", end.Session, hello.Session)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		messages []*executorv1.Up
		want     codes.Code
	}{
		"no hello first":   {[]*executorv1.Up{{Message: &executorv1.Up_Heartbeat{Heartbeat: &executorv1.Heartbeat{}}}}, codes.InvalidArgument},
		"nothing at all":   {[]*executorv1.Up{{}}, codes.InvalidArgument},
		"no name":          {[]*executorv1.Up{page(true, func(h *executorv1.Hello) { h.Executor = "" })}, codes.InvalidArgument},
		"a short session":  {[]*executorv1.Up{page(true, func(h *executorv1.Hello) { h.Session = nil })}, codes.InvalidArgument},
		"another in a run": {[]*executorv1.Up{page(false, nil), page(true, func(h *executorv1.Hello) { h.Executor = "west" })}, codes.InvalidArgument},
		"a run of no phase": {[]*executorv1.Up{page(true, func(h *executorv1.Hello) {
			h.Runs = []*executorv1.KnownRun{{Run: session, Job: session}}
		})}, codes.InvalidArgument},
		"another installation": {[]*executorv1.Up{page(true, func(h *executorv1.Hello) { h.Installation = "theirs" })}, codes.FailedPrecondition},
		"hello twice":          {[]*executorv1.Up{page(true, nil), page(true, nil)}, codes.InvalidArgument},
		"a decision of the scheduler's": {[]*executorv1.Up{page(true, nil), {Message: &executorv1.Up_Reports{Reports: &executorv1.Reports{
			Reports: []*executorv1.Report{{Number: 1, Event: eventwire.Report(job.SucceededEvent{Head: job.Head{Job: job.ID{1}}, Run: job.RunID{1}})}},
		}}}}, codes.InvalidArgument},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.server.Installed("ours")
			stream := b.connect(t, test.messages...)
			if m, err := stream.Recv(); status.Code(err) != test.want {
				t.Fatalf("received %v, %v; want %s", m, err, test.want)
			}
		})
	}
}

// TestClosedByUs: a session ends when the core refuses it, when it does not take
// what it is sent, and when the core itself ends.
func TestClosedByUs(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		end  func(*bed, lead.Session)
		want codes.Code
	}{
		"refused":      {func(b *bed, s lead.Session) { b.server.Refuse(s, "another took over") }, codes.FailedPrecondition},
		"the core end": {func(b *bed, _ lead.Session) { b.stop() }, codes.Unavailable},
		"too slow": {func(b *bed, s lead.Session) {
			for range 100 * api.SendMax { // the transport takes some of them
				b.server.Send(s, api.Answer(lead.AnswerHeartbeat{Number: 1}))
			}
		}, codes.ResourceExhausted},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			stream := b.connect(t, page(true, nil))
			hello := next[lead.Connected](t, b)
			test.end(b, hello.Session)
			var err error
			for err == nil {
				_, err = stream.Recv()
			}
			if status.Code(err) != test.want {
				t.Fatalf("ended with %v, want %s", err, test.want)
			}
			next[lead.Disconnected](t, b)
		})
	}
}

// TestRefusedBehindOthers: what was sent before a refusal arrives before it.
func TestRefusedBehindOthers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	stream := b.connect(t, page(true, nil))
	hello := next[lead.Connected](t, b)
	const sent = api.SendMax / 2 // so many that some still wait when it is refused
	for n := range uint64(sent) {
		b.server.Send(hello.Session, api.Greet(lead.Greet{Session: hello.Session, Epoch: n + 1}))
	}
	b.server.Refuse(hello.Session, "say everything again")
	for n := range uint64(sent) {
		if m, err := stream.Recv(); err != nil || m.GetEpoch() != n+1 {
			t.Fatalf("message %d is %v, %v", n+1, m, err)
		}
	}
	if _, err := stream.Recv(); status.Code(err) != codes.FailedPrecondition {
		t.Fatalf("then came %v, want FailedPrecondition", err)
	}
	next[lead.Disconnected](t, b)
}

// TestNoCore: without a core nobody is let in.
func TestNoCore(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.stop()
	if m, err := b.connect(t, page(true, nil)).Recv(); status.Code(err) != codes.Unavailable {
		t.Fatalf("received %v, %v; want Unavailable", m, err)
	}
}

// TestWaitsForACore: an executor that dials before there is a core is heard when there is
// one, in the same session.
func TestWaitsForACore(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.stop()
	b.connect(t, page(true, nil))
	select {
	case in := <-b.heard:
		t.Fatalf("heard %T without a core", in)
	default:
	}
	stop := b.server.Serve(func(_ context.Context, in lead.Input) error {
		b.heard <- in
		return nil
	})
	if who := next[lead.Connected](t, b); who.Executor != "east" {
		t.Errorf("heard of %q, want the one that waited", who.Executor)
	}
	stop()
}
