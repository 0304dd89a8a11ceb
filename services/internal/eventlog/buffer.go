package eventlog

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// Buffer counts the bytes that an appender holds and that are not stored yet, and
// makes whoever would bring more than BufferBytesMax wait, in order of arrival. It
// is for implementations of [Appender]. The zero Buffer is empty. It is safe for
// concurrent use.
type Buffer struct {
	mu      sync.Mutex
	used    int
	waiting []*taker
	closed  bool
}

// taker waits for room. Done is closed when it has it, or when the buffer closed.
type taker struct {
	bytes int
	done  chan struct{}
	taken bool
}

// Take waits until there is room for so many bytes and takes it; the caller gives
// it back. What is larger than the buffer has room when the buffer is empty.
// Errors: ErrClosed, or the cause of ctx; then nothing was taken.
func (b *Buffer) Take(ctx context.Context, bytes int) error {
	w := b.join(bytes)
	select {
	case <-w.done:
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case w.taken:
		return nil
	case b.closed:
		return fmt.Errorf("wait for room: %w", ErrClosed)
	}
	b.waiting = slices.DeleteFunc(b.waiting, func(other *taker) bool { return other == w })
	b.admit() // whoever stood behind may need less
	return fmt.Errorf("wait for room for %d bytes: %w", bytes, context.Cause(ctx))
}

func (b *Buffer) join(bytes int) *taker {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := &taker{bytes: bytes, done: make(chan struct{})}
	if b.closed {
		close(w.done)
		return w
	}
	b.waiting = append(b.waiting, w)
	b.admit()
	return w
}

// Give gives room back.
func (b *Buffer) Give(bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= bytes
	b.admit()
}

// Close ends all waiting, now and later. It may be called twice.
func (b *Buffer) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for _, w := range b.waiting {
		close(w.done)
	}
	b.waiting = nil
}

// admit lets the first in as long as there is room. It needs the lock.
func (b *Buffer) admit() {
	for len(b.waiting) > 0 {
		w := b.waiting[0]
		if b.used > 0 && b.used+w.bytes > BufferBytesMax {
			return
		}
		b.used += w.bytes
		w.taken = true
		close(w.done)
		b.waiting = b.waiting[1:]
	}
}
