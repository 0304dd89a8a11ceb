package events

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/submit/internal/claim"
)

// numbered is a job of a submission with the id that it goes by.
type numbered struct {
	index int
	id    job.ID
}

// Submit publishes the jobs that are new, as one entry, and returns the id of each.
// A job whose client id is taken, also by an earlier one of the same submission,
// gets the id of the first. Errors: TooLarge, and then nothing was written;
// Unavailable, and then a repeat with the same client ids finds out.
func (p *Publisher) Submit(ctx context.Context, s claim.Submission) ([]job.ID, error) {
	ctx, cancel := p.Clock.Timeout(ctx, p.cfg.SubmitWithin)
	defer cancel()
	jobs, first := p.number(s)
	body, err := p.encode(s, jobs)
	if err != nil {
		return nil, err
	}
	partition := p.PartitionOf(s.Queue, s.JobSet)
	if wanted := wantedOf(s, jobs); len(wanted) > 0 {
		run := &submitting{Publisher: p, Submission: s, partition: partition, jobs: jobs, wanted: wanted, body: body, met: map[claim.ID]time.Time{}}
		if jobs, err = run.publish(ctx); err != nil {
			return nil, err
		}
	} else if len(jobs) > 0 {
		if err := p.Publish(ctx, facts(partition, body)); err != nil {
			return nil, err
		}
		p.metrics.published.Add(float64(len(jobs)))
	}
	ids := make([]job.ID, len(s.ClientIDs))
	for _, j := range jobs {
		ids[j.index] = j.id
	}
	for i, f := range first {
		ids[i] = ids[f]
	}
	return ids, nil
}

// number gives every job an id that is not a repeat within the submission, and says
// which is the first of each job's like.
func (p *Publisher) number(s claim.Submission) (jobs []numbered, first []int) {
	jobs, first = make([]numbered, 0, len(s.ClientIDs)), make([]int, len(s.ClientIDs))
	by := map[string]int{}
	for i, clientID := range s.ClientIDs {
		first[i] = i
		if clientID != "" {
			if f, repeat := by[clientID]; repeat {
				first[i] = f
				continue
			}
			by[clientID] = i
		}
		jobs = append(jobs, numbered{index: i, id: p.NewID()})
	}
	return jobs, first
}

func wantedOf(s claim.Submission, jobs []numbered) (wanted []claim.Wanted) {
	for _, j := range jobs {
		if clientID := s.ClientIDs[j.index]; clientID != "" {
			wanted = append(wanted, claim.Wanted{ClientID: clientID, Job: j.id})
		}
	}
	return wanted
}

// encode makes the body of the entry, and refuses one that the log would not take.
func (p *Publisher) encode(s claim.Submission, jobs []numbered) ([]byte, error) {
	batch := job.Batch{Queue: s.Queue, JobSet: s.JobSet, Cause: s.Cause, Events: make([]job.Event, len(jobs))}
	for i, j := range jobs {
		e, err := s.Make(j.index, j.id)
		if err != nil {
			return nil, fmt.Errorf("make job %d: %w", j.index, err)
		}
		batch.Events[i] = e
	}
	body, err := eventwire.Encode(eventwire.Body{Batches: []eventwire.Batch{batch}})
	if err != nil {
		return nil, err
	}
	return body, fits(body)
}

// surelyFits is the size of a body up to which a frame is small enough, whatever
// compression makes of it.
const surelyFits = eventlog.FrameBytesMax / 2

// fits says whether the log would take the body, before anything is written. Only a
// large one is compressed to be measured.
func fits(body []byte) error {
	if len(body) <= surelyFits {
		return nil
	}
	codec, err := eventlog.NewCodec()
	if err != nil {
		return err
	}
	defer codec.Close()
	if _, err := codec.Encode(eventlog.Header{}, body); err != nil {
		return logFailed(err)
	}
	return nil
}

// submitting is a submission with client ids on its way.
type submitting struct {
	*Publisher
	claim.Submission
	partition eventlog.Partition
	jobs      []numbered
	wanted    []claim.Wanted
	body      []byte
	// dead are claims whose entries will never count.
	dead []claim.ID
	// met says since when others' claims were waited for.
	met map[claim.ID]time.Time
}

// publish reserves, appends and confirms.
func (s *submitting) publish(ctx context.Context) ([]numbered, error) {
	w, c, held, err := s.reserve(ctx)
	if err != nil {
		return nil, err
	}
	fresh, changed := s.take(held)
	s.metrics.repeated.Add(float64(len(s.ClientIDs) - len(fresh)))
	if len(fresh) == 0 {
		return s.jobs, nil // all of them are repeats, and no claim was made
	}
	if changed {
		if s.body, err = s.encode(s.Submission, fresh); err != nil {
			s.release(ctx, c)
			return nil, err
		}
	}
	if err := s.append(ctx, w, facts(s.partition, s.body)); err != nil {
		if errors.Is(err, errRefused) {
			s.release(ctx, c)
		}
		return nil, err
	}
	if err := s.confirm(ctx, w, c, held); err != nil {
		return nil, err
	}
	s.metrics.published.Add(float64(len(fresh)))
	return s.jobs, nil
}

// confirm notes that the entry is in the log, if it is sure to count. That the
// caller has left meanwhile is no reason to leave it unknown.
func (s *submitting) confirm(ctx context.Context, w *writer, c claim.ID, held []claim.Held) error {
	ctx, cancel := s.Clock.Timeout(context.WithoutCancel(ctx), s.cfg.PublishTimeout)
	defer cancel()
	claimed := slices.ContainsFunc(held, func(h claim.Held) bool { return !h.Published })
	var err error
	if claimed {
		err = s.Store.Confirm(ctx, w.author, c)
	} else { // the new ones have no client ids: no claim, the same check
		var open bool
		if open, err = s.Store.AuthorIsOpen(ctx, w.author); err == nil && !open {
			err = claim.ErrAuthorClosed
		}
	}
	if errors.Is(err, claim.ErrAuthorClosed) {
		return s.closed(ctx, w)
	}
	return err
}

// release frees the client ids of an entry that the log did not take. If that fails
// the janitor will find the claim.
func (s *submitting) release(ctx context.Context, c claim.ID) {
	ctx, cancel := s.Clock.Timeout(context.WithoutCancel(ctx), s.cfg.PublishTimeout)
	defer cancel()
	_ = s.Store.Drop(ctx, c)
}

// reserve takes the client ids, after waiting for others' claims or resolving them.
func (s *submitting) reserve(ctx context.Context) (*writer, claim.ID, []claim.Held, error) {
	for {
		w, err := s.writer()
		if err != nil {
			return nil, claim.ID{}, nil, err
		}
		after, err := s.newestOf(ctx, s.partition)
		if err != nil {
			return nil, claim.ID{}, nil, err
		}
		c := claim.Claim{ID: s.NewID(), Queue: s.Queue, Author: w.author, Partition: s.partition, After: after, Made: s.Clock.Now()}
		r, err := s.Store.Reserve(ctx, c, s.wanted, s.dead)
		switch {
		case errors.Is(err, claim.ErrAuthorClosed): // nothing was published yet: the next author tries
			err = s.replace(ctx, w)
		case err == nil && len(r.Pending) == 0:
			return w, c.ID, r.Held, nil
		case err == nil:
			err = s.clear(ctx, r.Pending)
		}
		if err != nil {
			return nil, claim.ID{}, nil, err
		}
	}
}

// clear waits a moment for claims that are young, and resolves them when none is.
func (s *submitting) clear(ctx context.Context, pending []claim.Claim) error {
	for _, c := range pending {
		ripe, err := s.ripe(ctx, c)
		if err != nil {
			return err
		}
		if ripe {
			continue
		}
		if err := s.Clock.Sleep(ctx, s.cfg.Poll); err != nil {
			return fault.NewUnavailable("an earlier request with the same client ids is still on its way; try again").Because(err)
		}
		return nil
	}
	for _, c := range pending {
		found, err := s.resolve(ctx, c)
		if err != nil {
			return err
		}
		if !found {
			s.dead = append(s.dead, c.ID)
			continue
		}
		if err := s.Store.Settle(ctx, c.ID); err != nil {
			return err
		}
	}
	return nil
}

// ripe says whether a claim need not be waited for: its author is closed, or it is
// old, by its own time or, should clocks differ, by ours.
func (s *submitting) ripe(ctx context.Context, c claim.Claim) (bool, error) {
	now := s.Clock.Now()
	since, known := s.met[c.ID]
	if !known {
		since = now
		s.met[c.ID] = now
	}
	if now.Sub(c.Made) >= s.cfg.PublishTimeout || now.Sub(since) >= s.cfg.PublishTimeout {
		return true, nil
	}
	open, err := s.Store.AuthorIsOpen(ctx, c.Author)
	return !open && err == nil, err
}

// take gives the jobs the ids that they are known by, and returns those that are
// not published yet; changed says whether they differ from what was encoded.
func (s *submitting) take(held []claim.Held) (fresh []numbered, changed bool) {
	next := 0
	for i := range s.jobs {
		j := &s.jobs[i]
		if s.ClientIDs[j.index] != "" {
			h := held[next]
			next++
			changed = changed || h.Published || h.Job != j.id
			j.id = h.Job
			if h.Published {
				continue
			}
		}
		fresh = append(fresh, *j)
	}
	return fresh, changed
}
