package schedule_test

import (
	"testing"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

func TestAmount(t *testing.T) {
	t.Parallel()
	for want, amount := range map[string]struct {
		resource string
		n        int64
	}{
		"16": {"cpu", 16_000}, "500m": {"cpu", 500}, "0": {"cpu", 0}, "2Gi": {"memory", 2 << 30}, "1000": {"memory", 1000},
		"1536Mi": {"memory", 3 << 29}, "8": {"nvidia.com/gpu", 8}, "4Pi": {"ephemeral-storage", 4 << 50}, "2048Pi": {"ephemeral-storage", 2 << 60},
	} {
		if got := schedule.Amount(amount.resource, amount.n); got != want {
			t.Errorf("Amount(%s, %d) = %s, want %s", amount.resource, amount.n, got, want)
		}
	}
}
