package memlog_test

import (
	"sync"
	"testing"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog/logtest"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog/memlog"
)

const (
	partitions = 3
	retention  = time.Hour
)

// clock is a clock that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// TestLog runs the suite with authors that send again and with authors that ask
// first.
func TestLog(t *testing.T) {
	t.Parallel()
	for name, recovery := range map[string]memlog.Recovery{"resend all": memlog.ResendAll, "settle first": memlog.SettleFirst} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			logtest.Run(t, func(t *testing.T) logtest.Fixture {
				t.Helper()
				return fixture(t, recovery)
			})
		})
	}
}

func fixture(t *testing.T, recovery memlog.Recovery) logtest.Fixture {
	t.Helper()
	at := &clock{now: time.Unix(1_700_000_000, 0)}
	broker, err := memlog.NewBroker(memlog.Config{Partitions: partitions, Retention: retention}, recovery, at.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	open := func(t *testing.T) *memlog.Log {
		t.Helper()
		log, err := broker.Open(partitions)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(log.Close)
		return log
	}
	fail := func(fate memlog.Fate, n int) {
		for range n {
			broker.Fail(fate)
		}
	}
	first := open(t)
	return logtest.Fixture{
		Log:        first,
		Partitions: partitions,
		Crash: func(t *testing.T) eventlog.Log {
			t.Helper()
			first.Close()
			return open(t)
		},
		Second: func(t *testing.T) eventlog.Log { t.Helper(); return open(t) },
		OpenWith: func(_ *testing.T, partitions uint32) error {
			log, err := broker.Open(partitions)
			if err == nil {
				log.Close()
			}
			return err
		},
		Trim: func(*testing.T) {
			at.pass(2 * retention)
			broker.Trim()
		},
		LoseReply:  func(_ *testing.T, writes int) { fail(memlog.LoseReply, writes) },
		StoreTwice: func(_ *testing.T, entries int) { fail(memlog.StoreTwice, entries) },
		Pause: func(*testing.T) (resume func()) {
			broker.Pause()
			return broker.Resume
		},
		Put: func(t *testing.T, p eventlog.Partition, frame []byte) {
			t.Helper()
			if err := broker.Put(p, frame); err != nil {
				t.Fatal(err)
			}
		},
	}
}
