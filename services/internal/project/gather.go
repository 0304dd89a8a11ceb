package project

import (
	"slices"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

// gathered are runs that wait for the next transaction, at most one a partition.
// The zero value is empty.
type gathered struct {
	runs []eventlog.Run
	// bytes is the sum of the bodies.
	bytes int
}

// add appends a run to what waits of its partition. Runs of one reader follow each
// other without a gap; one that does not comes from a reader opened anew, and what
// was gathered before it is the row's affair: it begins again with that run.
func (g *gathered) add(run eventlog.Run) {
	for _, e := range run.Entries {
		g.bytes += len(e.Body)
	}
	i := slices.IndexFunc(g.runs, func(r eventlog.Run) bool { return r.Partition == run.Partition })
	switch {
	case i < 0:
		run.Entries = slices.Clone(run.Entries) // it will grow, and the reader's is not ours
		g.runs = append(g.runs, run)
	case g.runs[i].To == run.From:
		g.runs[i].Entries = append(g.runs[i].Entries, run.Entries...)
		g.runs[i].To = run.To
	default:
		run.Entries = slices.Clone(run.Entries)
		g.runs[i] = run
	}
}
