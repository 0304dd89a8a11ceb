package jobfile

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	eventsv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/events/v1"
	schedulerv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/scheduler/v1"
	"github.com/fairlead-batch/fairlead/services/submit/podrequest"
	"github.com/fairlead-batch/fairlead/tools/fairlead/internal/strictyaml"
)

// The annotations that make a job a member of a gang.
const (
	gangID          = "armadaproject.io/gangId"
	gangCardinality = "armadaproject.io/gangCardinality"
	gangMin         = "fairlead/gangMin"
	gangWant        = "fairlead/gangWant"
	gangLabel       = "armadaproject.io/gangNodeUniformityLabel"
)

// question is a what-if as people write it: a job file with more.
type question struct {
	Queue    string   `json:"queue"`
	JobSetID string   `json:"jobSetId"`
	Jobs     []job    `json:"jobs"`
	JobIDs   []string `json:"jobIds"`
	Nodes    []nodes  `json:"nodes"`
	Queues   []queue  `json:"queues"`
	Settings settings `json:"settings"`
}

type nodes struct {
	Count  uint32              `json:"count"`
	Like   string              `json:"like"`
	Pool   string              `json:"pool"`
	Total  corev1.ResourceList `json:"total"`
	Labels map[string]string   `json:"labels"`
}

type queue struct {
	Name           string  `json:"name"`
	PriorityFactor float64 `json:"priorityFactor"`
	Cordoned       *bool   `json:"cordoned"`
}

type settings struct {
	LookbackMax       *uint32  `json:"lookbackMax"`
	ProtectedFraction *float64 `json:"protectedFraction"`
}

// ReadQuestion reads a what-if: a job file, in which each job is supposed, and beside
// its jobs jobIds, nodes, queues and settings. Several documents make one question.
// Errors: as Read.
func ReadQuestion(name string, from io.Reader, over Override) (*schedulerv1.WhatIfRequest, error) {
	raw, err := io.ReadAll(io.LimitReader(from, BytesMax+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(raw) > BytesMax {
		return nil, wrong(name, fmt.Sprintf("has more than %d MiB", BytesMax>>20))
	}
	docs, err := strictyaml.Parse(name, raw)
	if err != nil {
		return nil, err
	}
	out := &schedulerv1.WhatIfRequest{}
	var found []strictyaml.Problem
	for _, doc := range docs {
		q := question{}
		if err := doc.Decode(&q); err != nil {
			if bad, ok := errors.AsType[*strictyaml.Error](err); ok {
				found = append(found, bad.Problems...)
				continue
			}
			return nil, err
		}
		if over.Queue != "" {
			q.Queue = over.Queue
		}
		found = append(found, q.addTo(out, doc)...)
	}
	switch {
	case len(found) > 0:
		return nil, &strictyaml.Error{Problems: found}
	case len(out.GetJobs())+len(out.GetJobIds()) == 0:
		return nil, wrong(name, "asks about no job; a what-if has jobs, as a job file, or jobIds")
	}
	return out, nil
}

// addTo adds a document to a request.
func (q *question) addTo(out *schedulerv1.WhatIfRequest, doc strictyaml.Document) (found []strictyaml.Problem) {
	report := func(text string, path ...any) { found = append(found, doc.Problem(text, path...)) }
	if q.Queue == "" && len(q.Jobs) > 0 {
		report("is missing; name a queue here or with --queue", "queue")
	}
	for i := range q.Jobs {
		j := &q.Jobs[i]
		spec := j.PodSpec
		if spec == nil && len(j.PodSpecs) == 1 {
			spec = &j.PodSpecs[0]
		}
		if spec == nil {
			report("has no podSpec, or several", "jobs", i)
			continue
		}
		one := &schedulerv1.SupposedJob{Name: j.ClientID, Queue: q.Queue, PriorityClass: spec.PriorityClassName, Shape: shapeOf(spec)}
		if one.Name == "" {
			one.Name = fmt.Sprintf("job %d", len(out.GetJobs())+1)
		}
		if j.Priority < 0 || j.Priority > math.MaxUint32 || j.Priority != math.Trunc(j.Priority) {
			report("must be a whole number from 0 on", "jobs", i, "priority")
		} else {
			one.Priority = uint32(j.Priority)
		}
		if one.Gang = j.Annotations[gangID]; one.Gang != "" {
			n, err := strconv.ParseUint(j.Annotations[gangCardinality], 10, 32)
			if err != nil || n == 0 {
				report(fmt.Sprintf("must have %s, a number above 0", gangCardinality), "jobs", i, "annotations")
			}
			one.GangCardinality, one.GangUniformityLabel = uint32(n), j.Annotations[gangLabel] //nolint:gosec // parsed as 32 bits
			one.GangMin, one.GangWant = members(j, gangMin, i, report), members(j, gangWant, i, report)
		}
		out.Jobs = append(out.Jobs, one)
	}
	for i, n := range q.Nodes {
		if n.Like == "" && len(n.Total) == 0 {
			report("has neither like nor total", "nodes", i)
		}
		out.Nodes = append(out.Nodes, &schedulerv1.SupposedNodes{Count: n.Count, Like: n.Like, Pool: n.Pool, Total: amountList(podrequest.Amounts(n.Total)), Labels: labelList(n.Labels)})
	}
	for _, o := range q.Queues {
		out.Queues = append(out.Queues, &schedulerv1.SupposedQueue{Name: o.Name, PriorityFactor: o.PriorityFactor, Cordoned: o.Cordoned})
	}
	out.JobIds = append(out.JobIds, q.JobIDs...)
	if q.Settings != (settings{}) {
		out.Settings = &schedulerv1.SupposedSettings{LookbackMax: q.Settings.LookbackMax, ProtectedFraction: q.Settings.ProtectedFraction}
	}
	return found
}

// members is the number of members that an annotation of a job gives; zero: none is given.
func members(j *job, annotation string, at int, report func(text string, path ...any)) uint32 {
	text, given := j.Annotations[annotation]
	n, err := strconv.ParseUint(text, 10, 32)
	if given && (err != nil || n == 0) {
		report(annotation+" must be a number above 0", "jobs", at, "annotations")
	}
	return uint32(n) //nolint:gosec // parsed as 32 bits
}

func amountList(total map[string]int64) (out []*eventsv1.ResourceAmount) {
	for _, name := range slices.Sorted(maps.Keys(total)) {
		if total[name] > 0 {
			out = append(out, &eventsv1.ResourceAmount{Resource: name, Amount: total[name]})
		}
	}
	return out
}

func labelList(labels map[string]string) (out []*eventsv1.Label) {
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		out = append(out, &eventsv1.Label{Key: key, Value: labels[key]})
	}
	return out
}
