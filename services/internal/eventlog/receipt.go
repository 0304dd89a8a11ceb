package eventlog

import (
	"context"
	"fmt"
	"sync"
)

// Receipt says when the entries of one Append are stored. It is safe for
// concurrent use.
type Receipt struct {
	done chan struct{}
	once sync.Once
	err  error
}

// NewReceipt makes an open receipt. It is for implementations of [Appender].
func NewReceipt() *Receipt { return &Receipt{done: make(chan struct{})} }

// Settle closes the receipt: err is nil when the entries are stored. Later calls
// change nothing. It is for implementations of [Appender].
func (r *Receipt) Settle(err error) {
	r.once.Do(func() {
		r.err = err
		close(r.done)
	})
}

// Done is closed when the outcome is known or given up.
func (r *Receipt) Done() <-chan struct{} { return r.done }

// Err is the outcome after Done: nil when the entries are stored.
func (r *Receipt) Err() error {
	<-r.done
	return r.err
}

// Wait waits for the outcome. When ctx is done first the error wraps ErrUnknown:
// the log goes on and the entries may count.
func (r *Receipt) Wait(ctx context.Context) error {
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnknown, context.Cause(ctx))
	}
}

// Append appends and waits: the common case of a request.
func Append(ctx context.Context, a Appender, drafts ...Draft) error {
	receipt, err := a.Append(ctx, drafts...)
	if err != nil {
		return err
	}
	return receipt.Wait(ctx)
}
