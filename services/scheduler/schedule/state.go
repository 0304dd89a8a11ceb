package schedule

import (
	"bytes"
	"cmp"
	"slices"
)

// State is what a round plans on. One goroutine.
type State struct {
	cfg       *Config
	resources map[string]int
	dominants []int
	classes   map[ClassID]*Class

	shapes map[ShapeID]*shape
	jobs   map[JobID]*queuedJob
	// held are jobs that have not ended and are not to start.
	held   map[JobID]*queuedJob
	runs   map[RunID]*run
	nodes  map[NodeID]*node
	queues map[QueueID]*queue
	// lost executors take no new runs.
	lost   map[ExecutorID]bool
	global account
	// away are the members of gangs that were leased and neither wait nor have ended.
	away map[JobID]*awayMember
	// assumed are the decisions that lie over the facts, leasing the runs among them
	// that are no facts, by job.
	assumed      map[DecisionID]decision
	nextDecision DecisionID
	leasing      map[JobID]*run

	// order is the nodes by name, rebuilt when nodes come or go.
	order []*node
	// newest is the newest plan if it decided nothing and nothing changed since, and
	// round is what it was asked.
	newest *Plan
	round  Round
	// walks counts the walks of all rounds: what a walk notes on a kind is its own.
	walks uint64
}

type shape struct {
	Shape
	id    ShapeID
	class *Class
	// nodes are those of a pool that it may run on now, by name; dropped when nodes or
	// executors change.
	nodes map[PoolID][]*node
	// pools are those with a node that could ever hold it; nil: to be found out again.
	pools map[PoolID]bool
}

type queuedJob struct {
	Job
	shape *shape
	gang  *Gang
	// kind counts it while it waits.
	kind *kind
	// laid says that it starts in the round under way.
	laid bool
	// held says that it is not to start.
	held bool
	// gone says that it ended under a lease that is assumed.
	gone bool
}

type run struct {
	Run
	queue *queue
	shape *shape
	gang  *Gang
	// job is what is queued again when the run is forgotten or requeued.
	job  *queuedJob
	node *node
	// leaseAssumed says that the run is no fact yet, goingAssumed that its end is none;
	// before is the phase that it has without that.
	leaseAssumed, goingAssumed bool
	before                     Phase
	// laid says that it starts in the round under way.
	laid bool
}

type node struct {
	Node
	// free is what nobody holds; it is negative when the node shrank, or when a start
	// waits for room. Later is the same once the releasing runs are gone.
	free, later Vec
	runs        []*run // by id
	// releasing counts the runs that are.
	releasing int
}

// holdsNow says whether a node has room for a request and its pod.
func (n *node) holdsNow(request Vec) bool {
	return n.free.holds(request) && n.hasPods(len(n.runs))
}

// holdsLater says the same of the node once its releasing runs are gone.
func (n *node) holdsLater(request Vec) bool {
	return n.later.holds(request) && n.hasPods(len(n.runs)-n.releasing)
}

// hasPods says whether a node with so many pods takes another.
func (n *node) hasPods(pods int) bool { return n.MaxPods == 0 || pods < int(n.MaxPods) }

// hold notes that a run is on the node.
func (n *node) hold(r *run) {
	n.free.sub(r.shape.Request)
	if r.Phase == Releasing {
		n.releasing++
	} else {
		n.later.sub(r.shape.Request)
	}
}

// drop notes that a run is off the node.
func (n *node) drop(r *run) {
	n.free.add(r.shape.Request)
	if r.Phase == Releasing {
		n.releasing--
	} else {
		n.later.add(r.shape.Request)
	}
}

type queue struct {
	Queue
	// known is false for a queue that jobs name and nobody has defined: they wait.
	known bool
	// queued is in the queue's order.
	queued []*queuedJob
	gangs  map[GangID]*gangState
	// held is what its runs hold, by pool; a releasing run counts no more.
	held map[PoolID]Vec
	// classes is the same by class.
	classes map[PoolID]map[ClassID]Vec
	// waiting counts its queued jobs by shape.
	waiting map[*shape]*kind
	tokens  account
}

// kind is the queued jobs of a queue and a shape.
type kind struct {
	n int64
	// failed is the walk in which they found no room.
	failed uint64
}

// kindOf is the kind of a shape in the queue, made where there is none yet.
func (q *queue) kindOf(sh *shape) *kind {
	k := q.waiting[sh]
	if k == nil {
		k = &kind{}
		q.waiting[sh] = k
	}
	return k
}

// waits says whether jobs wait that do not start in the round under way.
func (q *queue) waits() bool {
	for _, kind := range q.waiting { //archcheck:unordered any of them
		if kind.n > 0 {
			return true
		}
	}
	return false
}

// gangState is the members of a gang.
type gangState struct {
	Gang
	queued []*queuedJob
	runs   []*run
	// held counts the members that are not to start and have not ended.
	held int
	// placed counts the members that have a run, between those whose run is gone and of
	// which it is not known yet whether they ended, ended those that did, and missed
	// those that ended without a start. What a member adds to them follows from facts
	// on that member alone, for the facts on its mates come in any order.
	placed, between, ended, missed int
}

// awayMember is a member of a gang between its lease and its end, or its return.
type awayMember struct {
	gang *gangState
	// run is its run; zero once that is gone.
	run RunID
}

// members is how many there are that wait or have had their start. A member that was
// given back finds its mates among the latter: it starts again without them.
func (g *gangState) members() int { return len(g.queued) + g.placed + g.ended }

// over says that nothing can happen to the gang any more.
func (g *gangState) over() bool {
	return len(g.queued)+len(g.runs)+g.held+g.placed+g.between == 0 && g.ended+g.missed >= int(g.Cardinality)
}

// whole says whether what waits of the gang may start.
func (g *gangState) whole() bool { return g.members() >= int(g.Cardinality) }

// bucket is a token bucket as GCRA: free is when it was or will be full but for
// the tokens taken.
type bucket struct{ free Time }

// bucketMax bounds times and spans, so that sums of some of them do not overflow: 36
// years.
const bucketMax = 1 << 60

// valid says whether a full bucket is filled within bucketMax.
func (r Rate) valid() bool {
	return r.PerToken >= 0 && scale(uint64(r.PerToken), uint64(r.Burst), 1) <= bucketMax
}

// has says whether n tokens are there at a time, and when they will be. More than the
// burst are never there.
func (b *bucket) has(r Rate, n uint32, now Time) (bool, Time) {
	if r.Burst == 0 || n == 0 {
		return true, 0
	}
	if n > r.Burst {
		return false, 0
	}
	ready := b.since(r, now) + Time(r.PerToken)*Time(n)
	return ready <= now, ready
}

// take takes a token.
func (b *bucket) take(r Rate, now Time) {
	if r.Burst > 0 {
		b.free = min(b.since(r, now)+Time(r.PerToken), 4*bucketMax)
	}
}

// since is from when the tokens are counted that are there at a time.
func (b *bucket) since(r Rate, now Time) Time {
	now = max(-2*bucketMax, min(now, 2*bucketMax))
	return max(b.free, now-Time(r.PerToken)*Time(r.Burst))
}

// account is a bucket as the facts have it, and as it is with the starts that are
// assumed: seen. Facts come in another order than they were assumed in, so seen is made
// of them anew whenever nothing is assumed.
type account struct {
	facts, seen bucket
	assumed     int
}

// take takes the token of a lease that is a fact.
func (a *account) take(r Rate, at Time) {
	a.facts.take(r, at)
	if a.assumed == 0 {
		a.seen = a.facts
		return
	}
	a.seen.take(r, at)
}

// assume takes the token of a lease that is assumed.
func (a *account) assume(r Rate, at Time) {
	a.seen.take(r, at)
	a.assumed++
}

// settle notes that an assumed lease is a fact now.
func (a *account) settle(r Rate, at Time) {
	a.facts.take(r, at)
	a.forget()
}

// forget notes that a lease is assumed no more. What it took is given back once no other
// is: till then it cannot be told from what was taken after it.
func (a *account) forget() {
	if a.assumed--; a.assumed == 0 {
		a.seen = a.facts
	}
}

// compareQueued is the order within a queue.
func compareQueued(a, b *queuedJob) int {
	return cmp.Or(
		cmp.Compare(b.shape.class.Priority, a.shape.class.Priority),
		cmp.Compare(a.Priority, b.Priority),
		cmp.Compare(a.Submitted, b.Submitted),
		bytes.Compare(a.ID[:], b.ID[:]))
}

// compareRank puts the run that is to be kept longest first.
func compareRank(a, b *run) int {
	return cmp.Or(
		cmp.Compare(b.Level, a.Level),
		cmp.Compare(a.Since, b.Since),
		bytes.Compare(a.ID[:], b.ID[:]))
}

func compareRuns(a, b *run) int { return bytes.Compare(a.ID[:], b.ID[:]) }

func (v Vec) add(w Vec) {
	for i := range v {
		v[i] += w[i]
	}
}

func (v Vec) sub(w Vec) {
	for i := range v {
		v[i] -= w[i]
	}
}

// holds says whether v has room for w.
func (v Vec) holds(w Vec) bool {
	for i := range v {
		if w[i] > 0 && w[i] > v[i] {
			return false
		}
	}
	return true
}

func insert[T any](list []T, item T, compare func(a, b T) int) []T {
	i, _ := slices.BinarySearchFunc(list, item, compare)
	return slices.Insert(list, i, item)
}

func remove[T any](list []T, item T, compare func(a, b T) int) []T {
	if i, found := slices.BinarySearchFunc(list, item, compare); found {
		return slices.Delete(list, i, i+1)
	}
	return list
}

// undefined is the settings of a queue that nobody has defined.
func undefined(id QueueID) Queue { return Queue{ID: id, Weight: Million} }

// queueOf finds a queue, or makes one that is not known yet.
func (s *State) queueOf(id QueueID) *queue {
	q := s.queues[id]
	if q == nil {
		q = &queue{
			Queue: undefined(id), gangs: map[GangID]*gangState{},
			held: map[PoolID]Vec{}, classes: map[PoolID]map[ClassID]Vec{}, waiting: map[*shape]*kind{},
		}
		s.queues[id] = q
	}
	return q
}

func (s *State) heldIn(q *queue, pool PoolID) Vec {
	if q.held[pool] == nil {
		q.held[pool] = make(Vec, len(s.cfg.Resources))
	}
	return q.held[pool]
}

func (s *State) classIn(q *queue, pool PoolID, class ClassID) Vec {
	if q.classes[pool] == nil {
		q.classes[pool] = map[ClassID]Vec{}
	}
	if q.classes[pool][class] == nil {
		q.classes[pool][class] = make(Vec, len(s.cfg.Resources))
	}
	return q.classes[pool][class]
}

// enqueue puts a job into its queue.
func (s *State) enqueue(j *queuedJob) {
	q := s.queueOf(j.Queue)
	s.jobs[j.ID] = j
	q.queued = insert(q.queued, j, compareQueued)
	j.kind = q.kindOf(j.shape)
	j.kind.n++
	if j.gang != nil {
		g := q.gangs[j.gang.ID]
		g.queued = insert(g.queued, j, compareQueued)
	}
	if g := s.comeBack(j.ID); g != nil {
		s.dropGang(s.queueOf(g.Queue), &g.Gang) // it may wait for another gang than it ran for
	}
}

// goAway notes that a member of a gang has a run.
func (s *State) goAway(j *queuedJob, run RunID) {
	if j.gang != nil {
		g := s.queueOf(j.Queue).gangs[j.gang.ID]
		s.away[j.ID] = &awayMember{gang: g, run: run}
		g.placed++
	}
}

// lose notes that a run is gone, if it was of a member of a gang.
func (s *State) lose(r *run) {
	if m := s.away[r.Job]; m != nil && m.run == r.ID {
		m.run = RunID{}
		m.gang.placed--
		m.gang.between++
	}
}

// comeBack notes that a member waits or has ended. It returns its gang; nil where it
// was not away.
func (s *State) comeBack(id JobID) *gangState {
	m := s.away[id]
	if m == nil {
		return nil
	}
	delete(s.away, id)
	if m.run != (RunID{}) {
		m.gang.placed--
	} else {
		m.gang.between--
	}
	return m.gang
}

// withhold keeps a job that is in no queue from one.
func (s *State) withhold(j *queuedJob) {
	j.held = true
	s.held[j.ID] = j
	if j.gang != nil {
		s.queues[j.Queue].gangs[j.gang.ID].held++
	}
}

// release takes a job from those that are withheld.
func (s *State) release(j *queuedJob) {
	delete(s.held, j.ID)
	if j.gang != nil {
		s.queues[j.Queue].gangs[j.gang.ID].held--
	}
}

// dequeue takes a job out of its queue.
func (s *State) dequeue(j *queuedJob) {
	q := s.queueOf(j.Queue)
	delete(s.jobs, j.ID)
	q.queued = remove(q.queued, j, compareQueued)
	if j.kind.n--; j.kind.n == 0 {
		delete(q.waiting, j.shape)
	}
	if j.gang != nil {
		g := q.gangs[j.gang.ID]
		g.queued = remove(g.queued, j, compareQueued)
	}
}

// occupy makes a run hold its node.
func (s *State) occupy(r *run) {
	s.runs[r.ID] = r
	s.settle(r)
}

// settle puts a run on its node, into its gang and on its queue's account.
func (s *State) settle(r *run) {
	if r.gang != nil {
		g := r.queue.gangs[r.gang.ID]
		g.runs = insert(g.runs, r, compareRuns)
	}
	if r.node != nil {
		r.node.hold(r)
		r.node.runs = insert(r.node.runs, r, compareRuns)
	}
	if r.Phase != Releasing {
		s.charge(r)
	}
}

// vacate takes a run off its node.
func (s *State) vacate(r *run) {
	delete(s.runs, r.ID)
	s.unsettle(r)
}

// unsettle takes back what settle did.
func (s *State) unsettle(r *run) {
	if r.gang != nil {
		g := r.queue.gangs[r.gang.ID]
		g.runs = remove(g.runs, r, compareRuns)
	}
	if r.node != nil {
		r.node.drop(r)
		r.node.runs = remove(r.node.runs, r, compareRuns)
	}
	if r.Phase != Releasing {
		s.discharge(r)
	}
}

func (s *State) charge(r *run) {
	s.heldIn(r.queue, r.Pool).add(r.shape.Request)
	s.classIn(r.queue, r.Pool, r.shape.Class).add(r.shape.Request)
}

func (s *State) discharge(r *run) {
	s.heldIn(r.queue, r.Pool).sub(r.shape.Request)
	s.classIn(r.queue, r.Pool, r.shape.Class).sub(r.shape.Request)
}

// setPhase moves a run. What must go is its queue's no more, and still holds its node.
func (s *State) setPhase(r *run, to Phase) {
	if r.Phase != Releasing && to == Releasing {
		s.discharge(r)
	}
	if r.Phase == Releasing && to != Releasing {
		s.charge(r)
	}
	if r.node != nil {
		r.node.drop(r)
	}
	r.Phase = to
	if r.node != nil {
		r.node.hold(r)
	}
}
