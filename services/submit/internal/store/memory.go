package store

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/submit/internal/admit"
	"github.com/fairlead-batch/fairlead/services/submit/internal/claim"
)

// Memory is the store without a database: for simulation, and for tests that are
// not about SQL. It is safe for concurrent use, never waits, and is gone with the
// process. Its methods are Postgres' own.
type Memory struct {
	mu        sync.Mutex
	authors   map[eventlog.Author]authorRow
	claims    map[claim.ID]claim.Claim
	clientIDs map[clientKey]clientRow

	queues     map[string][]byte // as JSON, so that nobody shares what is kept
	outbox     []outboxRow
	generation uint64
	relay      claim.ID
	relayTill  time.Time

	agreed   eventwire.LogCreated
	recorded bool
}

type authorRow struct {
	renewed, closed time.Time // a zero closed: open
	announced       bool
}

func (r authorRow) open() bool { return r.closed.IsZero() }

type outboxRow struct {
	generation uint64
	setting    []byte
}

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return &Memory{
		authors: map[eventlog.Author]authorRow{}, claims: map[claim.ID]claim.Claim{},
		clientIDs: map[clientKey]clientRow{}, queues: map[string][]byte{},
	}
}

// OpenAuthor makes the row of a new author, open.
func (m *Memory) OpenAuthor(_ context.Context, author eventlog.Author, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.authors[author]; known {
		return fmt.Errorf("open author: %s was opened before", author)
	}
	m.authors[author] = authorRow{renewed: now}
	return nil
}

// AuthorIsOpen says whether an author's row is there and open.
func (m *Memory) AuthorIsOpen(_ context.Context, author eventlog.Author) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.isOpen(author), nil
}

func (m *Memory) isOpen(author eventlog.Author) bool {
	row, known := m.authors[author]
	return known && row.open()
}

// RenewAuthor says that an author is alive.
func (m *Memory) RenewAuthor(_ context.Context, author eventlog.Author, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.isOpen(author) {
		return claim.ErrAuthorClosed
	}
	m.authors[author] = authorRow{renewed: now}
	return nil
}

// CloseAuthor closes the row of author on behalf of closer.
func (m *Memory) CloseAuthor(_ context.Context, closer, author eventlog.Author, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.isOpen(closer) {
		return claim.ErrAuthorClosed
	}
	if m.isOpen(author) {
		row := m.authors[author]
		row.closed = now
		m.authors[author] = row
	}
	return nil
}

// AbandonedAuthors are open authors that were not renewed since before.
func (m *Memory) AbandonedAuthors(_ context.Context, before time.Time, atMost int) ([]eventlog.Author, error) {
	return m.listAuthors(atMost, func(r authorRow) (time.Time, bool) { return r.renewed, r.open() && r.renewed.Before(before) })
}

// UnannouncedAuthors were closed before a time, and the log has not been told.
func (m *Memory) UnannouncedAuthors(_ context.Context, before time.Time, atMost int) ([]eventlog.Author, error) {
	return m.listAuthors(atMost, func(r authorRow) (time.Time, bool) {
		return r.closed, !r.open() && !r.announced && r.closed.Before(before)
	})
}

// listAuthors are those that by picks, by the time it gives.
func (m *Memory) listAuthors(atMost int, by func(authorRow) (time.Time, bool)) ([]eventlog.Author, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := []eventlog.Author{}
	for author, row := range m.authors {
		if _, picked := by(row); picked {
			out = append(out, author)
		}
	}
	slices.SortFunc(out, func(a, b eventlog.Author) int {
		at, _ := by(m.authors[a])
		bt, _ := by(m.authors[b])
		return cmp.Or(at.Compare(bt), cmp.Compare(a.String(), b.String()))
	})
	return out[:min(atMost, len(out))], nil
}

// AnnounceAuthor notes that every partition knows that a closed author is closed.
func (m *Memory) AnnounceAuthor(_ context.Context, author eventlog.Author) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if row, known := m.authors[author]; known && !row.open() {
		row.announced = true
		m.authors[author] = row
	}
	return nil
}

// ForgetAuthors removes announced authors that were closed before a time and hold no claim.
func (m *Memory) ForgetAuthors(_ context.Context, before time.Time) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	held := map[eventlog.Author]bool{}
	for _, c := range m.claims {
		held[c.Author] = true
	}
	count := len(m.authors)
	maps.DeleteFunc(m.authors, func(author eventlog.Author, row authorRow) bool {
		return row.announced && row.closed.Before(before) && !held[author]
	})
	return count - len(m.authors), nil
}

// Queue returns a queue, or a fault of kind NotFound.
func (m *Memory) Queue(_ context.Context, name string) (admit.Queue, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	raw, known := m.queues[name]
	if !known {
		return admit.Queue{}, noQueue(name)
	}
	return queueFrom(raw)
}

// Queues returns the queues behind a name, by name.
func (m *Memory) Queues(_ context.Context, behind string, atMost int) ([]admit.Queue, error) {
	if atMost <= 0 || atMost > pageRows {
		atMost = pageRows
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []admit.Queue
	for _, name := range slices.Sorted(maps.Keys(m.queues)) {
		if name <= behind || len(out) == atMost {
			continue
		}
		q, err := queueFrom(m.queues[name])
		if err != nil {
			return nil, err
		}
		out = append(out, q)
	}
	return out, nil
}

// CreateQueue makes a queue and puts it into the outbox.
func (m *Memory) CreateQueue(_ context.Context, q admit.Queue, at job.Time, cause job.Cause) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.queues[q.Name]; known {
		return 0, queueExists(q.Name)
	}
	return m.set(q, at, cause)
}

// ChangeQueue replaces a queue by what change makes of it.
func (m *Memory) ChangeQueue(_ context.Context, name string, change func(admit.Queue) admit.Queue, at job.Time, cause job.Cause) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	raw, known := m.queues[name]
	if !known {
		return 0, noQueue(name)
	}
	q, err := queueFrom(raw)
	if err != nil {
		return 0, err
	}
	return m.set(change(q), at, cause)
}

func (m *Memory) set(q admit.Queue, at job.Time, cause job.Cause) (uint64, error) {
	raw, err := encodeQueue(q)
	if err != nil {
		return 0, err
	}
	m.queues[q.Name] = raw
	return m.put(admit.Setting{Time: at, Cause: cause, Set: &q})
}

func (m *Memory) put(setting admit.Setting) (uint64, error) {
	raw, err := encodeSetting(setting)
	if err != nil {
		return 0, err
	}
	m.generation++
	m.outbox = append(m.outbox, outboxRow{generation: m.generation, setting: raw})
	return m.generation, nil
}

// DeleteQueue removes a queue and puts that into the outbox; zero when there was none.
func (m *Memory) DeleteQueue(_ context.Context, name string, at job.Time, cause job.Cause) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.queues[name]; !known {
		return 0, nil
	}
	delete(m.queues, name)
	return m.put(admit.Setting{Time: at, Cause: cause, Deleted: name})
}

// Outbox returns the oldest changes that are not relayed, in order.
func (m *Memory) Outbox(context.Context) ([]admit.Setting, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]admit.Setting, min(len(m.outbox), pageRows))
	for i, row := range m.outbox[:len(out)] {
		var err error
		if out[i], err = settingFrom(row.generation, row.setting); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Waiting says whether the outbox has a change up to a generation.
func (m *Memory) Waiting(_ context.Context, generation uint64) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.outbox) > 0 && m.outbox[0].generation <= generation, nil
}

// Relayed takes the changes up to a generation out of the outbox.
func (m *Memory) Relayed(_ context.Context, author eventlog.Author, generation uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.isOpen(author) {
		return claim.ErrAuthorClosed
	}
	m.outbox = slices.DeleteFunc(m.outbox, func(row outboxRow) bool { return row.generation <= generation })
	return nil
}

// LeaseRelay gives the relay to holder until a time, if nobody has it now.
func (m *Memory) LeaseRelay(_ context.Context, holder claim.ID, now, till time.Time) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.relayTill.Before(now) {
		return false, nil
	}
	m.relay, m.relayTill = holder, till
	return true, nil
}

// ReleaseRelay gives the relay back, if holder still has it.
func (m *Memory) ReleaseRelay(_ context.Context, holder claim.ID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.relay == holder {
		m.relayTill = time.Time{}
	}
	return nil
}

// RaiseGeneration makes the next change's generation higher than atLeast.
func (m *Memory) RaiseGeneration(_ context.Context, atLeast uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.generation = max(m.generation, atLeast)
	return nil
}

// Installation returns what was agreed, and whether the log is known to hold it.
func (m *Memory) Installation(context.Context) (eventwire.LogCreated, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.agreed, m.recorded, nil
}

// AgreeInstallation writes what is agreed, unless something was.
func (m *Memory) AgreeInstallation(_ context.Context, i eventwire.LogCreated) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.agreed == (eventwire.LogCreated{}) {
		m.agreed = i
	}
	return nil
}

// RecordInstallation notes that the log holds its first entry.
func (m *Memory) RecordInstallation(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.recorded = true
	return nil
}
