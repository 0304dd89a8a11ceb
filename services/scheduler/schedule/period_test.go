package schedule_test

import (
	"errors"
	"math"
	"testing"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

func periodConfig(limit schedule.PeriodLimit) schedule.Config {
	return schedule.Config{
		Resources: []string{"cpu"}, Dominant: []string{"cpu"}, Pools: []schedule.PoolID{"p"},
		Classes: []schedule.Class{{ID: "c"}}, Lookback: 1, PeriodLimit: limit,
	}
}

// TestNewRefusesPeriods: limits of periods that mean nothing are refused.
func TestNewRefusesPeriods(t *testing.T) {
	t.Parallel()
	part := func(n int64) map[string]int64 { return map[string]int64{"cpu": n} }
	for name, limit := range map[string]schedule.PeriodLimit{
		"a negative length":          {Length: -1},
		"a length of ages":           {Length: 1<<60 + 1},
		"a negative limit":           {Length: 1, Limit: part(-1)},
		"a huge limit":               {Length: 1, Limit: part(math.MaxInt64)},
		"a negative limit of a pool": {Length: 1, ByPool: map[schedule.PoolID]map[string]int64{"p": part(-1)}},
		"an unknown pool":            {Length: 1, ByPool: map[schedule.PoolID]map[string]int64{"x": part(1)}},
	} {
		if _, err := schedule.New(periodConfig(limit)); !errors.Is(err, schedule.ErrInvalid) {
			t.Errorf("%s: error %v, want ErrInvalid", name, err)
		}
	}
}

// TestLoadStarted: rows of what was started are refused where they cannot be, and rows of
// pools and resources that are not limited any more are dropped.
func TestLoadStarted(t *testing.T) {
	t.Parallel()
	cfg := periodConfig(schedule.PeriodLimit{Length: 10, Limit: map[string]int64{"cpu": schedule.Million}})
	row := func(pool schedule.PoolID, from schedule.Time, name string, amount int64) schedule.StartedRow {
		return schedule.StartedRow{Pool: pool, From: from, Amounts: map[string]int64{name: amount}}
	}
	for name, rows := range map[string][]schedule.StartedRow{
		"twice":       {row("p", 0, "cpu", 1), row("p", 10, "cpu", 1)},
		"nothing":     {row("p", 0, "cpu", 0)},
		"negative":    {row("x", 0, "cpu", -1)},
		"huge":        {row("p", 0, "gpu", math.MaxInt64)},
		"beyond time": {row("p", math.MaxInt64, "cpu", 1)},
	} {
		if _, err := schedule.Load(&cfg, schedule.Snapshot{Started: rows}); !errors.Is(err, schedule.ErrInvalid) {
			t.Errorf("%s: error %v, want ErrInvalid", name, err)
		}
	}
	s, err := schedule.Load(&cfg, schedule.Snapshot{Started: []schedule.StartedRow{row("x", 0, "cpu", 1), row("p", 25, "gpu", 1)}})
	if err != nil {
		t.Fatal(err)
	}
	if rows := s.Snapshot().Started; len(rows) > 0 {
		t.Errorf("rows %+v, want none", rows)
	}
	if s, err = schedule.Load(&cfg, schedule.Snapshot{Started: []schedule.StartedRow{row("p", 25, "cpu", 7)}}); err != nil {
		t.Fatal(err)
	}
	if rows := s.Snapshot().Started; len(rows) != 1 || rows[0].From != 20 || rows[0].Amounts["cpu"] != 7 {
		t.Errorf("rows %+v, want one of the period from 20", rows)
	}
}
