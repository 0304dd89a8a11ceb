package store

import (
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	schedulerv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/scheduler/v1"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/lead"
)

// ErrDamaged: the bytes are no snapshot.
var ErrDamaged = errors.New("damaged snapshot")

// snapshotVersion is the version of the format that is written, and the newest that is
// read.
const snapshotVersion = 1

// The bits of PartitionSnapshot.flags.
const (
	flagPreemptible  = 1
	flagCancel       = 2
	flagPreempt      = 4
	flagReprioritize = 8
	flagMore         = 16
)

// ulidBytes is how much an id takes.
const ulidBytes = 16

// encodePartition writes the jobs of a partition.
func encodePartition(s lead.PartitionSnapshot) ([]byte, error) {
	n := len(s.Jobs)
	out := &schedulerv1.PartitionSnapshot{
		Version: snapshotVersion,
		Ids:     make([]byte, 0, n*ulidBytes), States: make([]byte, 0, n), Flags: make([]byte, 0, n),
		Priorities: make([]uint32, 0, n), Attempts: make([]uint32, 0, n), Submitted: make([]int64, 0, n), Last: make([]int64, 0, n),
		SetsOfJobs: make([]int32, 0, n), SpecsOfJobs: make([]int32, 0, n), EntriesOfJobs: make([]int32, 0, n),
	}
	for _, set := range s.Sets {
		out.JobSets = append(out.JobSets, &schedulerv1.JobSet{Queue: set.Queue, Name: set.Name})
	}
	for _, spec := range s.Specs {
		out.Specs = append(out.Specs, &schedulerv1.Spec{Shape: eventwire.Shape(spec.Shape), PriorityClass: spec.Class})
	}
	for _, at := range s.Entries {
		out.Entries = append(out.Entries, at.Bytes()...)
	}
	var before lead.JobSnapshot
	for i := range s.Jobs {
		j := &s.Jobs[i]
		flags := flagsOf(j)
		if more := moreOf(j); more != nil {
			flags |= flagMore
			out.More = append(out.More, more)
		}
		out.Ids = append(out.Ids, j.Job.ID[:]...)
		out.States = append(out.States, byte(j.Job.State))
		out.Flags = append(out.Flags, flags)
		out.Priorities = append(out.Priorities, j.Job.Priority)
		out.Attempts = append(out.Attempts, j.Job.Attempts)
		out.Submitted = append(out.Submitted, int64(j.Submitted-before.Submitted))
		out.Last = append(out.Last, int64(j.Job.Last-j.Submitted))
		out.SetsOfJobs = append(out.SetsOfJobs, int32(j.Set-before.Set))           //nolint:gosec // below 2^31 jobs
		out.SpecsOfJobs = append(out.SpecsOfJobs, int32(j.Spec-before.Spec))       //nolint:gosec // the same
		out.EntriesOfJobs = append(out.EntriesOfJobs, int32(j.Entry-before.Entry)) //nolint:gosec // the same
		before.Submitted, before.Set, before.Spec, before.Entry = j.Submitted, j.Set, j.Spec, j.Entry
	}
	b, err := proto.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("encode snapshot: %w", err)
	}
	return b, nil
}

func flagsOf(j *lead.JobSnapshot) (flags byte) {
	if j.Job.Preemptible {
		flags |= flagPreemptible
	}
	if j.Job.Asked.Has(job.AskedCancel) {
		flags |= flagCancel
	}
	if j.Job.Asked.Has(job.AskedPreempt) {
		flags |= flagPreempt
	}
	if j.Job.Asked.Has(job.AskedReprioritize) {
		flags |= flagReprioritize
	}
	return flags
}

// moreOf is what a job has that most have not; nil: nothing.
func moreOf(j *lead.JobSnapshot) *schedulerv1.More {
	if j.More == nil && j.Job.Run == (job.Run{}) && j.Job.Wanted == 0 {
		return nil
	}
	out := &schedulerv1.More{WantedPriority: j.Job.Wanted}
	if run := j.Job.Run; run != (job.Run{}) {
		out.Run = &schedulerv1.Run{Id: run.ID[:], State: uint32(run.State), Releasing: run.Releasing}
	}
	more := j.More
	if more == nil {
		return out
	}
	if more.Gang != nil {
		out.Gang = eventwire.Gang(*more.Gang)
	}
	if more.Leased != nil {
		out.Leased, out.Whole = eventwire.Lease(*more.Leased), more.Whole
	}
	if more.Reserved != nil {
		out.Reserved = eventwire.Reservation(*more.Reserved)
	}
	out.Cancel, out.Preempt, out.Reprioritize = asked(more.Cancel), asked(more.Preempt), asked(more.Reprioritize)
	out.AskedPriority, out.End, out.Tried = more.Priority, eventwire.Failure(more.End), more.Tried
	out.TriedAt = int64(more.TriedAt)
	return out
}

func asked(a *lead.AskedSnapshot) *schedulerv1.Asked {
	if a == nil {
		return nil
	}
	return &schedulerv1.Asked{By: a.By, Why: a.Why}
}

// decodePartition reads what encodePartition wrote. Errors: ErrDamaged,
// eventlog.ErrNewer.
func decodePartition(b []byte) (lead.PartitionSnapshot, error) {
	in := &schedulerv1.PartitionSnapshot{}
	if err := proto.Unmarshal(b, in); err != nil {
		return lead.PartitionSnapshot{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if err := checkVersion(in.GetVersion()); err != nil {
		return lead.PartitionSnapshot{}, err
	}
	var s lead.PartitionSnapshot
	for _, set := range in.GetJobSets() {
		s.Sets = append(s.Sets, lead.SetSnapshot{Queue: set.GetQueue(), Name: set.GetName()})
	}
	for _, spec := range in.GetSpecs() {
		s.Specs = append(s.Specs, lead.SpecSnapshot{Shape: eventwire.ShapeFrom(spec.GetShape()), Class: spec.GetPriorityClass()})
	}
	for at := range slices.Chunk(in.GetEntries(), eventlog.PositionBytes) {
		position, err := eventlog.PositionFrom(at)
		if err != nil {
			return lead.PartitionSnapshot{}, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		s.Entries = append(s.Entries, position)
	}
	jobs, err := decodeJobs(in)
	s.Jobs = jobs
	return s, err
}

func checkVersion(version uint32) error {
	if version > snapshotVersion {
		return fmt.Errorf("%w: snapshot of version %d, at most %d", eventlog.ErrNewer, version, snapshotVersion)
	}
	if version == 0 {
		return fmt.Errorf("%w: it has no version", ErrDamaged)
	}
	return nil
}

func decodeJobs(in *schedulerv1.PartitionSnapshot) ([]lead.JobSnapshot, error) {
	n := len(in.GetStates())
	for _, column := range []int{
		len(in.GetIds()) / ulidBytes, len(in.GetFlags()), len(in.GetPriorities()), len(in.GetAttempts()), len(in.GetSubmitted()),
		len(in.GetLast()), len(in.GetSetsOfJobs()), len(in.GetSpecsOfJobs()), len(in.GetEntriesOfJobs()),
	} {
		if column != n {
			return nil, fmt.Errorf("%w: a column has %d jobs and another %d", ErrDamaged, column, n)
		}
	}
	jobs, more := make([]lead.JobSnapshot, n), in.GetMore()
	var before lead.JobSnapshot
	for i := range jobs {
		j, flags := &jobs[i], in.GetFlags()[i]
		j.Submitted = before.Submitted + job.Time(in.GetSubmitted()[i])
		j.Set = before.Set + uint32(in.GetSetsOfJobs()[i])        //nolint:gosec // as written
		j.Spec = before.Spec + uint32(in.GetSpecsOfJobs()[i])     //nolint:gosec // as written
		j.Entry = before.Entry + uint32(in.GetEntriesOfJobs()[i]) //nolint:gosec // as written
		before.Submitted, before.Set, before.Spec, before.Entry = j.Submitted, j.Set, j.Spec, j.Entry
		j.Job = job.Job{
			ID: job.ID(in.GetIds()[i*ulidBytes:]), State: job.State(in.GetStates()[i]), Preemptible: flags&flagPreemptible != 0,
			Asked: askedFrom(flags), Priority: in.GetPriorities()[i], Attempts: in.GetAttempts()[i], Last: j.Submitted + job.Time(in.GetLast()[i]),
		}
		if flags&flagMore == 0 {
			continue
		}
		if len(more) == 0 {
			return nil, fmt.Errorf("%w: there is less than the jobs say", ErrDamaged)
		}
		if err := decodeMore(j, more[0]); err != nil {
			return nil, fmt.Errorf("job %s: %w", j.Job.ID, err)
		}
		more = more[1:]
	}
	return jobs, nil
}

func askedFrom(flags byte) (a job.Asked) {
	if flags&flagCancel != 0 {
		a |= job.AskedCancel
	}
	if flags&flagPreempt != 0 {
		a |= job.AskedPreempt
	}
	if flags&flagReprioritize != 0 {
		a |= job.AskedReprioritize
	}
	return a
}

func decodeMore(j *lead.JobSnapshot, in *schedulerv1.More) error {
	j.Job.Wanted = in.GetWantedPriority()
	if run := in.GetRun(); run != nil {
		if len(run.GetId()) != ulidBytes {
			return fmt.Errorf("%w: a run id of %d bytes", ErrDamaged, len(run.GetId()))
		}
		j.Job.Run = job.Run{ID: job.RunID(run.GetId()), State: job.RunState(run.GetState()), Releasing: run.GetReleasing()} //nolint:gosec // as written
	}
	more := lead.MoreSnapshot{
		Whole: in.GetWhole(), Priority: in.GetAskedPriority(), Tried: in.GetTried(), TriedAt: job.Time(in.GetTriedAt()),
		Cancel: askedBy(in.GetCancel()), Preempt: askedBy(in.GetPreempt()), Reprioritize: askedBy(in.GetReprioritize()),
	}
	if g := in.GetGang(); g != nil {
		gang := eventwire.GangFrom(g)
		more.Gang = &gang
	}
	if l := in.GetLeased(); l != nil {
		leased, err := eventwire.LeaseFrom(l)
		if err != nil {
			return err
		}
		more.Leased = &leased
	}
	if r := in.GetReserved(); r != nil {
		reserved, err := eventwire.ReservationFrom(r)
		if err != nil {
			return err
		}
		more.Reserved = &reserved
	}
	var err error
	if more.End, err = eventwire.FailureFrom(in.GetEnd()); err != nil {
		return err
	}
	if more.Gang != nil || more.Leased != nil || more.Cancel != nil || more.Preempt != nil || more.Reprioritize != nil || more.End != nil || more.Tried != nil || more.Reserved != nil {
		j.More = &more
	}
	return nil
}

func askedBy(a *schedulerv1.Asked) *lead.AskedSnapshot {
	if a == nil {
		return nil
	}
	return &lead.AskedSnapshot{By: a.GetBy(), Why: a.GetWhy()}
}
