package schedule

import (
	"fmt"
	"strings"
	"time"
)

// Reason is the first of what Text says, on one line.
func (w *Why) Reason() string {
	switch {
	case len(w.Blocks) > 0:
		return w.Blocks[0].Text(w)
	case w.Starts:
		return "it can start, and other jobs come first"
	case len(w.Pools) == 0:
		return "no pool is planned that it may use"
	}
	parts := make([]string, len(w.Pools))
	for i := range w.Pools {
		parts[i] = w.Pools[i].reason(w)
		if len(w.Pools) > 1 {
			parts[i] = "pool " + w.Pools[i].name() + ": " + parts[i]
		}
	}
	return strings.Join(parts, "; ")
}

// Text is Why for people, in lines of about 80 characters at most, without its job.
func (w *Why) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Number %d of %d in queue %q", w.Position, w.Queued, w.Queue)
	if w.Min > 0 {
		fmt.Fprintf(&b, ", of gang %q: %d of %d members are there, %d wait, and %d must run", w.Gang, w.Members, w.Cardinality, w.Waiting, w.Min)
	} else if w.Gang != "" {
		fmt.Fprintf(&b, ", of gang %q: %d of %d members are there, %d wait", w.Gang, w.Members, w.Cardinality, w.Waiting)
	}
	b.WriteString(".\n")
	for _, block := range w.Blocks {
		fmt.Fprintf(&b, "It waits: %s.\n", block.Text(w))
	}
	if n := len(w.Reservation.Members); n > 0 {
		when := "once what runs there has ended, and nobody knows when"
		if w.Reservation.Time != 0 {
			when = "at " + w.Reservation.Time.text() + " at the latest"
		}
		fmt.Fprintf(&b, "Room is reserved for %s in pool %s, %s.\n", count(n, "job"), w.Reservation.Pool, when)
	}
	if w.Starts {
		b.WriteString("It can start as things are: only jobs that come before it are in its way.\n")
	}
	for i := range w.Pools {
		w.Pools[i].write(&b, w)
	}
	if len(w.Pools) == 0 {
		b.WriteString("No pool is planned that it may use.\n")
	}
	switch {
	case w.Starts:
	case len(w.Changes) == 0:
		b.WriteString("No single change that is looked for would let it start.\n")
	default:
		b.WriteString("Any one of these would let it start when its turn comes, the smallest first:\n")
		for _, c := range w.Changes {
			fmt.Fprintf(&b, "  - %s\n", c.Text())
		}
	}
	return b.String()
}

// Text is a block in words; w is what it is of.
func (b Block) Text(w *Why) string {
	switch b.Rule {
	case QueueUndefined:
		return fmt.Sprintf("queue %q is not defined", w.Queue)
	case QueueCordoned:
		return fmt.Sprintf("queue %q is cordoned", b.Queue)
	case GangIncomplete:
		if w.Min > 0 {
			return fmt.Sprintf("%s has %d members that run or may, and must have %d", b.ofGang(w), b.Have, b.Need)
		}
		return fmt.Sprintf("gang %q has %d of %d members", w.Gang, b.Have, b.Need)
	case GangFirst:
		return fmt.Sprintf("others of gang %q start first, for it to be whole", w.Gang)
	case GangFull:
		return fmt.Sprintf("of %s %d members run, and no more than %d are to", b.ofGang(w), b.Have, b.Need)
	case GangAboveBurst:
		return fmt.Sprintf("gang %q has %d members, more than the %d that may start at a time", w.Gang, b.Need, b.Have)
	case GangAboveMax:
		return fmt.Sprintf("gang %q is of %d members, and gangs of more than %d do not start", w.Gang, b.Need, b.Have)
	case BeyondLookback:
		return fmt.Sprintf("it is number %d of its queue, and %d are looked at", b.Need, b.Have)
	case TooEarly:
		return "it is not to start before " + b.Until.text()
	case NoTokens:
		return "as many jobs as may have started; the next may at " + b.Until.text()
	case NoQueueTokens:
		return "as many jobs of its queue as may have started; the next may at " + b.Until.text()
	case AboveQuota:
		if b.Queue == "" {
			return fmt.Sprintf("with it %s %s would be held or kept for others, of %s", Amount(b.Resource, b.Need), b.Resource, Amount(b.Resource, b.Have))
		}
		return fmt.Sprintf("queue %q would hold %s %s, and may hold %s", b.Queue, Amount(b.Resource, b.Need), b.Resource, Amount(b.Resource, b.Have))
	case AboveLimit:
		return fmt.Sprintf("queue %q would hold %s %s by class %q, over its limit of %s", w.Queue, Amount(b.Resource, b.Need), b.Resource, b.Class, Amount(b.Resource, b.Have))
	case ShortOfFloating:
		return fmt.Sprintf("its pool has %s %s left, and it asks for %s", Amount(b.Resource, b.Have), b.Resource, Amount(b.Resource, b.Need))
	case AboveAPeriod:
		return fmt.Sprintf("it asks for %s %s, and no more than %s may start in its pool in a period", Amount(b.Resource, b.Need), b.Resource, Amount(b.Resource, b.Have))
	case PeriodUsed:
		return fmt.Sprintf("it asks for %s %s, and until %s only %s may start in its pool", Amount(b.Resource, b.Need), b.Resource, b.Until.text(), Amount(b.Resource, b.Have))
	case OtherRule:
		return "a rule of the round stops it"
	}
	return "no rule"
}

// ofGang is the gang or the group that a block is about.
func (b Block) ofGang(w *Why) string {
	if b.Group != "" {
		return fmt.Sprintf("group %q of gang %q", b.Group, w.Gang)
	}
	return fmt.Sprintf("gang %q", w.Gang)
}

// text is a moment in UTC.
func (t Time) text() string { return time.Unix(0, int64(t)).UTC().Format("2006-01-02T15:04:05.999Z") }

// reason is why it does not start in the pool, on one line.
func (p *PoolWhy) reason(w *Why) string {
	if len(p.Blocks) > 0 {
		return p.Blocks[0].Text(w)
	}
	if p.Nodes == 0 {
		return "there is no node"
	}
	parts := make([]string, len(p.Reasons))
	for i, r := range p.Reasons {
		parts[i] = fmt.Sprintf("%d of %d nodes: %s", r.Nodes, p.Nodes, r.text())
	}
	return strings.Join(parts, "; ")
}

// text is a reason in words.
func (r NodeCount) text() string {
	switch r.Reason {
	case NodeFits:
		return "it has room"
	case NodeTooSmall:
		return "too small: it has too little " + r.Detail + " in all"
	case NodeTaint, NodeUnmatched:
		return r.Detail
	case NodeUnschedulable:
		return "unschedulable"
	case NodeLost:
		return "its executor is not connected"
	case NodeTried:
		return "the job was tried there"
	case NodePods:
		return "it has as many pods as it takes"
	case NodeFull:
		return "insufficient " + r.Detail
	case NodeReserved:
		return "reserved for " + r.Detail
	}
	return "no reason"
}

// name is what is asked about in words.
func (p *PoolWhy) name() string {
	if p.Host == "" {
		return string(p.Pool)
	}
	return fmt.Sprintf("%s as a guest of pool %s", p.Pool, p.Host)
}

func (p *PoolWhy) write(b *strings.Builder, w *Why) {
	fmt.Fprintf(b, "Pool %s: queue %q has %s of it, %s with this job; ideal %s, fair %s.\n", p.name(), w.Queue, percent(p.Share), percent(p.After), percent(p.Ideal), percent(p.Fair))
	for _, block := range p.Blocks {
		fmt.Fprintf(b, "  %s.\n", block.Text(w))
	}
	if p.Nodes == 0 {
		b.WriteString("  There is no node.\n")
	}
	for _, r := range p.Reasons {
		fmt.Fprintf(b, "  %d of %d nodes: %s\n", r.Nodes, p.Nodes, r.text())
	}
	if p.Nearest != "" {
		fmt.Fprintf(b, "  Nearest is node %s, which lacks %s.\n", p.Nearest, lacking(p.Lacks))
	}
	if w.Gang != "" {
		fmt.Fprintf(b, "  %d of %d waiting members would find room.\n", p.Placed, w.Waiting)
	}
	if text := p.Preemption.String(); text != "" {
		fmt.Fprintf(b, "  %s\n", text)
	}
}

// count is so many of something: 1 node, 2 nodes.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func lacking(list []Amounts) string {
	if len(list) == 0 {
		return "a place for a pod"
	}
	return amounts(list)
}

func amounts(list []Amounts) string {
	parts := make([]string, len(list))
	for i, a := range list {
		parts[i] = Amount(a.Resource, a.Amount) + " " + a.Resource
	}
	return strings.Join(parts, " and ")
}

// String is what came of it in a sentence; empty where nobody looked.
func (p Preemption) String() string {
	switch p {
	case NotLooked:
	case VictimsFound:
		return "It would start in the place of runs that are preempted."
	case NothingPreemptible:
		return "Preemption: no run here is preemptible."
	case MemberAlone:
		return "Preemption: its gang runs without it, so it takes nobody's place."
	case NothingMayGo:
		return "Preemption: no run may go for its class, and no other queue may lose to its queue."
	case NotEnoughMayGo:
		return "Preemption: what may go leaves room on no node."
	}
	return ""
}

// Text is a change as what to do.
func (c *Change) Text() string {
	switch c.Kind {
	case WaitUntil:
		return "wait until " + c.At.text()
	case AskLess:
		return "ask for at most " + amounts(c.Amounts)
	case AskFewer:
		return fmt.Sprintf("a gang of %d members in all", c.Count)
	case AddMembers:
		return fmt.Sprintf("submit %d more members of its gang", c.Count)
	case TryAgain:
		return "let it go to nodes again that it was tried on"
	case Tolerate:
		return fmt.Sprintf("tolerate taint %s=%s:%s", c.Taint.Key, c.Taint.Value, c.Taint.Effect)
	case DropSelector:
		return "ask for no labels by node selector"
	case DropAffinity:
		return "ask for no node affinity"
	case UsePool:
		return fmt.Sprintf("let it run in pool %q", c.Pool)
	case UseClass:
		return fmt.Sprintf("priority class %q", c.Class)
	case Uncordon:
		return fmt.Sprintf("uncordon queue %q", c.Queue)
	case DefineQueue:
		return fmt.Sprintf("create queue %q", c.Queue)
	case RaiseLimit:
		return fmt.Sprintf("raise the limit of class %q in queue %q to %s of pool %q", c.Class, c.Queue, fractions(c.Amounts), c.Pool)
	case LookFurther:
		return fmt.Sprintf("look at %d jobs of a queue", c.Count)
	case AddNodes:
		if c.Count == 1 {
			return fmt.Sprintf("1 more node like %s, empty", c.Node)
		}
		return fmt.Sprintf("%d more nodes like %s, empty", c.Count, c.Node)
	}
	return "nothing"
}

func fractions(list []Amounts) string {
	parts := make([]string, len(list))
	for i, a := range list {
		parts[i] = fmt.Sprintf("%d.%06d of the %s", a.Amount/Million, a.Amount%Million, a.Resource)
	}
	return strings.Join(parts, " and ")
}

// percent writes a share in hundredths of a per cent.
func percent(share uint64) string {
	hundredths := scale(share, 10_000, 1<<32)
	return fmt.Sprintf("%d.%02d%%", hundredths/100, hundredths%100)
}
