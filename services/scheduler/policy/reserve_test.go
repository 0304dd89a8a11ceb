package policy_test

import (
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/fairlead-batch/fairlead/services/scheduler/policy"
)

// TestReservations: they are on by default, and can be switched off; each mistake is named by
// its field.
func TestReservations(t *testing.T) {
	t.Parallel()
	s := policy.Default()
	cfg, err := s.Round()
	if err != nil || cfg.ReserveAfter != int64(5*time.Minute) || cfg.ReservationsMax != 4 {
		t.Errorf("after %v at most %d, %v; want 5m and 4", time.Duration(cfg.ReserveAfter), cfg.ReservationsMax, err)
	}
	s.ReserveAfter = 0
	if cfg, err := s.Round(); err != nil || cfg.ReserveAfter != 0 {
		t.Errorf("after %v, %v; want none", cfg.ReserveAfter, err)
	}
	s.ReserveAfter, s.ReservationsMax = -time.Second, 0
	if diff := gocmp.Diff([]string{"reserveAfter", "reservationsMax"}, fields(t, s.Validate())); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	s.ReserveAfter, s.ReservationsMax = 2161*time.Hour, 101
	if diff := gocmp.Diff([]string{"reserveAfter", "reservationsMax"}, fields(t, s.Validate())); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}
