package admit

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// Queue is a queue's definition, as it is stored and told to the other services.
type Queue struct {
	Name           string
	PriorityFactor float64
	Cordoned       bool
	Permissions    []Permission
	Limits         []ClassLimit
	Labels         map[string]string
	RetryPolicies  []string
	// Parent is the queue that it is part of, Quotas what it may count on and hold: as its
	// labels say.
	Parent string
	Quotas []Quota
	// OldLimits and OldLabels have no effect; clients get back what they sent.
	OldLimits map[string]float64
	OldLabels []string
}

// Permission lets subjects do what the verbs say on the queue.
type Permission struct {
	Subjects []Subject
	Verbs    []string
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
	// Fractions is resource to a fraction of what the pool has, 0 to 1.
	Fractions map[string]float64
}

// Quota is what a queue, with all its parts, may count on in a pool, and the most that it
// may hold: amounts by resource, in the units of job.Amount.
type Quota struct {
	// Pool is empty for every pool that has no other.
	Pool                    string
	Guarantee, Borrow, Lend map[string]int64
}

// The kinds of a Subject.
const (
	User  = "User"
	Group = "Group"
)

// Owners gives every verb to users and groups: what Armada's two lists of owners
// mean. No owners give no permission.
func Owners(users, groups []string) []Permission {
	if len(users) == 0 && len(groups) == 0 {
		return nil
	}
	all := Permission{Verbs: []string{"submit", "cancel", "preempt", "reprioritize", "watch"}}
	for _, name := range users {
		all.Subjects = append(all.Subjects, Subject{Kind: User, Name: name})
	}
	for _, name := range groups {
		all.Subjects = append(all.Subjects, Subject{Kind: Group, Name: name})
	}
	return []Permission{all}
}

// CheckQueue returns everything that is wrong with a queue's definition as one
// fault of kind Invalid, or nil.
func (r Rules) CheckQueue(q Queue) error {
	var c fault.Check
	invalid := func(field string, value any, rule string) { c.Violate(field, value, "error validating queue: "+rule) }
	switch {
	case q.Name == "":
		invalid("name", "", "queue name must not be empty")
	case len(q.Name) > QueueBytesMax:
		invalid("name", q.Name, fmt.Sprintf("a queue's name has at most %d bytes, this has %d", QueueBytesMax, len(q.Name)))
	}
	if strings.ContainsRune(q.Name, 0) {
		invalid("name", q.Name, "must not contain NUL")
	}
	if n := queueBytes(q); n > QueueDefinitionBytesMax {
		invalid("permissions", nil, fmt.Sprintf("the queue's texts have %d bytes together, at most %d", n, QueueDefinitionBytesMax))
	}
	if !(q.PriorityFactor >= 1) || math.IsInf(q.PriorityFactor, 0) {
		invalid("priority_factor", q.PriorityFactor, fmt.Sprintf("priority factor cannot be lower than 1.0. Value: %v", q.PriorityFactor))
	}
	for i, p := range q.Permissions {
		for k, s := range p.Subjects {
			if s.Kind != User && s.Kind != Group {
				invalid(fmt.Sprintf("permissions[%d].subjects[%d].kind", i, k), s.Kind, "subject kind must be User or Group")
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(q.Labels)) {
		if key == "" || q.Labels[key] == "" {
			invalid(fmt.Sprintf("labels[%q]", key), q.Labels[key], "queue label key and value must not be empty")
		}
	}
	fractions(&c, "resource_limits", q.OldLimits)
	for _, l := range q.Limits {
		field := fmt.Sprintf("resource_limits_by_priority_class_name[%q].", l.Class)
		if l.Pool != "" {
			field += fmt.Sprintf("maximum_resource_fraction_by_pool[%q].", l.Pool)
		}
		fractions(&c, field+"maximum_resource_fraction", l.Fractions)
	}
	return c.Err()
}

// queueBytes sums up the texts of a definition, so that one fits an entry of the log
// with much to spare.
func queueBytes(q Queue) (n int) {
	n = len(q.Name) + metadataBytes(q.Labels)
	for _, p := range q.Permissions {
		for _, s := range p.Subjects {
			n += len(s.Kind) + len(s.Name)
		}
		n += textBytes(p.Verbs)
	}
	for _, l := range q.Limits {
		n += len(l.Class) + len(l.Pool) + textBytes(slices.Sorted(maps.Keys(l.Fractions)))
	}
	return n + textBytes(q.RetryPolicies) + textBytes(q.OldLabels) + textBytes(slices.Sorted(maps.Keys(q.OldLimits)))
}

func textBytes(list []string) (n int) {
	for _, s := range list {
		n += len(s)
	}
	return n
}

func fractions(c *fault.Check, field string, by map[string]float64) {
	for _, resource := range slices.Sorted(maps.Keys(by)) {
		if f := by[resource]; !(f >= 0 && f <= 1) {
			c.Violate(fmt.Sprintf("%s[%q]", field, resource), f, "error validating queue: a resource limit must be from 0 to 1")
		}
	}
}

// Setting is a change of a queue on its way to the other services.
type Setting struct {
	// Generation orders all settings; the store gives it.
	Generation uint64
	Time       job.Time
	Cause      job.Cause
	// Set is the queue as it is now; nil: Deleted names a queue that is gone.
	Set     *Queue
	Deleted string
}
