package job

// PodSpec is a pod spec in Kubernetes' wire form. Inside the pipeline it is
// bytes; only the edges decode it.
type PodSpec struct {
	Bytes []byte
}

// Shape is what the scheduler needs of a pod spec, computed once at submission.
type Shape struct {
	// Requests are sums over the pod's containers, sorted by resource.
	Requests []Amount
	// NodeSelector is sorted by key.
	NodeSelector []Label
	// NodeAffinity: a node must match one of the terms; none: any node.
	NodeAffinity []NodeTerm
	Tolerations  []Toleration
	// LimitSeconds is how long the pod may run, ExpectSeconds how long it is expected to, from
	// the start of its containers; zero: nobody said.
	LimitSeconds, ExpectSeconds int32
	// PriceBand is by what its queue bids for it in a market: A to H; empty: none.
	PriceBand string
}

// Amount is an amount of a resource: cpu in thousandths of a core, every other
// resource in its own unit (bytes, or a count), rounded up.
type Amount struct {
	Resource string
	Value    int64
}

// Label is a Kubernetes label.
type Label struct {
	Key, Value string
}

// NodeTerm matches a node that meets all of its expressions.
type NodeTerm struct {
	Labels []NodeExpression
	// Fields are on fields of the node; Kubernetes knows metadata.name.
	Fields []NodeExpression
}

// NodeExpression is one condition on a node. Operator is In, NotIn, Exists,
// DoesNotExist, Gt or Lt.
type NodeExpression struct {
	Key, Operator string
	Values        []string
}

// Toleration is a Kubernetes toleration without its seconds. An empty Operator
// means Equal, an empty Effect all effects.
type Toleration struct {
	Key, Operator, Value, Effect string
}

// Gang is a set of jobs that start together or not at all, or as many of them as must run.
// The zero Gang is none.
type Gang struct {
	ID string
	// Cardinality is how many members the gang has.
	Cardinality uint32
	// UniformityLabel: all members run on nodes with one value of this label;
	// empty: no such rule.
	UniformityLabel string
	// Tier: all members run in one domain of this tier of the topology; empty: no such rule.
	Tier string
	// Group is the job's group in the gang, within other groups: names with slashes between,
	// the widest first. Empty: none. GroupTiers are the tiers that these are bound to, the
	// same way; an empty one binds nothing.
	Group, GroupTiers string
	// Min makes the gang elastic: it is the least of its members that must run; zero: all start
	// together. Want is the most that run; zero: any number.
	Min, Want uint32
	// GroupMins and GroupWants are the same of the job's groups, as numbers with slashes between,
	// in the order of Group; an empty one is no rule. Only a gang with a Min has them.
	GroupMins, GroupWants string
	// GroupLabels are the node labels on one value of which these groups run, with commas
	// between; an empty one is no rule.
	GroupLabels string
}

// Pod names the pod of a run.
type Pod struct {
	Name, Namespace string
	// UID is Kubernetes' own; empty when no pod was made.
	UID string
	// Node is empty when not known yet.
	Node string
}

// Failure says why a run or a job ended badly.
type Failure struct {
	Cause FailureCause
	// Message is a sentence for people.
	Message string
	// Category and Subcategory are short words for rules; empty: none.
	Category, Subcategory string
	Containers            []ContainerEnd
	Pod                   Pod
}

// FailureCause is why, in a word.
type FailureCause uint8

// The causes of a failure.
const (
	// CauseError: a container ended with an error, or the pod could not be made.
	CauseError FailureCause = iota + 1
	CauseEvicted
	CauseOutOfMemory
	CauseDeadlineExceeded
	// CauseLeaseExpired: the executor was lost and the run with it.
	CauseLeaseExpired
	// CauseAttemptsExhausted: every attempt that is allowed was made.
	CauseAttemptsExhausted
)

// ContainerEnd is how one container ended.
type ContainerEnd struct {
	Name            string
	ExitCode        int32
	Reason, Message string
}

// Cause is on whose behalf something was written.
type Cause struct {
	// User is the principal who asked; empty when a service decided.
	User string
	// Groups are that principal's.
	Groups []string
	// Service wrote it: "submit", "scheduler" or "executor/<name>".
	Service string
}

// Command is a wish about many jobs. The scheduler alone reads it.
type Command struct {
	Time   Time
	Cause  Cause
	Action Action
	Select Selector
	Reason string
	// Priority is for Reprioritize.
	Priority uint32
}

// Action is what a command asks for.
type Action uint8

// The actions of a command.
const (
	Cancel Action = iota + 1
	Preempt
	Reprioritize
)

// Selector selects the unfinished jobs that match every field that is set.
type Selector struct {
	// Queues: any of these; none: every queue.
	Queues []string
	JobSet string
	// Executor and Node are of the live run.
	Executor, Node string
	Classes, Pools []string
	// States: any of these; none: every unfinished one.
	States []State
}
