package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/submit/internal/admit"
	"github.com/fairlead-batch/fairlead/services/submit/internal/claim"
	"github.com/fairlead-batch/fairlead/services/submit/internal/store/gen"
)

// Outbox returns the oldest changes that are not relayed, in order, a page at most.
func (s *Postgres) Outbox(ctx context.Context) ([]admit.Setting, error) {
	rows, err := s.sql.Outbox(ctx, s.pool, pageRows)
	if err != nil {
		return nil, failed("read outbox", err)
	}
	out := make([]admit.Setting, len(rows))
	for i, row := range rows {
		if out[i], err = settingFrom(uint64(row.Generation), row.Setting); err != nil { //nolint:gosec // never negative, by the schema
			return nil, err
		}
	}
	return out, nil
}

// Waiting says whether the outbox has a change up to a generation.
func (s *Postgres) Waiting(ctx context.Context, generation uint64) (bool, error) {
	waiting, err := s.sql.InOutbox(ctx, s.pool, int64(generation)) //nolint:gosec // given by the database
	return waiting, failed("look into outbox", err)
}

// Relayed takes the changes up to a generation out of the outbox, if the author that
// published them is open: else claim.ErrAuthorClosed.
func (s *Postgres) Relayed(ctx context.Context, author eventlog.Author, generation uint64) error {
	err := postgres.ReadCommitted(ctx, s.pool, func(tx pgx.Tx) error {
		if err := s.lockOpen(ctx, tx, author); err != nil {
			return err
		}
		return s.sql.EmptyOutbox(ctx, tx, int64(generation)) //nolint:gosec // given by the database
	})
	return failed("empty outbox", err)
}

// LeaseRelay gives the relay to holder until a time, if nobody has it now.
func (s *Postgres) LeaseRelay(ctx context.Context, holder claim.ID, now, till time.Time) (bool, error) {
	rows, err := s.sql.LeaseRelay(ctx, s.pool, gen.LeaseRelayParams{Holder: holder[:], Till: till, Now: now})
	return rows > 0, failed("lease relay", err)
}

// ReleaseRelay gives the relay back, if holder still has it.
func (s *Postgres) ReleaseRelay(ctx context.Context, holder claim.ID) error {
	return failed("release relay", s.sql.ReleaseRelay(ctx, s.pool, holder[:]))
}

// RaiseGeneration makes the next change's generation higher than atLeast.
func (s *Postgres) RaiseGeneration(ctx context.Context, atLeast uint64) error {
	return failed("raise generation", s.sql.RaiseGeneration(ctx, s.pool, int64(atLeast))) //nolint:gosec // given by a database
}

// Installation returns what was agreed when the log was made, and whether the log is
// known to hold it; the zero value before anything was agreed.
func (s *Postgres) Installation(ctx context.Context) (agreed eventwire.LogCreated, recorded bool, err error) {
	row, err := s.sql.Installation(ctx, s.pool)
	if errors.Is(err, pgx.ErrNoRows) {
		return eventwire.LogCreated{}, false, nil
	}
	if err != nil {
		return eventwire.LogCreated{}, false, failed("look up installation", err)
	}
	agreed = eventwire.LogCreated{Installation: row.ID, Incarnation: uint64(row.Incarnation), Partitions: uint32(row.Partitions)} //nolint:gosec // positive, by the schema
	return agreed, row.Recorded, nil
}

// AgreeInstallation writes what is agreed, unless something was.
func (s *Postgres) AgreeInstallation(ctx context.Context, i eventwire.LogCreated) error {
	return failed("write installation", s.sql.AgreeInstallation(ctx, s.pool, gen.AgreeInstallationParams{
		ID: i.Installation, Incarnation: int64(i.Incarnation), Partitions: int32(i.Partitions), //nolint:gosec // small
	}))
}

// RecordInstallation notes that the log holds its first entry.
func (s *Postgres) RecordInstallation(ctx context.Context) error {
	return failed("record installation", s.sql.RecordInstallation(ctx, s.pool))
}
