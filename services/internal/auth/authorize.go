package auth

// Permission allows an action everywhere. The names are Armada's, so that its
// permission mappings work unchanged.
type Permission string

// The global permissions.
const (
	SubmitAnyJobs          Permission = "submit_any_jobs"
	CancelAnyJobs          Permission = "cancel_any_jobs"
	PreemptAnyJobs         Permission = "preempt_any_jobs"
	ReprioritizeAnyJobs    Permission = "reprioritize_any_jobs"
	WatchAllEvents         Permission = "watch_all_events"
	CreateQueue            Permission = "create_queue"
	DeleteQueue            Permission = "delete_queue"
	CordonQueue            Permission = "cordon_queue"
	CordonNodes            Permission = "cordon_nodes"
	ExecuteJobs            Permission = "execute_jobs"
	UpdateExecutorSettings Permission = "update_executor_settings"
	CreateRetryPolicy      Permission = "create_retry_policy"
	UpdateRetryPolicy      Permission = "update_retry_policy"
	DeleteRetryPolicy      Permission = "delete_retry_policy"
)

// Verb allows an action on one queue, by that queue's grants. The names are Armada's.
type Verb string

// The verbs of a queue.
const (
	VerbSubmit       Verb = "submit"
	VerbCancel       Verb = "cancel"
	VerbPreempt      Verb = "preempt"
	VerbReprioritize Verb = "reprioritize"
	VerbWatch        Verb = "watch"
)

// SubjectKind says what a grant's subject names.
type SubjectKind string

// The kinds of subject.
const (
	User  SubjectKind = "User"
	Group SubjectKind = "Group"
)

// Subject is a user or a group.
type Subject struct {
	Kind SubjectKind
	Name string
}

// Grant allows its subjects its verbs on the queue it belongs to.
type Grant struct {
	Subjects []Subject
	Verbs    []Verb
}

// Question is what a handler asks before it acts. Permission is always set; it is
// enough by itself. Verb and Grants are set where the action is on one queue, and then
// the verb, granted by the queue, is enough too.
type Question struct {
	Permission Permission
	Verb       Verb
	Grants     []Grant
}

// Authorizer answers. Implementations decide from their arguments and their
// configuration alone, without waiting, and are safe for concurrent use.
type Authorizer interface {
	// Authorize returns nil when p may do it, else a Denied fault that names p and the
	// permission.
	Authorize(p Principal, q Question) error
}

// AllowAll lets everybody do everything.
type AllowAll struct{}

// Authorize implements Authorizer; it never refuses.
func (AllowAll) Authorize(Principal, Question) error { return nil }
