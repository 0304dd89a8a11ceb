package schedule

import (
	"bytes"
	"cmp"
	"slices"
)

// State is what a round plans on. One goroutine.
//
// Rows stand in slices, name each other by their place there (a handle, none is -1), and
// are reused once they are free. Jobs and runs, of which there are many, hold no pointers.
type State struct {
	cfg         *Config
	resources   map[string]int
	dominantsIn [][]int
	// multipliers are what each resource counts for; nil: once.
	multipliers []uint64
	// insufficient are the reasons why a node has too little of each resource.
	insufficient []string
	// poolOf are the handles of pools: those of the configuration first, in its order, then
	// others that runs name.
	poolOf   map[PoolID]int32
	poolName []PoolID
	classOf  map[ClassID]int32
	// protects: some class has a minimum run time.
	protects bool

	// requests is memory for those of shapes that come.
	requests     []int64
	shapes       []shape
	shapeOf      map[ShapeID]int32
	freeShapes   []int32
	matchers     []matcher
	matcherOf    map[string]int32
	freeMatchers []int32
	// bindings are the ways in which gangs and groups are bound to nodes that agree.
	bindings  []binding
	bindingOf map[string]int32

	// jobIDs are the jobs that wait, are held, or have an assumed lease; jobs are their
	// rows, and extras what few of them have.
	jobIDs table
	jobs   []jobRow
	extras map[int32]jobExtra
	runIDs table
	runs   []runRow
	// kinds count and list what is alike: of one queue and one shape.
	kinds     []kind
	kindOf    map[uint64]int32
	freeKinds []int32
	queues    []queue
	queueOf   map[QueueID]int32
	// nested counts the queues that are part of another, quoted those with quotas.
	nested, quoted int

	gangs     []gang
	freeGangs []int32
	// away are the members of gangs that were leased and neither wait nor have ended.
	away map[JobID]awayMember

	nodes     []node
	nodeOf    map[NodeID]int32
	freeNodes []int32
	// free is what nobody holds of each node, a resource an element; it is negative when
	// the node shrank, or when a start waits for room. Later is the same once the
	// releasing runs are gone.
	free, later []int64
	// soft counts the runs of preemptible classes that are not releasing.
	soft int
	// held is what the runs of a queue hold of a pool, and byClass the same by class; a
	// releasing run counts no more.
	held, byClass []int64
	// isFloating are the floating resources; nil: there are none. Of these floatingOf is what
	// each pool has, and floatingHeld what its runs hold, those that are releasing too.
	isFloating               []bool
	floatingOf, floatingHeld []int64
	// visits are in what order pools are planned, hosts the pools in which the jobs of each may
	// be guests, and usersOf those whose jobs may be on the nodes of each, a bit each.
	visits         []visit
	hosts, usersOf []uint64
	// lowestLevel is at most the level of each run.
	lowestLevel int32
	// startedIn counts what starts in each pool, where that is limited.
	startedIn []startedAccount
	// lost executors take no new runs.
	lost   map[ExecutorID]bool
	global account
	// offIn is what is switched off in each pool.
	offIn []Switches
	// bids are the prices in markets.
	bids map[bidder]int64
	// charges are those of runs that ended; nil: none.
	charges map[RunID]charge
	// usage is that of runs that are gone, and decay the weights of time; nil: none counts.
	usage map[usedBy][]wide
	decay []uint64

	// assumed are the decisions that lie over the facts, leasing are the runs among
	// them whose leases are no facts.
	assumed      map[DecisionID]decision
	nextDecision DecisionID
	leasing      map[JobID]int32
	reservations reservations

	// newest is the newest plan if it decided nothing and nothing changed since, and
	// asked is what it was asked.
	newest *Plan
	asked  Round
	// What follows is worked out of the above, and may be dropped.
	index  nodeIndex
	rounds planner
}

// jobRow is a job that is in no phase of a run that is a fact.
type jobRow struct {
	submitted Time
	priority  uint32
	kind      int32
	gang      int32
	// group is its group in the gang; none: the gang itself.
	group int32
	// waits: it is in its queue; leased: its lease is assumed; held: it is kept from its
	// queue, or would be without that lease.
	waits, leased, held bool
	// gone says that it ended under a lease that is assumed.
	gone  bool
	extra bool
}

// jobExtra is what most jobs have not.
type jobExtra struct {
	notBefore Time
	avoid     []NodeID
}

type runRow struct {
	job   JobID
	since Time
	node  int32
	pool  int32
	level int32
	kind  int32
	gang  int32
	// row is its job's where its lease is assumed.
	row int32
	// next and prev are its neighbours on the node, in no order.
	next, prev int32
	phase      Phase
	// leaseAssumed says that the run is no fact yet, goingAssumed that its end is none;
	// before is the phase that it has without that.
	before                     Phase
	leaseAssumed, goingAssumed bool
}

// kind is the jobs of a queue and a shape.
type kind struct {
	queue, shape int32
	// place is where it stands among the kinds of its queue.
	place int32
	// refs counts its rows, of jobs and of runs: without any it is free.
	refs int32
	// n counts the jobs that wait, gangs those of them that are members of gangs, and runs
	// its runs that are not releasing.
	n, gangs, runs int32
	waiting        list
	roundKind
}

type queue struct {
	Queue
	// parent is the queue that it is part of, else none; parts counts those of it.
	parent, parts int32
	// known is false for a queue that jobs name and nobody has defined: they wait.
	known  bool
	gangs  map[GangID]int32
	kinds  []int32
	asks   []kindAsk // of each of the kinds
	n      int
	tokens account
	// bound is the last job within look-back, worked out where boundKnown; none: all are.
	bound      int32
	boundKnown bool
}

// gang is the members of a gang.
type gang struct {
	Gang
	queue int32
	// bound is how all are bound, groups its groups as they came to be known.
	bound   int32
	groups  []groupRow
	groupOf map[GroupID]int32
	// queued are its jobs that wait, in order; runs its runs, by id.
	queued, runs []int32
	// held counts the members that are not to start and have not ended.
	held int
	// placed counts the members that have a run, between those whose run is gone and of
	// which it is not known yet whether they ended, ended those that did, and missed
	// those that ended without a start. What a member adds to them follows from facts
	// on that member alone, for the facts on its mates come in any order.
	placed, between, ended, missed int
	// done are those of an elastic gang that ended of themselves, of the members that are in
	// no group.
	done int32
	roundGang
}

// awayMember is a member of a gang between its lease and its end, or its return.
type awayMember struct {
	gang  int32
	group int32
	// run is its run; zero once that is gone.
	run RunID
	// ended says, of an elastic gang, that its run is gone and ended of itself.
	ended bool
}

// members is how many there are that wait or have had their start. A member that was
// given back finds its mates among the latter: it starts again without them.
func (g *gang) members() int { return len(g.queued) + g.placed + g.ended }

// over says that nothing can happen to the gang any more.
func (g *gang) over() bool {
	return len(g.queued)+len(g.runs)+g.held+g.placed+g.between == 0 && g.ended+g.missed >= int(g.Cardinality)
}

// whole says whether what waits of the gang may start.
func (g *gang) whole() bool { return g.members() >= int(g.Cardinality) }

// node is a node, or the name of one that only runs know.
type node struct {
	Node
	known bool
	// pool is the handle of its pool if that is planned, else none.
	pool int32
	// first is a run on it; the others follow.
	first int32
	// pods counts its runs, releasing those of them that are.
	pods, releasing int32
}

// room is part of a flat list of vectors.
func (s *State) room(of []int64, at int32) Vec {
	n := len(s.cfg.Resources)
	return of[int(at)*n : int(at)*n+n : int(at)*n+n]
}

// heldAt is where what a queue holds of a pool stands.
func (s *State) heldAt(queue, pool int32) int32 { return queue*int32(len(s.cfg.Pools)) + pool } //nolint:gosec // small

// classAt is where what it holds by a class stands.
func (s *State) classAt(queue, pool, class int32) int32 {
	return s.heldAt(queue, pool)*int32(len(s.cfg.Classes)) + class //nolint:gosec // small
}

// compareInKind is the order within a kind: smaller priority number, earlier, id.
func (s *State) compareInKind(a, b int32) int {
	x, y := &s.jobs[a], &s.jobs[b]
	switch { // ids, which are far away, are read only where they decide
	case x.priority != y.priority:
		return cmp.Compare(x.priority, y.priority)
	case x.submitted != y.submitted:
		return cmp.Compare(x.submitted, y.submitted)
	}
	return bytes.Compare(s.jobIDs.ids[a][:], s.jobIDs.ids[b][:])
}

// compareQueued is the order within a queue: higher class, then as within a kind.
func (s *State) compareQueued(a, b int32) int {
	if x, y := s.classPriority(a), s.classPriority(b); x != y {
		return cmp.Compare(y, x)
	}
	return s.compareInKind(a, b)
}

func (s *State) classPriority(job int32) int32 {
	return s.classOfKind(s.jobs[job].kind).Priority
}

func (s *State) classOfKind(kind int32) *Class {
	return &s.cfg.Classes[s.shapes[s.kinds[kind].shape].class]
}

func (s *State) request(kind int32) Vec { return s.shapes[s.kinds[kind].shape].Request }

// onNode is what the jobs of a kind ask of a node.
func (s *State) onNode(kind int32) Vec { return s.shapes[s.kinds[kind].shape].onNode }

func (s *State) compareRuns(a, b int32) int {
	return bytes.Compare(s.runIDs.ids[a][:], s.runIDs.ids[b][:])
}

// compareRank puts the run that is to be kept longest first.
func (s *State) compareRank(a, b int32) int {
	x, y := &s.runs[a], &s.runs[b]
	return cmp.Or(s.compareGuests(x, y), cmp.Compare(y.level, x.level), cmp.Compare(x.since, y.since), s.compareRuns(a, b))
}

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
