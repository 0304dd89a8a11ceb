package store

import (
	"encoding/json"
	"fmt"

	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/submit/internal/admit"
)

// What stands in the jsonb columns. The names are the stored form: a field of the
// domain may be renamed, these may not.

type queueJSON struct {
	Name           string             `json:"name"`
	PriorityFactor float64            `json:"priorityFactor"`
	Cordoned       bool               `json:"cordoned,omitempty"`
	Permissions    []permissionJSON   `json:"permissions,omitempty"`
	Limits         []classLimitJSON   `json:"limits,omitempty"`
	Labels         map[string]string  `json:"labels,omitempty"`
	RetryPolicies  []string           `json:"retryPolicies,omitempty"`
	OldLimits      map[string]float64 `json:"oldLimits,omitempty"`
	OldLabels      []string           `json:"oldLabels,omitempty"`
	Parent         string             `json:"parent,omitempty"`
	Quotas         []quotaJSON        `json:"quotas,omitempty"`
}

type quotaJSON struct {
	Pool      string           `json:"pool,omitempty"`
	Guarantee map[string]int64 `json:"guarantee,omitempty"`
	Borrow    map[string]int64 `json:"borrow,omitempty"`
	Lend      map[string]int64 `json:"lend,omitempty"`
}

type permissionJSON struct {
	Subjects []subjectJSON `json:"subjects,omitempty"`
	Verbs    []string      `json:"verbs,omitempty"`
}

type subjectJSON struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}

type classLimitJSON struct {
	Class     string             `json:"class"`
	Pool      string             `json:"pool,omitempty"`
	Fractions map[string]float64 `json:"fractions,omitempty"`
}

type settingJSON struct {
	Time    job.Time   `json:"time"`
	User    string     `json:"user,omitempty"`
	Groups  []string   `json:"groups,omitempty"`
	Service string     `json:"service,omitempty"`
	Set     *queueJSON `json:"set,omitempty"`
	Deleted string     `json:"deleted,omitempty"`
}

func encodeQueue(q admit.Queue) ([]byte, error) {
	raw, err := json.Marshal(queueToJSON(q))
	if err != nil {
		return nil, fmt.Errorf("encode queue: %w", err)
	}
	return raw, nil
}

func queueFrom(raw []byte) (admit.Queue, error) {
	var q queueJSON
	if err := json.Unmarshal(raw, &q); err != nil {
		return admit.Queue{}, fmt.Errorf("decode queue: %w", err)
	}
	return q.queue(), nil
}

func encodeSetting(s admit.Setting) ([]byte, error) {
	out := settingJSON{Time: s.Time, User: s.Cause.User, Groups: s.Cause.Groups, Service: s.Cause.Service, Deleted: s.Deleted}
	if s.Set != nil {
		out.Set = new(queueToJSON(*s.Set))
	}
	raw, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("encode setting: %w", err)
	}
	return raw, nil
}

func settingFrom(generation uint64, raw []byte) (admit.Setting, error) {
	var s settingJSON
	if err := json.Unmarshal(raw, &s); err != nil {
		return admit.Setting{}, fmt.Errorf("decode setting %d: %w", generation, err)
	}
	out := admit.Setting{
		Generation: generation, Time: s.Time, Deleted: s.Deleted,
		Cause: job.Cause{User: s.User, Groups: s.Groups, Service: s.Service},
	}
	if s.Set != nil {
		out.Set = new(s.Set.queue())
	}
	return out, nil
}

func queueToJSON(q admit.Queue) queueJSON {
	out := queueJSON{
		Name: q.Name, PriorityFactor: q.PriorityFactor, Cordoned: q.Cordoned, Labels: q.Labels,
		RetryPolicies: q.RetryPolicies, OldLimits: q.OldLimits, OldLabels: q.OldLabels, Parent: q.Parent,
	}
	for _, p := range q.Permissions {
		permission := permissionJSON{Verbs: p.Verbs}
		for _, s := range p.Subjects {
			permission.Subjects = append(permission.Subjects, subjectJSON(s))
		}
		out.Permissions = append(out.Permissions, permission)
	}
	for _, l := range q.Limits {
		out.Limits = append(out.Limits, classLimitJSON(l))
	}
	for _, quota := range q.Quotas {
		out.Quotas = append(out.Quotas, quotaJSON(quota))
	}
	return out
}

func (q queueJSON) queue() admit.Queue {
	out := admit.Queue{
		Name: q.Name, PriorityFactor: q.PriorityFactor, Cordoned: q.Cordoned, Labels: q.Labels,
		RetryPolicies: q.RetryPolicies, OldLimits: q.OldLimits, OldLabels: q.OldLabels, Parent: q.Parent,
	}
	for _, p := range q.Permissions {
		permission := admit.Permission{Verbs: p.Verbs}
		for _, s := range p.Subjects {
			permission.Subjects = append(permission.Subjects, admit.Subject(s))
		}
		out.Permissions = append(out.Permissions, permission)
	}
	for _, l := range q.Limits {
		out.Limits = append(out.Limits, admit.ClassLimit(l))
	}
	for _, quota := range q.Quotas {
		out.Quotas = append(out.Quotas, admit.Quota(quota))
	}
	return out
}
