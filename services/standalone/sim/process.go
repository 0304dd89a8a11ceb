package sim

import (
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// process is a program that runs somewhere: it can be killed and started again, or
// stand still for a while without knowing it.
type process struct {
	w    *world
	name string
	// life counts its starts; what was under way in an earlier life is dropped. up says
	// that it lives.
	life int
	up   bool
	// wakes is until when it stands still. It finds then what came meanwhile.
	wakes job.Time
	// skew is what its wall clock is wrong by.
	skew time.Duration
	// stepping says that a step is on its way.
	stepping bool
}

// begin starts a life.
func (p *process) begin() {
	p.life++
	p.up, p.wakes, p.stepping = true, 0, false
}

// end ends a life: the process is killed, or begins anew.
func (p *process) end() {
	p.life++
	p.up = false
}

func (p *process) paused() bool { return p.up && p.w.now < p.wakes }

func (p *process) place() place { return place(p.name) }

// wall is the process's own clock.
func (p *process) wall() job.Time { return p.w.now + job.Time(p.skew) }

// after lets this life do something after a while: later where it stands still,
// never where it has ended.
func (p *process) after(d time.Duration, do func()) {
	life := p.life
	p.w.after(d, func() { p.run(life, do) })
}

func (p *process) run(life int, do func()) {
	switch {
	case p.life != life:
	case p.paused():
		p.w.at(p.wakes, func() { p.run(life, do) })
	default:
		do()
	}
}

// soon lets the process look at its inbox in a moment, once.
func (p *process) soon(step func()) {
	if p.stepping || !p.up {
		return
	}
	p.stepping = true
	p.after(p.w.delays.between(0, stepWithin), func() {
		p.stepping = false
		step()
	})
}
