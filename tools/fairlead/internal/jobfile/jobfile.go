package jobfile

import (
	"errors"
	"fmt"
	"io"

	"github.com/fairlead-batch/fairlead/client"
	"github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/tools/fairlead/internal/strictyaml"
)

// BytesMax is the most bytes of one source.
const BytesMax = 64 << 20

// Submission is what one document asks for.
type Submission struct {
	Queue, JobSet string
	Jobs          []*api.JobSubmitRequestItem

	doc   strictyaml.Document
	lists map[int]bool // jobs whose pod spec stands under podSpecs
}

// Override is what stands above the files; empty: what they say.
type Override struct {
	Queue, JobSet string
}

// Read reads a source to its end and returns its submissions in their order, at least
// one. name is the source's name in errors, [strictyaml.Error]s where they are
// about what stands in it.
func Read(name string, from io.Reader, over Override) ([]Submission, error) {
	raw, err := io.ReadAll(io.LimitReader(from, BytesMax+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(raw) > BytesMax {
		return nil, wrong(name, fmt.Sprintf("has more than %d MiB; split it", BytesMax>>20))
	}
	docs, err := strictyaml.Parse(name, raw)
	if err != nil {
		return nil, err
	}
	if len(docs) == 0 {
		return nil, wrong(name, "holds no document; a job file has queue, jobSetId and jobs")
	}
	var all []Submission
	var found []strictyaml.Problem
	for _, doc := range docs {
		one, problems, err := read(doc, over)
		if err != nil {
			return nil, err
		}
		found = append(found, problems...)
		all = append(all, one)
	}
	if len(found) > 0 {
		return nil, &strictyaml.Error{Problems: found}
	}
	return all, nil
}

// wrong is an error about a source as a whole.
func wrong(name, text string) error {
	return &strictyaml.Error{Problems: []strictyaml.Problem{{Source: name, Text: text}}}
}

// read makes a submission of a document.
func read(doc strictyaml.Document, over Override) (Submission, []strictyaml.Problem, error) {
	f := file{}
	if err := doc.Decode(&f); err != nil {
		if wrong, ok := errors.AsType[*strictyaml.Error](err); ok {
			return Submission{}, wrong.Problems, nil
		}
		return Submission{}, nil, err
	}
	if over.Queue != "" {
		f.Queue = over.Queue
	}
	if over.JobSet != "" {
		f.JobSetID = over.JobSet
	}
	if found := f.check(doc); len(found) > 0 {
		return Submission{}, found, nil
	}
	s := Submission{
		Queue: f.Queue, JobSet: f.JobSetID, Jobs: make([]*api.JobSubmitRequestItem, len(f.Jobs)),
		doc: doc, lists: map[int]bool{},
	}
	for i := range f.Jobs {
		item, err := f.Jobs[i].item()
		if err != nil {
			return Submission{}, nil, fmt.Errorf("job %d: %w", i, err)
		}
		s.Jobs[i] = item
		if f.Jobs[i].PodSpec == nil {
			s.lists[i] = true
		}
	}
	return s, nil, nil
}

// check finds what the types alone do not say.
func (f *file) check(doc strictyaml.Document) []strictyaml.Problem {
	var found []strictyaml.Problem
	report := func(text string, path ...any) { found = append(found, doc.Problem(text, path...)) }
	if f.Queue == "" {
		report("is missing; name a queue here or with --queue", "queue")
	}
	if f.JobSetID == "" {
		report("is missing; name a job set here or with --job-set", "jobSetId")
	}
	if len(f.Jobs) == 0 {
		report("is empty; there is nothing to submit", "jobs")
	}
	for i, j := range f.Jobs {
		switch {
		case j.PodSpec == nil && len(j.PodSpecs) == 0:
			report("has no podSpec", "jobs", i)
		case j.PodSpec != nil && len(j.PodSpecs) > 0:
			report("has podSpec and podSpecs; a job is one pod, in either", "jobs", i)
		case len(j.PodSpecs) > 1:
			report("has several pods; a job is one pod", "jobs", i, "podSpecs")
		}
	}
	return found
}

// item is the job on the wire.
func (j *job) item() (*api.JobSubmitRequestItem, error) {
	spec := j.PodSpec
	if spec == nil {
		spec = &j.PodSpecs[0]
	}
	item, err := client.Job(spec)
	if err != nil {
		return nil, err
	}
	item.Priority = j.Priority
	item.Namespace = j.Namespace
	item.ClientId = j.ClientID
	item.Labels = j.Labels
	item.Annotations = j.Annotations
	item.RequiredNodeLabels = j.RequiredNodeLabels //nolint:staticcheck // deprecated, and in people's files
	item.Scheduler = j.Scheduler
	item.ExternalJobUri = j.ExternalJobURI
	for _, in := range j.Ingress {
		item.Ingress = append(item.Ingress, &api.IngressConfig{
			Ports: in.Ports, Annotations: in.Annotations, TlsEnabled: in.TLSEnabled, CertName: in.CertName, UseClusterIP: in.UseClusterIP,
		})
	}
	for _, s := range j.Services {
		item.Services = append(item.Services, &api.ServiceConfig{Type: api.ServiceType(s.Type), Ports: s.Ports, Name: s.Name})
	}
	return item, nil
}
