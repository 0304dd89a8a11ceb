package schedule_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

var update = flag.Bool("update", false, "write what the scripts in testdata give")

// TestScenarios plays the stories in testdata: a sentence that says which rule it
// is the story of, then commands, a line of dashes, and what came of them. What is
// expected was worked out by hand from the rules; -update is for a new wording.
func TestScenarios(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := newScript(t).play(string(raw))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := gocmp.Diff(string(raw), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", file, diff)
			}
		})
	}
}

// script is a small world, told in words.
//
//	config resources=cpu,mem dominant=cpu pools=p protected=1 lookback=9 rate=10s/3 queuerate=1s/1 leastlost
//	    tiers=block:l,rack:k           by the labels l and k
//	    count=cpu:0.5                  a share of cpu counts half
//	    dominantin=p:gpu,cpu           in pool p shares are counted in these
//	    preemption=armada short=p:60   runs of less than 60 s in p are charged
//	    halflife=60                    what was held so long ago counts half
//	    market=p bid=p:a:5 bid=p:a@A:7 in market p queue a bids 5, and 7 for band A (a job's band=A)
//	    protect=p:0.5 override=p:a:2   in pool p: what is protected, and queue a's weight
//	    off=p:home,away,gangaway,fairshare,urgency    in pool p none of these
//	    host=p:q tolerates=p:k:v       jobs of p may be guests of q, and tolerate taint k=v
//	    gangmax=9 period=10 perperiod=cpu:0.5 perperiod@p=cpu:1
//	    floating=license:p:3           p has 3, on no node
//	config reserveafter=60 reservations=2
//	class c 10 preemptible cpu=0.5 minrun=60 in=p:cpu:1 away=5:k:v away=4:k:v:cpu<2
//	                                   priority 10; at most half of a pool's cpu a queue
//	node n1 cpu=4 other.cpu=1 pool=p exec=c label=k:v taint=k:v:NoSchedule maxpods=2 unschedulable
//	queue a in=team weight=2 cordoned limit=c:cpu:0.5 limit=c@p:cpu:0.5
//	    guarantee=cpu:4 borrow=cpu:2 lend=cpu:1
//	gang g a 2 label=rack tier=rack min=1 want=2
//	group x1..x2 g a in=y tier=rack label=rack min=1 want=2
//	job j1..j5 a cpu=1 class=c prio=1 at=10 gang=g group=x notbefore=60 avoid=n1 pools=p
//	    limit=60 expect=30
//	    select=k:v affinity=k:In:x,y field=In:n1 tolerate=k:v:NoSchedule
//	run r1..r5 a n1 cpu=1              as job, and it runs there since at=
//	now 10
//	plan steps=3 reject keepshares | apply | assume | settle | forget r1
//	gone r1 | ended r1 | phase r1 running | cancel j1 | reprio j1 5 | requeue r1
//	lost c | back c | nodegone n1 | queuegone a
//	shares | shares armada | why j1 | explain j1 | jobs a | reservation j1
//	suppose job j1 a cpu=1 | suppose node n2 cpu=4 | whatif      of facts of any kind
//
// The first class is that of jobs which name none; so it is for pools. A started
// job j1 has the run r.j1. Times are in seconds, amounts in the resource's unit;
// it is 10 at first, and what names no time was there at 0.
type script struct {
	t      *testing.T
	cfg    schedule.Config
	state  *schedule.State
	now    int64
	shapes map[string]schedule.ShapeID
	levels map[schedule.ShapeID]int32
	pools  map[schedule.NodeID]schedule.PoolID
	jobs   map[schedule.RunID]schedule.Job
	plan   *schedule.Plan
	// decisions are the assumed ones, by run.
	decisions map[schedule.RunID]schedule.DecisionID
	trace     []string
	// supposed are facts for the next what-if; supposing: what comes is one.
	supposed  []schedule.Delta
	supposing bool
}

func newScript(t *testing.T) *script {
	t.Helper()
	return &script{
		t: t, now: 10, shapes: map[string]schedule.ShapeID{}, levels: map[schedule.ShapeID]int32{}, pools: map[schedule.NodeID]schedule.PoolID{},
		jobs:      map[schedule.RunID]schedule.Job{},
		decisions: map[schedule.RunID]schedule.DecisionID{},
		cfg: schedule.Config{
			Resources: []string{"cpu"}, Dominant: []string{"cpu"}, Pools: []schedule.PoolID{"default"},
			Protected: schedule.Million, Lookback: 1000,
		},
	}
}

// play plays a file and gives it back with what came of it.
func (s *script) play(text string) string {
	var out strings.Builder
	skipping, story := false, true
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case line == "----":
			out.WriteString("----\n")
			for _, l := range s.trace {
				out.WriteString(l + "\n")
			}
			s.trace, skipping = nil, true
			continue
		case line == "":
			skipping, story = false, false
		case skipping:
			continue
		case !story && !strings.HasPrefix(line, "#"):
			s.do(strings.Fields(line))
		}
		out.WriteString(line + "\n")
	}
	if len(s.trace) > 0 {
		s.t.Errorf("what came of the last commands is not in the file: %s", s.trace)
	}
	return out.String()
}

// say tells what came of a command.
func (s *script) say(format string, args ...any) {
	s.trace = append(s.trace, strings.TrimRight(fmt.Sprintf(format, args...), " "))
}

func (s *script) do(words []string) {
	s.t.Helper()
	c := command{words[0], words[1:]}
	switch c.verb {
	case "config":
		s.config(c)
		return
	case "class":
		s.class(c)
		return
	}
	if s.state == nil {
		state, err := schedule.New(s.cfg)
		if err != nil {
			s.t.Fatal(err)
		}
		s.state = state
	}
	if !s.fact(c) && !s.decision(c) && !s.question(c) {
		s.t.Fatalf("unknown command %q", words)
	}
}

// fact plays what was learnt; false: it is nothing of the kind.
func (s *script) fact(c command) bool {
	switch c.verb {
	case "node":
		for _, name := range names(s.t, c.args[0]) {
			s.apply(schedule.NodeSet{Node: s.node(c, name)})
		}
	case "queue":
		s.apply(schedule.QueueSet{Queue: s.queue(c)})
	case "gang":
		s.apply(schedule.GangAdded{Gang: schedule.Gang{
			ID: schedule.GangID(c.args[0]), Queue: schedule.QueueID(c.args[1]),
			Cardinality: uint32(number(s.t, c.args[2])), Label: c.value("label"), Tier: schedule.TierID(c.value("tier")),
			Min: c.count("min"), Want: c.count("want"),
		}})
	case "group":
		for _, name := range names(s.t, c.args[0]) {
			s.apply(schedule.GangAdded{Gang: schedule.Gang{
				ID: schedule.GangID(c.args[1]), Queue: schedule.QueueID(c.args[2]), Cardinality: 1,
				Groups: []schedule.Group{{
					ID: schedule.GroupID(name), Parent: schedule.GroupID(c.value("in")), Label: c.value("label"), Tier: schedule.TierID(c.value("tier")),
					Min: c.count("min"), Want: c.count("want"),
				}},
			}})
		}
	case "job":
		for _, name := range names(s.t, c.args[0]) {
			s.apply(schedule.JobQueued{Job: s.job(c, name, c.args[1])})
		}
	case "run":
		for _, name := range names(s.t, c.args[0]) {
			j := s.job(c, name, c.args[1])
			s.apply(schedule.JobQueued{Job: j})
			s.lease(j, name, c.args[2])
		}
	case "phase":
		phases := map[string]schedule.Phase{"leased": schedule.Leased, "running": schedule.Running, "releasing": schedule.Releasing}
		for _, name := range names(s.t, c.args[0]) {
			s.apply(schedule.RunPhased{Run: runID(name), Phase: phases[c.args[1]]})
		}
	case "ended":
		for _, name := range names(s.t, c.args[0]) {
			s.apply(schedule.RunGone{Run: runID(name), At: seconds(s.now), Ended: true})
		}
	case "gone", "requeue":
		for _, name := range names(s.t, c.args[0]) {
			s.apply(schedule.RunGone{Run: runID(name)})
			if c.verb == "requeue" {
				s.apply(schedule.JobQueued{Job: s.jobs[runID(name)]})
			}
		}
	case "cancel":
		s.apply(schedule.JobGone{Job: jobID(c.args[0])})
	case "reprio":
		s.apply(schedule.JobReprioritized{Job: jobID(c.args[0]), Priority: uint32(number(s.t, c.args[1]))})
	case "lost":
		s.apply(schedule.ExecutorLost{Executor: schedule.ExecutorID(c.args[0])})
	case "back":
		s.apply(schedule.ExecutorBack{Executor: schedule.ExecutorID(c.args[0])})
	case "nodegone":
		s.apply(schedule.NodeGone{Node: nodeID(c.args[0], c.value("exec"))})
	case "queuegone":
		s.apply(schedule.QueueGone{Queue: schedule.QueueID(c.args[0])})
	case "now":
		s.now = number(s.t, c.args[0])
	default:
		return false
	}
	return true
}

func (s *script) apply(deltas ...schedule.Delta) {
	s.t.Helper()
	if s.supposing {
		s.supposed = append(s.supposed, deltas...)
		return
	}
	if err := s.state.Apply(deltas...); err != nil {
		s.say("refused: %v", err)
	}
}

// lease makes a run of a job that waits, on a node, since the job's own time.
func (s *script) lease(j schedule.Job, run, node string) {
	s.t.Helper()
	s.jobs[runID(run)] = j
	s.apply(schedule.RunLeased{Run: schedule.Run{
		ID: runID(run), Job: j.ID, Node: nodeID(node, ""), Pool: s.pools[nodeID(node, "")],
		Level: s.levels[j.Shape], Since: j.Submitted, Phase: schedule.Leased,
	}})
}

// decision plays what becomes of the newest plan; false: it is nothing of the kind.
func (s *script) decision(c command) bool {
	switch c.verb {
	case "plan":
		steps := c.value("steps")
		round := schedule.Round{Now: seconds(s.now), MayReject: c.has("reject"), KeepShares: c.has("keepshares")}
		if steps != "" {
			round.Steps = uint64(number(s.t, steps))
		}
		s.plan = s.state.Plan(round)
		if diff := gocmp.Diff(refplan(&s.cfg, s.state.SnapshotAssumed(), round), s.plan, cmpopts.EquateEmpty()); diff != "" {
			s.t.Errorf("plan at %d (-refplan +plan):\n%s", s.now, diff)
		}
		s.sayPlan()
	case "apply":
		s.unreserve()
		defer s.reserve()
		for _, p := range s.plan.Preempts {
			s.apply(schedule.RunPhased{Run: p.Run, Phase: schedule.Releasing})
		}
		for _, start := range s.plan.Starts {
			s.apply(schedule.RunLeased{Run: s.runOf(start)})
		}
	case "assume":
		s.assumeReserved()
		for _, p := range s.plan.Preempts {
			id, err := s.state.AssumeReleasing(p.Run)
			s.decided(p.Run, id, err)
		}
		for _, start := range s.plan.Starts {
			r := s.runOf(start)
			id, err := s.state.AssumeLeased(r)
			s.decided(r.ID, id, err)
		}
	case "settle":
		s.settleReserved()
		for _, p := range s.plan.Preempts {
			s.apply(schedule.RunPhased{Run: p.Run, Phase: schedule.Releasing})
			s.state.Settled(s.decisions[p.Run])
		}
		for _, start := range s.plan.Starts {
			r := s.runOf(start)
			s.apply(schedule.RunLeased{Run: r})
			s.state.Settled(s.decisions[r.ID])
		}
	case "forget":
		for _, name := range names(s.t, c.args[0]) {
			s.state.Forget(s.decisions[runID(name)])
		}
	default:
		return false
	}
	return true
}

func (s *script) decided(run schedule.RunID, id schedule.DecisionID, err error) {
	if err != nil {
		s.say("refused: %v", err)
	}
	s.decisions[run] = id
}

// runOf is the run that a start leads to.
func (s *script) runOf(start schedule.Start) schedule.Run {
	r := schedule.Run{
		ID: runID("r." + text(start.Job)), Job: start.Job, Node: start.Node, Pool: start.Pool,
		Level: start.Level, Since: seconds(s.now), Phase: schedule.Leased,
	}
	s.jobs[r.ID] = s.jobs[schedule.RunID(start.Job)]
	return r
}

// question plays what only looks; false: it is nothing of the kind.
func (s *script) question(c command) bool {
	switch c.verb {
	case "shares":
		for _, share := range s.plan.Shares {
			if c.has("armada") {
				s.say("%s of %s: wants %s, may have %s of it, fair %s, capped %s, uncapped %s", share.Queue, share.Pool,
					percent(share.Demand), percent(share.Constrained), percent(share.Fair), percent(share.DemandCapped), percent(share.Uncapped))
				continue
			}
			s.say("%s of %s: actual %s, ideal %s, fair %s", share.Queue, share.Pool, percent(share.Actual), percent(share.Ideal), percent(share.Fair))
		}
	case "why":
		why, waits := s.state.Why(jobID(c.args[0]), seconds(s.now))
		if !waits {
			s.say("%s does not wait", c.args[0])
			return true
		}
		s.say("%s is number %d: %s", c.args[0], why.Position, why.Reason())
	case "explain":
		why, waits := s.state.Why(jobID(c.args[0]), seconds(s.now))
		if !waits {
			s.say("%s does not wait", c.args[0])
			return true
		}
		for line := range strings.Lines(why.Text()) {
			s.say("%s", strings.TrimRight(line, "\n"))
		}
	case "suppose":
		s.supposing = true
		s.fact(command{c.args[0], c.args[1:]})
		s.supposing = false
	case "whatif":
		answer, err := s.state.WhatIf(schedule.Question{Facts: s.supposed, Round: schedule.Round{Now: seconds(s.now)}})
		if err != nil {
			s.t.Fatal(err)
		}
		for line := range strings.Lines(answer.Text(text)) {
			s.say("%s", strings.TrimRight(line, "\n"))
		}
		s.supposed = nil
	case "spot":
		if price, is := s.state.SpotPrice(schedule.PoolID(c.args[0])); is {
			s.say("spot price of %s: %d", c.args[0], price)
		} else {
			s.say("%s has no spot price", c.args[0])
		}
	case "reservation":
		if r, has := s.state.Reservation(jobID(c.args[0])); has {
			s.say("%s", reservation(r))
		} else {
			s.say("%s has no reservation", c.args[0])
		}
	case "jobs":
		var out []string
		for _, id := range s.state.Jobs(schedule.QueueID(c.args[0])) {
			out = append(out, text(id))
		}
		s.say("%s", strings.Join(out, " "))
	default:
		return false
	}
	return true
}

// sayPlan tells a plan, a decision a line.
func (s *script) sayPlan() {
	for _, p := range s.plan.Preempts {
		line := fmt.Sprintf("preempt %s (%s) for %s: %s", text(p.Run), s.jobs[p.Run].Queue, text(p.For), p.Rule)
		if s.cfg.LeastLostWork {
			line += fmt.Sprintf(", lost %d", p.Lost)
		}
		s.say("%s", line)
	}
	for _, start := range s.plan.Starts {
		line := fmt.Sprintf("start %s (%s) on %s", text(start.Job), s.jobs[schedule.RunID(start.Job)].Queue, short(start.Node))
		if start.Gang != "" {
			line += " gang=" + string(start.Gang)
		}
		if start.Pool != s.cfg.Pools[0] {
			line += " pool=" + string(start.Pool)
		}
		if start.Domain != "" {
			line += " domain=" + start.Domain
		}
		if level := s.levels[s.jobs[schedule.RunID(start.Job)].Shape]; start.Level != level {
			line += fmt.Sprintf(" away at %d", start.Level)
		}
		if host := s.pools[start.Node]; host != start.Pool {
			line += " guest of " + string(host)
		}
		for i, t := range start.Tolerate {
			line += fmt.Sprintf("%s%s=%s", []string{", tolerates ", " "}[min(i, 1)], t.Key, t.Value)
		}
		for i, run := range start.After {
			line += []string{" after=", ","}[min(i, 1)] + text(run)
		}
		s.say("%s", line)
	}
	for _, r := range s.plan.Rejects {
		s.say("reject %s: %s", text(r.Job), r.Reason)
	}
	s.sayReservations()
	line := map[schedule.Stop]string{schedule.StopDone: "done", schedule.StopBudget: "out of budget", schedule.StopLimit: "limited"}[s.plan.Stop]
	line += fmt.Sprintf(", steps %d", s.plan.Steps)
	if s.plan.Wake != 0 {
		line += fmt.Sprintf(", wake %s", strconv.FormatFloat(float64(s.plan.Wake)/1e9, 'f', -1, 64))
	}
	s.say("%s", line)
}

func percent(share uint64) string {
	hundredths := (share*10000 + 1<<31) >> 32
	return fmt.Sprintf("%d.%02d%%", hundredths/100, hundredths%100)
}
