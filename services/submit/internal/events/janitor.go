package events

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/submit/internal/claim"
)

// Sweep does what nobody else will: it closes authors that were abandoned, resolves
// claims whose submitters never came back, tells the log who is closed, and forgets
// what is old enough. Several processes may sweep at once. It goes on after an
// error, and returns all of them.
func (p *Publisher) Sweep(ctx context.Context) error {
	now := p.Clock.Now()
	return errors.Join(
		p.closeAbandoned(ctx, now),
		p.resolveOld(ctx, now),
		p.announceClosed(ctx, now),
		p.forget(ctx, now),
	)
}

func (p *Publisher) closeAbandoned(ctx context.Context, now time.Time) error {
	abandoned, err := p.Store.AbandonedAuthors(ctx, now.Add(-p.cfg.AbandonedAfter), p.cfg.SweepMax)
	if err != nil {
		return err
	}
	var errs []error
	for _, author := range abandoned {
		w, err := p.writer()
		if err == nil && w.author != author { // its own is renewed, or replaced, by Tend
			err = p.Store.CloseAuthor(ctx, w.author, author, now)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// resolveOld settles or drops claims that are ripe. Having no jobs to publish, it
// frees the client ids of what was not found.
func (p *Publisher) resolveOld(ctx context.Context, now time.Time) error {
	claims, err := p.Store.OldClaims(ctx, now.Add(-p.cfg.RipeAfter), p.cfg.SweepMax)
	if err != nil {
		return err
	}
	var errs []error
	for _, c := range claims {
		if err := p.resolveOne(ctx, c, now); err != nil {
			errs = append(errs, fmt.Errorf("resolve claim of queue %s: %w", c.Queue, err))
		}
	}
	return errors.Join(errs...)
}

func (p *Publisher) resolveOne(ctx context.Context, c claim.Claim, now time.Time) error {
	found, err := p.resolve(ctx, c)
	switch {
	case errors.Is(err, eventlog.ErrForgotten) && now.Sub(c.Made) > p.cfg.KeepClientIDs:
		// Nobody can know any more. As published it makes no second job, and its
		// client ids are old enough to be forgotten.
		return p.Store.Settle(ctx, c.ID)
	case err != nil:
		return err
	case found:
		return p.Store.Settle(ctx, c.ID)
	}
	return p.Store.Drop(ctx, c.ID)
}

// announceClosed tells every partition of closed authors, since nobody knows any
// more which they wrote to: so gates can forget them.
func (p *Publisher) announceClosed(ctx context.Context, now time.Time) error {
	authors, err := p.Store.UnannouncedAuthors(ctx, now.Add(-p.cfg.RipeAfter), p.cfg.SweepMax)
	if err != nil {
		return err
	}
	everywhere := []eventlog.Partition{eventlog.ControlPartition}
	for i := range p.cfg.Partitions {
		everywhere = append(everywhere, eventlog.Partition{Stream: eventlog.Events, Number: i})
	}
	var errs []error
	for _, author := range authors {
		errs = append(errs, p.announce(ctx, author, everywhere))
	}
	return errors.Join(errs...)
}

func (p *Publisher) forget(ctx context.Context, now time.Time) error {
	before := now.Add(-p.cfg.KeepClientIDs)
	for {
		n, err := p.Store.ForgetClientIDs(ctx, before, p.cfg.ForgetMax)
		if err != nil {
			return err
		}
		if n < p.cfg.ForgetMax {
			break
		}
	}
	_, err := p.Store.ForgetAuthors(ctx, before)
	return err
}
