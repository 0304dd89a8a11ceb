package simulate_test

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
	"github.com/fairlead-batch/fairlead/services/scheduler/simulate"
)

// anyWorld draws a small world of everything: preemption, gangs, dependencies, limits.
func anyWorld(t *rapid.T) simulate.World {
	span := func(what string, most int) time.Duration {
		return time.Duration(rapid.IntRange(0, most).Draw(t, what)) * 100 * time.Millisecond
	}
	spread := func(what string, most int) simulate.Spread {
		return simulate.Spread{Minimum: span(what, most), TailMean: span(what+" tail", most)}
	}
	w := lab(rapid.IntRange(1, 4).Draw(t, "nodes"))
	w.Seed = rapid.Uint64().Draw(t, "seed")
	w.Pending, w.Resubmit = spread("pending", 20), spread("resubmit", 20)
	w.Interval, w.PreemptionInterval = span("interval", 50), span("preemption interval", 50)
	if rapid.Bool().Draw(t, "limited") {
		w.Rules.Rate = schedule.Rate{PerToken: int64(time.Second), Burst: 4}
	}
	if rapid.Bool().Draw(t, "reserving") {
		w.Rules.ReserveAfter, w.Rules.ReservationsMax = int64(time.Second), 2
	}
	for i := range rapid.IntRange(1, 6).Draw(t, "templates") {
		queue := rapid.SampledFrom([]schedule.QueueID{"a", "b"}).Draw(t, "queue")
		class := rapid.SampledFrom([]schedule.ClassID{"fixed", "soft"}).Draw(t, "class")
		one := jobs(fmt.Sprint("t", i), uint32(rapid.IntRange(0, 6).Draw(t, "number")), int64(rapid.IntRange(1, 4).Draw(t, "cpu")*500), 0,
			in(queue, class), from(span("earliest", 300)))
		one.Runtime = spread("runtime", 100)
		if rapid.IntRange(0, 3).Draw(t, "gang") == 0 {
			one.Gang = 2
			one.Number += one.Number % 2
			if rapid.Bool().Draw(t, "racks") {
				one.Label = "rack"
			}
		}
		if i > 0 && rapid.IntRange(0, 3).Draw(t, "depends") == 0 {
			one.After, one.AfterDelay = []int{rapid.IntRange(0, i-1).Draw(t, "on")}, span("after", 20)
		}
		w.Templates = append(w.Templates, one)
	}
	return w
}

func TestProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := anyWorld(t)
		s, err := simulate.New(w)
		if err != nil {
			t.Fatal(err)
		}
		out := &trace{}
		for more := true; more; {
			if more, err = s.Step(out); err != nil {
				t.Fatal(err)
			}
		}
		sum := s.Summary()
		nodesHoldWhatTheyCan(t, &w, out)
		everyJobEnds(t, &w, out, &sum)
		gangsStartTogether(t, &w, out)
		attemptsFollowEachOther(t, &w, out)
		sharesAreParts(t, out)
		if sum.MakespanFloor > sum.Makespan {
			t.Fatalf("a makespan of %v, which is to be %v at the least", sum.Makespan, sum.MakespanFloor)
		}

		again, err := simulate.New(w)
		if err != nil {
			t.Fatal(err)
		}
		second := &trace{}
		for more := true; more; {
			if more, err = again.Step(second); err != nil {
				t.Fatal(err)
			}
		}
		if !reflect.DeepEqual(out, second) || !reflect.DeepEqual(sum, again.Summary()) {
			t.Fatal("the same world went another way")
		}
	})
}

// nodesHoldWhatTheyCan: at no moment do runs hold more of a node than there is.
func nodesHoldWhatTheyCan(t *rapid.T, w *simulate.World, out *trace) {
	type change struct {
		at    time.Duration
		times int64
		run   simulate.RunRow
	}
	var changes []change
	for _, r := range out.runs {
		changes = append(changes, change{r.Started, 1, r}, change{r.Ended, -1, r})
	}
	// At one moment what ends goes first, but a run of no time begins before it ends.
	slices.SortStableFunc(changes, func(a, b change) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.times, b.times)) })
	held := make([]int64, len(w.Nodes))
	for _, c := range changes {
		if c.run.Started == c.run.Ended {
			continue
		}
		held[c.run.Node] += c.times * w.Templates[c.run.Template].Shape.Request[0]
		if total := w.Nodes[c.run.Node].Total[0]; held[c.run.Node] > total {
			t.Fatalf("at %v node %s holds %d of %d", c.at, w.Nodes[c.run.Node].ID, held[c.run.Node], total)
		}
	}
}

// everyJobEnds: each job that was submitted succeeds or is rejected, exactly once.
func everyJobEnds(t *rapid.T, w *simulate.World, out *trace, sum *simulate.Summary) {
	ended := map[[2]uint32]int{}
	for _, r := range out.runs {
		if r.Outcome == simulate.Succeeded {
			ended[[2]uint32{r.Template, r.Number}]++
		}
	}
	for key, times := range ended {
		if times != 1 {
			t.Fatalf("job %v succeeded %d times", key, times)
		}
	}
	if uint64(len(ended)) != sum.Succeeded || sum.Succeeded+sum.Rejected+sum.Queued+sum.Unsubmitted != sum.Jobs || sum.Unfinished != 0 {
		t.Fatalf("%d ended, summary %+v", len(ended), sum.Counts)
	}
	if sum.Queued > 0 { // a gang of two that no rack has room for is not rejected, and neither is what two large nodes share
		for _, template := range w.Templates {
			if template.Gang > 0 {
				return
			}
		}
		t.Fatalf("%d jobs wait for ever, and none is of a gang", sum.Queued)
	}
}

// gangsStartTogether: the runs of one attempt of a gang start at one moment, on nodes with
// one value of its label.
func gangsStartTogether(t *rapid.T, w *simulate.World, out *trace) {
	type gang struct{ template, number, attempt uint32 }
	first := map[gang]simulate.RunRow{}
	for _, r := range out.runs {
		spec := &w.Templates[r.Template]
		if spec.Gang == 0 {
			continue
		}
		of := gang{r.Template, r.Number / spec.Gang, r.Attempt}
		mate, is := first[of]
		if !is {
			first[of] = r
			continue
		}
		if mate.Started != r.Started {
			t.Fatalf("gang %v started at %v and %v", of, mate.Started, r.Started)
		}
		if spec.Label != "" && w.Nodes[mate.Node].Labels[spec.Label] != w.Nodes[r.Node].Labels[spec.Label] {
			t.Fatalf("gang %v runs on %s and %s", of, w.Nodes[mate.Node].ID, w.Nodes[r.Node].ID)
		}
	}
}

// attemptsFollowEachOther: a job runs once at a time, is submitted again only after it was
// preempted, and starts after that.
func attemptsFollowEachOther(t *rapid.T, w *simulate.World, out *trace) {
	newest := map[[2]uint32]simulate.RunRow{}
	for _, r := range out.runs { // in the order of their ends
		key := [2]uint32{r.Template, r.Number}
		before, is := newest[key]
		switch {
		case is && (before.Outcome != simulate.Preempted || before.Attempt+1 != r.Attempt || before.Ended > r.Submitted):
			t.Fatalf("after %+v came %+v", before, r)
		case !is && r.Attempt != 0, r.Submitted > r.Started, r.Started > r.Ended, r.Submitted < w.Templates[r.Template].Earliest:
			t.Fatalf("run %+v", r)
		}
		newest[key] = r
	}
}

// sharesAreParts: all shares are parts of the pool, the ideal ones together at most all.
func sharesAreParts(t *rapid.T, out *trace) {
	ideal := map[int32]int64{}
	round := uint64(0)
	for _, r := range out.shares {
		if r.Actual < 0 || r.Actual > simulate.Whole || r.Ideal < 0 || r.Ideal > simulate.Whole || r.Round < round {
			t.Fatalf("row %+v", r)
		}
		if r.Round != round {
			sumIsAPart(t, ideal)
		}
		round, ideal[r.Queue] = r.Round, r.Ideal
	}
	sumIsAPart(t, ideal)
}

func sumIsAPart(t *rapid.T, shares map[int32]int64) {
	sum := int64(0)
	for _, share := range shares {
		sum += share
	}
	if sum > simulate.Whole {
		t.Fatalf("ideal shares of %v", shares)
	}
}
