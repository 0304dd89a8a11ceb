package app_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	executorv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/executor/v1"
	"github.com/fairlead-batch/fairlead/services/executor/app"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// loop steps a core against a leader in virtual time. Messages go over the wire's
// bytes, and take no time.
type loop struct {
	tb     testing.TB
	core   *app.Core
	leader *leader
	now    app.Time
	timer  time.Duration
	hungUp []string
	// hellos are the sessions' names.
	hellos [][]byte
}

func testConfig() app.Config {
	cfg := app.DefaultConfig()
	cfg.Name, cfg.Schedulers = "exec", []string{"scheduler-0:50051"}
	cfg.Simulated.Nodes = []app.NodeKind{{Name: "node", Count: 2, Resources: map[string]string{"cpu": "8", "memory": "16Gi"}}}
	cfg.Simulated.RecordsMax = 100
	return cfg
}

// ids makes ids that never differ, so that it shows who makes them rise.
func ids(time.Time) [16]byte { return [16]byte{0: 9, 15: 0xff} }

func newLoop(tb testing.TB, cfg app.Config, cluster *app.Cluster, l *leader) *loop {
	tb.Helper()
	core, err := app.New(cfg, app.Deps{NewID: ids, Cluster: cluster})
	if err != nil {
		tb.Fatal(err)
	}
	x := &loop{tb: tb, core: core, leader: l, now: app.Time{Wall: job.Time(time.Hour)}}
	x.step()
	return x
}

// step steps the core until nobody has anything to say.
func (x *loop) step(inputs ...app.Input) {
	for first := true; first || len(inputs) > 0; first = false {
		out := slices.Clone(x.core.Step(x.now, inputs...))
		inputs = inputs[:0:0]
		for _, o := range out {
			inputs = append(inputs, x.carryOut(o)...)
		}
	}
}

func (x *loop) carryOut(o app.Output) (in []app.Input) {
	switch o := o.(type) {
	case app.Dial:
		return []app.Input{app.Opened(o)}
	case app.HangUp:
		x.hungUp = append(x.hungUp, o.Why)
		return []app.Input{app.Closed{Replica: o.Replica}}
	case app.Send:
		up := &executorv1.Up{}
		overTheWire(x.tb, o.Message, up)
		if h := up.GetHello(); h != nil && h.GetLast() {
			x.hellos = append(x.hellos, h.GetSession())
		}
		for _, m := range x.leader.hear(up) {
			down := &executorv1.Down{}
			overTheWire(x.tb, m, down)
			in = append(in, app.Received{Message: down})
		}
	case app.SetTimer:
		x.timer = o.At
	}
	return in
}

func overTheWire(tb testing.TB, from, to proto.Message) {
	tb.Helper()
	raw, err := proto.Marshal(from)
	if err == nil {
		err = proto.Unmarshal(raw, to)
	}
	if err != nil {
		tb.Fatal(err)
	}
}

// pass lets time go by.
func (x *loop) pass(d time.Duration) {
	end := x.now.Mono + d
	for x.timer <= end {
		x.now = x.now.Add(max(0, x.timer-x.now.Mono))
		x.step(app.Due{})
	}
	x.now = x.now.Add(end - x.now.Mono)
}

func (x *loop) expect(want ...string) {
	x.tb.Helper()
	if diff := cmp.Diff(want, x.leader.told); diff != "" {
		x.tb.Errorf("reports (-want +got):\n%s", diff)
	}
}

// TestLife: a job from its lease to its end, and nothing left of it.
func TestLife(t *testing.T) {
	t.Parallel()
	x := newLoop(t, testConfig(), nil, newLeader(3))
	if x.leader.nodes != 2 {
		t.Fatalf("the hello has %d nodes, want 2", x.leader.nodes)
	}
	begun := x.now.Wall
	x.step(app.Received{Message: x.leader.lease(1, "node-0", spec(t, "sleep", "5"), nil)})
	x.pass(time.Minute)
	x.expect(life("RunSucceededEvent")...)
	want := []app.PodRecord{{
		Run: runOf(1), Job: job.ID(runOf(1)), Node: "node-0", Name: "armada-" + job.ID(runOf(1)).String() + "-0",
		Created: begun, Started: begun + job.Time(10*time.Millisecond), Ended: begun + job.Time(5010*time.Millisecond),
		Phase: app.PodSucceeded, Gone: begun + job.Time(5010*time.Millisecond),
	}}
	if diff := cmp.Diff(want, x.core.Cluster().Records()); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	if n := x.core.Counts(); n.Created != 1 || n.Leased+n.Pending+n.Running+n.Ended+n.Releasing+n.Unacknowledged != 0 {
		t.Errorf("counts: %+v", n)
	}
	if replica, epoch := x.core.Leader(); replica != 0 || epoch != 3 {
		t.Errorf("leader %d of epoch %d, want 0 of 3", replica, epoch)
	}
}

func runOf(number uint64) job.RunID {
	run := job.RunID{0: 1}
	binary.BigEndian.PutUint64(run[8:], number)
	return run
}

// TestRestart: an executor that starts over a cluster that lived on tells what is
// there, and the epoch that its predecessor stored still holds.
func TestRestart(t *testing.T) {
	t.Parallel()
	x := newLoop(t, testConfig(), nil, newLeader(3))
	x.step(app.Received{Message: x.leader.lease(1, "node-0", spec(t, "sleep", "50"), nil)})
	x.pass(time.Second)
	old := newLeader(2)
	newLoop(t, testConfig(), x.core.Cluster(), old).pass(time.Second)
	if old.hellos != 1 || len(old.known) != 1 || old.known[0].GetPhase() != executorv1.RunPhase_RUN_PHASE_RUNNING {
		t.Fatalf("the hello has %v, want the running run", old.known)
	}
	if len(old.told) != 0 {
		t.Errorf("a leader of an older epoch was told %v", old.told)
	}
	again := newLeader(4)
	again.jobs = x.leader.jobs
	y := newLoop(t, testConfig(), x.core.Cluster(), again)
	y.pass(time.Minute)
	y.expect(life("RunSucceededEvent")[1:]...)
	if got := again.jobs[runOf(1)].Run.State; got != job.RunSucceeded {
		t.Errorf("the run is %s", got)
	}
}

// TestDamage: what cannot be read closes the stream, and nothing after it counts.
// Sessions have rising names whatever ids there are.
func TestDamage(t *testing.T) {
	t.Parallel()
	x := newLoop(t, testConfig(), nil, newLeader(3))
	x.step(
		app.Received{Message: &executorv1.Down{Epoch: 3}},
		app.Received{Message: x.leader.lease(1, "node-0", spec(t, "sleep", "5"), nil)},
	)
	x.pass(time.Minute)
	if len(x.hungUp) != 1 || !strings.Contains(x.hungUp[0], "unknown kind") {
		t.Errorf("hung up for %q", x.hungUp)
	}
	x.expect()
	if len(x.hellos) != 2 || bytes.Compare(x.hellos[0], x.hellos[1]) >= 0 {
		t.Errorf("sessions %x, want two that rise", x.hellos)
	}
}

// TestReportsShareMessages: what a step of ours has to report goes in one message.
func TestReportsShareMessages(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.Simulated.StartDelay = 0
	x := newLoop(t, cfg, nil, newLeader(3))
	var sent []*executorv1.Reports
	leases := []app.Input{}
	for i := range 10 {
		leases = append(leases, app.Received{Message: x.leader.lease(i+1, "node-0", spec(t, "true"), nil)})
	}
	for _, o := range x.core.Step(x.now, leases...) {
		if s, ok := o.(app.Send); ok && s.Message.GetReports() != nil {
			sent = append(sent, s.Message.GetReports())
		}
	}
	if len(sent) != 1 || len(sent[0].GetReports()) != 10 {
		t.Fatalf("10 leases are acknowledged in %d messages", len(sent))
	}
	var acks []app.Input
	for _, m := range x.leader.reports(sent[0].GetReports()) {
		acks = append(acks, app.Received{Message: m})
	}
	sent = nil
	for _, o := range x.core.Step(x.now, acks...) {
		if s, ok := o.(app.Send); ok && s.Message.GetReports() != nil {
			sent = append(sent, s.Message.GetReports())
		}
	}
	if len(sent) != 1 || len(sent[0].GetReports()) != 30 {
		t.Fatalf("10 short lives are reported in %d messages: %v", len(sent), sent)
	}
	for i, r := range sent[0].GetReports() {
		if r.GetNumber() != uint64(11+i) {
			t.Errorf("report %d has the number %d", i, r.GetNumber())
		}
	}
}

// TestSameInputsSameOutputs: two cores that hear the same say the same, byte for byte.
func TestSameInputsSameOutputs(t *testing.T) {
	t.Parallel()
	trace := func() string {
		x := newLoop(t, testConfig(), nil, newLeader(3))
		var all strings.Builder
		for i := range 40 {
			x.step(app.Received{Message: x.leader.lease(i+1, "node-1", spec(t, "sh", "-c", "sleep $(( RANDOM % 9 ))"), nil)})
			x.pass(300 * time.Millisecond)
		}
		if err := x.core.Cluster().Cause(app.NodeDies{Name: "node-1"}); err != nil {
			t.Fatal(err)
		}
		x.pass(time.Minute)
		for _, told := range x.leader.told {
			all.WriteString(told)
		}
		return all.String()
	}
	if first, second := trace(), trace(); first != second || first == "" {
		t.Errorf("traces differ, or nothing happened:\n%q\n%q", first, second)
	}
}
