package lease_test

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/fairlead-batch/fairlead/services/executor/internal/lease"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// TestRandomWorlds lets a core live between a cluster that fails at random and
// schedulers that come, go, and speak when they no longer lead. What must hold is
// checked at each output (world.check*) and at the end, when everything works
// again and every run must come to its end.
func TestRandomWorlds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		acts := map[string]func(*rapid.T){
			"lease": w.leaseRun, "ack": w.acknowledge, "stop": w.stopRun, "beat": w.answerBeat,
			"old leader": w.oldLeader, "take over": w.takeOver, "break": w.breakStream, "restart": w.restart,
			"answer": w.answerOrder, "answer too": w.answerOrder, "progress": w.progress, "vanish": w.vanish, "node": w.flipNode,
			"time": func(t *rapid.T) { w.pass(time.Duration(rapid.IntRange(0, 40).Draw(t, "seconds")) * time.Second) },
		}
		t.Repeat(acts)
		w.settleAll()
	})
}

// world is everything around a core.
type world struct {
	t     *rapid.T
	core  *lease.Core
	now   lease.Time
	timer time.Duration

	// The cluster.
	stored uint64
	pods   map[job.RunID]*lease.Pod
	nodes  map[string]bool
	uids   int
	orders []lease.Order

	// The schedulers: who leads, and what the log has.
	epoch  uint64
	leader lease.Replica
	open   [2]bool
	said   bool // the leader said welcome on its stream
	jobs   map[job.RunID]*logged
	acks   []pendingAck
	beats  map[uint64]lease.Time // of the leader's stream
	// answered is when the newest heartbeat was sent that the leader of an epoch
	// answered. obeyed is the newest epoch that the core was told is stored.
	answered map[uint64]lease.Time
	obeyed   uint64
	hello    []lease.KnownRun
	queue    []lease.Input
	made     map[job.RunID]bool
}

// logged is a run as the log has it.
type logged struct {
	job     job.Job
	lease   *lease.Lease
	goEpoch uint64 // of the leader that said go; zero: none did
	resent  bool   // reports of it may come twice
}

type pendingAck struct {
	number uint64
	run    job.RunID
	lease  bool
}

func newWorld(t *rapid.T) *world {
	w := &world{
		t: t, now: lease.Time{Wall: 1}, pods: map[job.RunID]*lease.Pod{}, nodes: map[string]bool{"n1": true, "n2": true},
		epoch: 1, jobs: map[job.RunID]*logged{}, made: map[job.RunID]bool{},
	}
	w.start()
	return w
}

func worldConfig() lease.Config {
	cfg := smallConfig()
	cfg.RunsMax, cfg.OverMax, cfg.ReportsInFlightMax, cfg.HeldMax = 1000, 1000, 20, 1000
	return cfg
}

func (w *world) start() {
	w.core, w.timer, w.open, w.said = lease.New(worldConfig()), 0, [2]bool{}, false
	w.orders, w.acks, w.hello, w.queue = nil, nil, nil, nil
	w.obeyed, w.answered = w.stored, map[uint64]lease.Time{}
	in := lease.Listed{Epoch: w.stored}
	for _, id := range sortedRuns(w.pods) {
		in.Pods = append(in.Pods, *w.pods[id])
	}
	for _, name := range slices.Sorted(maps.Keys(w.nodes)) {
		in.Nodes = append(in.Nodes, lease.Node{Name: name})
	}
	w.step(in)
}

// step steps the core and carries out what does not wait.
func (w *world) step(inputs ...lease.Input) {
	w.queue = append(w.queue, inputs...)
	for len(w.queue) > 0 {
		in := w.queue[0]
		w.queue = w.queue[1:]
		for _, o := range slices.Clone(w.core.Step(w.now, in)) {
			w.output(o)
		}
	}
}

func (w *world) output(o lease.Output) {
	switch o := o.(type) {
	case lease.SetTimer:
		w.timer = o.At.Mono
	case lease.Dial:
		w.open[o.Replica] = true
		w.queue = append(w.queue, lease.Opened{Replica: o.Replica})
	case lease.HangUp:
		w.close(o.Replica)
	case lease.Up:
		w.hear(o)
	case lease.CreatePod:
		w.checkCreate(o)
		w.orders = append(w.orders, o)
	case lease.SaveEpoch:
		w.orders = append(w.orders, o)
	case lease.DeletePod:
		w.orders = append(w.orders, o)
	}
}

// checkCreate: only with go, in the window, behind the fence, and once.
func (w *world) checkCreate(o lease.CreatePod) {
	run := w.jobs[o.Lease.Run]
	answered, ever := w.answered[w.obeyed]
	switch {
	case run == nil || run.goEpoch == 0:
		w.t.Fatalf("pod of %s without go", runName(o.Lease.Run))
	case w.stored < run.goEpoch:
		w.t.Fatalf("pod of %s: epoch %d is stored, its go is of %d", runName(o.Lease.Run), w.stored, run.goEpoch)
	case !ever || w.now.Mono-answered.Mono > 30*time.Second || o.Before != answered.Mono+30*time.Second:
		w.t.Fatalf("pod of %s outside of the window: %+v at %+v", runName(o.Lease.Run), answered, w.now)
	case run.job.Run.State.Over():
		w.t.Fatalf("pod of %s, which is %s", runName(o.Lease.Run), run.job.Run.State)
	}
	for _, id := range o.Lease.After {
		if p := w.pods[id]; p != nil && p.Phase < lease.PodSucceeded {
			w.t.Fatalf("pod of %s before that of %s is gone", runName(o.Lease.Run), runName(id))
		}
	}
}

// hear is the schedulers' ear.
func (w *world) hear(up lease.Up) {
	if up.Replica != w.leader || !w.open[up.Replica] {
		return
	}
	switch m := up.Message.(type) {
	case lease.Hello:
		w.hello = append(w.hello, m.Runs...)
		if m.Last {
			w.said, w.acks, w.beats = true, nil, map[uint64]lease.Time{}
			w.down(lease.Welcome{Leads: true})
			w.reconcile()
		}
	case lease.Heartbeat:
		w.beats[m.Number] = w.now
	case lease.Reports:
		for _, r := range m.Reports {
			w.report(r)
		}
	case lease.NodeChanges:
	}
}

func (w *world) down(m lease.DownMessage) {
	w.queue = append(w.queue, lease.Down{Replica: w.leader, Epoch: w.epoch, Message: m})
}

// report puts a report into the log and checks that it is in its place.
func (w *world) report(r lease.Report) {
	id, rank := place(r.Event)
	run := w.jobs[id]
	if run == nil {
		w.t.Fatalf("report on %s, which nobody leased", runName(id))
	}
	w.acks = append(w.acks, pendingAck{number: r.Number, run: id, lease: rank == job.RunAcknowledged})
	next, err := job.Apply(run.job, r.Event)
	if err == nil {
		run.job = next
		return
	}
	had := min(run.job.Run.State, job.RunSucceeded)
	switch {
	case givenUp(run.job): // it crossed what the scheduler decided
	case rank > had:
		w.t.Fatalf("report leaves a state out: %v", err)
	case !run.resent:
		w.t.Fatalf("report comes twice: %v", err)
	}
}

func givenUp(j job.Job) bool { return j.State == job.Cancelled || j.State == job.Failed }

// place is the run of a report and the state that it reports; RunSucceeded stands
// for every end.
func place(e job.Event) (job.RunID, job.RunState) {
	//nolint:gochecksumtype // what executors author
	switch e := e.(type) {
	case job.RunAcknowledgedEvent:
		return e.Run, job.RunAcknowledged
	case job.RunPendingEvent:
		return e.Run, job.RunPending
	case job.RunRunningEvent:
		return e.Run, job.RunRunning
	case job.RunSucceededEvent:
		return e.Run, job.RunSucceeded
	case job.RunFailedEvent:
		return e.Run, job.RunSucceeded
	case job.RunReturnedEvent:
		return e.Run, job.RunSucceeded
	case job.RunReleasedEvent:
		return e.Run, job.RunLeased // it may come twice
	}
	panic("an event that executors do not author")
}

// reconcile does what a leader does with a Hello.
func (w *world) reconcile() {
	known := map[job.RunID]bool{}
	for _, k := range w.hello {
		known[k.Run] = true
	}
	w.hello = nil
	for _, id := range sortedRuns(w.jobs) {
		run := w.jobs[id]
		run.resent = true
		state := run.job.Run.State
		switch {
		case run.job.Run.Releasing, known[id] && givenUp(run.job):
			w.sendStop(id)
		case known[id]:
		case state == job.RunLeased, state == job.RunAcknowledged:
			w.down(lease.Leases{Leases: []*lease.Lease{run.lease}})
		case state.Live():
			head := job.Head{Job: run.job.ID}
			w.apply(id, job.RunFailedEvent{Head: head, Run: id}, job.FailedEvent{Head: head, Run: id})
		}
	}
}

func (w *world) apply(id job.RunID, events ...job.Event) {
	run := w.jobs[id]
	for _, e := range events {
		next, err := job.Apply(run.job, e)
		if err != nil {
			w.t.Fatal(err)
		}
		run.job = next
	}
}

func (w *world) sendStop(id job.RunID) {
	w.down(lease.Stops{Stops: []lease.Stop{{Run: id, Job: w.jobs[id].job.ID, Reason: lease.StopOver}}})
}

// What can happen.

func (w *world) leaseRun(t *rapid.T) {
	if !w.said || len(w.jobs) >= 20 {
		t.Skip("no leader")
	}
	id := job.RunID{15: byte('a' + len(w.jobs))}
	l := aLease(runName(id), map[string]string{"node": rapid.SampledFrom([]string{"n1", "n2"}).Draw(t, "node")})
	j := job.Job{ID: l.Job, State: job.Leased, Run: job.Run{ID: id, State: job.RunLeased}}
	for _, other := range sortedRuns(w.jobs) {
		if w.jobs[other].job.Run.Releasing && rapid.Bool().Draw(t, "after") {
			l.After = append(l.After, other)
		}
	}
	w.jobs[id] = &logged{job: j, lease: l}
	w.down(lease.Leases{Leases: []*lease.Lease{l}})
	w.step()
}

func (w *world) acknowledge(t *rapid.T) {
	if len(w.acks) == 0 {
		t.Skip("nothing to acknowledge")
	}
	i := rapid.IntRange(0, len(w.acks)-1).Draw(t, "which")
	n := rapid.IntRange(1, len(w.acks)-i).Draw(t, "how many")
	w.ackRange(i, n)
}

func (w *world) ackRange(i, n int) {
	m := lease.Acknowledgements{}
	for _, a := range w.acks[i : i+n] {
		m.Reports = append(m.Reports, a.number)
		if run := w.jobs[a.run]; a.lease && run.job.Run.State == job.RunAcknowledged {
			m.Go = append(m.Go, a.run)
			run.goEpoch = w.epoch
		}
	}
	w.acks = slices.Delete(w.acks, i, i+n)
	w.down(m)
	w.step()
}

func (w *world) stopRun(t *rapid.T) {
	live := slices.DeleteFunc(sortedRuns(w.jobs), func(id job.RunID) bool { return w.jobs[id].job.State.Final() })
	if !w.said || len(live) == 0 {
		t.Skip("nothing to stop")
	}
	id := rapid.SampledFrom(live).Draw(t, "run")
	w.apply(id, job.CancelledEvent{Head: job.Head{Job: w.jobs[id].job.ID}, Run: id})
	w.sendStop(id)
	w.step()
}

func (w *world) answerBeat(t *rapid.T) {
	if !w.said || len(w.beats) == 0 {
		t.Skip("no heartbeat")
	}
	w.beat(rapid.SampledFrom(slices.Sorted(maps.Keys(w.beats))).Draw(t, "beat"))
}

func (w *world) beat(number uint64) {
	at := w.beats[number]
	maps.DeleteFunc(w.beats, func(n uint64, _ lease.Time) bool { return n <= number })
	if before, ever := w.answered[w.epoch]; !ever || at.Mono > before.Mono {
		w.answered[w.epoch] = at
	}
	w.down(lease.HeartbeatAnswer{Number: number})
	w.step()
}

// oldLeader lets a replica that was fenced say what it likes.
func (w *world) oldLeader(t *rapid.T) {
	if w.epoch == 1 || !w.said {
		t.Skip("nobody was fenced yet: who leads was not heard")
	}
	m := rapid.SampledFrom([]lease.DownMessage{
		lease.Welcome{Leads: true},
		lease.Leases{Leases: []*lease.Lease{aLease("Z", nil)}},
		lease.Acknowledgements{Reports: []uint64{1, 2, 3}, Go: sortedRuns(w.jobs)},
		lease.Stops{Stops: []lease.Stop{{Run: runID("Z")}}},
		lease.HeartbeatAnswer{Number: 1},
		lease.HeartbeatAnswer{Number: 2},
	}).Draw(t, "says")
	w.step(lease.Down{Replica: lease.Replica(rapid.IntRange(0, 1).Draw(t, "replica")), Epoch: w.epoch - 1, Message: m})
}

// takeOver makes a replica lead in a new epoch; it has everything said again.
func (w *world) takeOver(t *rapid.T) {
	w.epoch++
	w.leader = lease.Replica(rapid.IntRange(0, 1).Draw(t, "leader"))
	w.said, w.acks, w.hello = false, nil, nil
	if w.open[w.leader] {
		w.close(w.leader)
	}
	w.step()
}

func (w *world) close(r lease.Replica) {
	w.open[r] = false
	w.queue = slices.DeleteFunc(w.queue, func(in lease.Input) bool {
		d, ok := in.(lease.Down)
		return ok && d.Replica == r
	})
	if r == w.leader {
		w.said, w.acks, w.hello = false, nil, nil
	}
	w.queue = append(w.queue, lease.Closed{Replica: r})
}

func (w *world) breakStream(t *rapid.T) {
	r := lease.Replica(rapid.IntRange(0, 1).Draw(t, "replica"))
	if !w.open[r] {
		t.Skip("not open")
	}
	w.close(r)
	w.step()
}

func (w *world) restart(*rapid.T) {
	for _, o := range w.orders { // what was on its way to the cluster may arrive
		w.carryOut(o, "made")
	}
	for _, run := range w.jobs {
		run.goEpoch = 0 // it is to be said again
	}
	w.start()
}

func (w *world) pass(d time.Duration) {
	end := w.now.Mono + d
	for w.timer > 0 && w.timer <= end {
		w.now = w.now.Add(max(0, w.timer-w.now.Mono))
		w.timer = 0
		w.step(lease.Due{})
	}
	w.now = w.now.Add(end - w.now.Mono)
}

// The cluster.

func (w *world) answerOrder(t *rapid.T) {
	if len(w.orders) == 0 {
		t.Skip("no order")
	}
	o := w.orders[0]
	w.orders = w.orders[1:]
	if facts := w.carryOut(o, rapid.SampledFrom([]string{"made", "made", "failed", "hidden", "refused"}).Draw(t, "how")); len(facts) > 0 {
		w.step(facts...)
	}
}

// carryOut does what the cluster is told, with an outcome, and returns its answers.
// hidden means that it did it and says that it failed.
func (w *world) carryOut(o lease.Order, how string) []lease.Input {
	switch o := o.(type) {
	case lease.SaveEpoch:
		if how == "failed" {
			return []lease.Input{lease.EpochSaved{Err: errors.New("no")}}
		}
		w.stored = max(w.stored, o.Epoch)
		if how == "hidden" {
			return []lease.Input{lease.EpochSaved{Err: errors.New("no")}}
		}
		w.obeyed = w.stored
		return []lease.Input{lease.EpochSaved{Epoch: w.stored}}
	case lease.CreatePod:
		return w.create(o, how)
	case lease.DeletePod:
		return w.remove(o, how)
	}
	return nil
}

func (w *world) create(o lease.CreatePod, how string) []lease.Input {
	id := o.Lease.Run
	if w.now.Mono > o.Before {
		return []lease.Input{lease.Created{Run: id, Outcome: lease.CreateLate}}
	}
	if how == "failed" {
		return []lease.Input{lease.Created{Run: id, Outcome: lease.CreateFailed, Err: errors.New("no")}}
	}
	if how == "refused" && w.pods[id] == nil {
		return []lease.Input{lease.Created{Run: id, Outcome: lease.CreateRefused, Err: errors.New("no")}}
	}
	if w.pods[id] == nil {
		w.uids++
		w.pods[id] = &lease.Pod{
			Run: id, Job: o.Lease.Job, Phase: lease.PodPending, Grace: 30 * time.Second,
			Pod: job.Pod{Name: o.Lease.PodName, Namespace: "ns", Node: o.Lease.Node, UID: string(rune('A' + w.uids))},
		}
	}
	if how == "hidden" {
		return []lease.Input{lease.Created{Run: id, Outcome: lease.CreateFailed, Err: errors.New("no")}}
	}
	return []lease.Input{lease.Created{Run: id, Outcome: lease.CreateMade, Pod: w.pods[id].Pod, Grace: 30 * time.Second}}
}

func (w *world) remove(o lease.DeletePod, how string) []lease.Input {
	p := w.pods[o.Run]
	switch {
	case p == nil:
		return []lease.Input{lease.Deleted{Run: o.Run, Outcome: lease.DeleteAbsent}}
	case how == "failed":
		return []lease.Input{lease.Deleted{Run: o.Run, Outcome: lease.DeleteFailed}}
	case how == "refused": // it is going, and takes its time
		p.Deleting = true
		return []lease.Input{lease.Deleted{Run: o.Run, Outcome: lease.DeleteAccepted}, lease.PodSeen{Pod: *p}}
	}
	delete(w.pods, o.Run)
	gone := lease.PodGone{Run: o.Run, UID: p.UID}
	if how == "hidden" {
		return []lease.Input{gone, lease.Deleted{Run: o.Run, Outcome: lease.DeleteFailed}}
	}
	return []lease.Input{lease.Deleted{Run: o.Run, Outcome: lease.DeleteAccepted}, gone}
}

func (w *world) progress(t *rapid.T) {
	if len(w.pods) == 0 {
		t.Skip("no pod")
	}
	p := w.pods[rapid.SampledFrom(sortedRuns(w.pods)).Draw(t, "pod")]
	switch p.Phase {
	case lease.PodPending:
		p.Phase = rapid.SampledFrom([]lease.PodPhase{lease.PodPending, lease.PodRunning, lease.PodSucceeded, lease.PodFailed}).Draw(t, "phase")
		p.Waiting = ""
		if p.Phase == lease.PodPending {
			p.Waiting = rapid.SampledFrom([]string{"", "ErrImagePull", "InvalidImageName"}).Draw(t, "waiting")
		}
		if p.Phase == lease.PodFailed {
			p.Reason = rapid.SampledFrom([]string{"", "OutOfcpu"}).Draw(t, "reason")
		}
	case lease.PodRunning:
		p.Phase = rapid.SampledFrom([]lease.PodPhase{lease.PodSucceeded, lease.PodFailed}).Draw(t, "phase")
	case lease.PodSucceeded, lease.PodFailed:
	}
	p.Ran = p.Ran || p.Phase == lease.PodRunning || p.Phase == lease.PodSucceeded
	if rapid.IntRange(0, 3).Draw(t, "told") > 0 { // some steps are never told
		w.step(lease.PodSeen{Pod: *p})
	}
}

func (w *world) vanish(t *rapid.T) {
	if len(w.pods) == 0 {
		t.Skip("no pod")
	}
	p := w.pods[rapid.SampledFrom(sortedRuns(w.pods)).Draw(t, "pod")]
	if rapid.Bool().Draw(t, "slowly") {
		p.Deleting = true
		w.step(lease.PodSeen{Pod: *p})
		return
	}
	delete(w.pods, p.Run)
	w.step(lease.PodGone{Run: p.Run, UID: p.UID})
}

func (w *world) flipNode(t *rapid.T) {
	name := rapid.SampledFrom([]string{"n1", "n2"}).Draw(t, "node")
	if w.nodes[name] {
		delete(w.nodes, name)
		w.step(lease.NodeGone{Name: name})
		return
	}
	w.nodes[name] = true
	w.step(lease.NodeSeen{Node: lease.Node{Name: name}})
}

// settleAll lets everything work, and time pass, until nothing is left: every run
// comes to its end, and no pod stays.
func (w *world) settleAll() {
	for range 100 {
		for len(w.orders) > 0 {
			o := w.orders[0]
			w.orders = w.orders[1:]
			w.step(w.carryOut(o, "made")...)
		}
		for _, id := range sortedRuns(w.pods) {
			p := w.pods[id]
			if p.Deleting { // the node lets it go
				delete(w.pods, id)
				w.step(lease.PodGone{Run: id, UID: p.UID})
				continue
			}
			if p.Phase < lease.PodSucceeded {
				p.Phase, p.Ran = lease.PodSucceeded, true
			}
			w.step(lease.PodSeen{Pod: *p})
		}
		if len(w.acks) > 0 {
			w.ackRange(0, len(w.acks))
		}
		if w.said && len(w.beats) > 0 {
			w.beat(slices.Max(slices.Collect(maps.Keys(w.beats))))
		}
		w.pass(10 * time.Second)
	}
	for _, id := range sortedRuns(w.jobs) {
		if run := w.jobs[id].job.Run; !run.State.Over() || run.Releasing {
			w.t.Fatalf("run %s is still %+v; the core: %+v", runName(id), run, w.core.Counts())
		}
	}
	n := w.core.Counts()
	if len(w.pods) > 0 || n.Leased+n.Pending+n.Running+n.Ended+n.Releasing+n.Unacknowledged > 0 {
		w.t.Fatalf("left: pods %v, core %+v", sortedRuns(w.pods), n)
	}
}

func sortedRuns[V any](m map[job.RunID]V) []job.RunID {
	return slices.SortedFunc(maps.Keys(m), func(a, b job.RunID) int { return slices.Compare(a[:], b[:]) })
}
