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
	s.jobs = make(map[JobID]*queuedJob, len(content.Jobs))
	s.runs = make(map[RunID]*run, len(content.Runs))
	// Nodes come before shapes and runs, for a node is looked up among them.
	for _, load := range []func(*Snapshot) error{
		s.loadQueues, s.loadNodes, s.loadShapes, s.loadGangs, s.loadJobs, s.loadRuns, s.loadMembers, s.loadBuckets,
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
		if err := s.setQueue(content.Queues[i]); err != nil {
			return err
		}
		if len(s.queues) != i+1 {
			return twice("queue", content.Queues[i].ID)
		}
	}
	return nil
}

func (s *State) loadNodes(content *Snapshot) error {
	for i := range content.Nodes {
		if err := s.setNode(content.Nodes[i]); err != nil {
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
		if q := s.queues[row.Queue]; q != nil && q.gangs[row.ID] != nil {
			return twice("gang", row.ID)
		}
		if err := s.addGang(row.Gang); err != nil {
			return err
		}
		g := s.queues[row.Queue].gangs[row.ID]
		g.ended, g.missed = int(row.Ended), int(row.Missed)
	}
	return nil
}

// loadJobs fills the queues and puts each in order, once.
func (s *State) loadJobs(content *Snapshot) error {
	rows := make([]queuedJob, len(content.Jobs))
	var gangs []*gangState
	for i := range rows {
		j := &rows[i]
		j.Job = content.Jobs[i]
		if err := s.resolve(j); err != nil {
			return err
		}
		if s.jobs[j.ID] = j; len(s.jobs) != i+1 {
			return twice("job", fmt.Sprintf("%x", j.ID))
		}
		q := s.queueOf(j.Queue)
		q.queued = append(q.queued, j)
		j.kind = q.kindOf(j.shape)
		j.kind.n++
		if j.gang != nil {
			g := q.gangs[j.gang.ID]
			if g.queued = append(g.queued, j); len(g.queued) == 1 {
				gangs = append(gangs, g)
			}
		}
	}
	for _, q := range s.queues { //archcheck:unordered each by itself
		putInOrder(q.queued)
	}
	for _, g := range gangs {
		putInOrder(g.queued)
	}
	for i := range content.Held {
		j := &queuedJob{Job: content.Held[i]}
		if err := s.resolve(j); err != nil {
			return err
		}
		if s.jobs[j.ID] != nil || s.held[j.ID] != nil {
			return twice("job", fmt.Sprintf("%x", j.ID))
		}
		s.queueOf(j.Queue)
		s.withhold(j)
	}
	return nil
}

// putInOrder sorts what mostly is in order: a snapshot is.
func putInOrder(jobs []*queuedJob) {
	if !slices.IsSortedFunc(jobs, compareQueued) {
		slices.SortFunc(jobs, compareQueued)
	}
}

func (s *State) loadRuns(content *Snapshot) error {
	for i := range content.Runs {
		row := &content.Runs[i]
		j := &queuedJob{Job: Job{ID: row.Job, Queue: row.Queue, Shape: row.Shape, Gang: row.Gang}}
		if err := s.resolve(j); err != nil {
			return fmt.Errorf("run %x: %w", row.ID, err)
		}
		if row.ID == (RunID{}) || row.Phase < Leased || row.Phase > Releasing {
			return fmt.Errorf("%w: run %x in phase %d", ErrInvalid, row.ID, row.Phase)
		}
		if s.runs[row.ID] != nil {
			return twice("run", fmt.Sprintf("%x", row.ID))
		}
		s.occupy(&run{Run: row.Run, queue: s.queueOf(row.Queue), shape: j.shape, gang: j.gang, node: s.nodes[row.Node], before: row.Phase})
	}
	return nil
}

// loadMembers notes who of the gangs is away. Of a gang there must be something left to
// happen, else it would not be known any more.
func (s *State) loadMembers(content *Snapshot) error {
	for _, m := range content.Members {
		q, r := s.queues[m.Queue], s.runs[m.Run]
		if m.Job == (JobID{}) || q == nil || q.gangs[m.Gang] == nil || s.jobs[m.Job] != nil || s.held[m.Job] != nil {
			return fmt.Errorf("%w: job %x waits, or is of gang %q of queue %q, which is not known", ErrInvalid, m.Job, m.Gang, m.Queue)
		}
		g := q.gangs[m.Gang]
		if m.Run != (RunID{}) && (r == nil || r.Job != m.Job || r.gang != &g.Gang) {
			return fmt.Errorf("%w: job %x of gang %q has run %x, which is not its own", ErrInvalid, m.Job, m.Gang, m.Run)
		}
		if s.away[m.Job] != nil {
			return twice("member", fmt.Sprintf("%x", m.Job))
		}
		if s.away[m.Job] = (&awayMember{gang: g, run: m.Run}); r != nil {
			g.placed++
		} else {
			g.between++
		}
	}
	for _, row := range content.Gangs {
		if s.queues[row.Queue].gangs[row.ID].over() {
			return fmt.Errorf("%w: gang %q of queue %q is over", ErrInvalid, row.ID, row.Queue)
		}
	}
	return nil
}

func (s *State) loadBuckets(content *Snapshot) error {
	for _, b := range content.Buckets {
		a := &s.global
		if b.Queue != "" {
			a = &s.queueOf(b.Queue).tokens
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
