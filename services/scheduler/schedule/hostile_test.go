package schedule_test

import (
	"encoding/binary"
	"errors"
	"maps"
	"math"
	"strconv"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// TestApplyRefuses: a fact that cannot be is refused and leaves the content as it was.
func TestApplyRefuses(t *testing.T) {
	t.Parallel()
	vec := func(n int64) schedule.Vec { return schedule.Vec{n} }
	shape := func(s schedule.Shape) schedule.Delta { return schedule.ShapeAdded{ID: 9, Shape: s} }
	term := func(e schedule.Expression) schedule.Delta {
		return shape(schedule.Shape{Request: vec(1), Class: "c", Match: schedule.Match{Terms: []schedule.Term{{Labels: []schedule.Expression{e}}}}})
	}
	node := func(n schedule.Node) schedule.Delta { return schedule.NodeSet{Node: n} }
	reserve := func(r schedule.Reservation) schedule.Delta { return schedule.ReservationSet{Reservation: r} }
	waits := schedule.Reserved{Job: jobID("waits"), Node: "e/n"}
	tests := map[string]schedule.Delta{
		"reservation for nobody":            reserve(schedule.Reservation{Job: waits.Job, Pool: "p"}),
		"reservation in no pool":            reserve(schedule.Reservation{Job: waits.Job, Members: []schedule.Reserved{waits}}),
		"reservation before time":           reserve(schedule.Reservation{Job: waits.Job, Pool: "p", Time: -1, Members: []schedule.Reserved{waits}}),
		"reservation on no node":            reserve(schedule.Reservation{Job: waits.Job, Pool: "p", Members: []schedule.Reserved{{Job: waits.Job}}}),
		"reservation of another name":       reserve(schedule.Reservation{Job: jobID("a"), Pool: "p", Members: []schedule.Reserved{waits}}),
		"reservation without a name":        reserve(schedule.Reservation{Pool: "p", Members: []schedule.Reserved{{Node: "e/n"}}}),
		"reservation twice for a job":       reserve(schedule.Reservation{Job: waits.Job, Pool: "p", Members: []schedule.Reserved{waits, waits}}),
		"shape that ends before it begins":  shape(schedule.Shape{Request: vec(1), Class: "c", Limit: -1}),
		"shape that is expected to go back": shape(schedule.Shape{Request: vec(1), Class: "c", Expect: -1}),

		"no fact at all":                nil,
		"shape of no class":             shape(schedule.Shape{Request: vec(1)}),
		"end of a shape of a job":       schedule.ShapeGone{ID: 1},
		"shape without a request":       shape(schedule.Shape{Class: "c"}),
		"shape of two resources":        shape(schedule.Shape{Class: "c", Request: schedule.Vec{1, 1}}),
		"shape with a negative request": shape(schedule.Shape{Class: "c", Request: vec(-1)}),
		"shape with a huge request":     shape(schedule.Shape{Class: "c", Request: vec(math.MaxInt64)}),
		"Gt without a value":            term(schedule.Expression{Key: "k", Operator: "Gt"}),
		"Lt with two values":            term(schedule.Expression{Key: "k", Operator: "Lt", Values: []string{"1", "2"}}),
		"gang without a name":           schedule.GangAdded{Gang: schedule.Gang{Queue: "q", Cardinality: 1}},
		"gang of no queue":              schedule.GangAdded{Gang: schedule.Gang{ID: "g", Cardinality: 1}},
		"gang of an unknown tier":       schedule.GangAdded{Gang: schedule.Gang{ID: "g", Queue: "q", Cardinality: 1, Tier: "rack"}},
		"gang of more than there are":   schedule.GangAdded{Gang: schedule.Gang{ID: "g", Queue: "q", Cardinality: 2, Min: 3}},
		"gang that wants too many":      schedule.GangAdded{Gang: schedule.Gang{ID: "g", Queue: "q", Cardinality: 2, Min: 1, Want: 3}},
		"gang that wants too few":       schedule.GangAdded{Gang: schedule.Gang{ID: "g", Queue: "q", Cardinality: 3, Min: 2, Want: 1}},
		"gang that wants only":          schedule.GangAdded{Gang: schedule.Gang{ID: "g", Queue: "q", Cardinality: 2, Want: 1}},
		"group with a least of none":    schedule.GangAdded{Gang: schedule.Gang{ID: "g", Queue: "q", Cardinality: 1, Groups: []schedule.Group{{ID: "x", Min: 1}}}},
		"group that wants too few":      schedule.GangAdded{Gang: schedule.Gang{ID: "g", Queue: "q", Cardinality: 3, Min: 1, Groups: []schedule.Group{{ID: "x", Min: 2, Want: 1}}}},
		"group without a name":          schedule.GangAdded{Gang: schedule.Gang{ID: "g", Queue: "q", Cardinality: 1, Groups: []schedule.Group{{}}}},
		"group of an unknown tier":      schedule.GangAdded{Gang: schedule.Gang{ID: "g", Queue: "q", Cardinality: 1, Groups: []schedule.Group{{ID: "x"}, {ID: "y", Tier: "rack"}}}},
		"groups within each other":      schedule.GangAdded{Gang: schedule.Gang{ID: "g", Queue: "q", Cardinality: 1, Groups: []schedule.Group{{ID: "x", Parent: "y"}, {ID: "y", Parent: "x"}}}},
		"groups nested too deep":        schedule.GangAdded{Gang: schedule.Gang{ID: "g", Queue: "q", Cardinality: 1, Groups: nested(schedule.GroupDepthMax + 1)}},
		"job of an unknown group":       schedule.JobQueued{Job: schedule.Job{ID: jobID("j"), Queue: "q", Shape: 1, Gang: "known", Group: "x"}},
		"job of a group of no gang":     schedule.JobQueued{Job: schedule.Job{ID: jobID("j"), Queue: "q", Shape: 1, Group: "x"}},
		"gang of nobody":                schedule.GangAdded{Gang: schedule.Gang{ID: "g", Queue: "q"}},
		"job without an id":             schedule.JobQueued{Job: schedule.Job{Queue: "q", Shape: 1}},
		"job of no queue":               schedule.JobQueued{Job: schedule.Job{ID: jobID("j"), Shape: 1}},
		"job of an unknown shape":       schedule.JobQueued{Job: schedule.Job{ID: jobID("j"), Queue: "q", Shape: 7}},
		"job of an unknown gang":        schedule.JobQueued{Job: schedule.Job{ID: jobID("j"), Queue: "new", Shape: 1, Gang: "g"}},
		"job that waits":                schedule.JobQueued{Job: schedule.Job{ID: jobID("waits"), Queue: "q", Shape: 1}},
		"lease of an unknown job":       schedule.RunLeased{Run: schedule.Run{ID: runID("new"), Job: jobID("j"), Phase: schedule.Leased}},
		"lease without an id":           schedule.RunLeased{Run: schedule.Run{Job: jobID("waits"), Phase: schedule.Leased}},
		"lease that is releasing":       schedule.RunLeased{Run: schedule.Run{ID: runID("new"), Job: jobID("waits"), Phase: schedule.Releasing}},
		"lease that is known":           schedule.RunLeased{Run: schedule.Run{ID: runID("r"), Job: jobID("runs"), Phase: schedule.Leased}},
		"phase of an unknown run":       schedule.RunPhased{Run: runID("new"), Phase: schedule.Running},
		"no phase":                      schedule.RunPhased{Run: runID("r")},
		"phase beyond the last":         schedule.RunPhased{Run: runID("r"), Phase: schedule.Releasing + 1},
		"node without a slash":          node(schedule.Node{ID: "n", Executor: "n", Total: vec(1), Other: vec(0)}),
		"node of no executor":           node(schedule.Node{ID: "/n", Total: vec(1), Other: vec(0)}),
		"node of another executor":      node(schedule.Node{ID: "e/n", Executor: "f", Total: vec(1), Other: vec(0)}),
		"node without a total":          node(schedule.Node{ID: "e/n", Executor: "e", Other: vec(0)}),
		"node with a negative use":      node(schedule.Node{ID: "e/n", Executor: "e", Total: vec(1), Other: vec(-1)}),
		"node with a huge total":        node(schedule.Node{ID: "e/n", Executor: "e", Total: vec(schedule.AmountMax + 1), Other: vec(0)}),
		"node with negative pods":       node(schedule.Node{ID: "e/n", Executor: "e", Total: vec(1), Other: vec(0), MaxPods: -1}),
		"queue without a name":          schedule.QueueSet{Queue: schedule.Queue{Weight: 1}},
		"queue without weight":          schedule.QueueSet{Queue: schedule.Queue{ID: "q"}},
		"queue with a huge weight":      schedule.QueueSet{Queue: schedule.Queue{ID: "q", Weight: math.MaxInt64}},
		"queue that is its own part":    schedule.QueueSet{Queue: schedule.Queue{ID: "new", Parent: "new", Weight: 1}},
		"queue in a ring":               schedule.QueueSet{Queue: schedule.Queue{ID: "q", Parent: "q", Weight: 1}},
		"queue with a negative quota":   schedule.QueueSet{Queue: schedule.Queue{ID: "q", Weight: 1, Quotas: []schedule.Quota{{Guarantee: map[string]int64{"cpu": -1}}}}},
		"queue with a huge quota":       schedule.QueueSet{Queue: schedule.Queue{ID: "q", Weight: 1, Quotas: []schedule.Quota{{Lend: map[string]int64{"cpu": math.MaxInt64}}}}},
		"queue with two quotas":         schedule.QueueSet{Queue: schedule.Queue{ID: "q", Weight: 1, Quotas: []schedule.Quota{{Pool: "p"}, {Pool: "p"}}}},
		"queue with a negative limit":   schedule.QueueSet{Queue: schedule.Queue{ID: "q", Weight: 1, Limits: []schedule.ClassLimit{{Limit: map[string]int64{"cpu": -1}}}}},
		"queue with a huge limit":       schedule.QueueSet{Queue: schedule.Queue{ID: "q", Weight: 1, Limits: []schedule.ClassLimit{{Limit: map[string]int64{"cpu": math.MaxInt64}}}}},
	}
	for name, delta := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newOverlayBed(t).state
			before := s.Dump()
			if err := s.Apply(delta); !errors.Is(err, schedule.ErrInvalid) {
				t.Errorf("error %v, want ErrInvalid", err)
			}
			if diff := gocmp.Diff(before, s.Dump()); diff != "" {
				t.Errorf("content (-before +after):\n%s", diff)
			}
		})
	}
}

// TestNewRefuses: a configuration that no round can be planned by is refused.
func TestNewRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]func(c *schedule.Config){
		"no resources":        func(c *schedule.Config) { c.Resources = nil },
		"a resource twice":    func(c *schedule.Config) { c.Resources = []string{"cpu", "cpu"} },
		"no dominant":         func(c *schedule.Config) { c.Dominant = nil },
		"an unknown dominant": func(c *schedule.Config) { c.Dominant = []string{"gpu"} },
		"no pool":             func(c *schedule.Config) { c.Pools = nil },
		"a pool twice":        func(c *schedule.Config) { c.Pools = []schedule.PoolID{"p", "p"} },
		"too many pools": func(c *schedule.Config) {
			for i := range schedule.PoolsMax {
				c.Pools = append(c.Pools, schedule.PoolID(strconv.Itoa(i)))
			}
		},
		"no class":                   func(c *schedule.Config) { c.Classes = nil },
		"a class twice":              func(c *schedule.Config) { c.Classes = append(c.Classes, c.Classes[0]) },
		"a negative limit":           func(c *schedule.Config) { c.Classes[0].Limit = map[string]int64{"cpu": -1} },
		"a half-life between epochs": func(c *schedule.Config) { c.UsageHalfLife = 31e9 },
		"a negative half-life":       func(c *schedule.Config) { c.UsageHalfLife = -30e9 },
		"a huge half-life":           func(c *schedule.Config) { c.UsageHalfLife = 30e9 << 20 },
		"switches elsewhere":         func(c *schedule.Config) { c.Switches = map[schedule.PoolID]schedule.Switches{"other": {}} },
		"neither home nor away": func(c *schedule.Config) {
			c.Switches = map[schedule.PoolID]schedule.Switches{"p": {Home: true, Away: true}}
		},
		"a market elsewhere": func(c *schedule.Config) { c.Markets = []schedule.PoolID{"other"} },
		"a bid in no market": func(c *schedule.Config) { c.Bids = []schedule.Bid{{Queue: "q", Pool: "p", Price: 1}} },
		"a bid of nobody":    func(c *schedule.Config) { c.Markets, c.Bids = c.Pools, []schedule.Bid{{Pool: "p", Price: 1}} },
		"a negative bid": func(c *schedule.Config) {
			c.Markets, c.Bids = c.Pools, []schedule.Bid{{Queue: "q", Pool: "p", Price: -1}}
		},
		"a huge bid": func(c *schedule.Config) {
			c.Markets, c.Bids = c.Pools, []schedule.Bid{{Queue: "q", Pool: "p", Price: math.MaxInt64}}
		},
		"a bid twice": func(c *schedule.Config) {
			c.Markets, c.Bids = c.Pools, []schedule.Bid{{Queue: "q", Pool: "p"}, {Queue: "q", Pool: "p", Price: 1}}
		},
		"short jobs elsewhere":          func(c *schedule.Config) { c.ShortJob = map[schedule.PoolID]int64{"other": 1} },
		"short jobs of no time":         func(c *schedule.Config) { c.ShortJob = map[schedule.PoolID]int64{"p": 0} },
		"an unknown rule":               func(c *schedule.Config) { c.PreemptionRule = 2 },
		"protection elsewhere":          func(c *schedule.Config) { c.ProtectedIn = map[schedule.PoolID]int64{"other": 1} },
		"negative protection in a pool": func(c *schedule.Config) { c.ProtectedIn = map[schedule.PoolID]int64{"p": -1} },
		"a weight elsewhere": func(c *schedule.Config) {
			c.Weights = map[schedule.PoolID]map[schedule.QueueID]int64{"other": {"q": 1}}
		},
		"no weight in a pool":     func(c *schedule.Config) { c.Weights = map[schedule.PoolID]map[schedule.QueueID]int64{"p": {"q": 0}} },
		"dominant of no pool":     func(c *schedule.Config) { c.DominantIn = map[schedule.PoolID][]string{"x": {"cpu"}} },
		"none dominant in a pool": func(c *schedule.Config) { c.DominantIn = map[schedule.PoolID][]string{"p": {}} },
		"unknown in a pool":       func(c *schedule.Config) { c.DominantIn = map[schedule.PoolID][]string{"p": {"gpu"}} },
		"a multiplier of nothing": func(c *schedule.Config) { c.Multipliers = map[string]int64{"gpu": schedule.Million} },
		"no multiplier":           func(c *schedule.Config) { c.Multipliers = map[string]int64{"cpu": 0} },
		"a huge multiplier":       func(c *schedule.Config) { c.Multipliers = map[string]int64{"cpu": math.MaxInt64} },
		"a tier without a label":  func(c *schedule.Config) { c.Tiers = []schedule.Tier{{ID: "rack"}} },
		"a tier twice": func(c *schedule.Config) {
			c.Tiers = []schedule.Tier{{ID: "rack", Label: "a"}, {ID: "rack", Label: "b"}}
		},
		"no look-back":          func(c *schedule.Config) { c.Lookback = 0 },
		"negative protection":   func(c *schedule.Config) { c.Protected = -1 },
		"a negative rate":       func(c *schedule.Config) { c.Rate.PerToken = -1 },
		"a rate that overflows": func(c *schedule.Config) { c.QueueRate = schedule.Rate{PerToken: math.MaxInt64 / 2, Burst: 3} },
		"a negative run time":   func(c *schedule.Config) { c.Classes[0].MinRunTime = -1 },
		"a run time of ages":    func(c *schedule.Config) { c.Classes[0].MinRunTime = 1<<60 + 1 },
		"reserved before":       func(c *schedule.Config) { c.ReserveAfter = -1 },
		"fewer than none":       func(c *schedule.Config) { c.ReservationsMax = -1 },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := schedule.Config{
				Resources: []string{"cpu"}, Dominant: []string{"cpu"}, Pools: []schedule.PoolID{"p"},
				Classes: []schedule.Class{{ID: "c"}}, Lookback: 1,
			}
			if _, err := schedule.New(cfg); err != nil {
				t.Fatal(err)
			}
			spoil(&cfg)
			if _, err := schedule.New(cfg); !errors.Is(err, schedule.ErrInvalid) {
				t.Errorf("error %v, want ErrInvalid", err)
			}
		})
	}
}

// FuzzApply: whatever facts come, Apply and Plan do not panic, what is refused is
// ErrInvalid and leaves the content as it was, Plan leaves it always, and what the facts
// led to loads again.
func FuzzApply(f *testing.F) {
	f.Add([]byte{})
	for seed := range byte(8) {
		raw := make([]byte, 400)
		for i := range raw {
			raw[i] = byte(i*i)*(seed+1) ^ byte(i>>3)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		d := &decoder{raw: raw}
		cfg := schedule.Config{
			Resources: []string{"cpu"}, Dominant: []string{"cpu"}, Pools: []schedule.PoolID{"p"},
			Classes: []schedule.Class{{ID: "c", Preemptible: true, MinRunTime: 1 << 60}}, Lookback: 10, LeastLostWork: true, Tiers: hostileTiers,
			Rate: schedule.Rate{PerToken: 1 << 40, Burst: 1 << 20}, QueueRate: schedule.Rate{PerToken: 3, Burst: 2}, ShortJob: map[schedule.PoolID]int64{"p": 5}, UsageHalfLife: 60e9,
			PeriodLimit: schedule.PeriodLimit{Length: 3, Limit: map[string]int64{"cpu": schedule.Million}},
		}
		cfg.ReserveAfter, cfg.ReservationsMax = int64(d.byte()%3), int(d.byte()%3)
		s, err := schedule.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		var decisions []schedule.DecisionID
		for len(d.raw) > 0 {
			before := s.Dump()
			delta := d.delta()
			if err := s.Apply(delta); err != nil {
				if !errors.Is(err, schedule.ErrInvalid) {
					t.Fatalf("%+v: error %v, want ErrInvalid", delta, err)
				}
				if diff := gocmp.Diff(before, s.Dump()); diff != "" {
					t.Fatalf("%+v was refused, content (-before +after):\n%s", delta, diff)
				}
			}
			decisions = d.decide(s, decisions)
			before = s.Dump()
			s.Plan(schedule.Round{Now: d.time(), Steps: uint64(d.byte()), MayReject: d.byte()&1 == 0})
			if diff := gocmp.Diff(before, s.Dump()); diff != "" {
				t.Fatalf("Plan changed the content (-before +after):\n%s", diff)
			}
		}
		loaded, err := schedule.Load(&cfg, s.Snapshot())
		if err != nil {
			t.Fatalf("what facts led to does not load: %v", err)
		}
		if s.Digest() != loaded.Digest() {
			t.Fatalf("snapshots (-first +loaded):\n%s", gocmp.Diff(s.Snapshot(), loaded.Snapshot()))
		}
	})
}

var hostileTiers = []schedule.Tier{{ID: "rack", Label: "ka"}, {ID: "host", Label: "kb"}}

// nested are groups of which each is in the one before.
func nested(n int) (groups []schedule.Group) {
	for i := range n {
		g := schedule.Group{ID: schedule.GroupID(strconv.Itoa(i))}
		if i > 0 {
			g.Parent = groups[i-1].ID
		}
		groups = append(groups, g)
	}
	return groups
}

// decoder makes facts of bytes, hostile ones among them.
type decoder struct{ raw []byte }

func (d *decoder) byte() (b byte) {
	if len(d.raw) > 0 {
		b, d.raw = d.raw[0], d.raw[1:]
	}
	return b
}

// number is small mostly, and at an end of its range now and then.
func (d *decoder) number() int64 {
	switch b := d.byte(); {
	case b < 200:
		return int64(b % 6)
	case b < 210:
		return -int64(b)
	case b < 220:
		return schedule.AmountMax - int64(b%3)
	case b < 230:
		return math.MaxInt64 - int64(b%3)
	case b < 240:
		return math.MinInt64
	default:
		var raw [8]byte
		for i := range raw {
			raw[i] = d.byte()
		}
		return int64(binary.LittleEndian.Uint64(raw[:]))
	}
}

func (d *decoder) time() schedule.Time { return schedule.Time(d.number()) }

func (d *decoder) name(prefix string) string {
	b := d.byte()
	if b > 250 {
		return ""
	}
	return prefix + string('a'+rune(b%3))
}

func (d *decoder) id() (id [16]byte) {
	if b := d.byte(); b < 250 {
		id[0] = b%5 + 1
	}
	return id
}

func (d *decoder) vec() schedule.Vec {
	switch d.byte() {
	case 255:
		return nil
	case 254:
		return schedule.Vec{1, 2}
	}
	return schedule.Vec{d.number()}
}

func (d *decoder) strings(prefix string) (out map[string]string) {
	for range d.byte() % 3 {
		out = maps.Clone(out)
		if out == nil {
			out = map[string]string{}
		}
		out[d.name(prefix)] = d.name("")
	}
	return out
}

func (d *decoder) delta() schedule.Delta {
	switch d.byte() % 15 {
	case 0:
		return schedule.ShapeAdded{ID: schedule.ShapeID(d.byte() % 4), Shape: d.shape()}
	case 1:
		return schedule.GangAdded{Gang: schedule.Gang{
			ID: schedule.GangID(d.name("g")), Queue: schedule.QueueID(d.name("q")), Cardinality: uint32(d.number()), Label: d.name(""),
			Tier: d.tier(), Groups: d.groups(), Min: d.few(), Want: d.few(),
		}}
	case 2, 3, 4:
		return schedule.JobQueued{Job: d.job()}
	case 5:
		return schedule.JobGone{Job: d.id()}
	case 6:
		return schedule.JobHeld{Job: d.id()}
	case 7:
		return schedule.JobReprioritized{Job: d.id(), Priority: uint32(d.number())}
	case 8:
		return schedule.RunLeased{Run: d.run()}
	case 9:
		return schedule.RunPhased{Run: d.id(), Phase: schedule.Phase(d.byte() % 6)}
	case 10:
		return schedule.RunGone{Run: d.id(), At: d.time(), Ended: d.byte() < 128}
	case 11:
		return d.node()
	case 12:
		return d.queue()
	case 13:
		if d.byte() > 200 {
			return schedule.ReservationGone{Job: d.id()}
		}
		return schedule.ReservationSet{Reservation: d.reservation()}
	}
	switch d.byte() % 4 {
	case 0:
		return schedule.NodeGone{Node: schedule.NodeID(d.name("e/"))}
	case 1:
		return schedule.QueueGone{Queue: schedule.QueueID(d.name("q"))}
	case 2:
		return schedule.ExecutorLost{Executor: schedule.ExecutorID(d.name(""))}
	}
	switch b := d.byte(); {
	case b < 20:
		return schedule.TimePassed{Now: d.time()}
	case b < 100:
		return schedule.ShapeGone{ID: schedule.ShapeID(d.byte() % 4)}
	}
	return schedule.ExecutorBack{Executor: schedule.ExecutorID(d.name(""))}
}

func (d *decoder) tier() schedule.TierID {
	return []schedule.TierID{"", "", "rack", "host", "unknown"}[d.byte()%5]
}

func (d *decoder) groups() (groups []schedule.Group) {
	for range d.byte() % 4 {
		groups = append(groups, schedule.Group{ID: schedule.GroupID(d.name("x")), Parent: schedule.GroupID(d.name("x")), Tier: d.tier(), Label: d.name("k"), Min: d.few(), Want: d.few()})
	}
	return groups
}

// few is a number of members: none mostly, or some, or any.
func (d *decoder) few() uint32 {
	switch n := d.byte(); {
	case n < 128:
		return 0
	case n < 240:
		return uint32(n % 4)
	}
	return uint32(d.number())
}

// reservation is one that names its jobs in order, mostly.
func (d *decoder) reservation() schedule.Reservation {
	r := schedule.Reservation{Pool: "p", Time: d.time()}
	if d.byte() > 220 {
		r.Pool = schedule.PoolID(d.name(""))
	}
	for id, node := d.id(), d.name("e/"); ; {
		r.Members = append(r.Members, schedule.Reserved{Job: id, Node: schedule.NodeID(node)})
		if d.byte() < 170 {
			break
		}
		id[0] += d.byte() % 3
		node = d.name("e/")
	}
	r.Job = r.Members[0].Job
	return r
}

func (d *decoder) shape() schedule.Shape {
	s := schedule.Shape{Limit: int32(d.number()), Expect: int32(d.number()), Request: d.vec(), Class: "c", Match: schedule.Match{Selector: d.strings("k")}}
	switch d.byte() {
	case 1:
		s.Class = "unknown"
	case 2:
		s.Pools = []schedule.PoolID{"p", ""}
	case 3, 4, 5, 6:
		e := schedule.Expression{Key: d.name("k"), Operator: []string{"In", "Gt", "Lt", "?"}[d.byte()%4]}
		for range d.byte() % 3 {
			e.Values = append(e.Values, d.name(""))
		}
		s.Match.Terms = []schedule.Term{{}, {Labels: []schedule.Expression{e}}, {Name: []schedule.Expression{e}}}
	case 7, 8:
		s.Match.Tolerations = []schedule.Toleration{{Key: d.name("k"), Operator: "Exists"}}
	}
	return s
}

func (d *decoder) job() schedule.Job {
	j := schedule.Job{
		ID: d.id(), Queue: schedule.QueueID(d.name("q")), Shape: schedule.ShapeID(d.byte() % 4), Priority: uint32(d.number()),
		Submitted: d.time(), NotBefore: d.time(), Avoid: []schedule.NodeID{schedule.NodeID(d.name("e/"))},
	}
	if d.byte() < 90 {
		j.Gang = schedule.GangID(d.name("g"))
		if d.byte() < 90 {
			j.Group = schedule.GroupID(d.name("x"))
		}
	}
	return j
}

func (d *decoder) run() schedule.Run {
	return schedule.Run{
		ID: d.id(), Job: d.id(), Node: schedule.NodeID(d.name("e/")), Pool: schedule.PoolID(d.name("")),
		Level: int32(d.number()), Since: d.time(), Phase: schedule.Phase(1 + d.byte()/200),
	}
}

func (d *decoder) node() schedule.Delta {
	n := schedule.Node{
		ID: schedule.NodeID(d.name("e/")), Executor: "e", Pool: "p", Total: d.vec(), Other: d.vec(), Labels: d.strings("k"),
	}
	switch d.byte() {
	case 1:
		n.ID = schedule.NodeID(d.name(""))
	case 2:
		n.Executor = schedule.ExecutorID(d.name(""))
	case 3, 4, 5:
		n.MaxPods = int32(d.number())
	case 6, 7:
		n.Taints = []schedule.Taint{{Key: d.name("k"), Effect: "NoSchedule"}}
	case 8:
		n.Pool = schedule.PoolID(d.name(""))
	}
	return schedule.NodeSet{Node: n}
}

func (d *decoder) queue() schedule.Delta {
	q := schedule.Queue{ID: schedule.QueueID(d.name("q")), Weight: d.number(), Cordoned: d.byte() > 200}
	if d.byte() < 100 {
		q.Parent = schedule.QueueID(d.name("q"))
	}
	if d.byte() < 100 {
		quota := schedule.Quota{Pool: schedule.PoolID(d.name("")), Guarantee: map[string]int64{"cpu": d.number()}}
		if d.byte() < 100 {
			quota.Borrow, quota.Lend = map[string]int64{"cpu": d.number()}, map[string]int64{"cpu": d.number()}
		}
		q.Quotas = []schedule.Quota{quota}
	}
	if d.byte() > 128 {
		q.Limits = []schedule.ClassLimit{{Class: "c", Pool: schedule.PoolID(d.name("")), Limit: map[string]int64{"cpu": d.number()}}, {}}
	}
	return schedule.QueueSet{Queue: q}
}

// decide lays a decision over the state, takes one back or settles one.
func (d *decoder) decide(s *schedule.State, decisions []schedule.DecisionID) []schedule.DecisionID {
	switch d.byte() % 8 {
	case 0, 1:
		if id, err := s.AssumeLeased(d.run()); err == nil {
			decisions = append(decisions, id)
		}
	case 2:
		if id, err := s.AssumeReleasing(d.id()); err == nil {
			decisions = append(decisions, id)
		}
	case 3:
		if len(decisions) > 0 {
			s.Forget(decisions[int(d.byte())%len(decisions)])
		}
	case 5:
		if id, err := s.AssumeReserved(d.reservation()); err == nil {
			decisions = append(decisions, id)
		}
	case 6:
		decisions = append(decisions, s.AssumeUnreserved(d.id()))
	case 4:
		if len(decisions) > 0 {
			s.Settled(decisions[int(d.byte())%len(decisions)])
		}
	}
	return decisions
}
