package events

import (
	"context"
	"errors"
	"fmt"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/submit/internal/claim"
)

// resolveAttempts bounds how often a resolver finds its own author closed.
const resolveAttempts = 5

// resolve finds out whether the entry of a claim counts. When it returns without an
// error that is settled for ever: the claim's author is closed in that partition.
// Where the claim is this process' own, it closes itself and goes on as another.
func (p *Publisher) resolve(ctx context.Context, c claim.Claim) (found bool, err error) {
	for range resolveAttempts {
		w, err := p.writer()
		if err != nil {
			return false, err
		}
		found, err := p.outcome(ctx, w, c)
		if !errors.Is(err, claim.ErrAuthorClosed) {
			switch {
			case err == nil && found:
				p.metrics.resolved.WithLabelValues("found").Inc()
			case err == nil:
				p.metrics.resolved.WithLabelValues("absent").Inc()
			}
			return found, err
		}
		if err := p.replace(ctx, w); err != nil {
			return false, err
		}
	}
	return false, fmt.Errorf("resolve claim: closed %d times while at it: %w", resolveAttempts, claim.ErrAuthorClosed)
}

// closeAndFind is one attempt: nothing of the claim's author can count any more, and
// then it looks. claim.ErrAuthorClosed: begin again as another author, since what this
// one wrote may not count.
func (p *Publisher) closeAndFind(ctx context.Context, w *writer, c claim.Claim) (found bool, err error) {
	if err := p.Store.CloseAuthor(ctx, w.author, c.Author, p.Clock.Now()); err != nil {
		return false, err
	}
	if err := p.append(ctx, w, closes(c.Author, []eventlog.Partition{c.Partition})...); err != nil {
		return false, err
	}
	found, findErr := p.find(ctx, c)
	open, err := p.Store.AuthorIsOpen(ctx, w.author)
	switch {
	case err != nil:
		return false, err
	case !open: // our close may not count
		return false, claim.ErrAuthorClosed
	}
	return found, findErr
}

// errNoClose says that the partition ends before a close that counts.
var errNoClose = errors.New("the close of the author is not there")

// find reads the claim's partition from its position to the first close of its
// author that counts, and says whether its entry is before that. The close was
// appended before, so it is at or before the newest position.
func (p *Publisher) find(ctx context.Context, c claim.Claim) (bool, error) {
	bounds, err := p.Log.Bounds(ctx, c.Partition)
	if err != nil {
		return false, logFailed(fmt.Errorf("ask for the newest position of %s: %w", c.Partition, err))
	}
	reader, err := p.Log.Read(ctx, c.Partition, c.After)
	if err != nil {
		return false, logFailed(fmt.Errorf("read %s behind %s: %w", c.Partition, c.After, err))
	}
	defer reader.Close()
	var gate eventlog.Gate
	for at := c.After; at.Before(bounds.Newest); {
		run, err := reader.Next(ctx)
		if err != nil {
			return false, logFailed(fmt.Errorf("read %s: %w", c.Partition, err))
		}
		admitted, err := gate.Admit(run.Entries)
		if err != nil {
			return false, fmt.Errorf("judge %s: %w", c.Partition, err)
		}
		if found, err := judge(admitted.Entries, c); !errors.Is(err, errNoClose) {
			return found, err
		}
		gate, at = admitted.Next, run.To
	}
	return false, logFailed(fmt.Errorf("read %s up to %s: %w", c.Partition, bounds.Newest, errNoClose))
}

// judge looks for a claim's entry or its author's close, whichever comes first,
// among entries that count. errNoClose: neither is there.
func judge(entries []eventlog.Entry, c claim.Claim) (found bool, err error) {
	for _, e := range entries {
		switch {
		case e.Kind == eventlog.AuthorClosed && e.Closes == c.Author:
			return false, nil
		case e.Kind == eventlog.Facts && e.Author == c.Author:
			if found, err := submits(e.Body, c.Job); found || err != nil {
				return found, err
			}
		}
	}
	return false, errNoClose
}

// submits says whether an entry's body has the submission of a job. A body that is
// damaged has none: every reader parks it.
func submits(body []byte, id job.ID) (bool, error) {
	b, err := eventwire.Decode(body)
	if errors.Is(err, eventlog.ErrDamaged) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for _, batch := range b.Batches {
		for _, e := range batch.Events {
			if e, ok := e.(job.SubmittedEvent); ok && e.Job == id {
				return true, nil
			}
		}
	}
	return false, nil
}
