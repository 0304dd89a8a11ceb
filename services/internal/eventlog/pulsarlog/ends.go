package pulsarlog

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

// ends is what a broker knows of a partition at one moment.
type ends struct {
	incarnation uint32
	// ledgers are those it has, oldest first. An open one counts no entries.
	ledgers []ledger
	// last is the last entry, {0, -1} when it has none.
	last messageID
	// floors are the marks, the highest last.
	floors []floor
}

type ledger struct {
	ID      uint64 `json:"ledgerId"`
	Entries uint64 `json:"entries"`
}

// internalStats is the part that concerns us of the broker's answer of that name.
type internalStats struct {
	Last    string              `json:"lastConfirmedEntry"`
	Ledgers []ledger            `json:"ledgers"`
	Cursors map[string]struct{} `json:"cursors"`
}

// ends asks the broker for the ends of a partition. While Pulsar is away it waits,
// as long as ctx allows.
func (l *Log) ends(ctx context.Context, p eventlog.Partition) (ends, error) {
	var stats internalStats
	if err := l.ask(ctx, http.MethodGet, l.path(p)+"/internalStats", nil, &stats); err != nil {
		return ends{}, fmt.Errorf("ask for the ends of %s: %w", p, err)
	}
	return readEnds(stats, l.config.Incarnation)
}

func readEnds(stats internalStats, incarnation uint32) (ends, error) {
	e := ends{incarnation: incarnation, ledgers: stats.Ledgers, last: messageID{Entry: -1}}
	id, entry, _ := strings.Cut(stats.Last, ":")
	ledgerID, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return ends{}, fmt.Errorf("read the last entry %q: %w", stats.Last, err)
	}
	lastEntry, err := strconv.ParseInt(entry, 10, 64)
	if err != nil {
		return ends{}, fmt.Errorf("read the last entry %q: %w", stats.Last, err)
	}
	if lastEntry >= 0 {
		e.last = messageID{Ledger: ledgerID, Entry: lastEntry}
	} else { // the open ledger is empty
		for _, l := range stats.Ledgers {
			if l.Entries > 0 {
				e.last = messageID{Ledger: int64(l.ID), Entry: int64(l.Entries) - 1} //nolint:gosec // Pulsar's own are signed
			}
		}
	}
	e.floors = readFloors(stats.Cursors)
	return e, nil
}

// position is that of a message. Its Entry is Pulsar's and one, so that Entry 0 is
// left for the place before a ledger's first entry, which Pulsar calls -1.
func (e ends) position(m messageID) eventlog.Position {
	if m.Entry < 0 {
		return eventlog.Position{}
	}
	return eventlog.Position{Incarnation: e.incarnation, Ledger: uint64(m.Ledger), Entry: uint64(m.Entry) + 1} //nolint:gosec // not negative
}

// floor is the highest mark.
func (e ends) floor() floor {
	if len(e.floors) == 0 {
		return floor{}
	}
	return e.floors[len(e.floors)-1]
}

// first is the oldest entry that is kept; zero: there is none.
func (e ends) first() eventlog.Position {
	for _, l := range e.ledgers {
		if l.Entries > 0 || e.last.Entry >= 0 && l.ID == uint64(e.last.Ledger) { //nolint:gosec // not negative
			return eventlog.Position{Incarnation: e.incarnation, Ledger: l.ID, Entry: 1}
		}
	}
	return eventlog.Position{}
}

func (e ends) bounds() eventlog.Bounds {
	mark, first, newest := e.floor(), e.first(), e.position(e.last)
	if newest.Before(mark.at) {
		newest = mark.at // it was trimmed, and nothing came since
	}
	switch {
	case mark.at.IsZero():
		return eventlog.Bounds{Newest: newest}
	case first.IsZero(), mark.at.Before(first):
		return eventlog.Bounds{Oldest: mark.at, Newest: newest}
	case first.Ledger == mark.first:
		return eventlog.Bounds{Newest: newest}
	}
	first.Entry = 0
	return eventlog.Bounds{Oldest: first, Newest: newest}
}

// check refuses a position behind which reading cannot begin.
func (e ends) check(after eventlog.Position) error {
	b := e.bounds()
	switch {
	case after.IsZero() && b.Oldest.IsZero():
		return nil
	case after.Incarnation > e.incarnation, after.Incarnation == e.incarnation && after.Compare(b.Newest) > 0:
		return fmt.Errorf("%w: at %s", eventlog.ErrAhead, b.Newest)
	case after.Incarnation < e.incarnation, after.Before(b.Oldest):
		return fmt.Errorf("%w: it begins behind %s", eventlog.ErrForgotten, b.Oldest)
	}
	return nil
}

// follows says whether next is the entry behind at with nothing between, which
// Pulsar does not say: positions of two ledgers do not tell what was between them.
// The ends are those of a moment after next was read.
func (e ends) follows(at, next eventlog.Position) bool {
	mark := e.floor()
	switch {
	case at == mark.at: // all behind the mark is kept, so this is the first of it
		return true
	case next.Entry != 1:
		return false
	case at.IsZero():
		return next.Ledger == mark.first
	}
	for i, l := range e.ledgers {
		if l.ID != at.Ledger {
			continue
		}
		for _, behind := range e.ledgers[i+1:] {
			if behind.ID == next.Ledger {
				return l.Entries == at.Entry
			}
			if behind.Entries > 0 {
				return false
			}
		}
	}
	return false
}
