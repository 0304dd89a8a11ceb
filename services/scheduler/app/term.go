package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/internal/run"
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

// term is the life of one core: from the stored snapshot to the end of its leadership.
type term struct {
	*Service
	node     *Node
	appender eventlog.Appender
	inbox    chan Input
	receipts chan ticketed
	lock     chan lockOrder
	// saves and wants are the core's orders to the store.
	saves chan Save
	wants *wants
	// from is how far the snapshot read that the term began from.
	from  Places
	over  chan struct{}
	timer *time.Timer
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
	from, err := s.begin(ctx)
	if err != nil {
		return stopping(ctx, err)
	}
	author := eventlog.Author(s.deps.NewID(s.deps.Now()))
	node, err := NewNode(s.cfg, Identity{Author: author, Partitions: s.deps.Partitions, NewID: s.newID}, *from)
	if err != nil {
		return err
	}
	appender, err := s.deps.Log.Appender(author)
	if err != nil {
		return fmt.Errorf("open appender: %w", err)
	}
	t := &term{
		Service: s, node: node, appender: appender,
		inbox: make(chan Input, inboxMax), receipts: make(chan ticketed, receiptsMax),
		lock: make(chan lockOrder, inboxMax), saves: make(chan Save, 1), wants: newWants(),
		from: lead.PlacesOf(*from), over: make(chan struct{}), timer: time.NewTimer(time.Hour),
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
		{Name: "snapshots", Run: t.keepSnapshots},
		{Name: "entries", Run: t.readEntries},
	}
	for _, p := range t.partitions() {
		parts = append(parts, run.Part{Name: p.String(), Run: func(ctx context.Context) error { return t.read(ctx, p) }})
	}
	parts = append(parts, run.Part{Name: "core", Run: t.loop})
	return run.All(ctx, termStopWithin, parts...)
}

// put hands an input to the core; it waits while the inbox is full.
func (t *term) put(ctx context.Context, in Input) error {
	select {
	case t.inbox <- in:
		return nil
	case <-t.over:
		return errStepDown
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// read hands a partition of the log to the core, from where its snapshot ends.
func (t *term) read(ctx context.Context, p eventlog.Partition) error {
	reader, err := t.deps.Log.Read(ctx, p, placeIn(t.from, p))
	if err != nil {
		return fmt.Errorf("read %s: %w", p, err)
	}
	defer reader.Close()
	for behind := false; ; behind = true {
		stretch, err := reader.Next(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, eventlog.ErrForgotten) && behind {
			// Another replica's snapshot has what was let go: begin from that.
			return fmt.Errorf("%w: read %s: %w", errStepDown, p, err)
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", p, err)
		}
		in, err := ReadLog(stretch)
		if err != nil {
			return err
		}
		if t.put(ctx, in) != nil {
			return nil // told to stop, or the term is over
		}
	}
}

// warm is how far the log reaches now.
func (t *term) warm(ctx context.Context) (Warm, error) {
	newest, err := t.ends(ctx, func(b eventlog.Bounds) eventlog.Position { return b.Newest })
	if err != nil {
		return Warm{}, err
	}
	to := map[eventlog.Partition]eventlog.Position{}
	for _, p := range t.partitions() {
		to[p] = placeIn(newest, p)
	}
	return Warm{To: to}, nil
}

// watchReceipts tells the core of appends that failed. They settle in order.
func (t *term) watchReceipts(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case r := <-t.receipts:
			if err := r.receipt.Wait(ctx); err != nil && ctx.Err() == nil {
				_ = t.put(ctx, Appended{Ticket: r.ticket, Err: err}) // or the term is over
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
	if t.put(ctx, LockGained{}) != nil {
		return nil
	}
	tick := time.NewTicker(lockTouchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case order := <-t.lock:
			if t.put(ctx, t.carryOut(ctx, lock, order)) != nil {
				return nil
			}
		case <-tick.C: // nobody may have asked: with no executor there are no heartbeats
			if err := lock.Check(ctx); err != nil && t.put(ctx, t.lockLost(ctx, err)) != nil {
				return nil
			}
		}
	}
}

func (t *term) lockLost(ctx context.Context, err error) Input {
	if ctx.Err() == nil {
		t.deps.Logger.Warn("check the leader lock", zap.Error(err))
	}
	return LockLost{}
}

func (t *term) carryOut(ctx context.Context, lock Lock, order lockOrder) Input {
	if order.take {
		epoch, err := t.deps.Leader.TakeEpoch(ctx, order.above)
		if err != nil {
			t.deps.Logger.Warn("take epoch", zap.Error(err))
			return LockLost{}
		}
		return EpochTaken{Epoch: epoch}
	}
	if err := lock.Check(ctx); err != nil {
		return t.lockLost(ctx, err)
	}
	return LockChecked{}
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
		var inputs []Input
		select {
		case <-ctx.Done():
			return nil
		case <-t.timer.C:
			inputs = append(inputs, Due{})
		case q := <-t.asks:
			q.ask(t.node.core)
			close(q.done)
			continue
		case in := <-t.inbox:
			inputs = append(inputs, in)
		}
		inputs = t.drain(inputs)
		began := t.deps.Now()
		outputs, err := t.node.Step(job.Time(began.UnixNano()), inputs...)
		if err != nil {
			return err
		}
		t.standing.note(t.node)
		t.rounds.note(t.node.core.Newest(), t.deps.Now().Sub(began))
		for _, o := range outputs {
			if err := t.do(ctx, o); err != nil {
				return err
			}
		}
	}
}

// drain takes what else waits, up to the limit of a step.
func (t *term) drain(inputs []Input) []Input {
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

// do carries out one output.
func (t *term) do(ctx context.Context, o Output) error {
	switch o := o.(type) {
	case Append:
		return t.append(ctx, o)
	case TakeEpoch:
		t.lock <- lockOrder{take: true, above: o.Above}
	case CheckLock:
		t.lock <- lockOrder{}
	case SetTimer:
		t.timer.Reset(time.Duration(o.At - job.Time(t.deps.Now().UnixNano())))
	case Installed:
		t.server.Installed(o.Installation)
	case StepDown:
		t.deps.Logger.Warn("stepped down", zap.Error(o.Why))
		return fmt.Errorf("%w: %w", errStepDown, o.Why)
	case Halt:
		return fmt.Errorf("the log cannot be read on: %w", o.Why)
	case Send:
		t.server.Send(o.Session, o.Message)
	case Refuse:
		t.server.Refuse(o.Session, o.Why)
	case Unsent:
		t.deps.Logger.DPanic("lease without its job", zap.Error(o.Why))
	case SaveSnapshot:
		t.saves <- o.Save // there is never a second one under way
	case ReadEntries:
		t.wants.add(o.Wanted)
	}
	return nil
}

func (t *term) append(ctx context.Context, o Append) error {
	receipt, err := t.appender.Append(ctx, o.Drafts...)
	if err != nil {
		return stopping(ctx, fmt.Errorf("append %d entries: %w", len(o.Drafts), err))
	}
	select {
	case t.receipts <- ticketed{ticket: o.Ticket, receipt: receipt}:
	case <-ctx.Done():
	}
	return nil
}
