package schedule

import (
	"slices"
	"strconv"
	"strings"
)

// Match is on which nodes a job may run. The zero Match is every node without
// taints.
type Match struct {
	// Selector: the node has each of these labels.
	Selector map[string]string
	// Terms: the node meets one of them; none: any node.
	Terms       []Term
	Tolerations []Toleration
}

// Term is met by a node that meets each expression, on labels and on its name.
type Term struct {
	Labels, Name []Expression
}

// Expression is one condition. Operator is In, NotIn, Exists, DoesNotExist, Gt, Lt,
// as Kubernetes has them.
type Expression struct {
	Key, Operator string
	Values        []string
}

// Taint keeps jobs off a node that do not tolerate it. PreferNoSchedule does not.
type Taint struct{ Key, Value, Effect string }

// Toleration tolerates taints: an empty Key with Exists all, an empty Effect every
// effect, an empty Operator is Equal.
type Toleration struct{ Key, Operator, Value, Effect string }

// Mismatch says why a job may not run on a node; empty: it may. Amounts are not
// its business.
func (m *Match) Mismatch(n *Node) string {
	for i := range n.Taints {
		if t := &n.Taints[i]; !m.tolerates(t) {
			return t.refuses()
		}
	}
	return m.unmatched(n)
}

// mismatchEver is Mismatch without the taints that Kubernetes itself puts on a node
// for as long as it is in some condition: cordoned, not ready, under pressure.
func (m *Match) mismatchEver(n *Node) string {
	for i := range n.Taints {
		if t := &n.Taints[i]; !strings.HasPrefix(t.Key, "node.kubernetes.io/") && !m.tolerates(t) {
			return t.refuses()
		}
	}
	return m.unmatched(n)
}

// unmatched says why the labels and the name of a node are not those asked for.
func (m *Match) unmatched(n *Node) string {
	for key, want := range m.Selector { //archcheck:unordered all must hold; the text names none
		if have, ok := n.Labels[key]; !ok || have != want {
			return "node does not match the node selector"
		}
	}
	if len(m.Terms) == 0 {
		return ""
	}
	for i := range m.Terms {
		if m.Terms[i].met(n) {
			return ""
		}
	}
	return "node does not match the node affinity"
}

func (t *Taint) refuses() string {
	return "taint " + t.Key + "=" + t.Value + ":" + t.Effect + " not tolerated"
}

// tolerates says whether a taint keeps no job off that matches so.
func (m *Match) tolerates(taint *Taint) bool {
	return taint.Effect == "PreferNoSchedule" || slices.ContainsFunc(m.Tolerations, func(t Toleration) bool {
		if t.Effect != "" && t.Effect != taint.Effect {
			return false
		}
		switch t.Operator {
		case "Exists":
			return t.Key == "" || t.Key == taint.Key
		case "", "Equal":
			return t.Key == taint.Key && t.Value == taint.Value
		}
		return false
	})
}

func (t *Term) met(n *Node) bool {
	if len(t.Labels)+len(t.Name) == 0 {
		return false // as Kubernetes: an empty term matches nothing
	}
	for i := range t.Labels {
		if !t.Labels[i].met(n.Labels) {
			return false
		}
	}
	for i := range t.Name {
		if !t.Name[i].met(map[string]string{t.Name[i].Key: nodeName(n)}) {
			return false
		}
	}
	return true
}

// nodeName is the name within the executor's cluster.
func nodeName(n *Node) string { return string(n.ID[len(n.Executor)+1:]) }

func (e *Expression) met(values map[string]string) bool {
	value, has := values[e.Key]
	switch e.Operator {
	case "In":
		return has && slices.Contains(e.Values, value)
	case "NotIn":
		return !has || !slices.Contains(e.Values, value)
	case "Exists":
		return has
	case "DoesNotExist":
		return !has
	case "Gt", "Lt":
		if !has || len(e.Values) != 1 {
			return false
		}
		have, err1 := strconv.ParseInt(value, 10, 64)
		want, err2 := strconv.ParseInt(e.Values[0], 10, 64)
		if err1 != nil || err2 != nil {
			return false
		}
		return e.Operator == "Gt" && have > want || e.Operator == "Lt" && have < want
	}
	return false
}
