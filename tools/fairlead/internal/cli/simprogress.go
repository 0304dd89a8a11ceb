package cli

import (
	"fmt"
	"time"

	"github.com/fairlead-batch/fairlead/services/scheduler/simulate"
	"github.com/fairlead-batch/fairlead/tools/fairlead/internal/render"
)

// tellEvery is how often a pipe is told how far a simulation is.
const tellEvery = 10 * time.Second

// simProgress tells how far a simulation is: at a terminal on one line that is written
// over, else on a line now and then.
type simProgress struct {
	out   *output
	run   *simRun
	at    int // which of all
	of    int
	told  time.Time
	drawn bool
}

// show tells how far it is, if that is due.
func (p *simProgress) show(s *simulate.Simulation) {
	now, every := p.out.sys.Now(), tellEvery
	if p.out.sys.ErrTerminal {
		every = drawEvery
	}
	if p.told.IsZero() {
		p.told = now // what takes no time needs no telling
	}
	if now.Sub(p.told) < every {
		return
	}
	p.told = now
	line := p.line(s)
	if !p.out.sys.ErrTerminal {
		p.out.note("%s", line)
		return
	}
	columns := p.out.sys.Columns()
	if columns == 0 { // only the answers go elsewhere
		columns = 80
	}
	write(p.out.sys.Err, "\r\x1b[K%s", render.Cut(render.Clean(line), columns-1))
	p.drawn = true
}

func (p *simProgress) line(s *simulate.Simulation) string {
	c := s.Counts()
	over := c.Succeeded + c.Rejected
	text := fmt.Sprintf("%3d %%  %d of %d jobs over, %d running, %v simulated, %d rounds",
		100*over/max(c.Jobs, 1), over, c.Jobs, c.Running, s.Now().Truncate(time.Second), c.Rounds)
	if p.of > 1 {
		text = fmt.Sprintf("%d of %d, %s: %s", p.at, p.of, p.run.name, text)
	}
	return text
}

// clear takes the line away.
func (p *simProgress) clear() {
	if p.drawn {
		write(p.out.sys.Err, "\r\x1b[K")
	}
}
