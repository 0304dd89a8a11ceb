package events

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/submit/internal/admit"
	"github.com/fairlead-batch/fairlead/services/submit/internal/claim"
)

// RelayAll puts what the outbox holds into the control stream.
func (p *Publisher) RelayAll(ctx context.Context) error { return p.Relay(ctx, math.MaxInt64) }

// Relay returns when the control stream holds every change up to a generation. One
// process relays at a time; who does not get to it waits for who did.
func (p *Publisher) Relay(ctx context.Context, generation uint64) error {
	ctx, cancel := p.Clock.Timeout(ctx, p.cfg.SubmitWithin)
	defer cancel()
	for {
		waiting, err := p.Store.Waiting(ctx, generation)
		if err != nil || !waiting {
			return err
		}
		holder := claim.ID(p.NewID())
		now := p.Clock.Now()
		leased, err := p.Store.LeaseRelay(ctx, holder, now, now.Add(p.cfg.RelayLease))
		if err != nil {
			return err
		}
		if leased {
			err = p.relayPage(ctx)
			if releaseErr := p.Store.ReleaseRelay(context.WithoutCancel(ctx), holder); err == nil {
				err = releaseErr
			}
		} else if err = p.Clock.Sleep(ctx, p.cfg.Poll); err != nil {
			err = fault.NewUnavailable("the change is stored and not yet told to the other services; they will get it").Because(err)
		}
		if err != nil {
			return err
		}
	}
}

// relayPage publishes the oldest changes, as one entry, and takes them out of the
// outbox if it is sure to count.
func (p *Publisher) relayPage(ctx context.Context) error {
	w, err := p.writer()
	if err != nil {
		return err
	}
	page, err := p.Store.Outbox(ctx)
	if err != nil || len(page) == 0 {
		return err
	}
	body, page, err := encodePage(page)
	if err != nil {
		return err
	}
	if err := p.append(ctx, w, facts(eventlog.ControlPartition, body)); err != nil {
		return err
	}
	err = p.Store.Relayed(ctx, w.author, page[len(page)-1].Generation)
	if errors.Is(err, claim.ErrAuthorClosed) {
		return p.replace(ctx, w) // and once more, as the new one
	}
	return err
}

// encodePage encodes as many of the changes as one entry holds: at least one, since
// the rules bound the size of a queue's definition.
func encodePage(page []admit.Setting) ([]byte, []admit.Setting, error) {
	for {
		out := eventwire.Body{Settings: make([]eventwire.Setting, len(page))}
		for i, s := range page {
			out.Settings[i] = setting(s)
		}
		body, err := eventwire.Encode(out)
		if err != nil {
			return nil, nil, fmt.Errorf("encode settings: %w", err)
		}
		err = fits(body)
		if err == nil || len(page) == 1 {
			return body, page, err
		}
		page = page[:len(page)/2]
	}
}

func setting(s admit.Setting) eventwire.Setting {
	out := eventwire.Setting{Generation: s.Generation, Time: s.Time, Cause: s.Cause, QueueDeleted: s.Deleted}
	if s.Set == nil {
		return out
	}
	q := s.Set
	out.QueueSet = &eventwire.Queue{
		Name: q.Name, PriorityFactor: q.PriorityFactor, Cordoned: q.Cordoned, Labels: q.Labels, RetryPolicies: q.RetryPolicies,
		Parent: q.Parent,
	}
	for _, p := range q.Permissions {
		permission := eventwire.Permission{Verbs: p.Verbs}
		for _, s := range p.Subjects {
			permission.Subjects = append(permission.Subjects, eventwire.Subject{Kind: s.Kind, Name: s.Name})
		}
		out.QueueSet.Permissions = append(out.QueueSet.Permissions, permission)
	}
	for _, l := range q.Limits {
		out.QueueSet.Limits = append(out.QueueSet.Limits, eventwire.ClassLimit{Class: l.Class, Pool: l.Pool, MaximumFraction: l.Fractions})
	}
	for _, quota := range q.Quotas {
		out.QueueSet.Quotas = append(out.QueueSet.Quotas, eventwire.Quota(quota))
	}
	return out
}
