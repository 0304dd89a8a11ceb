package store

import (
	"strings"

	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/lookout/internal/view"
)

// column is a column of a table of Rows: its name, and how a row's value is written.
type column[Row any] struct {
	name string
	put  func(d *copyData, r *Row)
}

// submittedColumns are what was submitted, of active_jobs and job_history.
func submittedColumns() []column[view.Job] {
	return []column[view.Job]{
		{"id", func(d *copyData, j *view.Job) { d.uuid(j.State.ID) }},
		{"queue", func(d *copyData, j *view.Job) { d.text(j.Queue) }},
		{"job_set", func(d *copyData, j *view.Job) { d.text(j.JobSet) }},
		{"owner", func(d *copyData, j *view.Job) { d.text(j.Owner) }},
		{"groups", func(d *copyData, j *view.Job) { d.textsOrNull(j.Groups) }},
		{"namespace", func(d *copyData, j *view.Job) { d.text(j.Namespace) }},
		{"class", func(d *copyData, j *view.Job) { d.text(j.Class) }},
		{"client_id", func(d *copyData, j *view.Job) { d.textOrNull(j.ClientID) }},
		{"external_job_uri", func(d *copyData, j *view.Job) { d.textOrNull(j.ExternalJobURI) }},
		{"cpu_milli", func(d *copyData, j *view.Job) { d.bigint(j.Requests.CPUMilli) }},
		{"memory_bytes", func(d *copyData, j *view.Job) { d.bigint(j.Requests.MemoryBytes) }},
		{"storage_bytes", func(d *copyData, j *view.Job) { d.bigint(j.Requests.StorageBytes) }},
		{"gpus", func(d *copyData, j *view.Job) { d.bigint(j.Requests.GPUs) }},
		{"labels", func(d *copyData, j *view.Job) { d.json(j.Labels) }},
		{"annotations", func(d *copyData, j *view.Job) { d.json(j.Annotations) }},
		{"services", func(d *copyData, j *view.Job) { d.blobsOrNull(j.Services) }},
		{"ingresses", func(d *copyData, j *view.Job) { d.blobsOrNull(j.Ingresses) }},
		{"spec", func(d *copyData, j *view.Job) { d.uuid(j.Spec) }},
		{"submitted", func(d *copyData, j *view.Job) { d.time(j.Submitted) }},
	}
}

// shownColumns are where a job stands, of active_jobs and job_history.
func shownColumns() []column[view.Job] {
	return []column[view.Job]{
		{"state", func(d *copyData, j *view.Job) { d.text(j.State.State.String()) }},
		{"priority", func(d *copyData, j *view.Job) { d.bigint(int64(j.State.Priority)) }},
		{"transitioned", func(d *copyData, j *view.Job) { d.time(j.Transitioned) }},
		{"cancelled", func(d *copyData, j *view.Job) { d.timeOrNull(j.Cancel.At) }},
		{"cancel_user", func(d *copyData, j *view.Job) { d.textOrNull(j.Cancel.User) }},
		{"cancel_reason", func(d *copyData, j *view.Job) { d.textOrNull(j.Cancel.Reason) }},
		{"error", func(d *copyData, j *view.Job) { d.textOrNull(j.Error) }},
		{"runs", func(d *copyData, j *view.Job) { d.uuids(j.Runs) }},
	}
}

// innerColumns are what the next event needs and the newest run, of active_jobs.
func innerColumns() []column[view.Job] {
	return []column[view.Job]{
		{"preemptible", func(d *copyData, j *view.Job) { d.boolean(j.State.Preemptible) }},
		{"asked", func(d *copyData, j *view.Job) { d.smallint(uint8(j.State.Asked)) }},
		{"wanted", func(d *copyData, j *view.Job) { d.bigint(int64(j.State.Wanted)) }},
		{"attempts", func(d *copyData, j *view.Job) { d.bigint(int64(j.State.Attempts)) }},
		{"last", func(d *copyData, j *view.Job) { d.time(j.State.Last) }},
		{"releasing", func(d *copyData, j *view.Job) { d.boolean(j.State.Run.Releasing) }},
		{"run", func(d *copyData, j *view.Job) { d.uuidOrNull(j.Run.ID) }},
		{"run_number", func(d *copyData, j *view.Job) { d.integer(j.Run.Number) }},
		{"executor", func(d *copyData, j *view.Job) { d.textOrNull(j.Run.Executor) }},
		{"node", func(d *copyData, j *view.Job) { d.textOrNull(j.Run.Node) }},
		{"pool", func(d *copyData, j *view.Job) { d.textOrNull(j.Run.Pool) }},
		{"run_state", func(d *copyData, j *view.Job) { d.runState(j.Run.State) }},
		{"leased", func(d *copyData, j *view.Job) { d.timeOrNull(j.Run.Leased) }},
		{"pending", func(d *copyData, j *view.Job) { d.timeOrNull(j.Run.Pending) }},
		{"started", func(d *copyData, j *view.Job) { d.timeOrNull(j.Run.Started) }},
		{"finished", func(d *copyData, j *view.Job) { d.timeOrNull(j.Run.Finished) }},
		{"exit_code", func(d *copyData, j *view.Job) { d.exitCode(j.Run.ExitCode) }},
		{"run_error", func(d *copyData, j *view.Job) { d.textOrNull(j.Run.Error) }},
		{"category", func(d *copyData, j *view.Job) { d.textOrNull(j.Run.Category) }},
		{"subcategory", func(d *copyData, j *view.Job) { d.textOrNull(j.Run.Subcategory) }},
	}
}

// runColumns are those of run_history.
func runColumns() []column[view.Run] {
	return []column[view.Run]{
		{"id", func(d *copyData, r *view.Run) { d.uuid(r.ID) }},
		{"job", func(d *copyData, r *view.Run) { d.uuid(r.Job) }},
		{"number", func(d *copyData, r *view.Run) { d.integer(r.Number) }},
		{"executor", func(d *copyData, r *view.Run) { d.textOrNull(r.Executor) }},
		{"node", func(d *copyData, r *view.Run) { d.textOrNull(r.Node) }},
		{"pool", func(d *copyData, r *view.Run) { d.textOrNull(r.Pool) }},
		{"state", func(d *copyData, r *view.Run) { d.runState(r.State) }},
		{"leased", func(d *copyData, r *view.Run) { d.timeOrNull(r.Leased) }},
		{"pending", func(d *copyData, r *view.Run) { d.timeOrNull(r.Pending) }},
		{"started", func(d *copyData, r *view.Run) { d.timeOrNull(r.Started) }},
		{"finished", func(d *copyData, r *view.Run) { d.timeOrNull(r.Finished) }},
		{"exit_code", func(d *copyData, r *view.Run) { d.exitCode(r.ExitCode) }},
		{"error", func(d *copyData, r *view.Run) { d.textOrNull(r.Error) }},
		{"category", func(d *copyData, r *view.Run) { d.textOrNull(r.Category) }},
		{"subcategory", func(d *copyData, r *view.Run) { d.textOrNull(r.Subcategory) }},
	}
}

// specColumns are those of specs, whose bytes are compressed already.
func specColumns() []column[view.Spec] {
	return []column[view.Spec]{
		{"id", func(d *copyData, s *view.Spec) { d.uuid(s.ID) }},
		{"bytes", func(d *copyData, s *view.Spec) { d.bytes(s.Bytes) }},
		{"resources", func(d *copyData, s *view.Spec) {
			d.array(oidText, len(s.Requests), func(i int) { d.text(s.Requests[i].Resource) })
		}},
		{"amounts", func(d *copyData, s *view.Spec) {
			d.array(oidInt8, len(s.Requests), func(i int) { d.bigint(s.Requests[i].Value) })
		}},
	}
}

// runState writes none as NULL.
func (d *copyData) runState(s job.RunState) {
	if s == 0 {
		d.null()
		return
	}
	d.text(s.String())
}

func (d *copyData) exitCode(code *int32) {
	if code == nil {
		d.null()
		return
	}
	d.integer(*code)
}

// names are the columns' names, each with a prefix, separated by commas.
func names[Row any](prefix string, columns []column[Row]) string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = prefix + c.name
	}
	return strings.Join(list, ", ")
}
