package api

import (
	"strings"
	"testing"
)

// TestReportSpotPrice: the price of a market is told with its pool, and nothing where there is
// none.
func TestReportSpotPrice(t *testing.T) {
	t.Parallel()
	for spot, want := range map[string]bool{"": false, "2.5": true} {
		var b strings.Builder
		(&seenPool{name: "market", spot: spot}).write(&b, nil, "", false)
		if got := strings.Contains(b.String(), "  Spot price: 2.5\n"); got != want {
			t.Errorf("with price %q: %q", spot, b.String())
		}
	}
}
