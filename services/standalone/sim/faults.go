package sim

import (
	"time"

	executor "github.com/fairlead-batch/fairlead/services/executor/app"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// faults are what goes wrong while they are on.
type faults struct {
	w  *world
	on bool
	// nodes counts the nodes that were made in the place of others.
	nodes int
}

// fault is a kind of trouble and how often it is drawn.
type fault struct {
	weight int
	do     func(f *faults)
}

func (f *faults) kinds() []fault {
	return []fault{
		{8, (*faults).crashReplica},
		{6, (*faults).crashMidPlan},
		{5, (*faults).pauseMidAppend},
		{6, (*faults).pauseReplica},
		{6, (*faults).crashSite},
		{4, (*faults).pauseSite},
		{4, (*faults).pauseSiteMidGo},
		{6, (*faults).crashUsers},
		{6, (*faults).tearStream},
		{6, (*faults).cutStream},
		{3, (*faults).isolateSite},
		{3, (*faults).splitInTwo},
		{3, (*faults).leadUnheard},
		{4, (*faults).cutLog},
		{3, (*faults).cutDatabase},
		{3, (*faults).killNode},
		{5, (*faults).killPod},
		{5, (*faults).failCalls},
		{4, (*faults).delayFacts},
	}
}

// begin makes trouble until a moment, and then mends everything.
func (f *faults) begin(until job.Time) {
	f.on = true
	f.w.at(until, f.end)
	f.next()
}

func (f *faults) next() {
	f.w.after(f.w.chaos.between(faultLeast, faultMost), func() {
		if !f.on {
			return
		}
		f.draw()
		f.next()
	})
}

// draw makes one kind of trouble.
func (f *faults) draw() {
	kinds := f.kinds()
	total := 0
	for _, k := range kinds {
		total += k.weight
	}
	lot := f.w.chaos.IntN(total)
	for _, k := range kinds {
		if lot -= k.weight; lot < 0 {
			k.do(f)
			return
		}
	}
}

// end mends everything: from now on all processes live and all messages arrive.
func (f *faults) end() {
	f.on = false
	f.w.net.mend()
	f.w.tell("faults", "are over")
	for _, r := range f.w.replicas {
		r.doom = nil
		r.wakes = f.w.now
	}
	for _, s := range f.w.sites {
		s.wakes, s.doom = f.w.now, nil
	}
	f.w.users.wakes, f.w.users.doom = f.w.now, nil
}

// revive starts a process again that was killed, after a while.
func (f *faults) revive(p *process, start func()) {
	f.w.after(f.w.chaos.between(downLeast, downMost), func() {
		if !p.up {
			f.w.tell(p.name, "starts again")
			start()
		}
	})
}

func (f *faults) killReplica(r *replica) {
	f.w.counts.add(countCrashes)
	f.w.tell(r.name, "is killed")
	r.kill()
	f.revive(&r.process, r.start)
}

func (f *faults) crashReplica() {
	if r := pick(f.w.chaos, f.w.replicas...); r.up {
		f.killReplica(r)
	}
}

// leader is the replica that holds the lock, or any.
func (f *faults) leader() *replica {
	if r := f.w.lock.holder; r != nil {
		return r
	}
	return pick(f.w.chaos, f.w.replicas...)
}

// crashMidPlan kills the leader right after it has handed a plan of several parts to
// its connections: some arrive.
func (f *faults) crashMidPlan() {
	r := f.leader()
	r.doom = &doom{plan: true, do: func() {
		f.w.tell(r.name, "dies between the parts of a plan")
		f.killReplica(r)
	}}
}

// pauseMidAppend lets the leader stand still right after an append, for so long that
// another leads when it wakes.
func (f *faults) pauseMidAppend() {
	r := f.leader()
	r.doom = &doom{do: func() {
		f.stop(&r.process, f.w.chaos.between(pauseLong, pauseLongest))
		f.loseLock(r)
	}}
}

func (f *faults) pauseReplica() {
	r := pick(f.w.chaos, f.w.replicas...)
	if !r.up || r.paused() {
		return
	}
	f.stop(&r.process, f.w.chaos.between(pauseShort, pauseLong))
	if f.w.chaos.chance(500) {
		f.loseLock(r)
	}
}

// loseLock lets the database end the session of a replica that it does not hear of.
func (f *faults) loseLock(r *replica) {
	if f.w.lock.heldBy(r, r.life) {
		f.w.counts.add(countLostLocks)
		f.w.lock.drop(r, r.life, f.w.now+job.Time(f.w.chaos.between(messageFast, sessionEndSlow)))
	}
}

// stop lets a process stand still; what streams it has may be given up by the others.
func (f *faults) stop(p *process, d time.Duration) {
	f.w.counts.add(countPauses)
	f.w.tell(p.name, "stands still for %s", d)
	p.wakes = f.w.now + job.Time(d)
	for _, s := range f.w.streams {
		if p == &s.site.process || p == &s.replica.process {
			s.watch()
		}
	}
}

func (f *faults) crashSite() {
	s := pick(f.w.chaos, f.w.sites...)
	if !s.up {
		return
	}
	f.w.counts.add(countCrashes)
	f.w.tell(s.name, "is killed")
	s.kill()
	f.revive(&s.process, s.start)
}

func (f *faults) pauseSite() {
	if s := pick(f.w.chaos, f.w.sites...); s.up && !s.paused() {
		f.stop(&s.process, f.w.chaos.between(pauseShort, pauseLongest))
	}
}

// pauseSiteMidGo lets an executor stand still just when it may make a pod, for so long
// that its runs expire.
func (f *faults) pauseSiteMidGo() {
	s := pick(f.w.chaos, f.w.sites...)
	s.doom = func() { f.stop(&s.process, f.w.chaos.between(cutLong, cutLongest)) }
}

// crashUsers kills the users' process, mostly right after a request.
func (f *faults) crashUsers() {
	kill := func() {
		u := f.w.users
		if !u.up {
			return
		}
		f.w.counts.add(countCrashes)
		f.w.tell(u.name, "are killed")
		u.kill()
		f.revive(&u.process, u.start)
	}
	if f.w.chaos.chance(800) {
		f.w.users.doom = kill
		return
	}
	kill()
}

func (f *faults) tearStream() {
	if len(f.w.streams) > 0 {
		f.w.counts.add(countTornStreams)
		s := pick(f.w.chaos, f.w.streams...)
		f.w.tell("net", "the stream of %s and %s is torn", s.site.name, s.replica.name)
		s.tear()
	}
}

func (f *faults) sever(l link, d time.Duration) {
	f.w.counts.add(countCuts)
	f.w.tell("net", "%s and %s are apart for %s", l.a, l.b, d)
	f.w.net.sever(l, d)
}

func (f *faults) cutStream() {
	s, r := pick(f.w.chaos, f.w.sites...), pick(f.w.chaos, f.w.replicas...)
	f.sever(between(s.place(), r.place()), f.w.chaos.between(cutLeast, cutLong))
}

// isolateSite cuts an executor off all schedulers, for so long that its runs expire.
func (f *faults) isolateSite() {
	s, d := pick(f.w.chaos, f.w.sites...), f.w.chaos.between(cutLong, cutLongest)
	for _, r := range f.w.replicas {
		f.sever(between(s.place(), r.place()), d)
	}
}

// splitInTwo leaves the leader alone with an executor, and everybody else together with
// the log and the database, which gives the lock to another.
func (f *faults) splitInTwo() {
	leader, s, d := f.leader(), pick(f.w.chaos, f.w.sites...), f.w.chaos.between(cutLong, cutLongest)
	f.sever(between(leader.place(), logPlace), d)
	f.sever(between(leader.place(), databasePlace), d)
	f.cutFromOthers(s, leader, d)
	f.loseLock(leader)
}

// leadUnheard lets an executor be heard by the leader alone, for so long that the others
// would give its runs up; then the leader dies.
func (f *faults) leadUnheard() {
	leader, s := f.leader(), pick(f.w.chaos, f.w.sites...)
	until := f.w.chaos.between(f.w.rules.ExecutorTimeout, cutLongest)
	f.cutFromOthers(s, leader, until)
	life := leader.life
	f.w.after(until, func() {
		if f.on && leader.up && leader.life == life {
			f.killReplica(leader)
		}
	})
}

// cutFromOthers cuts an executor off all schedulers but one.
func (f *faults) cutFromOthers(s *site, but *replica, d time.Duration) {
	for _, r := range f.w.replicas {
		if r != but {
			f.sever(between(s.place(), r.place()), d)
		}
	}
}

func (f *faults) cutLog() {
	p := pick(f.w.chaos, f.w.replicas[0].place(), f.w.replicas[1].place(), f.w.users.place())
	f.sever(between(p, logPlace), f.w.chaos.between(cutLeast, cutLong))
}

// cutDatabase cuts a scheduler off the database, which gives its lock to another.
func (f *faults) cutDatabase() {
	r := pick(f.w.chaos, f.w.replicas...)
	f.sever(between(r.place(), databasePlace), f.w.chaos.between(cutLeast, cutLong))
	f.loseLock(r)
}

// cause orders trouble in a cluster. What there is to tell of it, the next step of
// the executor hears.
func (f *faults) cause(s *site, what count, t executor.Trouble) bool {
	if s.cluster.Cause(t) != nil {
		return false
	}
	f.w.counts.add(what)
	f.w.tell(s.name, "trouble: %T %+v", t, t)
	s.poke()
	return true
}

// killNode lets a node die. Another comes after a while, under a new name.
func (f *faults) killNode() {
	s := pick(f.w.chaos, f.w.sites...)
	if len(s.nodes) == 0 {
		return
	}
	name := pick(f.w.chaos, s.nodes...)
	if !f.cause(s, countNodeDeaths, executor.NodeDies{Name: name}) {
		return
	}
	s.lose(name)
	f.w.after(f.w.chaos.between(downLeast, downMost), func() {
		f.nodes++
		s.gain(f.nodes)
	})
}

// killPod ends a pod badly, or removes it.
func (f *faults) killPod() {
	s := pick(f.w.chaos, f.w.sites...)
	var running []executor.PodRecord
	for _, r := range s.cluster.Records() {
		if r.Started != 0 && r.Ended == 0 && !s.dead[r.Node] {
			running = append(running, r)
		}
	}
	if len(running) == 0 {
		return
	}
	r := pick(f.w.chaos, running...)
	f.cause(s, countPodDeaths, pick[executor.Trouble](f.w.chaos,
		executor.PodDies{Run: r.Run, ExitCode: 137}, executor.PodDies{Run: r.Run, Reason: "Evicted"}, executor.PodVanishes{Run: r.Run}))
}

func (f *faults) failCalls() {
	f.cause(pick(f.w.chaos, f.w.sites...), countClusterFaults, executor.CallsFail{
		Creates: f.w.chaos.IntN(4), Deletes: f.w.chaos.IntN(4), Epochs: f.w.chaos.IntN(3), Hidden: f.w.chaos.chance(500),
	})
}

func (f *faults) delayFacts() {
	f.cause(pick(f.w.chaos, f.w.sites...), countClusterFaults, executor.FactsComeLate{For: f.w.chaos.between(pauseShort, pauseLong)})
}
