package logtest

import (
	"context"
	"testing"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

// Patience is how long a case waits for what must come before it fails.
const Patience = 30 * time.Second

// Fixture is an empty log and the faults that it can be given. The functions may
// be nil but for Crash, Second and OpenWith. What a fixture opens it closes when
// the test ends.
type Fixture struct {
	// Log is open and empty.
	Log eventlog.Log
	// Partitions of events that it has: at least 2.
	Partitions uint32

	// Crash ends the process that has Log, with no clean end, and opens what is
	// stored in a new one.
	Crash func(t *testing.T) eventlog.Log
	// Second opens the same log in another process, beside the first.
	Second func(t *testing.T) eventlog.Log
	// OpenWith opens the same log with a configured count of partitions, and closes
	// it again if that went well.
	OpenWith func(t *testing.T, partitions uint32) error

	// Trim makes the log forget all of events that is not held, as if the retention
	// had passed. An implementation may keep the last entry.
	Trim func(t *testing.T)
	// LoseReply makes the log store what is appended next, in each of the next
	// writes if there are several, and lose the answer.
	LoseReply func(t *testing.T, writes int)
	// StoreTwice makes the log store the next entries two times.
	StoreTwice func(t *testing.T, entries int)
	// Pause makes appends of every process wait until resume is called.
	Pause func(t *testing.T) (resume func())
	// Put stores bytes in a partition as they are.
	Put func(t *testing.T, p eventlog.Partition, frame []byte)

	// Kill ends the server with SIGKILL; restart starts it again on what it had
	// stored, at the same address. For RunKill alone.
	Kill func(t *testing.T) (restart func())
}

// Open makes a fixture for one case.
type Open func(t *testing.T) Fixture

type testCase struct {
	name string
	// needs is empty, or says which fault the case needs where the fixture lacks it.
	needs func(Fixture) string
	run   func(running)
}

// running is a case that runs: its test and its log.
type running struct {
	t *testing.T
	Fixture
}

// Run runs the suite, each case in parallel with the others.
func Run(t *testing.T, open Open) {
	t.Helper()
	for _, group := range [][]testCase{orderCases(), outcomeCases(), gateCases(), positionCases(), keepCases(), readerCases(), limitCases()} {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				f := open(t)
				if c.needs != nil {
					if lacks := c.needs(f); lacks != "" {
						t.Skip("this log has no " + lacks)
					}
				}
				c.run(running{t: t, Fixture: f})
			})
		}
	}
}

func needsTrim(f Fixture) string       { return lacks(f.Trim == nil, "trim") }
func needsLoseReply(f Fixture) string  { return lacks(f.LoseReply == nil, "way to lose a reply") }
func needsStoreTwice(f Fixture) string { return lacks(f.StoreTwice == nil, "way to store twice") }
func needsPause(f Fixture) string      { return lacks(f.Pause == nil, "pause") }
func needsPut(f Fixture) string        { return lacks(f.Put == nil, "way to store damaged bytes") }

func lacks(missing bool, what string) string { //nolint:revive // the question is whether it is missing, no mode
	if missing {
		return what
	}
	return ""
}

// patient is the test's context, ended by Patience.
func patient(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), Patience, errPatience)
	t.Cleanup(cancel)
	return ctx
}
