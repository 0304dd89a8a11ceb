package pulsarlog

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

// floorEvery is how often the marks are moved. What is behind the mark is kept
// whatever the retention, so this is also what they add to it.
const floorEvery = time.Minute

// floor is a mark in a partition: a durable subscription whose name says where it
// stands, so that what it promises and where it stands cannot disagree. It promises
// that everything behind it is kept. The highest of a partition counts.
//
// It is true whatever processes do at once: a mark is made while a lower one stands,
// and only whoever has seen a higher one deletes lower ones; so at any time all
// behind the highest is kept, also when a process slept between looking and making.
type floor struct {
	at eventlog.Position
	// first is the ledger of the first entry that the partition ever had. It is known
	// because until the first mark is made nothing can be forgotten.
	first uint64
}

const floorPrefix = "fairlead-floor."

func (f floor) name() string { return fmt.Sprintf("%s%s.%d", floorPrefix, f.at, f.first) }

// readFloors finds the marks among subscriptions, in order. Other names are holds,
// or somebody else's.
func readFloors(subscriptions map[string]struct{}) (floors []floor) {
	for name := range subscriptions {
		text, found := strings.CutPrefix(name, floorPrefix)
		at, first, complete := strings.Cut(text, ".")
		if !found || !complete {
			continue
		}
		var f floor
		var err error
		if f.at, err = eventlog.ParsePosition(at); err != nil {
			continue
		}
		if f.first, err = strconv.ParseUint(first, 10, 64); err != nil {
			continue
		}
		floors = append(floors, f)
	}
	slices.SortFunc(floors, func(a, b floor) int { return bytes.Compare(a.at.Bytes(), b.at.Bytes()) })
	return floors
}

// foundFloor makes the first mark of a partition that has none. Where there are
// entries already somebody has deleted it, and what was forgotten since is unknown:
// then the mark is at the end, and what is before it is as good as forgotten.
func (l *Log) foundFloor(ctx context.Context, p eventlog.Partition) error {
	e, err := l.ends(ctx, p)
	if err != nil || len(e.floors) > 0 {
		return err
	}
	mark := floor{at: e.position(e.last)}
	return l.patiently(ctx, func() error { return l.admin.subscribe(ctx, l.path(p), mark.name(), behind(mark.at)) })
}

// behind is the place of the message behind a position.
func behind(at eventlog.Position) messageID {
	if at.IsZero() {
		return earliest
	}
	return messageID{Ledger: int64(at.Ledger), Entry: int64(at.Entry)} //nolint:gosec // Pulsar's own are signed
}

// moveFloors moves the marks to where the partitions ended when it was called last:
// a reader that waits at the end has had the time between to see that what came
// follows.
func (l *Log) moveFloors(ctx context.Context) error {
	l.floors.Lock()
	defer l.floors.Unlock()
	for _, p := range l.partitions() {
		if err := l.moveFloor(ctx, p); err != nil {
			return fmt.Errorf("move the mark of %s: %w", p, err)
		}
	}
	return nil
}

func (l *Log) moveFloor(ctx context.Context, p eventlog.Partition) error {
	e, err := l.ends(ctx, p)
	if err != nil {
		return err
	}
	to, highest := l.ended[p], e.floor()
	l.ended[p] = e.bounds().Newest
	if highest.at.Before(to) {
		next := floor{at: to, first: highest.first}
		if highest.at.IsZero() {
			next.first = e.first().Ledger
		}
		if err := l.admin.subscribe(ctx, l.path(p), next.name(), behind(to)); err != nil {
			return err
		}
		highest = next
	}
	for _, f := range e.floors {
		if f.at.Before(highest.at) {
			if err := l.admin.unsubscribe(ctx, l.path(p), f.name()); err != nil {
				return err
			}
		}
	}
	return nil
}
