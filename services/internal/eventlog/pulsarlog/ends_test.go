package pulsarlog

import (
	"testing"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

func at(ledger, entry uint64) eventlog.Position {
	return eventlog.Position{Incarnation: 1, Ledger: ledger, Entry: entry}
}

// stats is an answer of the broker: ledgers as pairs of id and entries, the last
// entry, and the marks.
func stats(last string, ledgers []ledger, marks ...floor) internalStats {
	s := internalStats{Last: last, Ledgers: ledgers, Cursors: map[string]struct{}{holdPrefix + "somebody": {}}}
	for _, m := range marks {
		s.Cursors[m.name()] = struct{}{}
	}
	return s
}

// TestBounds: each way in which Pulsar says what it has.
func TestBounds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		stats internalStats
		want  eventlog.Bounds
	}{
		"new":                                {stats("7:-1", []ledger{{7, 0}}, floor{}), eventlog.Bounds{}},
		"written, the ledger is open":        {stats("7:4", []ledger{{7, 0}}, floor{}), eventlog.Bounds{Newest: at(7, 5)}},
		"the first ledger was empty":         {stats("9:0", []ledger{{9, 0}}, floor{}), eventlog.Bounds{Newest: at(9, 1)}},
		"the open ledger is empty":           {stats("9:-1", []ledger{{7, 5}, {9, 0}}, floor{}), eventlog.Bounds{Newest: at(7, 5)}},
		"marked, all is there":               {stats("7:4", []ledger{{7, 0}}, floor{at(7, 3), 7}), eventlog.Bounds{Newest: at(7, 5)}},
		"begins before the mark":             {stats("9:4", []ledger{{8, 3}, {9, 0}}, floor{at(9, 3), 7}), eventlog.Bounds{Oldest: at(8, 0), Newest: at(9, 5)}},
		"begins behind the mark":             {stats("9:4", []ledger{{9, 0}}, floor{at(8, 3), 7}), eventlog.Bounds{Oldest: at(8, 3), Newest: at(9, 5)}},
		"trimmed whole":                      {stats("9:-1", []ledger{{9, 0}}, floor{at(8, 3), 7}), eventlog.Bounds{Oldest: at(8, 3), Newest: at(8, 3)}},
		"trimmed whole, and unknown to it":   {stats("-1:-1", nil, floor{at(8, 3), 7}), eventlog.Bounds{Oldest: at(8, 3), Newest: at(8, 3)}},
		"the highest mark counts":            {stats("9:4", []ledger{{9, 0}}, floor{}, floor{at(7, 9), 7}, floor{at(8, 3), 7}), eventlog.Bounds{Oldest: at(8, 3), Newest: at(9, 5)}},
		"founded anew where there was a log": {stats("9:4", []ledger{{9, 0}}, floor{at: at(9, 3)}), eventlog.Bounds{Oldest: at(9, 0), Newest: at(9, 5)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, err := readEnds(c.stats, 1)
			if err != nil {
				t.Fatal(err)
			}
			if got := e.bounds(); got != c.want {
				t.Errorf("bounds %+v, want %+v", got, c.want)
			}
		})
	}
}

// TestFollows: what may lie between two entries, told from the ledgers and the mark.
func TestFollows(t *testing.T) {
	t.Parallel()
	ledgers := []ledger{{7, 5}, {8, 0}, {9, 3}, {11, 0}}
	marked := floor{at(7, 2), 6}
	for name, c := range map[string]struct {
		mark     floor
		at, next eventlog.Position
		want     bool
	}{
		"the next ledger, past an empty one":    {marked, at(7, 5), at(9, 1), true},
		"the open ledger":                       {marked, at(9, 3), at(11, 1), true},
		"the ledger had more":                   {marked, at(7, 4), at(9, 1), false},
		"a ledger between":                      {marked, at(7, 5), at(11, 1), false},
		"not the first of its ledger":           {marked, at(7, 5), at(9, 2), false},
		"the ledger is gone":                    {marked, at(6, 5), at(7, 1), false},
		"the ledger is gone, and is the mark's": {floor{at(6, 5), 5}, at(6, 5), at(7, 1), true},
		"the beginning, nothing forgotten":      {floor{}, at(0, 0), at(7, 1), false},
		"the beginning is gone":                 {marked, eventlog.Position{}, at(7, 1), false},
		"the beginning is there":                {floor{at(7, 2), 7}, eventlog.Position{}, at(7, 1), true},
		"the beginning before the first mark":   {floor{}, eventlog.Position{}, at(7, 1), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, err := readEnds(stats("11:0", ledgers, c.mark), 1)
			if err != nil {
				t.Fatal(err)
			}
			if got := e.follows(c.at, c.next); got != c.want {
				t.Errorf("%s follows %s: %t, want %t", c.next, c.at, got, c.want)
			}
		})
	}
}

// TestPolicies: what lets the log forget too soon is found, all of it at once.
func TestPolicies(t *testing.T) {
	t.Parallel()
	if err := wanted(60).check(60); err != nil {
		t.Errorf("what a new namespace gets: %v", err)
	}
	if err := wanted(-1).check(60); err != nil {
		t.Errorf("kept for ever: %v", err)
	}
	day := 86400
	for name, p := range map[string]policies{
		"nothing set": {},
		"too short":   wanted(59),
		"by size":     {Retention: &retention{Minutes: -1, MiB: 100}, InactiveTopics: &inactive{}},
		"deleted":     {Retention: &retention{Minutes: -1, MiB: -1}, InactiveTopics: &inactive{Delete: true}},
		"ttl":         {Retention: &retention{Minutes: -1, MiB: -1}, InactiveTopics: &inactive{}, TTLSeconds: &day},
		"expiration":  {Retention: &retention{Minutes: -1, MiB: -1}, InactiveTopics: &inactive{}, ExpirationMinutes: &day},
	} {
		if p.check(60) == nil {
			t.Errorf("%s: nothing is said", name)
		}
	}
}
