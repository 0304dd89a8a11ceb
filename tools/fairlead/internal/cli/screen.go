package cli

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/fairlead-batch/fairlead/tools/fairlead/internal/render"
)

// drawEvery is the least time between two pictures: more than anybody reads, and few
// enough that a slow terminal does not slow the stream.
const drawEvery = 100 * time.Millisecond

// lostShown is how long a failed attempt to connect is shown. The next one comes sooner,
// so when it is over the connection is there again, though no event has come to tell.
const lostShown = 15 * time.Second

// screen is the view for people at a terminal: a few lines, drawn over each other.
// The viewer's methods and the painter meet at the lock.
type screen struct {
	watch *watch
	out   *output
	begun time.Time

	mu     sync.Mutex
	tally  tally // the counts of the real one, copied
	jobs   int
	news   string // the newest change
	down   string // why the connection was lost
	downAt time.Time
	height int // lines of the last picture

	stop chan struct{}
	done sync.WaitGroup
}

// newScreen starts the painter, which end stops.
func newScreen(o *watch, out *output) *screen {
	s := &screen{watch: o, out: out, begun: out.sys.Now(), stop: make(chan struct{})}
	s.done.Go(s.paint)
	return s
}

func (s *screen) paint() {
	ticker := time.NewTicker(drawEvery)
	defer ticker.Stop()
	before := ""
	for {
		select {
		case <-s.stop:
			return
		case <-ticker.C:
		}
		s.mu.Lock()
		if now := s.picture(); now != before {
			s.draw(now)
			before = now
		}
		s.mu.Unlock()
	}
}

// draw writes a picture over the last one. Called under the lock.
func (s *screen) draw(picture string) {
	var b strings.Builder
	if s.height > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\r\x1b[J", s.height)
	}
	b.WriteString(picture)
	s.height = strings.Count(picture, "\n")
	write(s.out.sys.Out, "%s", b.String())
}

// picture is what the screen shows now, no line wider than the terminal. Called under
// the lock.
func (s *screen) picture() string {
	took := s.out.sys.Now().Sub(s.begun).Truncate(time.Second)
	columns := s.out.sys.Columns() - 1 // the last column makes some terminals wrap
	text := []string{
		fmt.Sprintf("job set %s of queue %s  %v", s.watch.jobSet, s.watch.queue, took),
		s.counts(),
		s.bar(columns),
		s.news,
	}
	if s.down != "" && s.out.sys.Now().Sub(s.downAt) < lostShown {
		text[3] = "connection lost, trying again: " + s.down
	}
	for i, line := range text {
		text[i] = render.Cut(render.Clean(line), columns)
	}
	return strings.Join(text, "\n") + "\n"
}

func (s *screen) counts() string {
	if s.jobs == 0 {
		return "no jobs yet"
	}
	return s.tally.String()
}

// bar shows how many jobs are over.
func (s *screen) bar(columns int) string {
	over := s.jobs - s.tally.active()
	label := fmt.Sprintf(" %d of %s over", over, jobs(s.jobs))
	width := min(columns-len(label)-len("[]"), 50)
	if width < 5 || s.jobs == 0 {
		return strings.TrimSpace(label)
	}
	full := width * over / s.jobs
	return "[" + strings.Repeat("#", full) + strings.Repeat("-", width-full) + "]" + label
}

// take copies the counts. Called under the lock.
func (s *screen) take(t *tally) {
	s.tally.counts, s.jobs = t.counts, t.jobs()
}

func (s *screen) history(t *tally) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.take(t)
	return nil
}

func (s *screen) event(e seen) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = ""
	s.take(e.tally)
	if e.change != nil {
		s.news = s.out.moment(e.change.at.AsTime()) + "  " + e.change.String()
	}
	return nil
}

func (s *screen) lost(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down, s.downAt = plainText(err, s.watch.server.end), s.out.sys.Now()
}

// end stops the painter, draws the last picture and, under it, what did not succeed.
func (s *screen) end(t *tally) error {
	close(s.stop)
	s.done.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.take(t)
	s.news = ""
	last := ""
	if t.jobs() > 0 {
		last = strings.TrimRight(s.picture(), "\n") + "\n"
	}
	s.draw(last)
	if !s.watch.exitIfInactive {
		return nil
	}
	return tellEnded(s.out, t)
}
