package eventwire_test

import (
	"testing"

	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// TestGang: a gang is read as it was written, its tier and groups too.
func TestGang(t *testing.T) {
	t.Parallel()
	for _, want := range []job.Gang{
		{},
		{ID: "g", Cardinality: 2, UniformityLabel: "rack"},
		{ID: "g", Cardinality: 4, Min: 2, Want: 3, Group: "a/b", GroupMins: "1/", GroupWants: "/2", GroupLabels: "zone,"},
		{ID: "g", Cardinality: 2, Tier: "block", Group: "a/b", GroupTiers: "/host"},
	} {
		if got := eventwire.GangFrom(eventwire.Gang(want)); got != want {
			t.Errorf("gang %+v, want %+v", got, want)
		}
	}
}
