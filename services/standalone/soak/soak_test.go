package soak_test

import (
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/process"
)

var (
	soakFor  = flag.Duration("for", 0, "how long TestSoak kills; 0: it is skipped")
	soakLog  = flag.String("log", "pulsar", "what keeps the log of TestSoak: pulsar or postgres")
	seedFlag = flag.Uint64("seed", 0, "what is chosen at random; 0: another each time")
	jobsFlag = flag.Int("jobs", 10_000, "how many jobs TestKilledOnPulsar submits")
)

// pickSeed is the one asked for, or another each time. It is printed first.
func pickSeed(t *testing.T) uint64 {
	t.Helper()
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(rand.Uint32()) //nolint:gosec // chosen here to be printed
	}
	t.Logf("seed %d", seed)
	return seed
}

// TestKilledOnPulsar: 10,000 jobs in 20 job sets on the five programs, a real Postgres
// and a real Pulsar that syncs what it acknowledges. While jobs are submitted, run and
// end, each service and the broker are killed once, and started again.
func TestKilledOnPulsar(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short: it starts a Pulsar, a Postgres and ten services")
	}
	s := begin(t, process.LogInPulsar, pickSeed(t))
	s.random.Shuffle(len(s.victims), func(i, k int) { s.victims[i], s.victims[k] = s.victims[k], s.victims[i] })
	for i, v := range s.victims {
		s.awaitOpen(portionOpen) // so that the kills are spread over the lives of all jobs
		before, _ := s.users.count()
		portion := *jobsFlag / len(s.victims)
		if i == len(s.victims)-1 {
			portion = *jobsFlag - before
		}
		acknowledged := s.feed(portion)
		s.await(before + portion/3)
		if err := v.die(s.ctx, upTo(s.random, time.Second)); err != nil {
			t.Fatal(err)
		}
		acknowledged()
		all, open := s.users.count()
		t.Logf("%s: %s was killed and is back, %d jobs are acknowledged, %d of them are open",
			time.Since(s.begun).Round(time.Second), v.name, all, open)
	}
	s.finish()
	for _, v := range s.victims {
		if v.service != nil {
			select {
			case <-v.service.Ended():
				t.Errorf("%s ended by itself", v.name)
			default:
			}
		}
	}
}

// portionOpen is how many jobs may be open when more are submitted, between two kills.
const portionOpen = 1000

const (
	// openMax is how many jobs may be open before users of TestSoak wait.
	openMax = 3000
	// betweenMax and deadMax bound what is between two kills, and how long a process
	// stays dead; pausedMax bounds a pause, which is longer than what makes a leader
	// step down.
	betweenMax = 8 * time.Second
	deadMax    = 10 * time.Second
	pausedMax  = 40 * time.Second
)

// TestSoak kills at random for as long as asked: one at a time, sometimes two at once,
// and stops some where they are for a while.
func TestSoak(t *testing.T) {
	t.Parallel()
	if *soakFor == 0 {
		t.Skip("it runs where -for says how long: SOAK=10m make soak")
	}
	log := process.LogKind(*soakLog)
	if log != process.LogInPulsar && log != process.LogInPostgres {
		t.Fatalf("-log is %q, must be pulsar or postgres", *soakLog)
	}
	s := begin(t, log, pickSeed(t))
	if s.broker != nil { // else it is among them, as what keeps the log
		s.victims = append(s.victims, s.databaseVictim())
	}
	fed := make(chan struct{})
	over := time.Now().Add(*soakFor)
	go func() {
		defer close(fed)
		s.feedUntil(over)
	}()
	for time.Now().Before(over) && s.users.failure() == nil {
		s.strike()
	}
	<-fed
	for _, v := range s.victims {
		if err := v.mend(s.ctx, t.Logf); err != nil {
			t.Fatal(err)
		}
	}
	s.finish()
}

// feedUntil submits while there is time, never more than a few thousand ahead.
func (s *soak) feedUntil(over time.Time) {
	for time.Now().Before(over) {
		if err := s.users.await(s.ctx, func() bool { return s.users.open < openMax }); err != nil {
			return // the run has it
		}
		if err := s.users.feed(s.ctx, usersMax*requestJobs, s.sets); err != nil {
			return
		}
	}
}

// strike kills or pauses one or two victims, and waits until they are back.
func (s *soak) strike() {
	s.t.Helper()
	if err := wait(s.ctx, upTo(s.random, betweenMax)); err != nil {
		s.t.Fatal(err)
	}
	chosen := []*victim{s.victims[s.random.IntN(len(s.victims))]}
	if other := s.victims[s.random.IntN(len(s.victims))]; s.random.IntN(4) == 0 && other != chosen[0] {
		chosen = append(chosen, other)
	}
	pauses := s.random.IntN(5) == 0
	back := make(chan error, len(chosen))
	for _, v := range chosen {
		dead, paused := upTo(s.random, deadMax), upTo(s.random, pausedMax)
		do := func() error { return v.die(s.ctx, dead) }
		if pauses && v.pause != nil {
			s.t.Logf("%s: %s is paused for %s", time.Since(s.begun).Round(time.Second), v.name, paused.Round(time.Millisecond))
			do = func() error { return v.sleep(s.ctx, paused) }
		} else {
			s.t.Logf("%s: %s is killed, for %s", time.Since(s.begun).Round(time.Second), v.name, dead.Round(time.Millisecond))
		}
		go func() { back <- do() }()
	}
	for range chosen {
		if err := <-back; err != nil {
			s.t.Fatal(err)
		}
	}
	for _, v := range s.victims {
		if err := v.mend(s.ctx, s.t.Logf); err != nil {
			s.t.Fatal(err)
		}
	}
}
