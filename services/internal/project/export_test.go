package project

import "github.com/fairlead-batch/fairlead/services/internal/eventlog"

// WithoutGapRule makes a projection that applies a run wherever it begins.
func WithoutGapRule[Tx any](p *Projection[Tx]) *Projection[Tx] {
	p.refuse = func(eventlog.Position, eventlog.Run) error { return nil }
	return p
}
