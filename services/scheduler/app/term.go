package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	executorv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/executor/v1"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/internal/run"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/api"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/events"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/lead"
)

// The limits of the loop around the core.
const (
	// inboxMax is how many inputs wait for the core; whoever has one more waits.
	inboxMax = 4096
	// stepInputsMax is how many inputs one step takes.
	stepInputsMax = 1024
	// receiptsMax is how many appends may be under way.
	receiptsMax = 1024
	// termStopWithin is how long the end of a term may take.
	termStopWithin = 10 * time.Second
)

// errStepDown ends a term: the next begins with a new core and a new author.
var errStepDown = errors.New("stepped down")

// term is the life of one core: from reading the log's beginning to the end of
// its leadership.
type term struct {
	*Service
	core     *lead.Core
	appender eventlog.Appender
	inbox    chan lead.Input
	receipts chan ticketed
	lock     chan lockOrder
	over     chan struct{}
	payloads *payloads
	timer    *time.Timer
}

type ticketed struct {
	ticket  uint64
	receipt *eventlog.Receipt
}

// lockOrder is what the core wants of the lock: an epoch above one, or a check.
type lockOrder struct {
	take  bool
	above uint64
}

// runTerm runs one term. It returns errStepDown when the next should begin.
func (s *Service) runTerm(ctx context.Context) error {
	author := eventlog.Author(s.deps.NewID(s.deps.Now()))
	cfg := s.cfg.lead()
	cfg.Author, cfg.Partitions = author, s.deps.Partitions
	round, err := s.cfg.Scheduling.round()
	if err != nil {
		return err
	}
	core, err := lead.New(cfg, round, s.newID)
	if err != nil {
		return fmt.Errorf("make core: %w", err)
	}
	appender, err := s.deps.Log.Appender(author)
	if err != nil {
		return fmt.Errorf("open appender: %w", err)
	}
	t := &term{
		Service: s, core: core, appender: appender, payloads: newPayloads(),
		inbox: make(chan lead.Input, inboxMax), receipts: make(chan ticketed, receiptsMax),
		lock: make(chan lockOrder, inboxMax), over: make(chan struct{}), timer: time.NewTimer(time.Hour),
	}
	defer t.timer.Stop()
	err = t.run(ctx)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), termStopWithin)
	defer cancel()
	return errors.Join(err, appender.Close(closing))
}

func (t *term) run(ctx context.Context) error {
	parts := []run.Part{
		{Name: "receipts", Run: t.watchReceipts},
		{Name: "lock", Run: t.keepLock},
	}
	for n := range t.deps.Partitions {
		p := eventlog.Partition{Stream: eventlog.Events, Number: n}
		parts = append(parts, run.Part{Name: p.String(), Run: func(ctx context.Context) error { return t.read(ctx, p) }})
	}
	parts = append(parts,
		run.Part{Name: eventlog.ControlPartition.String(), Run: func(ctx context.Context) error { return t.read(ctx, eventlog.ControlPartition) }},
		run.Part{Name: "core", Run: t.loop})
	return run.All(ctx, termStopWithin, parts...)
}

// put hands an input to the core; it waits while the inbox is full.
func (t *term) put(ctx context.Context, in lead.Input) error {
	select {
	case t.inbox <- in:
		return nil
	case <-t.over:
		return errStepDown
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// read hands a partition of the log to the core from its beginning.
func (t *term) read(ctx context.Context, p eventlog.Partition) error {
	reader, err := t.deps.Log.Read(ctx, p, eventlog.Position{})
	if err != nil {
		return fmt.Errorf("read %s: %w", p, err)
	}
	defer reader.Close()
	for {
		stretch, err := reader.Next(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", p, err)
		}
		in, err := events.Read(stretch)
		if err != nil {
			return err
		}
		if t.put(ctx, in) != nil {
			return nil // told to stop, or the term is over
		}
	}
}

// warm is how far the log reaches now.
func (t *term) warm(ctx context.Context) (lead.Warm, error) {
	to := map[eventlog.Partition]eventlog.Position{}
	all := []eventlog.Partition{eventlog.ControlPartition}
	for n := range t.deps.Partitions {
		all = append(all, eventlog.Partition{Stream: eventlog.Events, Number: n})
	}
	for _, p := range all {
		bounds, err := t.deps.Log.Bounds(ctx, p)
		if err != nil {
			return lead.Warm{}, fmt.Errorf("find the end of %s: %w", p, err)
		}
		to[p] = bounds.Newest
	}
	return lead.Warm{To: to}, nil
}

// watchReceipts tells the core of appends that failed. They settle in order.
func (t *term) watchReceipts(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case r := <-t.receipts:
			if err := r.receipt.Wait(ctx); err != nil && ctx.Err() == nil {
				_ = t.put(ctx, lead.Appended{Ticket: r.ticket, Err: err}) // or the term is over
			}
		}
	}
}

// keepLock takes the leader lock, then carries out the core's orders on it.
func (t *term) keepLock(ctx context.Context) error {
	warm, err := t.warm(ctx)
	if err != nil {
		return stopping(ctx, err)
	}
	if t.put(ctx, warm) != nil {
		return nil
	}
	lock, err := t.deps.Leader.Lock(ctx)
	if err != nil {
		return stopping(ctx, fmt.Errorf("take the leader lock: %w", err))
	}
	defer lock.Release()
	if t.put(ctx, lead.LockGained{}) != nil {
		return nil
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case order := <-t.lock:
			if t.put(ctx, t.carryOut(ctx, lock, order)) != nil {
				return nil
			}
		}
	}
}

func (t *term) carryOut(ctx context.Context, lock Lock, order lockOrder) lead.Input {
	if order.take {
		epoch, err := t.deps.Leader.TakeEpoch(ctx, order.above)
		if err != nil {
			t.deps.Logger.Warn("take epoch", zap.Error(err))
			return lead.LockLost{}
		}
		return lead.EpochTaken{Epoch: epoch}
	}
	if err := lock.Check(ctx); err != nil {
		t.deps.Logger.Warn("check the leader lock", zap.Error(err))
		return lead.LockLost{}
	}
	return lead.LockChecked{}
}

// stopping hides the error of something that was interrupted because we stop.
func stopping(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // that is the point
	}
	return err
}

// loop steps the core: it takes what waits, and carries out what comes of it.
func (t *term) loop(ctx context.Context) error {
	defer close(t.over)
	defer t.server.Serve(t.put)()
	for {
		var inputs []lead.Input
		select {
		case <-ctx.Done():
			return nil
		case <-t.timer.C:
			inputs = append(inputs, lead.Due{})
		case in := <-t.inbox:
			inputs = append(inputs, in)
		}
		inputs = t.drain(inputs)
		outputs := t.core.Step(job.Time(t.deps.Now().UnixNano()), inputs...)
		t.watch(inputs)
		for _, o := range outputs {
			if err := t.do(ctx, inputs, o); err != nil {
				return err
			}
		}
	}
}

// drain takes what else waits, up to the limit of a step.
func (t *term) drain(inputs []lead.Input) []lead.Input {
	for len(inputs) < stepInputsMax {
		select {
		case in := <-t.inbox:
			inputs = append(inputs, in)
		default:
			return inputs
		}
	}
	return inputs
}

// watch tells the stream server what the log says of the installation.
func (t *term) watch(inputs []lead.Input) {
	for _, in := range inputs {
		in, ok := in.(lead.LogRead)
		if !ok || in.Run.Partition != eventlog.ControlPartition {
			continue
		}
		for _, body := range in.Bodies {
			for _, s := range body.Settings {
				if s.Created != nil {
					t.server.Installed(s.Created.Installation)
				}
			}
		}
	}
}

// do carries out one output.
func (t *term) do(ctx context.Context, inputs []lead.Input, o lead.Output) error {
	switch o := o.(type) {
	case lead.Append:
		return t.append(ctx, o)
	case lead.TakeEpoch:
		t.lock <- lockOrder{take: true, above: o.Above}
	case lead.CheckLock:
		t.lock <- lockOrder{}
	case lead.SetTimer:
		t.timer.Reset(time.Duration(o.At - job.Time(t.deps.Now().UnixNano())))
	case lead.StepDown:
		t.deps.Logger.Warn("stepped down", zap.Error(o.Why))
		return fmt.Errorf("%w: %w", errStepDown, o.Why)
	case lead.Halt:
		return fmt.Errorf("the log cannot be read on: %w", o.Why)
	case lead.SendLeases:
		t.server.Send(o.Session, t.leases(o))
	case lead.SendStops:
		t.server.Send(o.Session, api.Stops(o))
	case lead.Acknowledge:
		t.server.Send(o.Session, api.Acknowledge(o))
	case lead.AnswerHeartbeat:
		t.server.Send(o.Session, api.Answer(o))
	case lead.Greet:
		t.server.Send(o.Session, api.Greet(o))
	case lead.Refuse:
		t.server.Refuse(o.Session, o.Why)
	case lead.Keep:
		t.payloads.keep(o.Entry, bodyOf(inputs, o.Entry))
	case lead.Release:
		t.payloads.release(o.Entry)
	}
	return nil
}

func (t *term) append(ctx context.Context, o lead.Append) error {
	drafts, err := events.Drafts(o.Drafts)
	if err != nil {
		return err
	}
	receipt, err := t.appender.Append(ctx, drafts...)
	if err != nil {
		return stopping(ctx, fmt.Errorf("append %d entries: %w", len(drafts), err))
	}
	select {
	case t.receipts <- ticketed{ticket: o.Ticket, receipt: receipt}:
	case <-ctx.Done():
	}
	return nil
}

// leases adds to the core's decisions what was submitted.
func (t *term) leases(o lead.SendLeases) *executorv1.Down {
	list := make([]*executorv1.Lease, 0, len(o.Leases))
	for _, l := range o.Leases {
		payload, err := t.payloads.get(l.Entry, l.Job)
		if err != nil {
			// The core has the job, so its entry was kept: our bug. The run is not
			// sent and expires.
			t.deps.Logger.DPanic("lease without its job", zap.Error(err))
			continue
		}
		list = append(list, api.Lease(l, payload.Submitted, payload.Cause))
	}
	return api.Leases(o.Epoch, list)
}

// bodyOf finds the body of an entry that came with this step's inputs.
func bodyOf(inputs []lead.Input, ref lead.EntryRef) []byte {
	for _, in := range inputs {
		in, ok := in.(lead.LogRead)
		if !ok || in.Run.Partition != (eventlog.Partition{Stream: eventlog.Events, Number: ref.Partition}) {
			continue
		}
		for _, e := range in.Run.Entries {
			if e.At == ref.At {
				return e.Body
			}
		}
	}
	return nil
}
