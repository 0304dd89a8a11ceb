package project

import (
	"context"
	"errors"
	"sync"
)

// errEnded: the process stops and answers no more.
var errEnded = errors.New("the process is stopping")

// shared makes one look-up at a time and gives its answer to all who asked before
// it began. Whoever asks while one is under way waits for the next: what it finds
// must not be older than the question. It is safe for concurrent use.
type shared[T any] struct {
	look func(ctx context.Context) (T, error)
	// wake has room for one: that somebody waits.
	wake  chan struct{}
	ended chan struct{}

	mu      sync.Mutex
	waiting []chan<- answer[T]
}

type answer[T any] struct {
	value T
	err   error
}

func newShared[T any](look func(ctx context.Context) (T, error)) *shared[T] {
	return &shared[T]{look: look, wake: make(chan struct{}, 1), ended: make(chan struct{})}
}

// run looks up while there is somebody who waits, until ctx is done.
func (s *shared[T]) run(ctx context.Context) error {
	defer close(s.ended)
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.wake:
		}
		s.mu.Lock()
		waiting := s.waiting
		s.waiting = nil
		s.mu.Unlock()
		value, err := s.look(ctx)
		for _, w := range waiting {
			w <- answer[T]{value, err} // has room
		}
	}
}

// get asks, and waits for the answer.
func (s *shared[T]) get(ctx context.Context) (T, error) {
	mine := make(chan answer[T], 1)
	s.mu.Lock()
	s.waiting = append(s.waiting, mine)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default: // somebody said so already
	}
	var none T
	select {
	case a := <-mine:
		return a.value, a.err
	case <-ctx.Done():
		return none, context.Cause(ctx)
	case <-s.ended:
		return none, errEnded
	}
}
