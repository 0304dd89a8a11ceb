package sim

import (
	"slices"
	"time"

	executorv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/executor/v1"
	executor "github.com/fairlead-batch/fairlead/services/executor/app"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	scheduler "github.com/fairlead-batch/fairlead/services/scheduler/app"
)

// stream is one gRPC stream between an executor and a scheduler replica. Messages
// keep their order in each direction. Each end learns for itself, and in its own
// time, that the stream is over.
type stream struct {
	w       *world
	site    *site
	replica *replica
	session scheduler.Session
	ear     *scheduler.Ear

	up, down end
}

// end is one end of a stream: the one at the executor sends up and hears what comes
// down, and the other way round.
type end struct {
	// life is that of its process.
	life int
	open bool
	// arrival is when the newest message on its way to it arrives.
	arrival job.Time
}

func (s *stream) link() link { return between(s.site.place(), s.replica.place()) }

// connect opens a stream to a replica, or finds that it cannot.
func (w *world) connect(from *site, number int) {
	to := w.replicas[number]
	life := from.life
	closed := func() {
		if from.life == life {
			from.post(executor.Closed{Replica: number})
		}
	}
	from.after(w.pass(), func() {
		switch {
		case w.net.isCut(between(from.place(), to.place())) || to.paused():
			w.after(dialWithin, closed)
			return
		case !to.up:
			w.after(w.pass(), closed)
			return
		}
		to.sessions++
		s := &stream{
			w: w, site: from, replica: to, session: to.sessions, ear: scheduler.NewEar(to.sessions),
			up: end{life: life, open: true}, down: end{life: to.life, open: true},
		}
		w.streams = append(w.streams, s)
		from.streams[number], to.streams[s.session] = s, s
		w.after(w.pass(), func() {
			if s.siteHears() {
				from.post(executor.Opened{Replica: number})
			}
		})
	})
}

func (s *stream) siteHears() bool    { return s.up.open && s.site.life == s.up.life }
func (s *stream) replicaHears() bool { return s.down.open && s.replica.life == s.down.life }

// carry brings a message to an end, behind those before it.
func (s *stream) carry(to *end, do func()) {
	at := max(to.arrival+1, s.w.now+job.Time(s.w.pass()))
	if heals := s.w.net.heals(s.link()); heals > s.w.now {
		at = max(at, heals+job.Time(s.w.pass()))
	}
	to.arrival = at
	s.w.at(at, do)
}

// say sends a message of the executor.
func (s *stream) say(m *executorv1.Up) {
	s.carry(&s.down, func() {
		if !s.replicaHears() {
			return
		}
		in, err := s.ear.Hear(m)
		if err != nil {
			s.w.fail("%s says to %s what breaks the rules: %v", s.site.name, s.replica.name, err)
			return
		}
		if in != nil {
			s.replica.post(in)
		}
	})
}

// order sends a message of the scheduler.
func (s *stream) order(m *executorv1.Down) {
	s.carry(&s.up, func() {
		if s.siteHears() {
			s.site.post(executor.Received{Replica: s.replica.number, Message: m})
		}
	})
}

// hangUp closes the executor's end; the other hears of it.
func (s *stream) hangUp() {
	s.endUp()
	s.carry(&s.down, s.endDown)
}

// refuse closes the scheduler's end; the other hears of it.
func (s *stream) refuse() {
	s.endDown()
	s.carry(&s.up, s.endUp)
}

// tear breaks the stream in the middle: both ends hear of it, and what is on its way
// is lost.
func (s *stream) tear() {
	s.endUp()
	s.endDown()
}

// endUp tells the executor that the stream is over.
func (s *stream) endUp() {
	if s.siteHears() {
		s.site.post(executor.Closed{Replica: s.replica.number})
	}
	s.up.open = false
	s.drop()
}

// endDown tells the scheduler that the stream is over.
func (s *stream) endDown() {
	if s.replicaHears() {
		s.replica.post(scheduler.Disconnected{Session: s.session})
	}
	s.down.open = false
	s.drop()
}

// drop forgets a stream that is over at both ends.
func (s *stream) drop() {
	if !s.up.open && !s.down.open {
		s.w.streams = slices.DeleteFunc(s.w.streams, func(other *stream) bool { return other == s })
	}
}

// watch lets each end find out that it hears nothing of the other, when the link is
// cut or a process stands still.
func (s *stream) watch() {
	patience := func() time.Duration { return s.w.delays.between(keepAliveLeast, keepAliveMost) }
	s.w.after(patience(), func() {
		if s.w.net.isCut(s.link()) || s.replica.paused() {
			s.hangUp()
		}
	})
	s.w.after(patience(), func() {
		if s.w.net.isCut(s.link()) || s.site.paused() {
			s.refuse()
		}
	})
}

// leave ends a process's end of its streams: the process is gone. The others hear of
// it at once, or when nothing is heard for long.
func (w *world) leave(p *process) {
	for _, s := range slices.Clone(w.streams) {
		notice := w.pass()
		if w.delays.chance(deathsUnseen) || w.net.isCut(s.link()) {
			notice = w.delays.between(keepAliveLeast, keepAliveMost)
		}
		switch p {
		case &s.site.process:
			s.up.open = false
			w.after(notice, s.endDown)
		case &s.replica.process:
			s.down.open = false
			w.after(notice, s.endUp)
		}
	}
}
