package simulate

import (
	"time"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// happen does an event.
func (s *Simulation) happen(e event, out Recorder) error {
	switch e.kind {
	case templateCame:
		return s.submit(e.ref)
	case jobsComeBack:
		jobs := s.returns[e.ref].jobs
		s.returns[e.ref].jobs, s.freeReturns = jobs[:0], append(s.freeReturns, e.ref)
		return s.queueAgain(jobs)
	default:
		if r := &s.runs[e.ref]; r.live && r.turn == e.turn { // else it was preempted
			return s.succeed(e.ref, out)
		}
		return nil
	}
}

// submit submits the jobs of a template.
func (s *Simulation) submit(t int32) error {
	spec, row := &s.world.Templates[t], &s.templates[t]
	row.came, s.stale = s.now, true
	s.counts.Submitted += uint64(spec.Number)
	s.waits(int64(spec.Number))
	key := Key{Template: uint32(t)} //nolint:gosec // not negative
	for key.Number = 0; key.Number < spec.Number; key.Number++ {
		if spec.Gang > 0 && key.Number%spec.Gang == 0 {
			if err := s.gang(key, spec.Gang); err != nil {
				return err
			}
		}
		if err := s.queued(key); err != nil {
			return err
		}
	}
	if spec.Number == 0 {
		s.completed(t)
	}
	return nil
}

// queueAgain submits preempted jobs again, gangs as gangs.
func (s *Simulation) queueAgain(jobs []Key) error {
	s.stale = true
	s.waits(int64(len(jobs)))
	if spec := &s.world.Templates[jobs[0].Template]; spec.Gang > 0 {
		if err := s.gang(jobs[0], uint32(len(jobs))); err != nil { //nolint:gosec // at most a gang
			return err
		}
	}
	for _, key := range jobs {
		s.came[key] = s.now
		if err := s.queued(key); err != nil {
			return err
		}
	}
	return nil
}

func (s *Simulation) gang(of Key, size uint32) error {
	spec := &s.world.Templates[of.Template]
	return s.tell(schedule.GangAdded{Gang: schedule.Gang{ID: of.gangID(spec.Gang), Queue: spec.Queue, Cardinality: size, Label: spec.Label}})
}

func (s *Simulation) queued(key Key) error {
	spec := &s.world.Templates[key.Template]
	j := schedule.Job{
		ID: key.jobID(), Queue: spec.Queue, Shape: s.templates[key.Template].shape, Priority: spec.Priority,
		Submitted: epoch + schedule.Time(s.now),
	}
	if spec.Gang > 0 {
		j.Gang = key.gangID(spec.Gang)
	}
	return s.tell(schedule.JobQueued{Job: j})
}

// waits counts jobs that wait from now on, or no more.
func (s *Simulation) waits(jobs int64) {
	s.account.wait(s.now, jobs)
	s.counts.Waiting += uint64(jobs) //nolint:gosec // it wraps back
}

// start begins the runs of a plan. Their victims are gone already.
func (s *Simulation) start(starts []schedule.Start) error {
	s.waits(-int64(len(starts)))
	for i := range starts {
		start := &starts[i]
		key := keyOf(start.Job)
		spec, submitted := &s.world.Templates[key.Template], s.templates[key.Template].came
		if key.Attempt > 0 {
			submitted = s.came[key]
			delete(s.came, key)
		}
		row := s.freeRun()
		r := &s.runs[row]
		r.key, r.node, r.pool, r.live = key, s.nodeOf[start.Node], s.account.poolOf[start.Pool], true
		r.submitted, r.started = submitted, s.now
		s.agenda.push(event{at: s.now + s.pending(key) + s.runtime(key), kind: runEnds, turn: r.turn, ref: row})
		err := s.tell(schedule.RunLeased{Run: schedule.Run{
			ID: key.runID(row), Job: start.Job, Node: start.Node, Pool: start.Pool, Level: start.Level,
			Since: epoch + schedule.Time(s.now), Phase: schedule.Leased,
		}})
		if err != nil {
			return err
		}
		s.counts.Running++
		s.counts.Starts++
		s.tally.waited(s.templates[key.Template].queue, s.now-submitted)
		s.holds(r, spec, 1)
		s.part(r).started++
	}
	return nil
}

// runtime is how long a job runs, in each attempt. A gang has one run time.
func (s *Simulation) runtime(key Key) time.Duration {
	spec, number := &s.world.Templates[key.Template], uint64(key.Number)
	if spec.Gang > 0 {
		number /= uint64(spec.Gang)
	}
	return spec.Runtime.of(draw(s.world.Seed, forRuntime, uint64(key.Template), number))
}

// pending is how long a run holds its node before it runs.
func (s *Simulation) pending(key Key) time.Duration {
	return s.world.Pending.of(draw(s.world.Seed, forPending, uint64(key.Template), uint64(key.Number), uint64(key.Attempt)))
}

func (s *Simulation) freeRun() int32 {
	if last := len(s.freeRuns) - 1; last >= 0 {
		row := s.freeRuns[last]
		s.freeRuns = s.freeRuns[:last]
		return row
	}
	s.runs = append(s.runs, run{})
	return int32(len(s.runs) - 1) //nolint:gosec // below 2^31
}

func (s *Simulation) part(r *run) *part {
	return s.account.part(r.pool, s.templates[r.key.Template].queue)
}

// holds counts what a run holds, or holds no more.
func (s *Simulation) holds(r *run, spec *Template, times int64) {
	s.account.move(s.now, r.pool, s.templates[r.key.Template].queue, spec.Shape.Request, times)
	s.part(r).running += uint32(times) //nolint:gosec // it wraps back
}

// end takes a run off its node, tells of it and forgets it.
func (s *Simulation) end(row int32, how Outcome, out Recorder) error {
	r := &s.runs[row]
	s.holds(r, &s.world.Templates[r.key.Template], -1)
	s.counts.Running--
	err := out.Run(RunRow{
		Key: r.key, Pool: r.pool, Node: r.node, Outcome: how, Submitted: r.submitted, Started: r.started, Ended: s.now,
	})
	r.live = false
	r.turn++
	s.freeRuns = append(s.freeRuns, row)
	return err
}

// succeed ends a run that had its time, and its job.
func (s *Simulation) succeed(row int32, out Recorder) error {
	key, t := s.runs[row].key, &s.templates[s.runs[row].key.Template]
	t.count(s.world.Pending.Minimum + s.runtime(key)) // drawn again: so much less to keep a run
	if err := s.end(row, Succeeded, out); err != nil {
		return err
	}
	s.counts.Succeeded++
	s.stale = true
	s.tally.last = s.now
	t.left--
	if t.left == 0 {
		s.completed(int32(key.Template)) //nolint:gosec // it was an int32
	}
	return s.gone(key, schedule.RunGone{Run: key.runID(row), At: epoch + schedule.Time(s.now), Ended: true})
}

// gone tells the round that a run, and so its job, is over.
func (s *Simulation) gone(key Key, how schedule.RunGone) error {
	if err := s.tell(how); err != nil {
		return err
	}
	return s.tell(schedule.JobGone{Job: key.jobID()})
}

// completed submits what waited for a template alone.
func (s *Simulation) completed(t int32) {
	for _, n := range s.templates[t].next {
		spec := &s.world.Templates[n]
		s.templates[n].soonest = max(s.templates[n].soonest, s.templates[t].ends()+spec.AfterDelay)
		s.templates[n].blocked--
		if s.templates[n].blocked == 0 {
			s.agenda.push(event{at: max(spec.Earliest, s.now+spec.AfterDelay), kind: templateCame, ref: int32(n)}) //nolint:gosec // checked
		}
	}
}

// preempt ends runs before their time and has their jobs come back. Nodes are free at
// once: nothing here has a grace period.
func (s *Simulation) preempt(list []schedule.Preempt, out Recorder) error {
	gangs := map[Key]int32{}
	for i := range list {
		row := rowOf(list[i].Run)
		r := &s.runs[row]
		key, spec := r.key, &s.world.Templates[r.key.Template]
		s.part(r).preempted++
		s.counts.Preemptions++
		s.tally.lost.add(s.cpu(spec), s.now-r.started)
		if err := s.end(row, Preempted, out); err != nil {
			return err
		}
		if err := s.gone(key, schedule.RunGone{Run: key.runID(row), At: epoch + schedule.Time(s.now)}); err != nil {
			return err
		}
		again := key
		again.Attempt++
		if spec.Gang == 0 {
			s.comesBack(again, s.freeReturn())
			continue
		}
		of := Key{Template: key.Template, Number: key.Number / spec.Gang, Attempt: key.Attempt}
		if mates, is := gangs[of]; is {
			s.returns[mates].jobs = append(s.returns[mates].jobs, again)
			continue
		}
		gangs[of] = s.freeReturn()
		s.comesBack(again, gangs[of])
	}
	return nil
}

// comesBack has a job, and whoever joins it, be submitted again after a while.
func (s *Simulation) comesBack(again Key, at int32) {
	s.returns[at].jobs = append(s.returns[at].jobs, again)
	delay := s.world.Resubmit.of(draw(s.world.Seed, forResubmit, uint64(again.Template), uint64(again.Number), uint64(again.Attempt)))
	s.agenda.push(event{at: s.now + delay, kind: jobsComeBack, ref: at})
}

func (s *Simulation) freeReturn() int32 {
	if last := len(s.freeReturns) - 1; last >= 0 {
		at := s.freeReturns[last]
		s.freeReturns = s.freeReturns[:last]
		return at
	}
	s.returns = append(s.returns, comeback{})
	return int32(len(s.returns) - 1) //nolint:gosec // below 2^31
}

// reject ends a waiting job that no node could ever hold.
func (s *Simulation) reject(r schedule.Reject) error {
	key := keyOf(r.Job)
	delete(s.came, key)
	s.waits(-1)
	s.counts.Rejected++
	s.tally.rejected(r.Reason)
	return s.tell(schedule.JobGone{Job: r.Job})
}

// cpu is what a job of a template asks of the resource cpu, in thousandths.
func (s *Simulation) cpu(spec *Template) int64 {
	for i, name := range s.world.Rules.Resources {
		if name == "cpu" {
			return spec.Shape.Request[i]
		}
	}
	return 0
}
