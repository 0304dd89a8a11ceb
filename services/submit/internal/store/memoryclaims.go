package store

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/submit/internal/claim"
)

type clientKey struct{ queue, clientID string }

type clientRow struct {
	job   job.ID
	claim claim.ID
	made  time.Time
}

// Reserve takes the wanted client ids, all or none, as Postgres does.
func (m *Memory) Reserve(_ context.Context, c claim.Claim, wanted []claim.Wanted, dead []claim.ID) (claim.Reservation, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.isOpen(c.Author) {
		return claim.Reservation{}, claim.ErrAuthorClosed
	}
	held := make([]claim.Held, len(wanted))
	var pending []claim.Claim
	for i, w := range wanted {
		row, taken := m.clientIDs[clientKey{c.Queue, w.ClientID}]
		other, unsettled := m.claims[row.claim]
		switch {
		case !taken:
			held[i] = claim.Held{Job: w.Job}
		case !unsettled:
			held[i] = claim.Held{Job: row.job, Published: true}
		case slices.Contains(dead, row.claim):
			held[i] = claim.Held{Job: row.job}
		case !slices.ContainsFunc(pending, func(p claim.Claim) bool { return p.ID == other.ID }):
			pending = append(pending, other)
		}
	}
	if len(pending) > 0 {
		return claim.Reservation{Pending: pending}, nil
	}
	m.record(c, wanted, held)
	for _, id := range dead {
		if old, known := m.claims[id]; known && len(m.heldUnder(old)) == 0 {
			delete(m.claims, id)
		}
	}
	return claim.Reservation{Held: held}, nil
}

// record writes the claim and its client ids, for what is not published.
func (m *Memory) record(c claim.Claim, wanted []claim.Wanted, held []claim.Held) {
	c.ClientIDs = nil
	for i, h := range held {
		if h.Published {
			continue
		}
		if c.ClientIDs == nil {
			c.Job = h.Job
		}
		c.ClientIDs = append(c.ClientIDs, wanted[i].ClientID)
		m.clientIDs[clientKey{c.Queue, wanted[i].ClientID}] = clientRow{job: h.Job, claim: c.ID, made: c.Made}
	}
	if c.ClientIDs != nil {
		m.claims[c.ID] = c
	}
}

// heldUnder are the client ids that a claim still holds.
func (m *Memory) heldUnder(c claim.Claim) (keys []clientKey) {
	for _, clientID := range c.ClientIDs {
		key := clientKey{c.Queue, clientID}
		if m.clientIDs[key].claim == c.ID {
			keys = append(keys, key)
		}
	}
	return keys
}

// Confirm publishes what a claim holds, if the author that made it is open.
func (m *Memory) Confirm(_ context.Context, author eventlog.Author, id claim.ID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.isOpen(author) {
		return claim.ErrAuthorClosed
	}
	delete(m.claims, id)
	return nil
}

// Settle publishes what a claim holds because its entry was found in the log.
func (m *Memory) Settle(_ context.Context, id claim.ID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.claims, id)
	return nil
}

// Drop frees what a claim holds because its entry will never count.
func (m *Memory) Drop(_ context.Context, id claim.ID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range m.heldUnder(m.claims[id]) {
		delete(m.clientIDs, key)
	}
	delete(m.claims, id)
	return nil
}

// OldClaims were made before a time; the oldest first, at most so many.
func (m *Memory) OldClaims(_ context.Context, before time.Time, atMost int) ([]claim.Claim, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := []claim.Claim{}
	for _, c := range m.claims {
		if c.Made.Before(before) {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b claim.Claim) int {
		return cmp.Or(a.Made.Compare(b.Made), slices.Compare(a.ID[:], b.ID[:]))
	})
	return out[:min(atMost, len(out))], nil
}

// ForgetClientIDs frees published client ids that were taken before a time.
func (m *Memory) ForgetClientIDs(_ context.Context, before time.Time, atMost int) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var old []clientKey
	for key, row := range m.clientIDs {
		if _, unsettled := m.claims[row.claim]; !unsettled && row.made.Before(before) {
			old = append(old, key)
		}
	}
	slices.SortFunc(old, func(a, b clientKey) int {
		return cmp.Or(m.clientIDs[a].made.Compare(m.clientIDs[b].made), cmp.Compare(a.queue, b.queue), cmp.Compare(a.clientID, b.clientID))
	})
	old = old[:min(atMost, len(old))]
	for _, key := range old {
		delete(m.clientIDs, key)
	}
	return len(old), nil
}
