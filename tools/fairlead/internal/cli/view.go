package cli

import (
	"fmt"

	"github.com/fairlead-batch/fairlead/tools/fairlead/internal/render"
)

// stream is the view of programs: every event as it came.
type stream struct {
	watch  *watch
	out    *output
	format render.Format
}

func (s *stream) history(*tally) error { return nil }

func (s *stream) event(e seen) error {
	plain, err := render.Plain(e.message)
	if err != nil {
		return err
	}
	if s.format == render.AsJSON {
		return render.WriteLine(s.out.sys.Out, plain)
	}
	if _, err := fmt.Fprintln(s.out.sys.Out, "---"); err != nil {
		return err
	}
	return render.Write(s.out.sys.Out, s.format, plain)
}

func (s *stream) lost(err error) {
	s.out.note("connection lost, trying again: %s", plainText(err, s.watch.server.end))
}

func (s *stream) end(*tally) error { return nil }

// lines is the view for people without a terminal: a line a change, after one that
// sums up what was before.
type lines struct {
	watch *watch
	out   *output
	begun bool
	down  bool // told that the connection is lost
}

func (l *lines) history(t *tally) error {
	l.begun = true
	if t.jobs() == 0 {
		l.out.note("job set %s of queue %s has no jobs yet; waiting for some", l.watch.jobSet, l.watch.queue)
		return nil
	}
	return l.out.say("job set %s of queue %s: %s", l.watch.jobSet, l.watch.queue, t)
}

func (l *lines) event(e seen) error {
	l.down = false
	if !l.begun || e.change == nil {
		return nil
	}
	return l.out.say("%s  %s  [%s]", l.out.clock(e.change.at.AsTime()), e.change, e.tally)
}

func (l *lines) lost(err error) {
	if !l.down {
		l.out.note("connection lost, trying again: %s", plainText(err, l.watch.server.end))
	}
	l.down = true
}

func (l *lines) end(t *tally) error {
	if !l.watch.exitIfInactive {
		return nil
	}
	return tellEnded(l.out, t)
}

// tellEnded says which jobs did not succeed, and why.
func tellEnded(out *output, t *tally) error {
	told := 0
	for _, c := range t.ended {
		if t.phases[c.job] != c.to {
			continue // it was tried again
		}
		if err := out.say("%s", c); err != nil {
			return err
		}
		told++
	}
	if more := t.unsuccessful() - told; more > 0 {
		return out.say("and %d more did not succeed", more)
	}
	return nil
}
