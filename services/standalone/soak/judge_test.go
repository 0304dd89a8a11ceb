package soak_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/fairlead-batch/fairlead/proto/gen/api"
	executor "github.com/fairlead-batch/fairlead/services/executor/app"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/internal/project"
)

// queryMax is how many jobs are asked for at once; lookout takes 500.
const queryMax = 500

// nobody is the id of a job that nobody submitted.
const nobody = "00000000000000000000000001"

var noWait = grpc.WaitForReady(false)

// judge judges a run that is over.
type judge struct {
	*bed
	truth *truth
	sets  []*jobSet
	// ends is how each job ended by its stream.
	ends map[string]string
	// checked counts what was looked at.
	checked struct{ events, pods, entries, dropped, rows int }
	found   []error
}

func (j *judge) wrong(format string, args ...any) {
	j.found = append(j.found, fmt.Errorf(format, args...))
}

// streams judges what watchers were told: each job's events are a life, and each
// replica replays the same.
func (j *judge) streams(ctx context.Context, replicas map[string]api.EventClient) {
	j.ends = map[string]string{}
	for _, set := range j.sets {
		j.checked.events += len(set.told)
		j.lives(set)
		for _, name := range slices.Sorted(maps.Keys(replicas)) {
			replayed, err := replay(ctx, set, replicas[name])
			if err != nil {
				j.wrong("%s, job set %s: %w", name, set.name, err)
				continue
			}
			j.same(name, set, replayed)
		}
	}
	j.allOver()
}

// allOver wants an end of every job that was acknowledged.
func (j *judge) allOver() {
	for _, id := range slices.Sorted(maps.Keys(j.truth.jobs)) {
		if j.ends[id] == "" {
			j.wrong("job %s was acknowledged and has no end", id)
		}
	}
}

// lives wants each job's events to be a life.
func (j *judge) lives(set *jobSet) {
	stories := map[string][]string{}
	before := map[string]string{}
	for i, m := range set.told {
		id, kind := kindOf(m)
		stories[id] = append(stories[id], kind)
		if i > 0 && m.GetId() <= set.told[i-1].GetId() {
			j.wrong("job set %s: event %s comes behind %s", set.name, m.GetId(), set.told[i-1].GetId())
		}
		if kind == "cancelling" && before[id] != "" && !isEnd(before[id]) {
			continue
		}
		if !follows(kind, before[id]) {
			j.wrong("job %s of %s: %s", id, set.name, strings.Join(stories[id], " "))
		}
		before[id] = kind
	}
	for id, last := range before {
		asked, known := j.truth.jobs[id]
		switch {
		case !known:
			j.wrong("job %s of %s was never acknowledged: %s", id, set.name, strings.Join(stories[id], " "))
		case !isEnd(last):
			j.wrong("job %s of %s is not over: %s", id, set.name, strings.Join(stories[id], " "))
		case last == "cancelled" && !asked.cancelled, last == "failed" && !asked.fails, last == "succeeded" && asked.fails, last == "preempted":
			j.wrong("job %s of %s, fails %t, cancelled %t: %s", id, set.name, asked.fails, asked.cancelled, strings.Join(stories[id], " "))
		}
		j.ends[id] = last
	}
}

// same wants a replay to be what the watcher was told.
func (j *judge) same(name string, set *jobSet, replayed []*api.EventStreamMessage) {
	for i := range min(len(replayed), len(set.told)) {
		if !proto.Equal(replayed[i], set.told[i]) {
			j.wrong("%s, job set %s, event %d: replayed is %v, a watcher was told %v", name, set.name, i, replayed[i], set.told[i])
			return
		}
	}
	if len(replayed) != len(set.told) {
		j.wrong("%s, job set %s: %d events, a watcher was told %d", name, set.name, len(replayed), len(set.told))
	}
}

// pods reads the clusters' own record, and judges by it.
func (j *judge) pods() {
	now := time.Now()
	var all []executor.PodRecord
	for i, cluster := range j.clusters {
		records, err := executor.JournalRecords(cluster, now)
		if err != nil {
			j.wrong("cluster %d: %w", i, err)
			return
		}
		all = append(all, records...)
	}
	j.ran(all)
}

// ran judges by pods: no job ran twice, and each ended as its pod did.
func (j *judge) ran(pods []executor.PodRecord) {
	j.checked.pods += len(pods)
	started := map[string][]executor.PodRecord{}
	for _, r := range pods {
		id := r.Job.String()
		if _, known := j.truth.jobs[id]; !known {
			j.wrong("pod %s is of a job that was never acknowledged", r.Name)
		}
		if r.Ended == 0 {
			j.wrong("pod %s runs on, and its job has %s", r.Name, j.ends[id])
		}
		if r.Started != 0 {
			started[id] = append(started[id], r)
		}
	}
	for id, records := range started {
		if len(records) > 1 {
			j.twice(id, records)
		}
	}
	for id, end := range j.ends {
		ran := executor.PodPhase(0)
		if len(started[id]) > 0 {
			ran = started[id][0].Phase
		}
		if end == "succeeded" && ran != executor.PodSucceeded || end == "failed" && ran != executor.PodFailed {
			j.wrong("job %s has %s, and its pod is in phase %d (0: never started)", id, end, ran)
		}
	}
}

// twice says how a job ran more than once.
func (j *judge) twice(id string, records []executor.PodRecord) {
	slices.SortFunc(records, func(a, b executor.PodRecord) int { return int(a.Started - b.Started) })
	how := "one after the other"
	for i := range records[1:] {
		if records[i].Ended == 0 || records[i].Ended > records[i+1].Started {
			how = "AT ONCE"
		}
	}
	j.wrong("job %s ran %d times, %s: %+v", id, len(records), how, records)
}

// rows judges lookout: it answers what a fold of the log gives, and what a lookout
// that began anew answers.
func (j *judge) rows(ctx context.Context, lived, anew api.JobsClient) {
	folded, err := j.fold(ctx)
	if err != nil {
		j.wrong("fold the log: %w", err)
		return
	}
	// What is there it answers as it has it, be that behind the log: one that was killed
	// moves nothing until the lease of its former life is over. Asked for a job that nobody
	// submitted it answers when it has read as far as the log reaches.
	for _, lookout := range []api.JobsClient{lived, anew} {
		if _, err := details(ctx, lookout, &api.JobDetailsRequest{JobIds: []string{nobody}}); err != nil {
			j.wrong("a lookout does not catch up with the log: %w", err)
			return
		}
	}
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(j.truth.jobs)), queryMax) {
		request := &api.JobDetailsRequest{JobIds: ids, ExpandJobRun: true, ExpandJobSpec: true}
		mine, err := details(ctx, lived, request)
		if err != nil {
			j.wrong("lookout: %w", err)
			return
		}
		other, err := details(ctx, anew, request)
		if err != nil {
			j.wrong("a lookout that began anew: %w", err)
			return
		}
		for _, id := range ids {
			j.checked.rows++
			row := mine.GetJobDetails()[id]
			if !proto.Equal(row, other.GetJobDetails()[id]) {
				j.wrong("lookout has of job %s %v, and one that began anew %v", id, row, other.GetJobDetails()[id])
			}
			if want := stateOf(folded[id].State); row.GetState() != want || !strings.EqualFold(j.ends[id], folded[id].State.String()) {
				j.wrong("job %s: the log ends in %s, lookout has %s, its stream ends in %s", id, folded[id].State, row.GetState(), j.ends[id])
			}
		}
	}
	if len(folded) != len(j.truth.jobs) {
		j.wrong("the log has %d jobs, %d were acknowledged", len(folded), len(j.truth.jobs))
	}
}

// details asks a lookout, again while it says that it has not read so far.
func details(ctx context.Context, lookout api.JobsClient, request *api.JobDetailsRequest) (answer *api.JobDetailsResponse, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, quietMax, fmt.Errorf("no answer within %s", quietMax))
	defer cancel()
	for {
		answer, err = lookout.GetJobDetails(ctx, request)
		if status.Code(err) != codes.Unavailable || ctx.Err() != nil {
			return answer, err
		}
	}
}

// bugs are counters that only a bug of ours moves.
func bugs() []string {
	return []string{"fairlead_part_panics_total", "fairlead_scheduler_round_facts_refused_total", "fairlead_scheduler_entries_damaged_total"}
}

// counters judges by what the services that live now count.
func (j *judge) counters(ctx context.Context) {
	for _, s := range j.services() {
		_, text := s.Get(ctx, "/metrics")
		for line := range strings.Lines(text) {
			name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
			name, _, _ = strings.Cut(name, "{")
			value := line[strings.LastIndex(line, " ")+1:]
			if slices.Contains(bugs(), name) && strings.TrimSpace(value) != "0" {
				j.wrong("%s counts %s", s.Name, strings.TrimSpace(line))
			}
		}
	}
}

// stateOf is how the API calls the state of a job that is over.
func stateOf(s job.State) api.JobState {
	switch s {
	case job.Succeeded:
		return api.JobState_SUCCEEDED
	case job.Failed:
		return api.JobState_FAILED
	case job.Cancelled:
		return api.JobState_CANCELLED
	default:
		return api.JobState_UNKNOWN
	}
}

// fold reads the log from its beginning and applies what counts.
func (j *judge) fold(ctx context.Context) (map[string]job.Job, error) {
	log, jobs := j.log(ctx), map[string]job.Job{}
	for n := range uint32(partitions) {
		p := eventlog.Partition{Stream: eventlog.Events, Number: n}
		bounds, err := log.Bounds(ctx, p)
		if err != nil {
			return nil, err
		}
		reader, err := log.Read(ctx, p, eventlog.Position{})
		if err != nil {
			return nil, err
		}
		err = j.foldPartition(ctx, reader, bounds.Newest, jobs)
		reader.Close()
		if err != nil {
			return nil, err
		}
	}
	return jobs, nil
}

func (j *judge) foldPartition(ctx context.Context, reader eventlog.Reader, to eventlog.Position, jobs map[string]job.Job) error {
	var gate eventlog.Gate
	for at := (eventlog.Position{}); at.Before(to); {
		run, err := reader.Next(ctx)
		if err != nil {
			return err
		}
		judged := project.Judge(gate, run)
		if judged.Stop != nil || len(judged.Parked) > 0 {
			return fmt.Errorf("%d entries are damaged: %w", len(judged.Parked), judged.Stop)
		}
		j.checked.entries += len(run.Entries)
		j.checked.dropped += judged.Dropped.Resent + judged.Dropped.Closed + judged.Dropped.Fenced
		for _, entry := range judged.Entries {
			for _, batch := range entry.Body.Batches {
				for _, event := range batch.Events {
					id := event.Of().Job.String()
					if next, err := job.Apply(jobs[id], event); err == nil { // what is refused changes nothing
						jobs[id] = next
					}
				}
			}
		}
		gate, at = judged.Gate, run.To
	}
	return nil
}
