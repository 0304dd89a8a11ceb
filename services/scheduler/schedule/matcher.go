package schedule

import "fmt"

// matcher is one way to match nodes, which shapes share: the nodes it matches, as of so
// many changes of nodes, a bit a handle.
type matcher struct {
	Match
	bits []uint64
	at   uint64
	// refs counts the shapes that have it: without any it is forgotten. It is found by key.
	refs int32
	key  string
}

// refMatcher finds the handle of a match, or makes one, and counts a shape that has it.
func (s *State) refMatcher(m *Match) int32 {
	key := ""
	if len(m.Selector)+len(m.Terms)+len(m.Tolerations) > 0 {
		key = fmt.Sprintf("%+v", *m)
	}
	h, is := s.matcherOf[key]
	if !is {
		h = int32(len(s.matchers)) //nolint:gosec // below 2^31
		row := matcher{Match: *m, key: key}
		if last := len(s.freeMatchers) - 1; last >= 0 {
			h, s.freeMatchers = s.freeMatchers[last], s.freeMatchers[:last]
			s.matchers[h] = row
		} else {
			s.matchers = append(s.matchers, row)
		}
		s.matcherOf[key] = h
	}
	s.matchers[h].refs++
	return h
}

// unrefMatcher counts a shape less.
func (s *State) unrefMatcher(h int32) {
	m := &s.matchers[h]
	if m.refs--; m.refs > 0 {
		return
	}
	delete(s.matcherOf, m.key)
	*m = matcher{}
	s.freeMatchers = append(s.freeMatchers, h)
}

// matches are the nodes that a shape may run on in the pool, whether they take jobs or not.
func (p *planner) matches(sh *shape) bitset { return p.matchesOf(sh.matcherIn(p.pool, 0)) }

func (s *State) matchesOf(h int32) bitset {
	m := &s.matchers[h]
	if m.at == s.index.changes {
		return m.bits
	}
	m.at = s.index.changes
	m.bits = make([]uint64, (len(s.nodes)+63)/64)
	for _, n := range s.index.order {
		if m.Mismatch(&s.nodes[n].Node) == "" {
			bitset(m.bits).set(n)
		}
	}
	return m.bits
}

// bitset is a set of handles.
type bitset []uint64

func (b bitset) has(h int32) bool { return b[h>>6]>>(h&63)&1 != 0 }
func (b bitset) set(h int32)      { b[h>>6] |= 1 << (h & 63) }
func (b bitset) drop(h int32)     { b[h>>6] &^= 1 << (h & 63) }

// emptied is an empty set for so many handles, in the same memory if it is large enough.
func (b bitset) emptied(n int) bitset {
	words := (n + 63) / 64
	if cap(b) < words {
		return make(bitset, words+words/4)
	}
	b = b[:words]
	clear(b)
	return b
}

// grown is the set with room for so many handles.
func (b bitset) grown(n int) bitset {
	if words := (n + 63) / 64; words > len(b) {
		return append(b, make(bitset, words-len(b)+len(b)/2)...)
	}
	return b
}
