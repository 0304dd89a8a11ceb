package eventwire

import (
	eventsv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/events/v1"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// Setting is the newest state of one object of the control stream. Exactly one of
// LogCreated, QueueSet and QueueDeleted is set.
type Setting struct {
	// Generation orders the settings of an object: a lower one than was seen is ignored.
	Generation uint64
	Time       job.Time
	Cause      job.Cause

	LogCreated   *LogCreated
	QueueSet     *Queue
	QueueDeleted string
}

// LogCreated is the first entry of the control stream.
type LogCreated struct {
	// Installation names this installation for ever.
	Installation string
	// Incarnation grows when the log was lost and begun anew.
	Incarnation uint64
	// Partitions is how many the events stream has.
	Partitions uint32
}

// Queue is a queue's definition.
type Queue struct {
	Name string
	// PriorityFactor is at least 1; the queue's weight is its inverse.
	PriorityFactor float64
	Cordoned       bool
	Permissions    []Permission
	Limits         []ClassLimit
	Labels         map[string]string
	RetryPolicies  []string
	// Parent is the queue that it is part of; empty: of none.
	Parent string
	Quotas []Quota
}

// Quota is what a queue may count on in a pool and the most that it may hold, in the units
// of job.Amount, by resource.
type Quota struct {
	// Pool is empty for every pool that has no other.
	Pool                    string
	Guarantee, Borrow, Lend map[string]int64
}

// Permission lets subjects do what the verbs say on the queue.
type Permission struct {
	Subjects []Subject
	// Verbs are submit, cancel, preempt, reprioritize, watch.
	Verbs []string
}

// Subject is a user or a group.
type Subject struct {
	// Kind is User or Group.
	Kind, Name string
}

// ClassLimit is the most that jobs of a priority class of a queue may hold.
type ClassLimit struct {
	Class string
	// Pool is empty for a limit in every pool.
	Pool string
	// MaximumFraction is resource to a fraction of the pool's total, 0 to 1.
	MaximumFraction map[string]float64
}

func setting(s Setting) *eventsv1.Setting {
	out := &eventsv1.Setting{Generation: s.Generation, Time: int64(s.Time), Cause: cause(s.Cause)}
	switch {
	case s.LogCreated != nil:
		out.Setting = &eventsv1.Setting_LogCreated{LogCreated: &eventsv1.LogCreated{
			Installation: s.LogCreated.Installation, Incarnation: s.LogCreated.Incarnation, Partitions: s.LogCreated.Partitions,
		}}
	case s.QueueSet != nil:
		out.Setting = &eventsv1.Setting_QueueSet{QueueSet: queue(s.QueueSet)}
	default:
		out.Setting = &eventsv1.Setting_QueueDeleted{QueueDeleted: s.QueueDeleted}
	}
	return out
}

func (dec *decoder) setting(s *eventsv1.Setting) Setting {
	out := Setting{Generation: s.GetGeneration(), Time: job.Time(s.GetTime()), Cause: causeFrom(s.GetCause())}
	switch of := s.GetSetting().(type) {
	case *eventsv1.Setting_LogCreated:
		out.LogCreated = &LogCreated{
			Installation: of.LogCreated.GetInstallation(), Incarnation: of.LogCreated.GetIncarnation(), Partitions: of.LogCreated.GetPartitions(),
		}
	case *eventsv1.Setting_QueueSet:
		out.QueueSet = queueFrom(of.QueueSet)
	case *eventsv1.Setting_QueueDeleted:
		out.QueueDeleted = of.QueueDeleted
	default:
		dec.newer("a setting of no known type")
	}
	return out
}

func queue(q *Queue) *eventsv1.Queue {
	out := &eventsv1.Queue{
		Name: q.Name, PriorityFactor: q.PriorityFactor, Cordoned: q.Cordoned, Labels: q.Labels, RetryPolicies: q.RetryPolicies,
		Parent: q.Parent,
	}
	for _, p := range q.Permissions {
		wire := &eventsv1.Permission{Verbs: p.Verbs}
		for _, s := range p.Subjects {
			wire.Subjects = append(wire.Subjects, &eventsv1.Subject{Kind: s.Kind, Name: s.Name})
		}
		out.Permissions = append(out.Permissions, wire)
	}
	for _, l := range q.Limits {
		out.Limits = append(out.Limits, &eventsv1.ClassLimit{PriorityClass: l.Class, Pool: l.Pool, MaximumFraction: l.MaximumFraction})
	}
	for _, quota := range q.Quotas {
		out.Quotas = append(out.Quotas, &eventsv1.Quota{Pool: quota.Pool, Guarantee: quota.Guarantee, Borrow: quota.Borrow, Lend: quota.Lend})
	}
	return out
}

func queueFrom(q *eventsv1.Queue) *Queue {
	out := &Queue{
		Name: q.GetName(), PriorityFactor: q.GetPriorityFactor(), Cordoned: q.GetCordoned(),
		Labels: q.GetLabels(), RetryPolicies: q.GetRetryPolicies(), Parent: q.GetParent(),
	}
	for _, p := range q.GetPermissions() {
		permission := Permission{Verbs: p.GetVerbs()}
		for _, s := range p.GetSubjects() {
			permission.Subjects = append(permission.Subjects, Subject{Kind: s.GetKind(), Name: s.GetName()})
		}
		out.Permissions = append(out.Permissions, permission)
	}
	for _, l := range q.GetLimits() {
		out.Limits = append(out.Limits, ClassLimit{Class: l.GetPriorityClass(), Pool: l.GetPool(), MaximumFraction: l.GetMaximumFraction()})
	}
	for _, quota := range q.GetQuotas() {
		out.Quotas = append(out.Quotas, Quota{Pool: quota.GetPool(), Guarantee: quota.GetGuarantee(), Borrow: quota.GetBorrow(), Lend: quota.GetLend()})
	}
	return out
}
