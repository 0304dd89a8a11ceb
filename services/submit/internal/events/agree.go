package events

import (
	"context"
	"errors"
	"fmt"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// ErrMismatch says that the configuration, the database and the log do not belong
// together. The process must not start.
var ErrMismatch = errors.New("configuration, database and log do not belong together")

// Agree sees to it that the control stream begins with what was agreed when the log
// was made, writing it at the very first start, and that generations go on behind
// those it has seen. want is what this process would agree on: its Partitions and
// Incarnation must be what was agreed; Installation is used at the first start
// alone. One process at a time calls it, before [Publisher.Open].
func (p *Publisher) Agree(ctx context.Context, want eventwire.LogCreated) error {
	agreed, recorded, err := p.Store.Installation(ctx)
	if err != nil {
		return err
	}
	control, err := p.readControl(ctx)
	if err != nil {
		return fmt.Errorf("read control stream: %w", err)
	}
	switch {
	case control.created != nil && agreed == (eventwire.LogCreated{}):
		return fmt.Errorf("%w: the log is of installation %s, and the database of none: it is another one, or its data is lost", ErrMismatch, control.created.Installation)
	case control.created != nil && *control.created != agreed:
		return fmt.Errorf("%w: the log says %+v, the database %+v", ErrMismatch, *control.created, agreed)
	case control.created == nil && (recorded || !control.empty):
		return fmt.Errorf("%w: the log of installation %s does not begin with its first entry", ErrMismatch, agreed.Installation)
	}
	if agreed == (eventwire.LogCreated{}) {
		if err := p.Store.AgreeInstallation(ctx, want); err != nil {
			return err
		}
		agreed = want
	}
	if agreed.Partitions != want.Partitions || agreed.Incarnation != want.Incarnation {
		return fmt.Errorf("%w: agreed were %d partitions and incarnation %d, configured are %d and %d",
			ErrMismatch, agreed.Partitions, agreed.Incarnation, want.Partitions, want.Incarnation)
	}
	if control.created == nil {
		if err := p.record(ctx, agreed); err != nil {
			return fmt.Errorf("write the log's first entry: %w", err)
		}
	}
	if !recorded {
		if err := p.Store.RecordInstallation(ctx); err != nil {
			return err
		}
	}
	return p.Store.RaiseGeneration(ctx, control.generation)
}

// record writes the first entry, as an author of its own: this process is none yet,
// so that nothing can come before it.
func (p *Publisher) record(ctx context.Context, agreed eventwire.LogCreated) error {
	body, err := eventwire.Encode(eventwire.Body{Settings: []eventwire.Setting{{
		Time: job.Time(p.Clock.Now().UnixNano()), Cause: job.Cause{Service: Service}, LogCreated: &agreed,
	}}})
	if err != nil {
		return err
	}
	w, err := p.openWriter(ctx)
	if err != nil {
		return err
	}
	if err := p.append(ctx, w, facts(eventlog.ControlPartition, body)); err != nil {
		return err
	}
	// Only one whose row was open all the time can end itself.
	return p.finish(ctx, w)
}

// Service is who submit is as the cause of what it writes.
const Service = "submit"

// controlled is what the control stream says of itself.
type controlled struct {
	// empty says that no setting is there.
	empty bool
	// created is the first setting, if it is what it must be.
	created *eventwire.LogCreated
	// generation is the highest that was seen, also in entries that do not count.
	generation uint64
}

func (p *Publisher) readControl(ctx context.Context) (controlled, error) {
	out := controlled{empty: true}
	bounds, err := p.Log.Bounds(ctx, eventlog.ControlPartition)
	if err != nil || bounds.Newest == bounds.Oldest {
		return out, err
	}
	reader, err := p.Log.Read(ctx, eventlog.ControlPartition, eventlog.Position{})
	if err != nil {
		return out, err
	}
	defer reader.Close()
	for at := (eventlog.Position{}); at.Before(bounds.Newest); {
		run, err := reader.Next(ctx)
		if err != nil {
			return out, err
		}
		for _, e := range run.Entries {
			if e.Damage == nil && e.Kind == eventlog.Facts {
				if err := out.see(e); err != nil {
					return out, err
				}
			}
		}
		at = run.To
	}
	return out, nil
}

func (c *controlled) see(e eventlog.Entry) error {
	body, err := eventwire.Decode(e.Body)
	if errors.Is(err, eventlog.ErrDamaged) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, s := range body.Settings {
		if c.empty {
			c.created = s.LogCreated
		}
		c.empty = false
		c.generation = max(c.generation, s.Generation)
	}
	return nil
}
