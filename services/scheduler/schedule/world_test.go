package schedule_test

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"pgregory.net/rapid"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// world is what facts make of things, kept beside the state that they are told to:
// the invariants are checked against it, and not against the state's own sums.
type world struct {
	cfg     schedule.Config
	classes map[schedule.ClassID]schedule.Class
	nodes   map[schedule.NodeID]schedule.Node
	queues  map[schedule.QueueID]schedule.Queue
	shapes  map[schedule.ShapeID]schedule.Shape
	gangs   map[schedule.GangID]schedule.Gang
	waiting map[schedule.JobID]schedule.Job
	runs    map[schedule.RunID]worldRun
	lost    map[schedule.ExecutorID]bool
	// reserved are the reservations, by name.
	reserved map[schedule.JobID]schedule.Reservation
	now      schedule.Time
	next     uint64
}

// worldRun is a run, its job, and the runs whose pods must be gone before its own is
// there.
type worldRun struct {
	schedule.Run
	job   schedule.Job
	after []schedule.RunID
}

func (w *world) clone() *world {
	c := *w
	c.nodes, c.queues, c.waiting, c.runs, c.lost = maps.Clone(w.nodes), maps.Clone(w.queues), maps.Clone(w.waiting), maps.Clone(w.runs), maps.Clone(w.lost)
	c.reserved = maps.Clone(w.reserved)
	return &c
}

// id makes an id that is larger than all before it.
func (w *world) id() (id [16]byte) {
	w.next++
	binary.BigEndian.PutUint64(id[8:], w.next)
	return id
}

// facts turns a plan into the facts that it leads to, and records them.
func (w *world) facts(plan *schedule.Plan) (deltas []schedule.Delta) {
	for _, name := range plan.Unreserves {
		delete(w.reserved, name)
		deltas = append(deltas, schedule.ReservationGone{Job: name})
	}
	for _, p := range plan.Preempts {
		r := w.runs[p.Run]
		r.Phase = schedule.Releasing
		w.runs[p.Run] = r
		deltas = append(deltas, schedule.RunPhased{Run: p.Run, Phase: schedule.Releasing})
	}
	for _, s := range plan.Starts {
		r := schedule.Run{ID: w.id(), Job: s.Job, Node: s.Node, Pool: s.Pool, Level: s.Level, Since: w.now, Phase: schedule.Leased}
		w.runs[r.ID] = worldRun{r, w.waiting[s.Job], s.After}
		delete(w.waiting, s.Job)
		w.endReservation(s.Job)
		deltas = append(deltas, schedule.RunLeased{Run: r})
	}
	for _, r := range plan.Reservations {
		w.reserved[r.Job] = r
		deltas = append(deltas, schedule.ReservationSet{Reservation: r})
	}
	return deltas
}

// load makes a state of the world's content, told in some order.
func (w *world) load(t rapid.TB, order *rand.Rand) *schedule.State {
	t.Helper()
	s, err := schedule.New(w.cfg)
	if err != nil {
		t.Fatal(err)
	}
	first := make([]schedule.Delta, 0, len(w.shapes)+len(w.gangs))
	for _, id := range slices.Sorted(maps.Keys(w.shapes)) {
		first = append(first, schedule.ShapeAdded{ID: id, Shape: w.shapes[id]})
	}
	for _, id := range slices.Sorted(maps.Keys(w.gangs)) {
		first = append(first, schedule.GangAdded{Gang: w.gangs[id]})
	}
	var then [][]schedule.Delta
	for _, id := range slices.Sorted(maps.Keys(w.queues)) {
		then = append(then, []schedule.Delta{schedule.QueueSet{Queue: w.queues[id]}})
	}
	for _, id := range slices.Sorted(maps.Keys(w.nodes)) {
		then = append(then, []schedule.Delta{schedule.NodeSet{Node: w.nodes[id]}})
	}
	for _, id := range slices.Sorted(maps.Keys(w.lost)) {
		then = append(then, []schedule.Delta{schedule.ExecutorLost{Executor: id}})
	}
	for _, j := range byID(w.waiting) {
		then = append(then, []schedule.Delta{schedule.JobQueued{Job: j}})
	}
	for _, r := range byID(w.runs) {
		lease := r.Run
		lease.Phase = schedule.Leased
		then = append(then, []schedule.Delta{
			schedule.JobQueued{Job: r.job}, schedule.RunLeased{Run: lease}, schedule.RunPhased{Run: r.ID, Phase: r.Phase},
		})
	}
	order.Shuffle(len(first), func(i, j int) { first[i], first[j] = first[j], first[i] })
	order.Shuffle(len(then), func(i, j int) { then[i], then[j] = then[j], then[i] })
	deltas := append(first, slices.Concat(then...)...)
	for _, r := range byID(w.reserved) {
		deltas = append(deltas, schedule.ReservationSet{Reservation: r})
	}
	if err := s.Apply(deltas...); err != nil {
		t.Fatal(err)
	}
	return s
}

// byID is what a map holds, by its ids.
func byID[K ~[16]byte, T any](of map[K]T) (out []T) {
	for _, id := range slices.SortedFunc(maps.Keys(of), func(a, b K) int { return slices.Compare(a[:], b[:]) }) {
		out = append(out, of[id])
	}
	return out
}

// shapeOf is what a job asks for.
func (w *world) shapeOf(j schedule.Job) schedule.Shape { return w.shapes[j.Shape] }

// drawWorld draws a small world: a few nodes, queues and shapes, jobs that wait, and
// runs of which some are going and some are where there is no room for them.
func drawWorld(t *rapid.T) *world {
	w := &world{
		cfg: drawConfig(t), classes: map[schedule.ClassID]schedule.Class{}, nodes: map[schedule.NodeID]schedule.Node{},
		queues: map[schedule.QueueID]schedule.Queue{}, shapes: map[schedule.ShapeID]schedule.Shape{},
		gangs: map[schedule.GangID]schedule.Gang{}, waiting: map[schedule.JobID]schedule.Job{},
		runs: map[schedule.RunID]worldRun{}, lost: map[schedule.ExecutorID]bool{},
		reserved: map[schedule.JobID]schedule.Reservation{}, now: 1000,
	}
	if w.cfg.UsageHalfLife > 0 {
		w.now = 97e9
	}
	for _, c := range w.cfg.Classes {
		w.classes[c.ID] = c
	}
	for i := range rapid.SampledFrom([]int{1, 2, 3, 4}).Draw(t, "nodes") {
		n := drawNode(t, w.cfg, i)
		w.nodes[n.ID] = n
	}
	if rapid.IntRange(0, 9).Draw(t, "lost") == 0 {
		w.lost["x"] = true
	}
	queues := rapid.SampledFrom([]int{1, 2, 2, 3, 4}).Draw(t, "queues")
	for i := range queues {
		if q := drawQueue(t, i); rapid.IntRange(0, 9).Draw(t, "unknown") > 0 {
			w.queues[q.ID] = q
		}
	}
	if rapid.IntRange(0, 2).Draw(t, "team") > 0 {
		w.queues["team"] = schedule.Queue{ID: "team", Weight: 2 * schedule.Million, Cordoned: rapid.IntRange(0, 9).Draw(t, "cordoned") == 0}
		if rapid.IntRange(0, 3).Draw(t, "quota") == 0 {
			team := w.queues["team"]
			team.Quotas = drawQuotas(t)
			w.queues["team"] = team
		}
	}
	for i := range rapid.SampledFrom([]int{1, 2, 3, 4, 5}).Draw(t, "shapes") {
		w.shapes[schedule.ShapeID(i+1)] = drawShape(t, w.cfg)
	}
	for i := range rapid.SampledFrom([]int{0, 4, 8, 12, 16, 20}).Draw(t, "jobs") {
		j := w.drawJob(t, queues)
		if rapid.Bool().Draw(t, "runs") {
			w.drawRun(t, j)
			continue
		}
		w.waiting[j.ID] = j
		if i%4 == 0 {
			w.drawMates(t, j)
		}
	}
	if w.cfg.ReserveAfter > 0 || rapid.IntRange(0, 19).Draw(t, "reserved") == 0 {
		w.drawReservations(t)
	}
	return w
}

func drawConfig(t *rapid.T) schedule.Config {
	cfg := schedule.Config{
		Resources: []string{"cpu", "mem"}, Dominant: []string{"cpu", "mem"}, Pools: []schedule.PoolID{"p", "q"},
		Classes: []schedule.Class{
			{ID: "low", Priority: 0, Preemptible: true},
			{ID: "firm", Priority: 0},
			{ID: "mid", Priority: 5, Preemptible: true},
			{ID: "high", Priority: 10},
		},
		Protected: rapid.SampledFrom([]int64{0, 500_000, schedule.Million, 2 * schedule.Million}).Draw(t, "protected"),
		Lookback:  1000,
	}
	if rapid.IntRange(0, 2).Draw(t, "protects") == 0 {
		cfg.Classes[0].MinRunTime = schedule.Time(rapid.Int64Range(995, 1010).Draw(t, "least"))
		cfg.Classes[2].MinRunTime = schedule.Time(rapid.Int64Range(0, 1).Draw(t, "least") * 999)
	}
	if rapid.Bool().Draw(t, "tiers") {
		cfg.Tiers = []schedule.Tier{{ID: "block", Label: "l/block"}, {ID: "rack", Label: "l/rack"}}
	}
	cfg.LeastLostWork = rapid.Bool().Draw(t, "work")
	cfg.Dominant = cfg.Dominant[:rapid.IntRange(1, 2).Draw(t, "dominant")]
	if rapid.IntRange(0, 3).Draw(t, "dominant in") == 0 {
		cfg.DominantIn = map[schedule.PoolID][]string{rapid.SampledFrom([]schedule.PoolID{"p", "q"}).Draw(t, "pool"): rapid.SampledFrom([][]string{{"mem"}, {"mem", "cpu"}, {"cpu"}}).Draw(t, "own")}
	}
	if rapid.IntRange(0, 2).Draw(t, "market") == 0 {
		cfg.Markets = []schedule.PoolID{"p"}
		cfg.SpotCutoff = map[schedule.PoolID]int64{"p": rapid.SampledFrom([]int64{1, 300_000, 700_000, schedule.Million}).Draw(t, "spot")}
		for _, queue := range []schedule.QueueID{"q0", "q1", "q2"} {
			for _, band := range []string{"", "A"} {
				cfg.Bids = append(cfg.Bids, schedule.Bid{Queue: queue, Pool: "p", Band: band, Price: rapid.Int64Range(0, 3).Draw(t, "bid")})
			}
		}
	}
	if rapid.IntRange(0, 2).Draw(t, "decays") == 0 {
		cfg.UsageHalfLife = rapid.SampledFrom([]int64{30e9, 60e9, 210e9}).Draw(t, "half-life")
	}
	if rapid.IntRange(0, 2).Draw(t, "short") == 0 {
		cfg.ShortJob = map[schedule.PoolID]int64{"p": rapid.SampledFrom([]int64{1, 900, 1200, 1 << 40}).Draw(t, "cutoff")}
	}
	if rapid.IntRange(0, 3).Draw(t, "rule") == 0 {
		cfg.PreemptionRule = schedule.ArmadaOrder
	}
	if rapid.IntRange(0, 3).Draw(t, "by pool") == 0 {
		cfg.ProtectedIn = map[schedule.PoolID]int64{"p": rapid.SampledFrom([]int64{0, 500_000, 2 * schedule.Million}).Draw(t, "protected")}
		cfg.Weights = map[schedule.PoolID]map[schedule.QueueID]int64{
			"p": {"q0": rapid.SampledFrom([]int64{1, schedule.Million / 2, 5 * schedule.Million, schedule.AmountMax}).Draw(t, "weight")},
		}
	}
	if rapid.IntRange(0, 3).Draw(t, "multiplied") == 0 {
		cfg.Multipliers = map[string]int64{"cpu": rapid.SampledFrom([]int64{schedule.MultiplierMin, 500_000, schedule.Million, 3_333_333, schedule.MultiplierMax}).Draw(t, "multiplier")}
	}
	if rapid.IntRange(0, 2).Draw(t, "floating") == 0 {
		cfg.Resources = append(cfg.Resources, "license")
		cfg.Floating = []schedule.Floating{{Resource: "license", Pools: map[schedule.PoolID]int64{"p": rapid.Int64Range(0, 6).Draw(t, "licenses"), "q": 1}}}
		if rapid.Bool().Draw(t, "dominant license") {
			cfg.Dominant = append(cfg.Dominant, "license")
		}
	}
	if rapid.IntRange(0, 2).Draw(t, "away") == 0 {
		cfg.Classes[2].Away = []schedule.Away{
			{Level: rapid.Int32Range(-1, 4).Draw(t, "level"), Tolerate: []schedule.Toleration{{Key: "team", Value: "red"}}},
			{Level: -2, Tolerate: []schedule.Toleration{{Operator: "Exists"}}},
		}
		cfg.Classes[0].Away = cfg.Classes[2].Away[1:rapid.IntRange(1, 2).Draw(t, "low too")]
	}
	if len(cfg.Classes[2].Away) > 0 && rapid.Bool().Draw(t, "conditional") {
		cfg.Classes[2].Away[0].Types = []schedule.AwayType{
			{When: []schedule.Condition{{
				Resource: "cpu", Operator: rapid.SampledFrom([]string{"<", "==", ">"}).Draw(t, "operator"), Value: rapid.Int64Range(1, 2).Draw(t, "amount"),
			}}, Tolerate: []schedule.Toleration{{Key: "team", Value: "blue"}}},
			{When: []schedule.Condition{{Resource: "mem", Operator: ">", Value: 1}, {Resource: "cpu", Operator: "<", Value: 3}}},
		}
	}
	if rapid.IntRange(0, 2).Draw(t, "guests") == 0 {
		drawGuests(t, &cfg)
	}
	if rapid.IntRange(0, 3).Draw(t, "switches") == 0 {
		off := func(what string) bool { return rapid.IntRange(0, 2).Draw(t, what) == 0 }
		p := schedule.Switches{GangAway: off("gang away"), FairShare: off("fair share"), Urgency: off("urgency")}
		if p.Home = off("home"); !p.Home {
			p.Away = off("away off")
		}
		cfg.Switches = map[schedule.PoolID]schedule.Switches{"p": p, "q": {Away: true, Urgency: off("urgency there")}}
	}
	if rapid.IntRange(0, 4).Draw(t, "gangs") == 0 {
		cfg.GangMax = rapid.Uint32Range(2, 3).Draw(t, "largest")
	}
	if rapid.IntRange(0, 4).Draw(t, "limited in") == 0 {
		cfg.Classes[2].LimitIn = map[schedule.PoolID]map[string]int64{"p": {"mem": 500_000}}
	}
	if rapid.IntRange(0, 3).Draw(t, "period") == 0 {
		cfg.PeriodLimit = schedule.PeriodLimit{
			Length: schedule.Time(rapid.SampledFrom([]int64{7, 100, 2000}).Draw(t, "length")),
			Limit:  map[string]int64{"cpu": rapid.SampledFrom([]int64{200_000, 500_000, schedule.Million}).Draw(t, "fraction")},
			ByPool: map[schedule.PoolID]map[string]int64{"q": {"mem": 500_000}},
		}
	}
	if rapid.IntRange(0, 4).Draw(t, "limited") == 0 {
		cfg.Classes[0].Limit = map[string]int64{"cpu": rapid.Int64Range(0, schedule.Million).Draw(t, "limit")}
	}
	if rapid.IntRange(0, 2).Draw(t, "reserve") == 0 {
		cfg.ReserveAfter = rapid.SampledFrom([]int64{1, 1, 998, 1010}).Draw(t, "after")
		cfg.ReservationsMax = rapid.IntRange(0, 3).Draw(t, "reservations")
	}
	return cfg
}

// drawGuests draws which pools have their jobs be guests of others, one that has no nodes too, and
// what jobs tolerate in a pool.
func drawGuests(t *rapid.T, cfg *schedule.Config) {
	cfg.AwayPools = map[schedule.PoolID][]schedule.PoolID{}
	if rapid.Bool().Draw(t, "bare pool") {
		cfg.Pools = append(cfg.Pools, "r")
		cfg.AwayPools["r"] = rapid.SampledFrom([][]schedule.PoolID{{"p"}, {"q", "p"}}).Draw(t, "hosts")
	}
	for _, pair := range [][2]schedule.PoolID{{"p", "q"}, {"q", "p"}} {
		if rapid.Bool().Draw(t, "host") {
			cfg.AwayPools[pair[0]] = append(cfg.AwayPools[pair[0]], pair[1])
		}
	}
	if rapid.Bool().Draw(t, "tolerates") {
		pool := rapid.SampledFrom(cfg.Pools).Draw(t, "where")
		cfg.Tolerate = map[schedule.PoolID][]schedule.Toleration{pool: {{Key: "team", Value: "red"}}}
	}
}

func drawNode(t *rapid.T, cfg schedule.Config, i int) schedule.Node {
	executor := rapid.SampledFrom([]schedule.ExecutorID{"x", "y"}).Draw(t, "executor")
	n := schedule.Node{
		ID: schedule.NodeID(fmt.Sprintf("%s/n%d", executor, i)), Executor: executor,
		Pool:   cfg.Pools[min(1, rapid.IntRange(0, 5).Draw(t, "pool")/5)],
		Total:  vecOf(cfg, rapid.SampledFrom([]int64{1, 2, 4, 5, 8}).Draw(t, "cpu"), rapid.SampledFrom([]int64{2, 4, 8}).Draw(t, "mem")),
		Other:  vecOf(cfg),
		Labels: map[string]string{"zone": rapid.SampledFrom([]string{"a", "b"}).Draw(t, "zone")},
	}
	for tier, values := range [][]string{{"k", "l", ""}, {"r", "s", "r", "s", ""}} {
		if value := rapid.SampledFrom(values).Draw(t, "tier"); value != "" && len(cfg.Tiers) > tier {
			n.Labels[cfg.Tiers[tier].Label] = value
		}
	}
	if len(cfg.Classes[2].Away) > 0 && rapid.Bool().Draw(t, "tainted") {
		n.Taints = []schedule.Taint{{Key: "team", Value: rapid.SampledFrom([]string{"red", "blue"}).Draw(t, "team"), Effect: "NoSchedule"}}
	}
	switch rapid.IntRange(0, 9).Draw(t, "node") {
	case 0:
		n.Unschedulable = true
	case 1:
		n.Taints = []schedule.Taint{{Key: "team", Value: "red", Effect: "NoSchedule"}}
	case 2:
		n.MaxPods = rapid.Int32Range(1, 3).Draw(t, "pods")
	case 3:
		n.Other[0] = 1
	}
	return n
}

// vecOf is amounts of the first resources, and nothing of the others.
func vecOf(cfg schedule.Config, amounts ...int64) schedule.Vec {
	return append(amounts, make(schedule.Vec, len(cfg.Resources)-len(amounts))...)
}

func drawQueue(t *rapid.T, i int) schedule.Queue {
	q := schedule.Queue{
		ID: schedule.QueueID(fmt.Sprintf("q%d", i)), Weight: rapid.Int64Range(1, 3).Draw(t, "weight") * schedule.Million,
		Cordoned: rapid.IntRange(0, 9).Draw(t, "cordoned") == 0,
	}
	if rapid.Bool().Draw(t, "part") { // of another, which may be one that nobody defined
		parents := []schedule.QueueID{"team"}
		for j := range i {
			parents = append(parents, schedule.QueueID(fmt.Sprintf("q%d", j)))
		}
		q.Parent = rapid.SampledFrom(parents).Draw(t, "parent")
	}
	if rapid.IntRange(0, 3).Draw(t, "quota") == 0 {
		q.Quotas = drawQuotas(t)
	}
	if rapid.IntRange(0, 9).Draw(t, "limits") == 0 {
		q.Limits = []schedule.ClassLimit{{Class: "mid", Pool: "p", Limit: map[string]int64{"mem": schedule.Million / 2}}}
	}
	return q
}

// drawQuotas draws what a queue may count on in one pool or all.
func drawQuotas(t *rapid.T) []schedule.Quota {
	quota := schedule.Quota{Pool: rapid.SampledFrom([]schedule.PoolID{"", "p"}).Draw(t, "pool")}
	draw := func(name string, odds int) (out map[string]int64) {
		for _, resource := range []string{"cpu", "mem"} {
			if rapid.IntRange(0, odds).Draw(t, name) == 0 {
				if out == nil {
					out = map[string]int64{}
				}
				out[resource] = rapid.Int64Range(0, 6).Draw(t, resource)
			}
		}
		return out
	}
	quota.Guarantee, quota.Borrow, quota.Lend = draw("guarantee", 1), draw("borrow", 3), draw("lend", 3)
	return []schedule.Quota{quota}
}

func drawShape(t *rapid.T, cfg schedule.Config) schedule.Shape {
	s := schedule.Shape{
		Request: vecOf(cfg, rapid.SampledFrom([]int64{0, 1, 1, 2, 3, 4}).Draw(t, "cpu"), rapid.SampledFrom([]int64{0, 1, 2}).Draw(t, "mem")),
		Class:   rapid.SampledFrom(cfg.Classes).Draw(t, "class").ID,
	}
	if len(cfg.Floating) > 0 {
		s.Request[2] = rapid.SampledFrom([]int64{0, 0, 1, 2, 3}).Draw(t, "license")
	}
	if rapid.Bool().Draw(t, "band") {
		s.Band = "A"
	}
	switch rapid.IntRange(0, 7).Draw(t, "shape") {
	case 0:
		s.Match.Selector = map[string]string{"zone": "a"}
	case 1:
		s.Match.Tolerations = []schedule.Toleration{{Operator: "Exists"}}
	case 2:
		s.Pools = cfg.Pools[:1]
	}
	if cfg.ReserveAfter > 0 {
		s.Limit = rapid.SampledFrom([]int32{0, 1, 2, 4}).Draw(t, "limit")
		s.Expect = rapid.SampledFrom([]int32{0, 0, 1, 3}).Draw(t, "expect")
	}
	return s
}

func (w *world) drawJob(t *rapid.T, queues int) schedule.Job {
	j := schedule.Job{
		ID: w.id(), Queue: schedule.QueueID(fmt.Sprintf("q%d", rapid.SampledFrom(upTo(queues)).Draw(t, "queue"))),
		Shape:    schedule.ShapeID(rapid.SampledFrom(upTo(len(w.shapes))).Draw(t, "shape") + 1),
		Priority: rapid.Uint32Range(0, 2).Draw(t, "priority"), Submitted: schedule.Time(rapid.Int64Range(0, 5).Draw(t, "submitted")),
	}
	switch rapid.IntRange(0, 15).Draw(t, "job") {
	case 0:
		j.NotBefore = w.now + 5
	case 1:
		j.Avoid = []schedule.NodeID{w.anyNode(t)}
	}
	return j
}

// upTo are the numbers below n: a draw among them favours none.
func upTo(n int) (out []int) {
	for i := range n {
		out = append(out, i)
	}
	return out
}

func (w *world) anyNode(t *rapid.T) schedule.NodeID {
	return rapid.SampledFrom(slices.Sorted(maps.Keys(w.nodes))).Draw(t, "node")
}

// drawMates makes a job a member of a gang, of its class, that waits or runs.
func (w *world) drawMates(t *rapid.T, j schedule.Job) {
	n := rapid.IntRange(0, 3).Draw(t, "mates")
	if n == 0 {
		return
	}
	g := schedule.Gang{ID: schedule.GangID(fmt.Sprintf("g%d", len(w.gangs))), Queue: j.Queue, Cardinality: uint32(n + 1)}
	g.Tier, g.Label = drawBound(t, w.cfg)
	g.Groups = drawGroups(t, w.cfg)
	drawElastic(t, &g)
	w.gangs[g.ID] = g
	j.Gang, j.Group = g.ID, anyGroup(t, g)
	w.waiting[j.ID] = j
	mates := []schedule.Job{j}
	mixed := []schedule.ShapeID{j.Shape}
	if rapid.Bool().Draw(t, "mixed") {
		mixed = slices.DeleteFunc(slices.Sorted(maps.Keys(w.shapes)), func(id schedule.ShapeID) bool { return w.shapes[id].Class != w.shapeOf(j).Class })
	}
	for range n {
		j.ID, j.Shape, j.Group = w.id(), rapid.SampledFrom(mixed).Draw(t, "shape"), anyGroup(t, g)
		mates = append(mates, j)
		w.waiting[j.ID] = j
	}
	if g.Label == "" && g.Tier == "" && rapid.Bool().Draw(t, "runs") {
		for _, mate := range mates {
			delete(w.waiting, mate.ID)
			w.drawRun(t, mate)
		}
		if g.Min == 0 {
			w.wholeOrNothing(mates)
		}
	}
}

// drawElastic makes a gang elastic, or not.
func drawElastic(t *rapid.T, g *schedule.Gang) {
	if rapid.Bool().Draw(t, "elastic") {
		return
	}
	g.Min = rapid.Uint32Range(1, g.Cardinality).Draw(t, "min")
	if rapid.IntRange(0, 2).Draw(t, "bounded") == 0 {
		g.Want = rapid.Uint32Range(g.Min, g.Cardinality).Draw(t, "want")
	}
	for i := range g.Groups {
		group := &g.Groups[i]
		group.Min = rapid.SampledFrom([]uint32{0, 0, 0, 1, 2}).Draw(t, "min")
		group.Want = rapid.SampledFrom([]uint32{0, 0, 0, 2, 3}).Draw(t, "want")
	}
}

// drawBound draws how a gang or a group is bound: mostly not at all.
func drawBound(t *rapid.T, cfg schedule.Config) (tier schedule.TierID, label string) {
	switch n := rapid.IntRange(0, 7).Draw(t, "bound"); {
	case n == 1:
		return "", schedule.ExecutorLabel
	case n < 4:
		return "", "zone"
	case n < 4+len(cfg.Tiers):
		return cfg.Tiers[n-4].ID, ""
	}
	return "", ""
}

// drawGroups draws groups of a gang, by name: none, or some of which one is in another.
func drawGroups(t *rapid.T, cfg schedule.Config) (groups []schedule.Group) {
	if rapid.Bool().Draw(t, "groups") {
		return nil
	}
	for _, g := range []schedule.Group{{ID: "x"}, {ID: "x/1", Parent: "x"}, {ID: "y"}} {
		g.Tier, g.Label = drawBound(t, cfg)
		groups = append(groups, g)
	}
	return groups
}

func anyGroup(t *rapid.T, g schedule.Gang) schedule.GroupID {
	ids := []schedule.GroupID{""}
	for _, group := range g.Groups {
		ids = append(ids, group.ID)
	}
	return rapid.SampledFrom(ids).Draw(t, "group")
}

// wholeOrNothing has all members wait where not all have a run.
func (w *world) wholeOrNothing(mates []schedule.Job) {
	if !slices.ContainsFunc(mates, func(j schedule.Job) bool { _, waits := w.waiting[j.ID]; return waits }) {
		return
	}
	for _, j := range mates {
		w.waiting[j.ID] = j
	}
	maps.DeleteFunc(w.runs, func(_ schedule.RunID, r worldRun) bool { return r.job.Gang == mates[0].Gang })
}

// drawRun gives a job a run on a node that has room for it, seldom where there is
// none. Else it waits.
func (w *world) drawRun(t *rapid.T, j schedule.Job) {
	node := w.anyNode(t)
	if !w.fits(j, node) && rapid.IntRange(0, 9).Draw(t, "forced") > 0 {
		w.waiting[j.ID] = j
		return
	}
	shape := w.shapeOf(j)
	phase := rapid.SampledFrom([]schedule.Phase{schedule.Leased, schedule.Running, schedule.Running, schedule.Releasing}).Draw(t, "phase")
	r := schedule.Run{
		ID: w.id(), Job: j.ID, Node: node, Pool: w.nodes[node].Pool, Level: w.classes[shape.Class].Priority,
		Since: schedule.Time(rapid.Int64Range(0, 5).Draw(t, "since")), Phase: phase,
	}
	for _, pool := range w.cfg.Pools {
		if slices.Contains(w.cfg.AwayPools[pool], r.Pool) && rapid.Bool().Draw(t, "is a guest") {
			r.Pool = pool
			break
		}
	}
	if w.cfg.LeastLostWork {
		r.Since -= schedule.Time(rapid.Int64Range(0, 2).Draw(t, "seconds") * 1e9)
	}
	if away := w.classes[shape.Class].Away; len(away) > 0 && rapid.Bool().Draw(t, "is away") {
		r.Level = away[0].Level
	}
	w.runs[r.ID] = worldRun{r, j, nil}
}

func (w *world) fits(j schedule.Job, node schedule.NodeID) bool {
	room := w.room(node, func(worldRun) bool { return true })
	for i, amount := range w.onNode(w.shapeOf(j)) {
		if amount > room[i] {
			return false
		}
	}
	return true
}

// room is what a node has beside some of its runs.
func (w *world) room(id schedule.NodeID, counts func(worldRun) bool) schedule.Vec {
	n := w.nodes[id]
	room := slices.Clone(n.Total)
	for i := range room {
		room[i] -= n.Other[i]
	}
	for _, r := range w.runs {
		if r.Node != id || !counts(r) {
			continue
		}
		for i, amount := range w.shapeOf(r.job).Request {
			room[i] -= amount
		}
	}
	return room
}

// pods is how many pods a node has of some of its runs.
func (w *world) pods(id schedule.NodeID, counts func(worldRun) bool) (n int32) {
	for _, r := range w.runs {
		if r.Node == id && counts(r) {
			n++
		}
	}
	return n
}

func stays(r worldRun) bool { return r.Phase != schedule.Releasing }
