package app

import (
	"context"
	"sync"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/api"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/lead"
)

const (
	// roundsKept is how many of the newest rounds that decided something are kept, beside the
	// newest of all.
	roundsKept = 20
	// askWithin is how long a question waits for a core that has caught up.
	askWithin = 5 * time.Second
)

// Questions is how much may be asked of a replica.
type Questions struct {
	// JobsPerSecond is how many jobs are explained a second, reports counted as one, and 20
	// at once after a quiet time. Each takes the core some milliseconds with 10,000 nodes, in
	// which it decides nothing. Default 20.
	JobsPerSecond float64
	// WhatIfsMax is how many what-ifs are worked out at a time. Each has a copy of the state,
	// some 100 bytes a job. Default 1.
	WhatIfsMax int
}

// question is something that is asked of the core between two of its steps.
type question struct {
	ask  func(*lead.Core)
	done chan struct{}
}

// ask runs a question between two steps of the present term's core, once it has caught up.
func (s *Service) ask(ctx context.Context, f func(*lead.Core)) error {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	if s.standing.ready() != nil {
		return fault.NewUnavailable("this scheduler %s; try again", errBehind)
	}
	q := question{ask: f, done: make(chan struct{})}
	select {
	case s.asks <- q:
		<-q.done // it is being answered
		return nil
	case <-ctx.Done():
		return fault.NewUnavailable("this scheduler does not answer now; try again").Because(context.Cause(ctx))
	}
}

// rounds are the newest rounds of this replica. Safe for concurrent use.
type rounds struct {
	mu sync.Mutex
	// list is in their order; the newest may be one that decided nothing.
	list []api.RoundTook
}

// note notes the newest round of a core, if it is another than before.
func (r *rounds) note(newest lead.Round, took time.Duration) {
	if newest.Number == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	last := len(r.list) - 1
	switch {
	case last >= 0 && r.list[last].Number == newest.Number && r.list[last].At == newest.At:
		return
	case last >= 0 && len(r.list[last].Queues) == 0 && r.list[last].Rejected == 0:
		r.list = r.list[:last]
	case len(r.list) > roundsKept:
		r.list = r.list[1:]
	}
	r.list = append(r.list, api.RoundTook{Round: newest, Took: took})
}

// newestFirst is a copy of them.
func (r *rounds) newestFirst() []api.RoundTook {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]api.RoundTook, len(r.list))
	for i := range r.list {
		out[len(out)-1-i] = r.list[i]
	}
	return out
}
