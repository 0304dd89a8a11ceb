package schedule

// Time is a moment in nanoseconds since 1970-01-01T00:00:00Z.
type Time int64

// Vec is an amount of each resource of the Schema, in its order: cpu in
// thousandths, every other in its own unit.
type Vec []int64

// AmountMax bounds every amount, so that sums over all jobs and nodes stay exact.
const AmountMax = 1 << 42

// QuotaMax bounds the amounts of a quota: a queue may have more than a node.
const QuotaMax = 1 << 54

// PoolsMax is how many pools are planned at most.
const PoolsMax = 64

// The names of things. Ties are broken by them.
type (
	// JobID is a job's ULID.
	JobID [16]byte
	// RunID is a run's ULID.
	RunID [16]byte
	// QueueID is a queue's name.
	QueueID string
	// NodeID is a node's name, unique over all executors.
	NodeID string
	// PoolID is a pool's name.
	PoolID string
	// ExecutorID is an executor's name.
	ExecutorID string
	// ClassID is the name of a priority class.
	ClassID string
	// GangID is a gang's name, unique in its queue.
	GangID string
	// GroupID is the name of a group, unique in its gang.
	GroupID string
	// TierID is the name of a tier of the topology.
	TierID string
	// ShapeID is the caller's handle of a shape.
	ShapeID uint32
	// DecisionID names what Assume laid over the state.
	DecisionID uint64
)

// Million is the unit of weights and fractions.
const Million = 1_000_000

// The least and the most that a resource counts for: a thousandth, and a thousand times.
const (
	MultiplierMin = Million / 1000
	MultiplierMax = Million * 1000
)

// Config is the rules that an operator sets. It is not changed after Load.
type Config struct {
	// Resources names the elements of a Vec.
	Resources []string
	// Dominant are the resources that shares are counted in.
	Dominant []string
	// DominantIn are those of single pools instead.
	DominantIn map[PoolID][]string
	// Multipliers are how often the share of a dominant resource counts, in millionths, from
	// MultiplierMin to MultiplierMax; one without an entry counts once.
	Multipliers map[string]int64
	// Pools are planned in this order; PoolsMax at most.
	Pools []PoolID
	// Switches are what is switched off in single pools: see switches.go.
	Switches map[PoolID]Switches
	// AwayPools are, of a pool, those on whose nodes its jobs may be guests, in the order in
	// which that is tried: see guest.go.
	AwayPools map[PoolID][]PoolID
	// Tolerate is what all jobs tolerate in a pool, beside what they tolerate by themselves.
	Tolerate map[PoolID][]Toleration
	// Tiers are the levels of the topology, from the widest to the narrowest.
	Tiers []Tier
	// Classes are the priority classes.
	Classes []Class
	// Protected is the part of its share, in millionths, up to which fair-share
	// preemption takes nothing from a queue, and ProtectedIn the same of single pools.
	Protected   int64
	ProtectedIn map[PoolID]int64
	// ShortJob is, of pools whose short runs are charged after their end, until how long after
	// their lease that is, in nanoseconds above zero: see charge.go.
	ShortJob map[PoolID]int64
	// Markets are pools in which those who bid more go first, and Bids what queues bid there:
	// see market.go.
	Markets []PoolID
	Bids    []Bid
	// SpotCutoff is the part of a market, in millionths, at which its spot price is taken; a
	// market without an entry has none.
	SpotCutoff map[PoolID]int64
	// UsageHalfLife is after how long what a queue held counts half in its cost, in nanoseconds:
	// a multiple of 30 s up to 90 days, or zero: what it held counts for nothing. See usage.go.
	UsageHalfLife int64
	// PreemptionRule is which queue may lose to which for a share.
	PreemptionRule PreemptionRule
	// Weights are those of queues in single pools, above zero, in millionths; a queue without
	// an entry has its own.
	Weights map[PoolID]map[QueueID]int64
	// Lookback is how many queued jobs of a queue a round looks at.
	Lookback int
	// LeastLostWork: of several nodes whose victims are of classes as low, the one is
	// chosen where the least work is lost, and only then that with the fewest victims.
	LeastLostWork bool
	// Rate and QueueRate limit the jobs started in all, and of each queue.
	Rate, QueueRate Rate
	// GangMax is the most members of a gang that may start, by its cardinality; zero: any.
	GangMax uint32
	// PeriodLimit is how much may start in a pool within a period.
	PeriodLimit PeriodLimit
	// Floating are the resources that stand on no node; none: all do.
	Floating []Floating
	// ReserveAfter is how many nanoseconds the first in line of a queue waits before nodes
	// are reserved for it; zero: none ever are. See [Reservation].
	ReserveAfter int64
	// ReservationsMax is how many reservations there are of a pool at most.
	ReservationsMax int
}

// PreemptionRule is a rule of fair-share preemption: see share.go.
type PreemptionRule uint8

const (
	// RaiseLeast takes from a queue only what leaves the two less apart than they were.
	RaiseLeast PreemptionRule = iota
	// ArmadaOrder takes from a queue what it would not get back if all were given out anew,
	// as Armada does: what is started last of the two queues.
	ArmadaOrder
)

// Tier is a level of the topology: block, rack, host. A domain of it is the nodes that agree
// on its label and on those of all wider tiers; a node without one of them is in none.
type Tier struct {
	ID TierID
	// Label is the node label that names its domains within one of the next wider tier.
	Label string
}

// ExecutorLabel is a label that every node has, by that name, whatever its own labels: its
// executor. A gang under it runs within one cluster.
const ExecutorLabel = "fairlead/executor"

// Class is a priority class.
type Class struct {
	ID ClassID
	// Priority: the higher goes first.
	Priority    int32
	Preemptible bool
	// MinRunTime is how long a run of it has at least before it is preempted, whether for a
	// share or for a higher class; from 0, which protects nothing, to 2^60 ns. A gang has it
	// when each member has.
	MinRunTime Time
	// Limit is the most of a pool's total that its jobs may hold in one queue, in
	// millionths, by resource; one without an entry has no limit. LimitIn are the limits of
	// single pools instead.
	Limit   map[string]int64
	LimitIn map[PoolID]map[string]int64
	// Away are the nodes on which its jobs may run beside those of their own, tried in this
	// order where a job has found no place at home. None: it runs at home only.
	Away []Away
}

// Rate is a token bucket: a token every PerToken nanoseconds, Burst at most. The
// zero Rate is no limit.
type Rate struct {
	PerToken int64
	Burst    uint32
}

// Shape is what jobs have in common that the round looks at.
type Shape struct {
	Request Vec
	Class   ClassID
	Match   Match
	// Pools are those its jobs may run in; none: every pool.
	Pools []PoolID
	// Limit is how many seconds a run lasts at most, Expect how many it is expected to;
	// zero: nobody knows.
	Limit, Expect int32
	// Band is what its queue bids for its jobs by, in a market; it means nothing elsewhere.
	Band string
}

// Job is a queued job.
type Job struct {
	ID    JobID
	Queue QueueID
	Shape ShapeID
	// Priority: the smaller goes first within the class.
	Priority  uint32
	Submitted Time
	// Gang is empty for a job of its own, Group for one that is in no group of its gang.
	Gang  GangID
	Group GroupID
	// NotBefore is when it may start at the earliest; zero: at once.
	NotBefore Time
	// Avoid are nodes on which it was tried.
	Avoid []NodeID
}

// Gang is jobs that start together.
type Gang struct {
	ID    GangID
	Queue QueueID
	// Cardinality is how many members start together, where Min is not given.
	Cardinality uint32
	// Min makes a gang elastic: it is the least of its members that must run, from 1 to
	// Cardinality; zero: all start together. Want is the most that run, from Min; zero: any
	// number. See elastic.go.
	Min, Want uint32
	// Label: all run on nodes with one value of it; empty: no such rule.
	Label string
	// Tier: all run in one domain of it; empty: no such rule. It goes before Label.
	Tier TierID
	// Groups are parts of the gang, by name. More may be told of later; one that is known
	// stays as it is.
	Groups []Group
}

// Group is jobs of a gang that belong together, and the groups within it.
type Group struct {
	ID GroupID
	// Parent is the group that it is part of; empty: the gang itself.
	Parent GroupID
	// Tier and Label bind it as they do a gang, to a domain within its parent's.
	Tier  TierID
	Label string
	// Min and Want are the least and the most members of it, and of the groups in it, that
	// run, where the gang has a Min; zero: no such rule.
	Min, Want uint32
}

// Phase is what a run does to its node.
type Phase uint8

const (
	// Leased runs hold their node and may have no pod yet.
	Leased Phase = iota + 1
	// Running runs hold their node.
	Running
	// Releasing runs must go and hold their node until their pod is gone.
	Releasing
)

// Run is a run on a node.
type Run struct {
	ID    RunID
	Job   JobID
	Node  NodeID
	Pool  PoolID
	Level int32
	Since Time
	Phase Phase
}

// Node is a node of an executor's cluster.
type Node struct {
	ID       NodeID
	Executor ExecutorID
	Pool     PoolID
	// Total is what pods may hold in all, Other what pods of others hold.
	Total, Other  Vec
	Labels        map[string]string
	Taints        []Taint
	Unschedulable bool
	// MaxPods is how many pods of ours it takes; zero: no limit.
	MaxPods int32
}

// QueueDepthMax bounds how deep queues stand in each other: a queue that is part of none is
// at 1.
const QueueDepthMax = 8

// Queue is a queue's settings.
type Queue struct {
	ID QueueID
	// Parent is the queue that it is part of; empty: of none. A parent may have jobs of its
	// own: they stand beside its parts as if in one more, of weight 1. A parent that nobody
	// defined is part of none and weighs 1. Apply refuses a queue that would be part of itself
	// or stand deeper than QueueDepthMax.
	Parent QueueID
	// Weight is in millionths, above zero: against that of the others of the same parent.
	Weight int64
	// Cordoned: it starts nothing, nor does any part of it.
	Cordoned bool
	// Limits override those of the classes.
	Limits []ClassLimit
	// Quotas are what it may count on, and the most it may hold: see quota.go. One a pool.
	Quotas []Quota
}

// Quota is what a queue, with all its parts, may count on in a pool, and the most that it
// may hold there. Amounts are by resource.
type Quota struct {
	// Pool is empty for every pool that has no other.
	Pool PoolID
	// Guarantee is what it gets before others and loses to none of them.
	Guarantee map[string]int64
	// Borrow is how much more than its guarantee it may hold; one without an entry may hold
	// what there is.
	Borrow map[string]int64
	// Lend is how much of its guarantee others may hold while it does not; without an entry
	// they may hold all of it.
	Lend map[string]int64
}

// ClassLimit is a limit of a class in a queue. An empty Pool means every pool.
type ClassLimit struct {
	Class ClassID
	Pool  PoolID
	// Limit is in millionths of the pool's total, by resource.
	Limit map[string]int64
}

// Round is what a plan is asked for.
type Round struct {
	Now Time
	// Pools are those that are planned, in the configuration's order; none: all. Pools that
	// share no job, node, limit or bucket come to the same each by itself as together.
	Pools []PoolID
	// Steps is the budget: gangs started and victims taken; zero: none.
	Steps uint64
	// MayReject says that the nodes are all known, so that a job that none could
	// ever hold can be told so.
	MayReject bool
	// KeepShares: nothing is preempted for a share. Such preemption is to be considered
	// once in a while only, else it follows every job that ends: the caller says when.
	KeepShares bool
	// Digest: the plan says what it was made on, so that it can be made again. It costs some
	// 0.15 us a job.
	Digest bool
}

// Plan is the decisions of a round.
type Plan struct {
	Starts   []Start
	Preempts []Preempt
	Rejects  []Reject
	// Reservations are those that are made, and Unreserves the names of those that cannot be
	// held any more, by name each. One that is in both is made anew.
	Reservations []Reservation
	Unreserves   []JobID
	// Shares are the queues' shares of each pool when the round began.
	Shares []Share
	// Steps were used of the budget.
	Steps uint64
	Stop  Stop
	// Wake is the earliest time at which a plan could differ though nothing else
	// happens; zero: never.
	Wake Time
	// From is the digest of the content that it was made on, what was assumed counted as fact,
	// if the round asked for it. With an equal digest, an equal configuration and the same
	// round the plan is equal, byte for byte.
	From [32]byte
}

// Stop is why a round ended.
type Stop uint8

const (
	// StopDone: nothing more could be decided.
	StopDone Stop = iota + 1
	// StopBudget: the steps were used up; the next round goes on.
	StopBudget
	// StopLimit: a token bucket is empty; see Plan.Wake.
	StopLimit
)

// Start places a job.
type Start struct {
	Job  JobID
	Gang GangID
	Pool PoolID
	Node NodeID
	// Level is the priority of its class, or below that away from home.
	Level int32
	// Domain is that of the gang: the value of its label, or those of its tier's labels and
	// of all wider ones, with slashes between. Empty: it has no such rule.
	Domain string
	// Tolerate is what the pod must tolerate beside its own, away from home or by its pool.
	Tolerate []Toleration
	// After are the runs whose pods must be gone first.
	After []RunID
}

// Preempt ends a run.
type Preempt struct {
	Run RunID
	// For is the job that gets the place.
	For  JobID
	Rule Rule
	// Lost is the work that is lost with it, in milliseconds of a cpu: what it asks for of
	// the resource cpu, for as long as it has run. At most 2^62 - 1.
	Lost int64
}

// Rule is by which rule a run is preempted.
type Rule uint8

const (
	// Urgency: for a job of a higher class.
	Urgency Rule = iota + 1
	// FairShare: for a queue that has less than its share.
	FairShare
	// GangMate: another member of its gang is preempted.
	GangMate
	// Reclaim: for a queue within its guarantee, from one above its own or without.
	Reclaim
	// Outbid: in a market, for a job for which more is bid.
	Outbid
	// Host: it is a guest, and a job of the pool that its node belongs to gets its place.
	Host
)

// String is the rule in words.
func (r Rule) String() string {
	switch r {
	case Urgency:
		return "a job of a higher priority class needs its place"
	case FairShare:
		return "its queue is above its fair share"
	case Outbid:
		return "a job with a higher bid needs its place"
	case GangMate:
		return "another member of its gang was preempted"
	case Host:
		return "a job of the pool that its node belongs to needs its place"
	case Reclaim:
		return "another queue takes back what it has a guarantee for"
	}
	return "no rule"
}

// Reject says that no known node could ever hold a job.
type Reject struct {
	Job    JobID
	Reason string
}

// Share is a queue's part of a pool, in units of 2^-32 of the total. Each is a dominant
// share, times what its resource counts for.
type Share struct {
	Pool  PoolID
	Queue QueueID
	// Actual is what it holds, Ideal what it should have: see ideal.go.
	Actual, Ideal uint64
	// Fair is its weight's part among the queues that want anything, DemandCapped what water
	// filling by weight gives it of one number, its constrained demand, and Uncapped what that
	// would give it if it alone wanted everything: Armada's figures, exact.
	Fair, DemandCapped, Uncapped uint64
	// Demand is what it holds and waits for that some node could ever hold, at most all there
	// is; Constrained the same as far as the limits of its classes let it.
	Demand, Constrained uint64
}
