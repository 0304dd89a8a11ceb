package sim

import (
	"github.com/fairlead-batch/fairlead/services/internal/job"
	scheduler "github.com/fairlead-batch/fairlead/services/scheduler/app"
)

// leaderLock is the database of the schedulers: the lock that one of them holds, and
// the row of the newest epoch.
type leaderLock struct {
	w *world
	// holder and life are who holds it; nil: nobody.
	holder *replica
	life   int
	epoch  uint64
}

func (l *leaderLock) heldBy(r *replica, life int) bool { return l.holder == r && l.life == life }

// drop ends a holder's session after a while, as the server does when it hears
// nothing of it, if it is still the holder then.
func (l *leaderLock) drop(r *replica, life int, at job.Time) {
	l.w.at(at, func() {
		if l.heldBy(r, life) {
			l.holder = nil
			l.w.tell("lock", "the session of %s ends", r.name)
		}
	})
}

// try takes the lock for a replica again and again, until it has it.
func (l *leaderLock) try(r *replica) {
	r.after(lockEvery, func() {
		if l.holder != nil || l.w.net.isCut(between(r.place(), databasePlace)) {
			l.try(r)
			return
		}
		l.holder, l.life = r, r.life
		l.w.tell("lock", "%s holds it", r.name)
		r.post(scheduler.LockGained{})
	})
}

// ask carries a question of a replica to the database and the answer back. A
// database that does not answer in time is a lock that is lost.
func (l *leaderLock) ask(r *replica, question func() scheduler.Input) {
	life, way := r.life, between(r.place(), databasePlace)
	answer := func(in scheduler.Input) {
		if r.life == life {
			r.post(in)
		}
	}
	r.after(l.w.pass(), func() {
		if l.w.net.heals(way) > l.w.now+job.Time(lockCheckWithin) {
			l.w.after(lockCheckWithin, func() { answer(scheduler.LockLost{}) })
			return
		}
		l.w.at(l.w.net.heals(way), func() {
			in := question()
			l.w.after(l.w.pass(), func() { answer(in) })
		})
	})
}

// check answers CheckLock.
func (l *leaderLock) check(r *replica) {
	life := r.life
	l.ask(r, func() scheduler.Input {
		if l.heldBy(r, life) {
			return scheduler.LockChecked{}
		}
		return scheduler.LockLost{}
	})
}

// take answers TakeEpoch.
func (l *leaderLock) take(r *replica, above uint64) {
	l.ask(r, func() scheduler.Input {
		l.epoch = max(l.epoch, above) + 1
		return scheduler.EpochTaken{Epoch: l.epoch}
	})
}
