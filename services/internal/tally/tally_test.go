package tally_test

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/fairlead-batch/fairlead/services/internal/tally"
)

type counts struct {
	made, late, lost uint64
	held             int
	open             bool
}

// TestCollector: a scrape shows one read of the counts, and nothing while there is
// none to be had.
func TestCollector(t *testing.T) {
	t.Parallel()
	now, there, reads := counts{made: 3, late: 1, lost: 2, held: 5}, true, 0
	c := tally.New("toy_", func() (counts, bool) { reads++; return now, there })
	c.Counter("made_total", "Made.", func(n counts) uint64 { return n.made })
	c.CounterBy("dropped_total", "Dropped.", "reason", map[string]func(counts) uint64{
		"late": func(n counts) uint64 { return n.late },
		"lost": func(n counts) uint64 { return n.lost },
	})
	c.Gauge("held", "Held.", func(n counts) float64 { return float64(n.held) })
	c.GaugeBy("half", "Half of it.", "of", map[string]func(counts) float64{"held": func(n counts) float64 { return float64(n.held) / 2 }})
	c.Fact("open", "Open.", func(n counts) bool { return n.open })
	reg := prometheus.NewPedanticRegistry()
	if err := reg.Register(c); err != nil {
		t.Fatal(err)
	}
	compare := func(open string) {
		t.Helper()
		want := `
			# HELP toy_dropped_total Dropped.
			# TYPE toy_dropped_total counter
			toy_dropped_total{reason="late"} 1
			toy_dropped_total{reason="lost"} 2
			# HELP toy_half Half of it.
			# TYPE toy_half gauge
			toy_half{of="held"} 2.5
			# HELP toy_held Held.
			# TYPE toy_held gauge
			toy_held 5
			# HELP toy_made_total Made.
			# TYPE toy_made_total counter
			toy_made_total 3
			# HELP toy_open Open.
			# TYPE toy_open gauge
			toy_open ` + open + "\n"
		if err := testutil.GatherAndCompare(reg, strings.NewReader(want)); err != nil {
			t.Error(err)
		}
	}
	compare("0")
	now.open = true
	compare("1")
	if reads != 2 {
		t.Errorf("%d reads for two scrapes", reads)
	}
	there = false
	if families, err := reg.Gather(); err != nil || len(families) != 0 {
		t.Errorf("without counts: %v, error %v", families, err)
	}
}
