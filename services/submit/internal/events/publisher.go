package events

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/submit/internal/admit"
	"github.com/fairlead-batch/fairlead/services/submit/internal/claim"
)

// Authors are the rows of those who write.
type Authors interface {
	OpenAuthor(ctx context.Context, author eventlog.Author, now time.Time) error
	RenewAuthor(ctx context.Context, author eventlog.Author, now time.Time) error
	// CloseAuthor closes author's row while closer's is open; else claim.ErrAuthorClosed.
	CloseAuthor(ctx context.Context, closer, author eventlog.Author, now time.Time) error
	AuthorIsOpen(ctx context.Context, author eventlog.Author) (bool, error)
	AnnounceAuthor(ctx context.Context, author eventlog.Author) error
}

// Claims are what client ids are taken by.
type Claims interface {
	Reserve(ctx context.Context, c claim.Claim, wanted []claim.Wanted, dead []claim.ID) (claim.Reservation, error)
	Confirm(ctx context.Context, author eventlog.Author, id claim.ID) error
	Settle(ctx context.Context, id claim.ID) error
	Drop(ctx context.Context, id claim.ID) error
}

// Leftovers are what the janitor looks for.
type Leftovers interface {
	AbandonedAuthors(ctx context.Context, before time.Time, atMost int) ([]eventlog.Author, error)
	UnannouncedAuthors(ctx context.Context, before time.Time, atMost int) ([]eventlog.Author, error)
	OldClaims(ctx context.Context, before time.Time, atMost int) ([]claim.Claim, error)
	ForgetAuthors(ctx context.Context, before time.Time) (int, error)
	ForgetClientIDs(ctx context.Context, before time.Time, atMost int) (int, error)
}

// Outbox are changes on their way to the control stream.
type Outbox interface {
	Outbox(ctx context.Context) ([]admit.Setting, error)
	Waiting(ctx context.Context, generation uint64) (bool, error)
	Relayed(ctx context.Context, author eventlog.Author, generation uint64) error
	LeaseRelay(ctx context.Context, holder claim.ID, now, till time.Time) (bool, error)
	ReleaseRelay(ctx context.Context, holder claim.ID) error
}

// Agreement is what the store and the log must agree on.
type Agreement interface {
	Installation(ctx context.Context) (agreed eventwire.LogCreated, recorded bool, err error)
	AgreeInstallation(ctx context.Context, i eventwire.LogCreated) error
	RecordInstallation(ctx context.Context) error
	RaiseGeneration(ctx context.Context, atLeast uint64) error
}

// Store is all of it: store.Postgres or store.Memory.
type Store interface {
	Authors
	Claims
	Leftovers
	Outbox
	Agreement
}

// Clock is time, and the only way in which this package waits for it.
type Clock struct {
	Now func() time.Time
	// Sleep waits, and returns ctx's error if that is done first.
	Sleep func(ctx context.Context, d time.Duration) error
	// Timeout ends a context after d.
	Timeout func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc)
}

// Config is the limits of the protocol.
type Config struct {
	// Partitions is how many the events stream has.
	Partitions uint32
	// PublishTimeout is how long the log may take to store an entry, and how old a
	// claim must be before it is resolved.
	PublishTimeout time.Duration
	// SubmitWithin is how long a submission may take in all, waits for others' claims
	// and resolving them included.
	SubmitWithin time.Duration
	// Poll is how often somebody else's claim or relay is looked at again.
	Poll time.Duration
	// PositionAge is how old the newest position that goes into a claim may be: the
	// older, the more there is to read when the claim is resolved.
	PositionAge time.Duration
	// KeepClientIDs is for how long a repeat is known.
	KeepClientIDs time.Duration
	// RipeAfter is how old a claim must be for the janitor to resolve it.
	RipeAfter time.Duration
	// AbandonedAfter is how long an author may go without a renewal.
	AbandonedAfter time.Duration
	// RelayLease is how long one process may relay before another may.
	RelayLease time.Duration
	// SweepMax is the most claims, and authors, that one sweep resolves.
	SweepMax int
	// ForgetMax is the most client ids that are forgotten at once.
	ForgetMax int
}

// Deps are what a publisher stands on.
type Deps struct {
	Store Store
	Log   eventlog.Log
	Clock Clock
	// NewID makes ULIDs: unique over all processes.
	NewID func() [16]byte
	// Metrics is where the fairlead_submit_ metrics go.
	Metrics prometheus.Registerer
}

// Publisher writes to the log for submit. Make it with [New] and [Publisher.Open]
// it; it is safe for concurrent use.
type Publisher struct {
	Deps
	cfg     Config
	metrics metrics
	// outcome finds out, as a writer, what became of a claim's entry: closeAndFind. A
	// test replaces it to show what the close is for.
	outcome func(context.Context, *writer, claim.Claim) (found bool, err error)

	mu        sync.Mutex
	current   *writer // nil before Open and after Close
	replacing bool
	retired   []*writer
	newest    map[eventlog.Partition]seen
}

// seen is a newest position and when it was asked for.
type seen struct {
	at  eventlog.Position
	now time.Time
}

// New returns a publisher that is no author yet.
func New(cfg Config, deps Deps) *Publisher {
	p := &Publisher{Deps: deps, cfg: cfg, metrics: newMetrics(deps.Metrics), newest: map[eventlog.Partition]seen{}}
	p.outcome = p.closeAndFind
	return p
}

// PartitionOf is where everything on a job set stands.
func (p *Publisher) PartitionOf(queue, jobSet string) eventlog.Partition {
	return eventlog.PartitionOf(queue, jobSet, p.cfg.Partitions)
}

// newestOf is a position of a partition that was the newest not long ago.
func (p *Publisher) newestOf(ctx context.Context, partition eventlog.Partition) (eventlog.Position, error) {
	now := p.Clock.Now()
	p.mu.Lock()
	known, ok := p.newest[partition]
	p.mu.Unlock()
	if ok && now.Sub(known.now) < p.cfg.PositionAge {
		return known.at, nil
	}
	bounds, err := p.Log.Bounds(ctx, partition)
	if err != nil {
		return eventlog.Position{}, logFailed(fmt.Errorf("ask for the newest position of %s: %w", partition, err))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.newest[partition] = seen{at: bounds.Newest, now: now}
	return bounds.Newest, nil
}
