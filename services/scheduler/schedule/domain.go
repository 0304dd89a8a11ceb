package schedule

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// binding is a way in which nodes are parted into domains: by a label, or by those of a tier
// and of all wider ones. Which node is in which is worked out again when nodes change.
type binding struct {
	labels []string
	at     uint64
	// of is the domain of each node; none: it is in none.
	of      []int32
	domains []domain
}

// domain is nodes that agree, by name; domains stand by name too.
type domain struct {
	name  string
	nodes []int32
}

// checkTiers refuses tiers without a name or a label, and those of one name.
func checkTiers(tiers []Tier) error {
	for i, t := range tiers {
		if t.ID == "" || t.Label == "" || slices.ContainsFunc(tiers[:i], func(u Tier) bool { return u.ID == t.ID }) {
			return fmt.Errorf("%w: tier %q of label %q needs a label, and a name that no other has", ErrInvalid, t.ID, t.Label)
		}
	}
	return nil
}

// knowsTier says whether a tier is one of the configuration, or none.
func (s *State) knowsTier(id TierID) bool {
	return id == "" || slices.ContainsFunc(s.cfg.Tiers, func(t Tier) bool { return t.ID == id })
}

// bindingFor finds how a tier, or else a label, parts nodes; none: neither is given.
func (s *State) bindingFor(tier TierID, label string) int32 {
	var labels []string
	for _, t := range s.cfg.Tiers {
		if tier == "" {
			break
		}
		labels = append(labels, t.Label)
		if t.ID == tier {
			break
		}
	}
	switch {
	case tier == "" && label == "":
		return none
	case tier == "":
		labels = []string{label}
	}
	key := fmt.Sprintf("%q", labels)
	h, is := s.bindingOf[key]
	if !is {
		h = int32(len(s.bindings)) //nolint:gosec // below 2^31
		s.bindingOf[key] = h
		s.bindings = append(s.bindings, binding{labels: labels})
	}
	return h
}

// binding is a way to part nodes, as they are now.
func (s *State) binding(h int32) *binding {
	b := &s.bindings[h]
	if b.at == s.index.changes {
		return b
	}
	b.at = s.index.changes
	b.of, b.domains = make([]int32, len(s.nodes)), nil
	at := map[string]int32{}
	for _, n := range s.index.order {
		name, is := b.domainName(&s.nodes[n].Node)
		if !is {
			continue
		}
		d, known := at[name]
		if !known {
			d = int32(len(b.domains)) //nolint:gosec // at most as many as nodes
			at[name] = d
			b.domains = append(b.domains, domain{name: name})
		}
		b.domains[d].nodes = append(b.domains[d].nodes, n)
	}
	slices.SortFunc(b.domains, func(x, y domain) int { return cmp.Compare(x.name, y.name) })
	for n := range b.of {
		b.of[n] = none
	}
	for d := range b.domains {
		for _, n := range b.domains[d].nodes {
			b.of[n] = int32(d) //nolint:gosec // at most as many as nodes
		}
	}
	return b
}

// domainName is the name of a node's domain; false: it is in none.
func (b *binding) domainName(n *Node) (string, bool) {
	values := make([]string, len(b.labels))
	for i, label := range b.labels {
		value, has := n.Labels[label]
		if label == ExecutorLabel {
			value, has = string(n.Executor), true
		}
		if !has {
			return "", false
		}
		values[i] = value
	}
	return strings.Join(values, "/"), true
}

// scope is domains that a node must be in, the narrowest last.
type scope []inDomain

type inDomain struct {
	*binding
	domain int32
}

func (in inDomain) has(n int32) bool { return in.of[n] == in.domain }

// has says whether a node is in all domains.
func (c scope) has(n int32) bool {
	for i := range c {
		if !c[i].has(n) {
			return false
		}
	}
	return true
}

// candidates are the nodes of the pool among which those in a scope are, by name.
func (p *planner) candidates(c scope) []int32 {
	if len(c) == 0 {
		return p.nodes
	}
	in := c[len(c)-1]
	return in.domains[in.domain].nodes
}

// bindsGroups says whether a group of a gang is bound.
func (s *State) bindsGroups(gang int32) bool {
	return slices.ContainsFunc(s.gangs[gang].groups, func(g groupRow) bool { return g.bound != none })
}

// domainOf gives the domain of a node that counts for a gang, zero where it is not bound;
// false: the node is in none.
func (s *State) domainOf(gang int32) func(n int32) (int32, bool) {
	if gang == none || s.gangs[gang].bound == none {
		return func(int32) (int32, bool) { return 0, true }
	}
	b := s.binding(s.gangs[gang].bound)
	return func(n int32) (int32, bool) { return b.of[n], b.of[n] != none }
}

// scopeOf is a domain of a gang; nothing where it is not bound.
func (s *State) scopeOf(gang, domain int32) scope {
	if s.gangs[gang].bound == none {
		return nil
	}
	return scope{{s.binding(s.gangs[gang].bound), domain}}
}

// hasChosen says whether a gang is bound to the domain in which members of it run.
func (p *planner) hasChosen(gang int32) bool {
	return p.gangs[gang].bound != none && p.chosenDomain(gang) != none
}
