package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/submit/internal/claim"
	"github.com/fairlead-batch/fairlead/services/submit/internal/store/gen"
)

// errPending rolls a reservation back: somebody else's claim is in the way.
var errPending = errors.New("pending")

// errGone rolls a reservation back: a client id was taken and then free again.
var errGone = errors.New("gone")

// reserveAttempts bounds how often a reservation meets a client id that is freed
// while it looks at it.
const reserveAttempts = 10

// Reserve takes the wanted client ids, each named once, under claim c, whose Job and
// ClientIDs it fills. A client id that is published stays what it is; one that is
// held by a claim of dead, whose entry is known not to count, is adopted with its
// job. Where another claim holds one of them, nothing is reserved at all and that
// claim is returned. claim.ErrAuthorClosed when c's author is not open.
func (s *Postgres) Reserve(ctx context.Context, c claim.Claim, wanted []claim.Wanted, dead []claim.ID) (claim.Reservation, error) {
	for range reserveAttempts {
		var out claim.Reservation
		err := postgres.ReadCommitted(ctx, s.pool, func(tx pgx.Tx) error {
			r := reservation{Postgres: s, tx: tx, claim: c, wanted: wanted, dead: deadBytes(dead)}
			var err error
			out, err = r.make(ctx)
			return err
		})
		switch {
		case errors.Is(err, errGone):
			continue
		case errors.Is(err, errPending):
			return out, nil
		}
		return out, failed("reserve client ids", err)
	}
	return claim.Reservation{}, failed("reserve client ids", fmt.Errorf("client ids of queue %s come and go", c.Queue))
}

func deadBytes(dead []claim.ID) [][]byte {
	out := make([][]byte, len(dead))
	for i := range dead {
		out[i] = dead[i][:]
	}
	return out
}

// reservation is one attempt, in one transaction.
type reservation struct {
	*Postgres
	tx     pgx.Tx
	claim  claim.Claim
	wanted []claim.Wanted
	dead   [][]byte
}

func (r reservation) make(ctx context.Context) (claim.Reservation, error) {
	if err := r.lockOpen(ctx, r.tx, r.claim.Author); err != nil {
		return claim.Reservation{}, err
	}
	held := make(map[string]claim.Held, len(r.wanted))
	if err := r.adopt(ctx, held); err != nil {
		return claim.Reservation{}, err
	}
	if err := r.take(ctx, held); err != nil {
		return claim.Reservation{}, err
	}
	mine := len(held)
	if pending, err := r.others(ctx, held); err != nil {
		return claim.Reservation{Pending: pending}, err
	}
	if mine > 0 {
		if err := r.record(ctx, held); err != nil {
			return claim.Reservation{}, err
		}
	}
	out := claim.Reservation{Held: make([]claim.Held, len(r.wanted))}
	for i, w := range r.wanted {
		out.Held[i] = held[w.ClientID]
	}
	return out, nil
}

// adopt moves client ids from dead claims to this one.
func (r reservation) adopt(ctx context.Context, held map[string]claim.Held) error {
	if len(r.dead) == 0 {
		return nil
	}
	rows, err := r.sql.AdoptClientIDs(ctx, r.tx, gen.AdoptClientIDsParams{
		Claim: r.claim.ID[:], Made: r.claim.Made, Queue: r.claim.Queue, ClientIds: r.missing(held), Dead: r.dead,
	})
	if err != nil {
		return err
	}
	for _, row := range rows {
		held[row.ClientID] = claim.Held{Job: job.ID(row.Job)}
	}
	return r.sql.DropEmptyClaims(ctx, r.tx, r.dead)
}

// take inserts those that nobody holds.
func (r reservation) take(ctx context.Context, held map[string]claim.Held) error {
	arg := gen.TakeClientIDsParams{Queue: r.claim.Queue, Claim: r.claim.ID[:], Made: r.claim.Made}
	jobs := make(map[string]job.ID, len(r.wanted))
	for i := range r.wanted {
		w := &r.wanted[i]
		if _, adopted := held[w.ClientID]; !adopted {
			arg.ClientIds, arg.Jobs = append(arg.ClientIds, w.ClientID), append(arg.Jobs, w.Job[:])
			jobs[w.ClientID] = w.Job
		}
	}
	if len(arg.ClientIds) == 0 {
		return nil
	}
	taken, err := r.sql.TakeClientIDs(ctx, r.tx, arg)
	if err != nil {
		return err
	}
	for _, clientID := range taken {
		held[clientID] = claim.Held{Job: jobs[clientID]}
	}
	return nil
}

// others looks up what somebody else holds: a statement of its own, since the one
// before does not see rows that were committed while it waited for them.
func (r reservation) others(ctx context.Context, held map[string]claim.Held) ([]claim.Claim, error) {
	missing := r.missing(held)
	if len(missing) == 0 {
		return nil, nil
	}
	rows, err := r.sql.HeldClientIDs(ctx, r.tx, gen.HeldClientIDsParams{Queue: r.claim.Queue, ClientIds: missing})
	if err != nil {
		return nil, err
	}
	var pending []claim.Claim
	seen := map[claim.ID]bool{}
	for _, row := range rows {
		if row.ID == nil {
			held[row.ClientID] = claim.Held{Job: job.ID(row.Job), Published: true}
			continue
		}
		if id := claim.ID(row.ID); !seen[id] {
			seen[id] = true
			c, err := claimFrom(gen.Claim{
				ID: row.ID, Queue: row.Queue.String, ClientIds: row.ClientIds, Author: row.Author, Partition: row.Partition.Int32,
				After: row.After, Job: row.ClaimJob, Made: *row.Made,
			})
			if err != nil {
				return nil, err
			}
			pending = append(pending, c)
		}
	}
	switch {
	case len(pending) > 0:
		return pending, errPending
	case len(rows) < len(missing):
		return nil, errGone
	}
	return nil, nil
}

func (r reservation) missing(held map[string]claim.Held) (out []string) {
	for i := range r.wanted {
		if _, known := held[r.wanted[i].ClientID]; !known {
			out = append(out, r.wanted[i].ClientID)
		}
	}
	return out
}

// record writes the claim, for what is not published.
func (r reservation) record(ctx context.Context, held map[string]claim.Held) error {
	c := r.claim
	c.ClientIDs = nil
	for i := range r.wanted {
		clientID := r.wanted[i].ClientID
		if h := held[clientID]; !h.Published {
			if c.ClientIDs == nil {
				c.Job = h.Job
			}
			c.ClientIDs = append(c.ClientIDs, clientID)
		}
	}
	return r.sql.MakeClaim(ctx, r.tx, gen.MakeClaimParams{
		ID: c.ID[:], Queue: c.Queue, ClientIds: c.ClientIDs, Author: c.Author[:], Partition: int32(c.Partition.Number), //nolint:gosec // a count of partitions
		After: c.After.Bytes(), Job: c.Job[:], Made: c.Made,
	})
}

func claimFrom(row gen.Claim) (claim.Claim, error) {
	after, err := eventlog.PositionFrom(row.After)
	if err != nil {
		return claim.Claim{}, fmt.Errorf("read claim: %w", err)
	}
	return claim.Claim{
		ID: claim.ID(row.ID), Queue: row.Queue, ClientIDs: row.ClientIds, Author: eventlog.Author(row.Author),
		Partition: eventlog.Partition{Stream: eventlog.Events, Number: uint32(row.Partition)}, //nolint:gosec // checked by the schema
		After:     after, Job: job.ID(row.Job), Made: row.Made,
	}, nil
}

// Confirm publishes what a claim holds, if the author that made it is open: else
// claim.ErrAuthorClosed. A claim that is gone was confirmed before.
func (s *Postgres) Confirm(ctx context.Context, author eventlog.Author, id claim.ID) error {
	rows, err := s.sql.ConfirmClaim(ctx, s.pool, gen.ConfirmClaimParams{ID: id[:], Author: author[:]})
	if err != nil || rows > 0 {
		return failed("confirm claim", err)
	}
	open, err := s.AuthorIsOpen(ctx, author)
	if err == nil && !open {
		err = claim.ErrAuthorClosed
	}
	return err
}

// Settle publishes what a claim holds because its entry was found in the log.
func (s *Postgres) Settle(ctx context.Context, id claim.ID) error {
	return failed("settle claim", s.sql.DropClaim(ctx, s.pool, id[:]))
}

// Drop frees what a claim holds because its entry will never count.
func (s *Postgres) Drop(ctx context.Context, id claim.ID) error {
	err := postgres.ReadCommitted(ctx, s.pool, func(tx pgx.Tx) error {
		if err := s.sql.DropClientIDs(ctx, tx, id[:]); err != nil {
			return err
		}
		return s.sql.DropClaim(ctx, tx, id[:])
	})
	return failed("drop claim", err)
}

// OldClaims were made before a time; the oldest first, at most so many.
func (s *Postgres) OldClaims(ctx context.Context, before time.Time, atMost int) ([]claim.Claim, error) {
	rows, err := s.sql.OldClaims(ctx, s.pool, gen.OldClaimsParams{Before: before, AtMost: int32(atMost)})
	if err != nil {
		return nil, failed("list old claims", err)
	}
	out := make([]claim.Claim, len(rows))
	for i, row := range rows {
		if out[i], err = claimFrom(row); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// ForgetClientIDs frees published client ids that were taken before a time, the
// oldest first, at most so many. It returns how many.
func (s *Postgres) ForgetClientIDs(ctx context.Context, before time.Time, atMost int) (int, error) {
	rows, err := s.sql.ForgetClientIDs(ctx, s.pool, gen.ForgetClientIDsParams{Before: before, AtMost: int32(atMost)})
	return int(rows), failed("forget client ids", err)
}
