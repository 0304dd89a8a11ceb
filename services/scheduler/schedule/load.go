package schedule

import (
	"fmt"
	"slices"
)

// Load makes a state of content that was written down. It is as fast as a million jobs
// want it: each row is checked and put where it belongs, and each queue is put in order
// once. Errors: ErrInvalid, for a configuration or a row that New and Apply would refuse,
// a row that is there twice, and rows that contradict each other.
func Load(cfg *Config, content Snapshot) (*State, error) {
	s, err := New(*cfg)
	if err != nil {
		return nil, err
	}
	s.jobIDs.reserve(len(content.Jobs) + len(content.Held))
	s.jobs = make([]jobRow, 0, len(content.Jobs)+len(content.Held))
	s.runIDs.reserve(len(content.Runs))
	s.runs = make([]runRow, 0, len(content.Runs))
	for _, load := range []func(*Snapshot) error{
		s.loadQueues, s.loadNodes, s.loadShapes, s.loadGangs, s.loadJobs, s.loadRuns, s.loadMembers, s.loadBuckets, s.loadCharges, s.loadUsage, s.loadStarted, s.loadReservations,
	} {
		if err := load(&content); err != nil {
			return nil, fmt.Errorf("load: %w", err)
		}
	}
	return s, nil
}

// twice refuses a row that is there already.
func twice(what string, id any) error {
	return fmt.Errorf("%w: %s %v is there twice", ErrInvalid, what, id)
}

func (s *State) loadQueues(content *Snapshot) error {
	for i := range content.Queues {
		if q, is := s.queueOf[content.Queues[i].ID]; is && s.queues[q].known {
			return twice("queue", content.Queues[i].ID)
		}
		if err := s.setQueue(content.Queues[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *State) loadNodes(content *Snapshot) error {
	for i := range content.Nodes {
		if err := s.setNode(&content.Nodes[i]); err != nil {
			return err
		}
		if len(s.nodes) != i+1 {
			return twice("node", content.Nodes[i].ID)
		}
	}
	for _, id := range content.Lost {
		s.lost[id] = true
	}
	return nil
}

func (s *State) loadShapes(content *Snapshot) error {
	for i := range content.Shapes {
		if err := s.addShape(content.Shapes[i]); err != nil {
			return err
		}
		if len(s.shapes) != i+1 {
			return twice("shape", content.Shapes[i].ID)
		}
	}
	return nil
}

func (s *State) loadGangs(content *Snapshot) error {
	for _, row := range content.Gangs {
		if q, is := s.queueOf[row.Queue]; is {
			if _, is := s.queues[q].gangs[row.ID]; is {
				return twice("gang", row.ID)
			}
		}
		if err := s.addGang(row.Gang); err != nil {
			return err
		}
		g := &s.gangs[s.queues[s.queueOf[row.Queue]].gangs[row.ID]]
		g.ended, g.missed = int(row.Ended), int(row.Missed)
		if err := g.loadDone(row.Done); err != nil {
			return fmt.Errorf("gang %q of queue %q: %w", row.ID, row.Queue, err)
		}
	}
	return nil
}

// loadJobs fills the queues and puts each kind in order, once.
func (s *State) loadJobs(content *Snapshot) error {
	var mixed bitset
	for i := range content.Jobs {
		h, err := s.loadJob(&content.Jobs[i])
		if err != nil {
			return err
		}
		row := &s.jobs[h]
		row.waits = true
		if list := &s.kinds[row.kind].waiting; !list.appended(s, h) {
			mixed = mixed.grown(len(s.kinds))
			mixed.set(row.kind)
		}
		s.countQueued(h)
		if row.gang != none {
			g := &s.gangs[row.gang]
			g.queued = append(g.queued, h)
		}
	}
	for k := range s.kinds {
		if k < len(mixed)*64 && mixed.has(int32(k)) { //nolint:gosec // below 2^31
			s.kinds[k].waiting.sort(s)
		}
	}
	for i := range s.gangs {
		slices.SortFunc(s.gangs[i].queued, s.compareQueued)
	}
	for i := range content.Held {
		h, err := s.loadJob(&content.Held[i])
		if err != nil {
			return err
		}
		s.withhold(h)
	}
	return nil
}

func (s *State) loadJob(j *Job) (int32, error) {
	if s.jobIDs.find((*[16]byte)(&j.ID)) != none {
		return none, twice("job", fmt.Sprintf("%x", j.ID))
	}
	queue, shape, gang, err := s.resolve(j)
	if err != nil {
		return none, err
	}
	return s.addJobRow(j, s.refKind(queue, shape), gang), nil
}

func (s *State) loadRuns(content *Snapshot) error {
	for i := range content.Runs {
		row := &content.Runs[i]
		queue, shape, gang, err := s.resolve(&Job{ID: row.Job, Queue: row.Queue, Shape: row.Shape, Gang: row.Gang})
		if err != nil {
			return fmt.Errorf("run %x: %w", row.ID, err)
		}
		if row.ID == (RunID{}) || row.Phase < Leased || row.Phase > Releasing {
			return fmt.Errorf("%w: run %x in phase %d", ErrInvalid, row.ID, row.Phase)
		}
		if s.runIDs.find((*[16]byte)(&row.ID)) != none {
			return twice("run", fmt.Sprintf("%x", row.ID))
		}
		s.addRun(&row.Run, s.refKind(queue, shape), gang)
	}
	return nil
}

// loadMembers notes who of the gangs is away. Of a gang there must be something left to
// happen, else it would not be known any more.
func (s *State) loadMembers(content *Snapshot) error {
	for _, m := range content.Members {
		gang := none
		if q, is := s.queueOf[m.Queue]; is {
			if g, is := s.queues[q].gangs[m.Gang]; is {
				gang = g
			}
		}
		if gang == none || m.Job == (JobID{}) || s.jobIDs.find((*[16]byte)(&m.Job)) != none {
			return fmt.Errorf("%w: job %x waits, or is of gang %q of queue %q, which is not known", ErrInvalid, m.Job, m.Gang, m.Queue)
		}
		run := s.runIDs.find((*[16]byte)(&m.Run))
		if m.Run != (RunID{}) && (run == none || s.runs[run].job != m.Job || s.runs[run].gang != gang) {
			return fmt.Errorf("%w: job %x of gang %q has run %x, which is not its own", ErrInvalid, m.Job, m.Gang, m.Run)
		}
		if _, is := s.away[m.Job]; is {
			return twice("member", fmt.Sprintf("%x", m.Job))
		}
		group := s.groupOf(gang, m.Group)
		if m.Group != "" && group == noGroup {
			return fmt.Errorf("%w: job %x is of group %q of gang %q, which is not known", ErrInvalid, m.Job, m.Group, m.Gang)
		}
		if m.Ended && (m.Run != (RunID{}) || s.gangs[gang].Min == 0) {
			return fmt.Errorf("%w: job %x of gang %q ended, and has run %x or is of no elastic gang", ErrInvalid, m.Job, m.Gang, m.Run)
		}
		s.away[m.Job] = awayMember{gang: gang, group: group, run: m.Run, ended: m.Ended}
		if m.Run != (RunID{}) {
			s.gangs[gang].placed++
		} else {
			s.gangs[gang].between++
		}
	}
	for i := range s.gangs {
		if g := &s.gangs[i]; g.over() {
			return fmt.Errorf("%w: gang %q of queue %q is over", ErrInvalid, g.ID, g.Queue)
		}
	}
	return nil
}

func (s *State) loadReservations(content *Snapshot) error {
	for i := range content.Reservations {
		r := &content.Reservations[i]
		if err := checkReservation(r); err != nil {
			return err
		}
		for _, m := range r.Members {
			if _, is := s.reservations.of[m.Job]; is || !s.mayReserve(m.Job) {
				return fmt.Errorf("%w: job %x does not wait, or is in two reservations", ErrInvalid, m.Job)
			}
		}
		s.reservations.set(r)
	}
	return nil
}

func (s *State) loadBuckets(content *Snapshot) error {
	for _, b := range content.Buckets {
		a := &s.global
		if b.Queue != "" {
			a = &s.queues[s.queue(b.Queue)].tokens
		}
		if a.facts.free != 0 {
			return twice("bucket of queue", b.Queue)
		}
		if b.Free < -4*bucketMax || b.Free > 4*bucketMax {
			return fmt.Errorf("%w: bucket of queue %q is free at %d, beyond 2^62", ErrInvalid, b.Queue, b.Free)
		}
		a.facts.free = b.Free
		a.seen = a.facts
	}
	return nil
}
