package memlog

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

// Recovery is what an author does whose connection broke.
type Recovery uint8

const (
	// ResendAll sends all that was not acknowledged again, so entries are stored
	// twice: Pulsar's way.
	ResendAll Recovery = iota
	// SettleFirst asks what is stored: pglog's way.
	SettleFirst
)

// Broker is the storage that several [Log] share, as processes share a server. It
// delivers each request at once unless a fault was ordered. It is safe for
// concurrent use and starts no goroutine.
type Broker struct {
	now      func() time.Time
	recovery Recovery
	codec    *eventlog.Codec

	mu   sync.Mutex
	core *Core
	// changed is closed and replaced whenever entries were stored.
	changed chan struct{}
	// fates are those of the next requests, in order.
	fates []Fate
	// paused keeps requests in owed.
	paused bool
	owed   []Sent
	// calls are the appends that are not settled, by author and tag.
	calls map[tag]*call
	// writers are the authors that were ever opened.
	writers map[eventlog.Author]bool
}

// NewBroker makes an empty log. now is the clock for the retention. Close it to
// free its buffers, after all that was opened from it.
func NewBroker(config Config, recovery Recovery, now func() time.Time) (*Broker, error) {
	core, err := New(config)
	if err != nil {
		return nil, err
	}
	codec, err := eventlog.NewCodec()
	if err != nil {
		return nil, err
	}
	return &Broker{
		now: now, recovery: recovery, codec: codec, core: core, changed: make(chan struct{}),
		calls: map[tag]*call{}, writers: map[eventlog.Author]bool{},
	}, nil
}

// Close frees what the broker holds.
func (b *Broker) Close() { b.codec.Close() }

// Fail orders what becomes of the next requests, one fate each.
func (b *Broker) Fail(fates ...Fate) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fates = append(b.fates, fates...)
}

// Pause keeps requests on their way until Resume.
func (b *Broker) Pause() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.paused = true
}

// Resume delivers what Pause kept.
func (b *Broker) Resume() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.paused = false
	owed := b.owed
	b.owed = nil
	for _, sent := range owed {
		b.run([]Output{sent})
	}
}

// Trim forgets what is older than the retention and not held.
func (b *Broker) Trim() { b.step(Trim{}) }

// Put stores bytes as they are, sound or not. Errors: ErrPartitions, and that a
// sound entry has to be appended instead.
func (b *Broker) Put(p eventlog.Partition, frame []byte) error {
	if err := p.Check(b.core.config.Partitions); err != nil {
		return fmt.Errorf("put: %w", err)
	}
	entry, err := b.codec.Decode(frame, eventlog.Position{})
	switch {
	case errors.Is(err, eventlog.ErrNewer):
		b.step(Newer{Partition: p})
	case entry.Damage != nil:
		b.step(Damage{Partition: p, Bytes: frame, Why: entry.Damage})
	default:
		return fmt.Errorf("put into %s: the bytes are a sound entry", p)
	}
	return nil
}

func (b *Broker) step(in Input) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.run(b.core.Step(b.now(), in))
}

// run carries out outputs, and those of the steps that they ask for, in order. It
// needs the lock.
func (b *Broker) run(todo []Output) {
	stored := false
	for len(todo) > 0 {
		out := todo[0]
		todo = todo[1:]
		switch out := out.(type) {
		case Sent:
			if b.paused {
				b.owed = append(b.owed, out)
				continue
			}
			todo = append(todo, b.core.Step(b.now(), Deliver{Author: out.Author, Partition: out.Partition, Fate: b.fate()})...)
		case Lost:
			todo = append(todo, b.core.Step(b.now(), b.recover(out))...)
		case Stored:
			stored = true
		case Acknowledged:
			b.finish(tag{out.Author, out.Tag}, nil)
		case Refused:
			b.finish(tag{out.Author, out.Tag}, out.Err)
		case Forgot:
		}
	}
	if stored {
		close(b.changed)
		b.changed = make(chan struct{})
	}
}

func (b *Broker) fate() Fate {
	if len(b.fates) == 0 {
		return Arrive
	}
	fate := b.fates[0]
	b.fates = slices.Delete(b.fates, 0, 1)
	return fate
}

func (b *Broker) recover(lost Lost) Input {
	if b.recovery == SettleFirst {
		return Settle(lost)
	}
	return Resend(lost)
}

// finish settles a call, if it is still waited for. It needs the lock.
func (b *Broker) finish(key tag, err error) {
	if c, open := b.calls[key]; open {
		delete(b.calls, key)
		c.settle(err)
	}
}

func (b *Broker) append(in Append, c *call) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls[tag{in.Author, in.Tag}] = c
	b.run(b.core.Step(b.now(), in))
}

// open are the receipts of an author that are not settled.
func (b *Broker) open(author eventlog.Author) (open []*eventlog.Receipt) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, c := range b.calls {
		if key.author == author {
			open = append(open, c.receipt)
		}
	}
	return open
}

// crash ends an author, whose open calls are of unknown outcome.
func (b *Broker) crash(author eventlog.Author) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.run(b.core.Step(b.now(), Crash{Author: author}))
	for key := range b.calls {
		if key.author == author {
			b.finish(key, fmt.Errorf("append as %s: %w", author, eventlog.ErrUnknown))
		}
	}
}
