package events

import (
	"context"
	"errors"
	"fmt"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// errRefused says that the log did not take an entry: it will never be there.
var errRefused = errors.New("not taken by the log")

// append puts drafts into the log and waits until they are durable. An error that
// wraps errRefused says that none was written; after any other the outcome is
// unknown.
func (p *Publisher) append(ctx context.Context, w *writer, drafts ...eventlog.Draft) error {
	ctx, cancel := p.Clock.Timeout(ctx, p.cfg.PublishTimeout)
	defer cancel()
	w.note(drafts)
	receipt, err := w.appender.Append(ctx, drafts...)
	if err != nil {
		return logFailed(fmt.Errorf("append: %w: %w", errRefused, err))
	}
	if err := receipt.Wait(ctx); err != nil {
		return logFailed(fmt.Errorf("append: %w", err))
	}
	return nil
}

// Publish appends drafts and returns nil when they are sure to count. They may be
// there after an error as well: what is in them must be right twice.
func (p *Publisher) Publish(ctx context.Context, drafts ...eventlog.Draft) error {
	w, err := p.writer()
	if err != nil {
		return err
	}
	if err := p.append(ctx, w, drafts...); err != nil {
		return err
	}
	open, err := p.Store.AuthorIsOpen(ctx, w.author)
	if err != nil {
		return err
	}
	if !open {
		return p.closed(ctx, w)
	}
	return nil
}

// Facts publishes facts on jobs of one job set.
func (p *Publisher) Facts(ctx context.Context, batch job.Batch) error {
	body, err := eventwire.Encode(eventwire.Body{Batches: []eventwire.Batch{batch}})
	if err != nil {
		return err
	}
	return p.Publish(ctx, facts(p.PartitionOf(batch.Queue, batch.JobSet), body))
}

// Command publishes a command on one job set.
func (p *Publisher) Command(ctx context.Context, queue, jobSet string, c job.Command) error {
	body, err := eventwire.Encode(eventwire.Body{Commands: []job.Command{c}})
	if err != nil {
		return err
	}
	return p.Publish(ctx, facts(p.PartitionOf(queue, jobSet), body))
}

// CommandEverywhere publishes a command to every partition of events. After an error
// some may have it.
func (p *Publisher) CommandEverywhere(ctx context.Context, c job.Command) error {
	body, err := eventwire.Encode(eventwire.Body{Commands: []job.Command{c}})
	if err != nil {
		return err
	}
	drafts := make([]eventlog.Draft, p.cfg.Partitions)
	for i := range drafts {
		drafts[i] = facts(eventlog.Partition{Stream: eventlog.Events, Number: uint32(i)}, body) //nolint:gosec // below Partitions
	}
	return p.Publish(ctx, drafts...)
}

func facts(partition eventlog.Partition, body []byte) eventlog.Draft {
	return eventlog.Draft{Partition: partition, Kind: eventlog.Facts, Body: body}
}

// logFailed turns an error of the log into what the caller may read.
func logFailed(err error) error {
	switch {
	case errors.Is(err, eventlog.ErrTooLarge):
		return tooLarge().Because(err)
	case errors.Is(err, eventlog.ErrForgotten):
		return fault.NewUnavailable("the log no longer holds what is needed to know what became of an earlier request").Because(err)
	case errors.Is(err, eventlog.ErrUnknown), errors.Is(err, context.DeadlineExceeded):
		return fault.NewUnavailable("the log did not answer in time: it is not known whether the request was accepted; try again").Because(err)
	}
	return fault.NewUnavailable("the log cannot be reached; try again").Because(err)
}

func tooLarge() *fault.Error {
	return fault.NewTooLarge("the request is larger than an entry of the log may be, %d MiB compressed and %d MiB decoded: split it",
		eventlog.FrameBytesMax>>20, eventlog.BodyBytesMax>>20)
}
