package schedule_test

import (
	"container/heap"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// Kueue's large case: 10 cohorts of 100 queues, each with 20 cpu of its own and up to 100
// from its cohort, which has a node of 2,000 cpu. A queue gets jobs of three classes, which
// run as long as they say on a virtual clock; who is preempted is gone at once and begins
// anew.
const (
	kueueCohorts, kueueQueues = 10, 100
	kueueRoundsMax            = 1_000_000
)

// kueueClass is jobs that are alike: how many of them a queue gets, one every so often.
type kueueClass struct {
	name          schedule.ClassID
	priority      int32
	cpu           int64
	jobs          int
	runs, every   time.Duration
	shapeOfCohort [kueueCohorts]schedule.ShapeID
}

func kueueClasses() []kueueClass {
	return []kueueClass{
		{name: "small", priority: 50, cpu: 1, jobs: 35, runs: 150 * time.Millisecond, every: 60 * time.Millisecond},
		{name: "medium", priority: 100, cpu: 5, jobs: 11, runs: 350 * time.Millisecond, every: 300 * time.Millisecond},
		{name: "large", priority: 200, cpu: 20, jobs: 4, runs: 700 * time.Millisecond, every: 700 * time.Millisecond},
	}
}

// kueueEvent is a job that comes, or a run that ends.
type kueueEvent struct {
	at    schedule.Time
	order int
	job   schedule.Job
	run   schedule.RunID
}

type kueueEvents []kueueEvent

func (h *kueueEvents) Len() int { return len(*h) }
func (h *kueueEvents) Less(i, j int) bool {
	a, b := &(*h)[i], &(*h)[j]
	return a.at < b.at || a.at == b.at && a.order < b.order
}
func (h *kueueEvents) Swap(i, j int) { (*h)[i], (*h)[j] = (*h)[j], (*h)[i] }
func (h *kueueEvents) Push(x any)    { *h = append(*h, x.(kueueEvent)) }
func (h *kueueEvents) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	*h = (*h)[:last]
	return e
}

// kueueRun is a whole run of the case.
type kueueRun struct {
	t       testing.TB
	state   *schedule.State
	events  kueueEvents
	runs    map[schedule.ShapeID]schedule.Time
	jobs    map[schedule.JobID]schedule.Job
	jobOf   map[schedule.RunID]schedule.JobID
	next    uint64
	now     schedule.Time
	done    int
	rounds  int
	victims int
}

func newKueueRun(t testing.TB) *kueueRun {
	t.Helper()
	k := &kueueRun{
		t: t, runs: map[schedule.ShapeID]schedule.Time{}, jobs: map[schedule.JobID]schedule.Job{}, jobOf: map[schedule.RunID]schedule.JobID{}, now: benchNow,
	}
	cfg := benchConfig()
	cfg.Classes = nil
	var rows schedule.Snapshot
	classes := kueueClasses()
	for i := range classes {
		cfg.Classes = append(cfg.Classes, schedule.Class{ID: classes[i].name, Priority: classes[i].priority, Preemptible: true, Limit: map[string]int64{"cpu": schedule.Million}})
	}
	for cohort := range kueueCohorts {
		name := fmt.Sprintf("cohort-%d", cohort)
		n := benchNode("cluster", cohort, 2_000*benchCPU, 256*benchGi)
		n.Labels = map[string]string{"cohort": name}
		rows.Nodes = append(rows.Nodes, n)
		rows.Queues = append(rows.Queues, schedule.Queue{ID: schedule.QueueID(name), Weight: schedule.Million})
		for i := range classes {
			id := schedule.ShapeID(len(rows.Shapes) + 1)
			rows.Shapes = append(rows.Shapes, schedule.ShapeAdded{ID: id, Shape: schedule.Shape{
				Request: schedule.Vec{classes[i].cpu * benchCPU, 0}, Class: classes[i].name, Match: schedule.Match{Selector: n.Labels},
			}})
			classes[i].shapeOfCohort[cohort], k.runs[id] = id, schedule.Time(classes[i].runs)
		}
	}
	for i := range kueueCohorts * kueueQueues {
		q := schedule.Queue{
			ID: schedule.QueueID(fmt.Sprintf("queue-%04d", i)), Parent: rows.Queues[i%kueueCohorts].ID, Weight: schedule.Million,
			Quotas: []schedule.Quota{{Guarantee: map[string]int64{"cpu": 20 * benchCPU}, Borrow: map[string]int64{"cpu": 100 * benchCPU}}},
		}
		rows.Queues = append(rows.Queues, q)
		for j := range classes {
			for n := range classes[j].jobs {
				at := k.now + schedule.Time(n)*schedule.Time(classes[j].every)
				job := schedule.Job{ID: k.id(), Queue: q.ID, Shape: classes[j].shapeOfCohort[i%kueueCohorts], Submitted: at}
				k.jobs[job.ID] = job
				k.push(kueueEvent{at: at, job: job})
			}
		}
	}
	state, err := schedule.Load(cfg, rows)
	if err != nil {
		t.Fatal(err)
	}
	k.state = state
	return k
}

func (k *kueueRun) id() (id [16]byte) {
	k.next++
	binary.BigEndian.PutUint64(id[8:], k.next)
	return id
}

func (k *kueueRun) push(e kueueEvent) {
	e.order = len(k.jobs) + len(k.jobOf)
	heap.Push(&k.events, e)
}

// play lets everything happen, with a round at each moment at which something does.
func (k *kueueRun) play() {
	wake := schedule.Time(0)
	for k.done < len(k.jobs) && k.rounds < kueueRoundsMax {
		next := wake
		if len(k.events) > 0 && (wake == 0 || k.events[0].at < wake) {
			next = k.events[0].at
		}
		if next == 0 {
			k.t.Fatalf("%d of %d jobs have ended, and nothing happens any more", k.done, len(k.jobs))
		}
		k.now = next
		k.happen()
		plan := k.state.Plan(schedule.Round{Now: k.now, MayReject: true, KeepShares: true})
		k.rounds++
		k.lease(plan)
		wake = plan.Wake
	}
}

// happen applies what happens at this moment.
func (k *kueueRun) happen() {
	var deltas []schedule.Delta
	for len(k.events) > 0 && k.events[0].at <= k.now {
		e := heap.Pop(&k.events).(kueueEvent)
		job, running := k.jobOf[e.run]
		switch {
		case e.run == schedule.RunID{}:
			deltas = append(deltas, schedule.JobQueued{Job: e.job})
		case running:
			deltas = append(deltas, schedule.RunGone{Run: e.run}, schedule.JobGone{Job: job})
			delete(k.jobOf, e.run)
			k.done++
		}
	}
	k.apply(deltas)
}

func (k *kueueRun) lease(plan *schedule.Plan) {
	var deltas []schedule.Delta
	for _, p := range plan.Preempts {
		deltas = append(deltas, schedule.RunGone{Run: p.Run}, schedule.JobQueued{Job: k.jobs[k.jobOf[p.Run]]})
		delete(k.jobOf, p.Run)
		k.victims++
	}
	for i := range plan.Starts {
		start := &plan.Starts[i]
		run := schedule.RunID(k.id())
		k.jobOf[run] = start.Job
		k.push(kueueEvent{at: k.now + k.runs[k.jobs[start.Job].Shape], run: run})
		deltas = append(deltas, schedule.RunLeased{Run: schedule.Run{
			ID: run, Job: start.Job, Node: start.Node, Pool: start.Pool, Level: start.Level, Since: k.now, Phase: schedule.Leased,
		}})
	}
	k.apply(deltas)
}

func (k *kueueRun) apply(deltas []schedule.Delta) {
	if err := k.state.Apply(deltas...); err != nil {
		k.t.Fatal(err)
	}
}

// TestKueueCase: with quotas and a cohort each, all 50,000 jobs end within 4.5 s of virtual
// time, where 4.03 s are the least: what is lent is used, and nobody is preempted for it.
func TestKueueCase(t *testing.T) {
	t.Parallel()
	k := newKueueRun(t)
	k.play()
	if took := time.Duration(k.now - benchNow); k.done != 50_000 || took > 4500*time.Millisecond {
		t.Errorf("%d jobs ended after %v and %d preemptions", k.done, took, k.victims)
	}
}

// benchKueue: the whole run, clock and all.
func benchKueue(b *testing.B) {
	b.Helper()
	var clock watch
	var k *kueueRun
	for b.Loop() {
		k = newKueueRun(b)
		clock.measure(k.play)
	}
	clock.report(b, "", 0)
	b.ReportMetric(time.Duration(k.now-benchNow).Seconds(), "makespan-s")
	b.ReportMetric(float64(k.rounds), "rounds/op")
	b.ReportMetric(float64(k.victims), "victims/op")
}
