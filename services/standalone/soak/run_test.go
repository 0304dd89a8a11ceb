package soak_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/services/internal/process"
)

const (
	jobSets = 20
	// quietMax is how long nothing may end while jobs are open, when nothing is killed.
	quietMax = 4 * time.Minute
)

// soak is a run: a bed with users, watchers and victims.
type soak struct {
	*bed
	ctx     context.Context //nolint:containedctx // the run's own
	users   *users
	watch   *watchers
	victims []*victim
	sets    []*jobSet
	random  *rand.Rand
	begun   time.Time
	// stopWatching ends the watchers.
	stopWatching context.CancelFunc
	streams      map[string]api.EventClient
}

// begin starts a Fairlead, and users who watch.
func begin(t *testing.T, log process.LogKind, seed uint64) *soak {
	t.Helper()
	b := newBed(t, log)
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // it is to be the same again
	truth := newTruth()
	s := &soak{
		bed: b, ctx: t.Context(), random: random, begun: time.Now(), victims: b.victims(), streams: map[string]api.EventClient{},
		users: &users{truth: truth, submit: api.NewSubmitClient(b.dial(b.submit)), random: rand.New(rand.NewPCG(seed, 1))}, //nolint:gosec // as above
		watch: &watchers{truth: truth},
	}
	for _, service := range b.eventapis {
		client := api.NewEventClient(b.dial(service))
		s.watch.replicas = append(s.watch.replicas, client)
		s.streams[service.Name] = client
	}
	if err := s.users.createQueue(s.ctx); err != nil {
		t.Fatal(err)
	}
	watching, stop := context.WithCancel(s.ctx)
	s.stopWatching = stop
	t.Cleanup(func() {
		stop()
		s.watch.group.Wait()
	})
	for i := range jobSets {
		set := &jobSet{name: fmt.Sprintf("set-%d", i)}
		s.sets = append(s.sets, set)
		s.watch.follow(watching, set, i)
	}
	return s
}

// feed submits jobs beside what the test does meanwhile. The func that it returns
// waits until all are acknowledged.
func (s *soak) feed(jobs int) (acknowledged func()) {
	ended := make(chan error, 1)
	go func() { ended <- s.users.feed(s.ctx, jobs, s.sets) }()
	return func() {
		s.t.Helper()
		if err := <-ended; err != nil {
			s.t.Fatal(err)
		}
	}
}

// await waits until so many jobs are acknowledged.
func (s *soak) await(acknowledged int) {
	s.t.Helper()
	if err := s.users.await(s.ctx, func() bool { return len(s.users.jobs) >= acknowledged }); err != nil {
		s.t.Fatal(err)
	}
}

// awaitOpen waits until no more than so many jobs are not over.
func (s *soak) awaitOpen(most int) {
	s.t.Helper()
	for ended := 0; ; {
		before, open := ended, 0
		ctx, cancel := context.WithTimeoutCause(s.ctx, quietMax, fmt.Errorf("no job has ended for %s", quietMax))
		err := s.users.await(ctx, func() bool {
			open, ended = s.users.open, len(s.users.ended)
			return open <= most || ended > before
		})
		cancel()
		if err != nil {
			all, open := s.users.count()
			s.t.Fatalf("%d of %d jobs are not over: %v\n%s", open, all, err, strings.Join(s.openJobs(), "\n"))
		}
		if open <= most {
			return
		}
	}
}

// openJobs are some of those that are not over.
func (s *soak) openJobs() (lines []string) {
	s.users.mu.Lock()
	defer s.users.mu.Unlock()
	for id, a := range s.users.jobs {
		if !s.users.ended[id] && len(lines) < 10 {
			lines = append(lines, fmt.Sprintf("job %s of %s", id, a.set.name))
		}
	}
	return lines
}

// finish waits for the last end, judges, and prints what was done.
func (s *soak) finish() {
	s.t.Helper()
	s.awaitOpen(0)
	s.stopWatching()
	s.watch.group.Wait()
	if err := s.users.failure(); err != nil {
		s.t.Fatal(err)
	}
	j := &judge{bed: s.bed, truth: s.users.truth, sets: s.sets}
	anew := s.in
	anew.Postgres = s.emptyDatabase()
	freshEvents, freshRows := s.startAnew(anew, "eventapi-anew"), s.startAnew(anew, "lookout-anew")
	s.streams["eventapi-anew"] = api.NewEventClient(freshEvents)
	j.streams(s.ctx, s.streams)
	j.rows(s.ctx, api.NewJobsClient(s.dial(s.lookout)), api.NewJobsClient(freshRows))
	j.pods()
	j.counters(s.ctx)
	s.t.Log(s.table(j))
	if len(j.found) > 0 {
		s.t.Errorf("%d things are wrong:\n%v", len(j.found), firstLines(j.found))
	}
}

// emptyDatabase makes a database beside the other, and gives its URL.
func (s *soak) emptyDatabase() string {
	s.t.Helper()
	conn, err := pgx.Connect(s.ctx, s.db.url)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close(s.ctx)
	if _, err := conn.Exec(s.ctx, "CREATE DATABASE anew"); err != nil {
		s.t.Fatal(err)
	}
	u, err := url.Parse(s.db.url)
	if err != nil {
		s.t.Fatal(err)
	}
	u.Path = "/anew"
	return u.String()
}

// table is what was killed, what users did, and what was judged.
func (s *soak) table(j *judge) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("\n%-14s %8s %8s %18s", "process", "killed", "paused", "ended by itself")
	kills := 0
	for _, v := range s.victims {
		line("%-14s %8d %8d %18d", v.name, v.killed, v.paused, v.ended)
		kills += v.killed
	}
	c := s.users.counts
	ends := map[string]int{}
	for _, end := range j.ends {
		ends[end]++
	}
	line("\n%d kills in %s", kills, time.Since(s.begun).Round(time.Second))
	line("%d jobs acknowledged in %d requests: %d succeeded, %d failed, %d cancelled", len(s.users.jobs), c.requests, ends["succeeded"], ends["failed"], ends["cancelled"])
	line("%d calls made again after an error, %d requests sent twice, %d cancels, %d watches made again", c.retries, c.repeats, c.cancels, c.reconnects)
	line("judged: %d events of %d job sets at %d replicas, %d pods, %d rows, %d entries of the log of which %d do not count",
		j.checked.events, len(j.sets), len(s.streams), j.checked.pods, j.checked.rows, j.checked.entries, j.checked.dropped)
	line("wrong: %d", len(j.found))
	return b.String()
}
