package events

import (
	"context"
	"errors"

	"github.com/fairlead-batch/fairlead/services/submit/internal/claim"
)

// WithoutClosing makes a publisher look for an entry of unknown outcome and take what
// is not there for what never comes.
func WithoutClosing(p *Publisher) {
	p.outcome = func(ctx context.Context, _ *writer, c claim.Claim) (bool, error) {
		found, err := p.find(ctx, c)
		if errors.Is(err, errNoClose) {
			return false, nil // to the end of the partition
		}
		return found, err
	}
}
