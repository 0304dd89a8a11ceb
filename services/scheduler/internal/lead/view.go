package lead

import (
	"bytes"
	"slices"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// Jobs are the jobs that this replica keeps, as the log makes them, in the order of
// their ids: all that are not settled. Own entries that are not read back are not in
// them. It is for whoever compares the replica with the log. The caller owns the list.
func (c *Core) Jobs() []job.Job {
	out := make([]job.Job, 0, len(c.table.jobs))
	for rec := range c.table.all() {
		out = append(out, rec.job)
	}
	slices.SortFunc(out, func(a, b job.Job) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return out
}

// Created is what the log says of itself; nil before its first entry was read.
func (c *Core) Created() *Created { return c.control.created }

// Behind is how many events were read since the stored snapshot was heard of: what a
// start would have to read again, or somewhat more.
func (c *Core) Behind() uint64 { return c.keep.events }

// Position is how far a partition was read.
func (c *Core) Position(p eventlog.Partition) eventlog.Position { return c.position(p) }
