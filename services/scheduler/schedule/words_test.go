package schedule_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// command is a line of a script: a verb, and words of which some are key=value.
type command struct {
	verb string
	args []string
}

func (c command) has(word string) bool { return slices.Contains(c.args, word) }

// values are those of a key, in order.
func (c command) values(key string) (values []string) {
	for _, arg := range c.args {
		if v, ok := strings.CutPrefix(arg, key+"="); ok {
			values = append(values, v)
		}
	}
	return values
}

// value is the first of a key; empty: there is none.
func (c command) value(key string) string {
	if v := c.values(key); len(v) > 0 {
		return v[0]
	}
	return ""
}

// count is the number of a key; zero: there is none.
func (c command) count(key string) uint32 {
	n, _ := strconv.ParseUint(c.value(key), 10, 32) // what is no number is none
	return uint32(n)
}

// amounts is a Vec of what is given with a prefix.
func (c command) amounts(t *testing.T, prefix string, resources []string) schedule.Vec {
	t.Helper()
	v := make(schedule.Vec, len(resources))
	for i, name := range resources {
		if given := c.value(prefix + name); given != "" {
			v[i] = number(t, given)
		}
	}
	return v
}

func (s *script) config(c command) {
	s.t.Helper()
	list := func(key string, to *[]string) {
		if v := c.value(key); v != "" {
			*to = strings.Split(v, ",")
		}
	}
	list("resources", &s.cfg.Resources)
	list("dominant", &s.cfg.Dominant)
	var pools []string
	list("pools", &pools)
	if pools != nil {
		s.cfg.Pools = nil
		for _, p := range pools {
			s.cfg.Pools = append(s.cfg.Pools, schedule.PoolID(p))
		}
	}
	var tiers []string
	list("tiers", &tiers)
	for _, v := range tiers {
		p := parts(s.t, v, 2)
		s.cfg.Tiers = append(s.cfg.Tiers, schedule.Tier{ID: schedule.TierID(p[0]), Label: p[1]})
	}
	if v := c.value("protected"); v != "" {
		s.cfg.Protected = millionths(s.t, v)
	}
	if c.value("preemption") == "armada" {
		s.cfg.PreemptionRule = schedule.ArmadaOrder
	}
	s.market(c)
	if v := c.value("halflife"); v != "" {
		s.cfg.UsageHalfLife = int64(seconds(number(s.t, v)))
	}
	for _, v := range c.values("short") {
		p := parts(s.t, v, 2)
		s.cfg.ShortJob = map[schedule.PoolID]int64{schedule.PoolID(p[0]): int64(seconds(number(s.t, p[1])))}
	}
	for _, v := range c.values("protect") {
		p := parts(s.t, v, 2)
		s.cfg.ProtectedIn = map[schedule.PoolID]int64{schedule.PoolID(p[0]): millionths(s.t, p[1])}
	}
	for _, v := range c.values("override") {
		p := parts(s.t, v, 3)
		s.cfg.Weights = map[schedule.PoolID]map[schedule.QueueID]int64{schedule.PoolID(p[0]): {schedule.QueueID(p[1]): millionths(s.t, p[2])}}
	}
	for _, v := range c.values("count") {
		if s.cfg.Multipliers == nil {
			s.cfg.Multipliers = map[string]int64{}
		}
		p := parts(s.t, v, 2)
		s.cfg.Multipliers[p[0]] = millionths(s.t, p[1])
	}
	for _, v := range c.values("dominantin") { // dominantin=p:gpu,cpu
		if pool, names, _ := strings.Cut(v, ":"); s.cfg.DominantIn == nil {
			s.cfg.DominantIn = map[schedule.PoolID][]string{schedule.PoolID(pool): strings.Split(names, ",")}
		}
	}
	for _, v := range c.values("host") {
		if p := parts(s.t, v, 2); s.cfg.AwayPools == nil {
			s.cfg.AwayPools = map[schedule.PoolID][]schedule.PoolID{schedule.PoolID(p[0]): {schedule.PoolID(p[1])}}
		} else {
			s.cfg.AwayPools[schedule.PoolID(p[0])] = append(s.cfg.AwayPools[schedule.PoolID(p[0])], schedule.PoolID(p[1]))
		}
	}
	for _, v := range c.values("tolerates") {
		p := parts(s.t, v, 3)
		s.cfg.Tolerate = map[schedule.PoolID][]schedule.Toleration{schedule.PoolID(p[0]): {{Key: p[1], Value: p[2]}}}
	}
	for _, v := range c.values("off") { // off=p:home,fairshare
		pool, what, _ := strings.Cut(v, ":")
		off := schedule.Switches{}
		for name := range strings.SplitSeq(what, ",") {
			switches := map[string]*bool{"home": &off.Home, "away": &off.Away, "gangaway": &off.GangAway, "fairshare": &off.FairShare, "urgency": &off.Urgency}
			if switches[name] == nil {
				s.t.Fatalf("switch %q is not known", name)
			}
			*switches[name] = true
		}
		if s.cfg.Switches == nil {
			s.cfg.Switches = map[schedule.PoolID]schedule.Switches{}
		}
		s.cfg.Switches[schedule.PoolID(pool)] = off
	}
	s.cfg.LeastLostWork = s.cfg.LeastLostWork || c.has("leastlost")
	if v := c.value("lookback"); v != "" {
		s.cfg.Lookback = int(number(s.t, v))
	}
	s.limits(c)
	for _, v := range c.values("floating") {
		p := parts(s.t, v, 3)
		i := slices.IndexFunc(s.cfg.Floating, func(f schedule.Floating) bool { return f.Resource == p[0] })
		if i < 0 {
			i = len(s.cfg.Floating)
			s.cfg.Floating = append(s.cfg.Floating, schedule.Floating{Resource: p[0], Pools: map[schedule.PoolID]int64{}})
		}
		s.cfg.Floating[i].Pools[schedule.PoolID(p[1])] = number(s.t, p[2])
	}
	s.reserveConfig(c)
	for key, rate := range map[string]*schedule.Rate{"rate": &s.cfg.Rate, "queuerate": &s.cfg.QueueRate} {
		if v := c.value(key); v != "" {
			per, burst, _ := strings.Cut(v, "s/")
			*rate = schedule.Rate{PerToken: int64(seconds(number(s.t, per))), Burst: uint32(number(s.t, burst))}
		}
	}
}

// awayWay is a way to be away from home, for all jobs or by conditions.
func (s *script) awayWay(p []string) schedule.Away {
	s.t.Helper()
	if len(p) != 3 && len(p) != 4 {
		s.t.Fatalf("away %q: want level, key, value and perhaps a condition", p)
	}
	out := schedule.Away{Level: int32(number(s.t, p[0]))}
	tolerate := []schedule.Toleration{{Key: p[1], Operator: "Equal", Value: p[2]}}
	if len(p) == 3 {
		out.Tolerate = tolerate
		return out
	}
	at := strings.IndexAny(p[3], "<>=")
	value := strings.TrimLeft(p[3][at:], "<>=")
	operator := strings.TrimSuffix(p[3][at:], value)
	i := slices.Index(s.cfg.Resources, p[3][:at])
	amount := number(s.t, value)
	if i < 0 {
		s.t.Fatalf("away %q: no resource", p)
	}
	out.Types = []schedule.AwayType{{When: []schedule.Condition{{Resource: p[3][:at], Operator: operator, Value: amount}}, Tolerate: tolerate}}
	return out
}

func (s *script) class(c command) {
	s.t.Helper()
	class := schedule.Class{ID: schedule.ClassID(c.args[0]), Priority: int32(number(s.t, c.args[1])), Preemptible: c.has("preemptible")}
	if v := c.value("minrun"); v != "" {
		class.MinRunTime = seconds(number(s.t, v))
	}
	for _, name := range s.cfg.Resources {
		if v := c.value(name); v != "" {
			if class.Limit == nil {
				class.Limit = map[string]int64{}
			}
			class.Limit[name] = millionths(s.t, v)
		}
	}
	for _, v := range c.values("away") {
		p := strings.Split(v, ":")
		class.Away = append(class.Away, s.awayWay(p))
	}
	for _, v := range c.values("in") { // in=p:cpu:0.5
		p := parts(s.t, v, 3)
		if class.LimitIn == nil {
			class.LimitIn = map[schedule.PoolID]map[string]int64{}
		}
		class.LimitIn[schedule.PoolID(p[0])] = map[string]int64{p[1]: millionths(s.t, p[2])}
	}
	s.cfg.Classes = append(s.cfg.Classes, class)
}

func (s *script) node(c command, name string) schedule.Node {
	s.t.Helper()
	n := schedule.Node{
		ID: nodeID(name, c.value("exec")), Executor: schedule.ExecutorID(executorOf(c.value("exec"))), Pool: s.cfg.Pools[0],
		Total: c.amounts(s.t, "", s.cfg.Resources), Other: c.amounts(s.t, "other.", s.cfg.Resources),
		Labels: map[string]string{}, Unschedulable: c.has("unschedulable"),
	}
	if v := c.value("pool"); v != "" {
		n.Pool = schedule.PoolID(v)
	}
	if v := c.value("maxpods"); v != "" {
		n.MaxPods = int32(number(s.t, v))
	}
	for _, v := range c.values("label") {
		key, value, _ := strings.Cut(v, ":")
		n.Labels[key] = value
	}
	for _, v := range c.values("taint") {
		p := parts(s.t, v, 3)
		n.Taints = append(n.Taints, schedule.Taint{Key: p[0], Value: p[1], Effect: p[2]})
	}
	s.pools[n.ID] = n.Pool
	return n
}

func (s *script) queue(c command) schedule.Queue {
	s.t.Helper()
	q := schedule.Queue{ID: schedule.QueueID(c.args[0]), Weight: schedule.Million, Cordoned: c.has("cordoned")}
	q.Parent = schedule.QueueID(c.value("in"))
	if quota := (schedule.Quota{Guarantee: s.byName(c, "guarantee"), Borrow: s.byName(c, "borrow"), Lend: s.byName(c, "lend")}); quota.Guarantee != nil || quota.Borrow != nil {
		q.Quotas = []schedule.Quota{quota}
	}
	if v := c.value("weight"); v != "" {
		q.Weight = millionths(s.t, v)
	}
	for _, v := range c.values("limit") {
		p := parts(s.t, v, 3)
		class, pool, _ := strings.Cut(p[0], "@")
		q.Limits = append(q.Limits, schedule.ClassLimit{
			Class: schedule.ClassID(class), Pool: schedule.PoolID(pool), Limit: map[string]int64{p[1]: millionths(s.t, p[2])},
		})
	}
	return q
}

// byName is amounts that are given as key=resource:amount; nil: there are none.
func (s *script) byName(c command, key string) (out map[string]int64) {
	s.t.Helper()
	for _, v := range c.values(key) {
		p := parts(s.t, v, 2)
		if out == nil {
			out = map[string]int64{}
		}
		out[p[0]] = number(s.t, p[1])
	}
	return out
}

// job is a job of a command, its shape made known.
func (s *script) job(c command, name, queue string) schedule.Job {
	s.t.Helper()
	j := schedule.Job{ID: jobID(name), Queue: schedule.QueueID(queue), Shape: s.shape(c), Gang: schedule.GangID(c.value("gang")), Group: schedule.GroupID(c.value("group"))}
	if v := c.value("prio"); v != "" {
		j.Priority = uint32(number(s.t, v))
	}
	if v := c.value("at"); v != "" {
		j.Submitted = seconds(number(s.t, v))
	}
	if v := c.value("notbefore"); v != "" {
		j.NotBefore = seconds(number(s.t, v))
	}
	for _, v := range c.values("avoid") {
		j.Avoid = append(j.Avoid, nodeID(v, ""))
	}
	s.jobs[schedule.RunID(j.ID)] = j
	return j
}

func (s *script) shape(c command) schedule.ShapeID {
	s.t.Helper()
	shape := schedule.Shape{Request: c.amounts(s.t, "", s.cfg.Resources), Class: s.cfg.Classes[0].ID, Match: s.match(c)}
	if v := c.value("class"); v != "" {
		shape.Class = schedule.ClassID(v)
	}
	shape.Band = c.value("band")
	for _, v := range c.values("pools") {
		shape.Pools = append(shape.Pools, schedule.PoolID(v))
	}
	s.lasts(c, &shape)
	key := fmt.Sprintf("%+v", shape)
	id, known := s.shapes[key]
	if !known {
		id = schedule.ShapeID(len(s.shapes) + 1)
		s.shapes[key], s.levels[id] = id, s.levelOf(shape.Class)
		s.apply(schedule.ShapeAdded{ID: id, Shape: shape})
	}
	return id
}

func (s *script) match(c command) (m schedule.Match) {
	s.t.Helper()
	for _, v := range c.values("select") {
		key, value, _ := strings.Cut(v, ":")
		if m.Selector == nil {
			m.Selector = map[string]string{}
		}
		m.Selector[key] = value
	}
	for _, v := range c.values("affinity") {
		p := parts(s.t, v, 3)
		m.Terms = append(m.Terms, schedule.Term{Labels: []schedule.Expression{{Key: p[0], Operator: p[1], Values: strings.Split(p[2], ",")}}})
	}
	for _, v := range c.values("field") {
		p := parts(s.t, v, 2)
		m.Terms = append(m.Terms, schedule.Term{Name: []schedule.Expression{{Key: "metadata.name", Operator: p[0], Values: strings.Split(p[1], ",")}}})
	}
	for _, v := range c.values("tolerate") {
		p := parts(s.t, v, 3)
		m.Tolerations = append(m.Tolerations, schedule.Toleration{Key: p[0], Operator: "Equal", Value: p[1], Effect: p[2]})
	}
	return m
}

// levelOf is the priority of a class.
func (s *script) levelOf(id schedule.ClassID) int32 {
	i := slices.IndexFunc(s.cfg.Classes, func(c schedule.Class) bool { return c.ID == id })
	return s.cfg.Classes[i].Priority
}

// names are j1..j3 one by one, or the word itself.
func names(t *testing.T, word string) (out []string) {
	t.Helper()
	first, last, several := strings.Cut(word, "..")
	if !several {
		return []string{word}
	}
	stem := strings.TrimRight(first, "0123456789")
	for i := number(t, first[len(stem):]); i <= number(t, strings.TrimPrefix(last, stem)); i++ {
		out = append(out, stem+strconv.FormatInt(i, 10))
	}
	return out
}

func parts(t *testing.T, word string, n int) []string {
	t.Helper()
	p := strings.SplitN(word, ":", n)
	if len(p) != n {
		t.Fatalf("%q has not %d parts", word, n)
	}
	return p
}

func number(t *testing.T, word string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(word, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// millionths reads a number with at most six decimals.
func millionths(t *testing.T, word string) int64 {
	t.Helper()
	whole, rest, _ := strings.Cut(word, ".")
	return number(t, whole)*schedule.Million + number(t, (rest + "000000")[:6])
}

func seconds(n int64) schedule.Time { return schedule.Time(n * 1e9) }

func jobID(name string) (id schedule.JobID) { copy(id[:], name); return id }

func runID(name string) (id schedule.RunID) { copy(id[:], name); return id }

func text[ID ~[16]byte](id ID) string { return strings.TrimRight(string(id[:]), "\x00") }

// executorOf is the executor that is meant: c where none is named.
func executorOf(name string) string {
	if name == "" {
		return "c"
	}
	return name
}

// nodeID names a node: on an executor, or as executor/node, or on the only one.
func nodeID(name, executor string) schedule.NodeID {
	if strings.Contains(name, "/") {
		return schedule.NodeID(name)
	}
	return schedule.NodeID(executorOf(executor) + "/" + name)
}

// short leaves out the executor that is meant when none is named.
func short(id schedule.NodeID) string { return strings.TrimPrefix(string(id), "c/") }
