package schedule

// Why says why a queued job waits, as the state is at a moment. It is a value, worked out
// when it is asked for: nothing is kept for jobs that nobody asks about.
type Why struct {
	Job   JobID
	Queue QueueID
	// Position is its place in the queue's order, from 1; Queued is how many wait there.
	Position, Queued int
	// Gang is empty for a job of its own; Waiting is how many of its members wait and
	// Members how many of Cardinality are there.
	Gang                          GangID
	Waiting, Members, Cardinality int
	// Min is how many must run of an elastic gang, of which Members are there or wait; zero:
	// it is none.
	Min int
	// Blocks are what stops it whatever room there is; none: it is a matter of the pools.
	Blocks []Block
	// Pools are those that it may use, in the order in which they are planned.
	Pools []PoolWhy
	// Reservation is that of the job; without members: it has none.
	Reservation Reservation
	// Starts says that it could start now, were it next: only the order is before it.
	Starts bool
	// Changes are single changes that would let it start, were it next: see [Change]. The
	// first is the smallest. None: Starts, or no single one that is looked for does.
	Changes []Change
}

// Block is a rule that stops a job.
type Block struct {
	Rule BlockRule
	// Until is when it stops it no more, if nothing else happens; zero: never.
	Until Time
	// Have and Need are figures of the rule, in the resource's unit where it has one.
	Have, Need int64
	// Queue is the one that is cordoned, or whose quota it is.
	Queue QueueID
	// Group is the group of an elastic gang that it is about; empty: the gang itself.
	Group GroupID
	// Class and Resource are those of a limit.
	Class    ClassID
	Resource string
}

// BlockRule is which rule stops a job.
type BlockRule uint8

const (
	// QueueUndefined: nobody defined its queue.
	QueueUndefined BlockRule = iota + 1
	// QueueCordoned: its queue, or one that this is part of, starts nothing.
	QueueCordoned
	// GangIncomplete: Have members of Need are there, of an elastic gang or a group of it too.
	GangIncomplete
	// GangAboveBurst: it has Need members, and no more than Have may start at a time.
	GangAboveBurst
	// GangAboveMax: it is of Need members, and gangs of more than Have do not start.
	GangAboveMax
	// BeyondLookback: it is number Need of its queue, of which Have are looked at.
	BeyondLookback
	// TooEarly: it is not to start before Until.
	TooEarly
	// NoTokens: as many jobs as may have started, in all, until Until.
	NoTokens
	// NoQueueTokens: as many jobs as may have started of its queue, until Until.
	NoQueueTokens
	// AboveLimit: with it the queue would hold Need of Resource by Class, over Have.
	AboveLimit
	// AboveQuota: with it Queue would hold Need of Resource, over the Have that it may; without
	// a queue, the pool would, for the rest is kept for others.
	AboveQuota
	// ShortOfFloating: it asks for Need of Resource, of which the pool has Have left.
	ShortOfFloating
	// AboveAPeriod: it asks for Need of Resource, and in a whole period no more than Have may
	// start in the pool.
	AboveAPeriod
	// PeriodUsed: it asks for Need of Resource, of which Have may start in the pool until Until.
	PeriodUsed
	// OtherRule: a rule that is not told by a figure.
	OtherRule
	// GangFirst: its gang must be whole before it starts, and others of it are to start for that.
	GangFirst
	// GangFull: Have members of its gang or Group run, and no more than Need are to.
	GangFull
)

// PoolWhy is why a job does not start in a pool.
type PoolWhy struct {
	Pool PoolID
	// Host is the pool on whose nodes it would be a guest; empty: it is asked about the pool's
	// own.
	Host PoolID
	// Share is its queue's part of the pool now, After what it would be with the job's gang;
	// Ideal and Fair are what it should have. In units of 2^-32 of the total.
	Share, After, Ideal, Fair uint64
	// Blocks are what stops it in this pool whatever room there is.
	Blocks []Block
	// Nodes is how many nodes the pool, or the host, has; Reasons count them by why the job, or the first
	// member of its gang, does not start there, the most frequent first.
	Nodes   int
	Reasons []NodeCount
	// Nearest is the node that lacks least; empty: none takes such jobs at all.
	Nearest NodeID
	// Lacks is what it lacks there.
	Lacks []Amounts
	// Placed is how many members of its gang would find room.
	Placed int
	// Preemption is what comes of looking for victims.
	Preemption Preemption
	// Starts says that it could start in this pool, were it next.
	Starts bool
}

// Amounts is an amount of a resource.
type Amounts struct {
	Resource string
	Amount   int64
}

// NodeCount is how many nodes there are for a reason.
type NodeCount struct {
	Reason NodeReason
	// Detail is the taint, the resource, or for whom it is reserved.
	Detail string
	Nodes  int
}

// NodeReason is why a job does not start on a node.
type NodeReason uint8

const (
	// NodeFits: it has room for it.
	NodeFits NodeReason = iota + 1
	// NodeTooSmall: it could not hold it if it were empty, for want of Detail.
	NodeTooSmall
	// NodeTaint: it has the taint Detail.
	NodeTaint
	// NodeUnmatched: it does not match the node selector or the affinity, as Detail says.
	NodeUnmatched
	// NodeUnschedulable: it is cordoned.
	NodeUnschedulable
	// NodeLost: its executor is not connected.
	NodeLost
	// NodeTried: the job was tried there.
	NodeTried
	// NodePods: it has as many pods as it takes.
	NodePods
	// NodeFull: too little of Detail is free.
	NodeFull
	// NodeReserved: it has room, which is reserved for Detail.
	NodeReserved
)

// Preemption is what comes of looking for victims of a job.
type Preemption uint8

const (
	// NotLooked: there was no need, or a rule stops the job before that.
	NotLooked Preemption = iota
	// VictimsFound: it would start in the place of others.
	VictimsFound
	// NothingPreemptible: no preemptible run is on the pool's nodes.
	NothingPreemptible
	// NothingMayGo: none may go for its class, and no queue may lose to its queue.
	NothingMayGo
	// NotEnoughMayGo: what may go leaves room on no node that takes it.
	NotEnoughMayGo
	// MemberAlone: a member that goes by itself, its gang being whole, preempts nobody.
	MemberAlone
)

// Change is a single change after which a job, or its gang, could start if it were next:
// State.Try starts it on a fork to which the change was made. Changes are ordered by their
// kinds, for what a user can do to his job alone comes before what an operator can do for
// all; within a kind it is the least amount that does.
type Change struct {
	Kind ChangeKind
	// At is when to try.
	At Time
	// Pool, Class, Queue and Node are those that it is about.
	Pool  PoolID
	Class ClassID
	Queue QueueID
	Node  NodeID
	// Amounts are what to come to: the request, or the limit in millionths of the pool.
	Amounts []Amounts
	// Taint is to be tolerated.
	Taint Taint
	// Count is how many nodes or members more, or members or looked-at jobs in all.
	Count int
}

// ChangeKind is what is changed, in the order of Why.Changes.
type ChangeKind uint8

const (
	// WaitUntil: nothing; At comes.
	WaitUntil ChangeKind = iota + 1
	// AskLess: each waiting member asks for no more than Amounts.
	AskLess
	// AskFewer: the gang has Count members in all.
	AskFewer
	// AddMembers: Count members more, like its last, come to the gang.
	AddMembers
	// TryAgain: it may go to nodes that it was tried on.
	TryAgain
	// Tolerate: each waiting member tolerates Taint.
	Tolerate
	// DropSelector: it asks for no labels by node selector.
	DropSelector
	// DropAffinity: it has no node affinity.
	DropAffinity
	// UsePool: it may use Pool.
	UsePool
	// UseClass: it is of Class.
	UseClass
	// Uncordon: Queue is uncordoned.
	Uncordon
	// DefineQueue: Queue is defined, with weight 1.
	DefineQueue
	// RaiseLimit: the limit of Class in Queue and Pool is Amounts.
	RaiseLimit
	// LookFurther: Count jobs of a queue are looked at.
	LookFurther
	// AddNodes: Count nodes come that are as Node is, and empty.
	AddNodes
)
