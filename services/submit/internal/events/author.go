package events

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/submit/internal/claim"
)

// writer is an author of this process.
type writer struct {
	author   eventlog.Author
	appender eventlog.Appender

	mu sync.Mutex
	// wrote are the partitions that know the author, so must learn that it is closed.
	wrote []eventlog.Partition
}

func (w *writer) note(drafts []eventlog.Draft) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range drafts {
		if !slices.Contains(w.wrote, d.Partition) {
			w.wrote = append(w.wrote, d.Partition)
		}
	}
}

func (w *writer) partitions() []eventlog.Partition {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.wrote)
}

// Open makes this process an author. Call it once, before anything else.
func (p *Publisher) Open(ctx context.Context) error {
	w, err := p.openWriter(ctx)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.current = w
	return nil
}

func (p *Publisher) openWriter(ctx context.Context) (*writer, error) {
	w := &writer{author: p.NewID()}
	if err := p.Store.OpenAuthor(ctx, w.author, p.Clock.Now()); err != nil {
		return nil, err
	}
	appender, err := p.Log.Appender(w.author)
	if err != nil {
		return nil, logFailed(fmt.Errorf("open appender: %w", err))
	}
	w.appender = appender
	return w, nil
}

// writer is the author that this process writes as now.
func (p *Publisher) writer() (*writer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current == nil || p.replacing {
		return nil, fault.NewUnavailable("this server is just starting, stopping or changing its name in the log; try again")
	}
	return p.current, nil
}

// Ready says why nothing can be published now.
func (p *Publisher) Ready() error {
	_, err := p.writer()
	return err
}

// replace makes this process a new author in place of old, unless somebody has done
// so. While it lasts others are told to try again; they are not made to wait, since
// they could not be waited for under a lock.
func (p *Publisher) replace(ctx context.Context, old *writer) error {
	p.mu.Lock()
	if p.current != old || p.replacing {
		p.mu.Unlock()
		return nil
	}
	p.replacing = true
	p.mu.Unlock()

	w, err := p.openWriter(ctx)

	p.mu.Lock()
	defer p.mu.Unlock()
	p.replacing = false
	if err != nil {
		return err
	}
	p.retired = append(p.retired, old)
	p.current = w
	p.metrics.replaced.Inc()
	return nil
}

// closed is what a caller gets whose author turned out to be closed: a new author
// for the next call, and Unavailable for this one, which may count or not.
func (p *Publisher) closed(ctx context.Context, w *writer) error {
	err := p.replace(ctx, w)
	return fault.NewUnavailable("it is not known whether the request was accepted; try again").
		Because(errors.Join(claim.ErrAuthorClosed, err))
}

// Tend renews this process' author, or replaces it when it is closed, and lets go
// of those it was before. Call it often enough for Config.AbandonedAfter.
func (p *Publisher) Tend(ctx context.Context) error {
	w, err := p.writer()
	if err != nil {
		return err
	}
	err = p.Store.RenewAuthor(ctx, w.author, p.Clock.Now())
	if errors.Is(err, claim.ErrAuthorClosed) {
		err = p.replace(ctx, w)
	}
	return errors.Join(err, p.letGo(ctx))
}

// letGo closes the authors that this process was before.
func (p *Publisher) letGo(ctx context.Context) error {
	p.mu.Lock()
	retired := p.retired
	p.retired = nil
	p.mu.Unlock()
	var errs []error
	for i, old := range retired {
		if err := p.end(ctx, old); err != nil {
			p.mu.Lock()
			p.retired = append(p.retired, retired[i])
			p.mu.Unlock()
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// end closes an author of this process that is not the current one, and tells the
// partitions it wrote to.
func (p *Publisher) end(ctx context.Context, old *writer) error {
	w, err := p.writer()
	if err != nil {
		return err
	}
	if err := p.Store.CloseAuthor(ctx, w.author, old.author, p.Clock.Now()); err != nil {
		return err
	}
	ctx, cancel := p.Clock.Timeout(ctx, p.cfg.PublishTimeout)
	defer cancel()
	if err := old.appender.Close(ctx); err != nil && !errors.Is(err, eventlog.ErrUnknown) {
		return logFailed(fmt.Errorf("close appender: %w", err)) // of unknown outcome is fine: nothing of it is acknowledged
	}
	return p.announce(ctx, old.author, old.partitions())
}

// announce tells partitions that an author is closed, and notes that they know.
func (p *Publisher) announce(ctx context.Context, author eventlog.Author, partitions []eventlog.Partition) error {
	if len(partitions) > 0 {
		if err := p.Publish(ctx, closes(author, partitions)...); err != nil {
			return err
		}
	}
	return p.Store.AnnounceAuthor(ctx, author)
}

func closes(author eventlog.Author, partitions []eventlog.Partition) []eventlog.Draft {
	drafts := make([]eventlog.Draft, len(partitions))
	for i, partition := range partitions {
		drafts[i] = eventlog.Draft{Partition: partition, Kind: eventlog.AuthorClosed, Closes: author}
	}
	return drafts
}

// Close ends this process' author: nothing can be published any more. Call it when
// all calls have ended. A process that dies instead is found by the janitor.
func (p *Publisher) Close(ctx context.Context) error {
	errs := []error{p.letGo(ctx)}
	p.mu.Lock()
	w := p.current
	p.current = nil
	p.mu.Unlock()
	if w == nil {
		return errors.Join(errs...)
	}
	err := p.finish(ctx, w)
	if errors.Is(err, claim.ErrAuthorClosed) {
		err = nil // somebody has closed it, and the janitor will tell the log
	}
	return errors.Join(append(errs, err, w.appender.Close(ctx))...)
}

// finish ends an author by its own word: its row, and then the partitions that know
// it. claim.ErrAuthorClosed when somebody else has done so.
func (p *Publisher) finish(ctx context.Context, w *writer) error {
	if err := p.Store.CloseAuthor(ctx, w.author, w.author, p.Clock.Now()); err != nil {
		return err
	}
	if err := eventlog.Append(ctx, w.appender, closes(w.author, w.partitions())...); err != nil {
		return logFailed(fmt.Errorf("append: %w", err))
	}
	if err := p.Store.AnnounceAuthor(ctx, w.author); err != nil {
		return err
	}
	return w.appender.Close(ctx)
}
