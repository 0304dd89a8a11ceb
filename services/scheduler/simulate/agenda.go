package simulate

import "time"

// What happens at a moment happens in this order.
const (
	runEnds uint8 = iota + 1
	templateCame
	jobsComeBack
)

// event is something that will happen. ref is a run, a template or a return, and turn
// tells apart those that had the same place.
type event struct {
	at   time.Duration
	kind uint8
	turn uint32
	ref  int32
}

func (e event) before(o event) bool {
	switch {
	case e.at != o.at:
		return e.at < o.at
	case e.kind != o.kind:
		return e.kind < o.kind
	case e.ref != o.ref:
		return e.ref < o.ref
	}
	return e.turn < o.turn
}

// agenda is what will happen: a heap of four children, the earliest first.
type agenda struct{ events []event }

func (a *agenda) push(e event) {
	a.events = append(a.events, e)
	at := len(a.events) - 1
	for at > 0 {
		parent := (at - 1) / 4
		if !e.before(a.events[parent]) {
			break
		}
		a.events[at] = a.events[parent]
		at = parent
	}
	a.events[at] = e
}

func (a *agenda) pop() event {
	first, last := a.events[0], len(a.events)-1
	e := a.events[last]
	a.events = a.events[:last]
	if last == 0 {
		return first
	}
	at := 0
	for {
		child := 4*at + 1
		if child >= last {
			break
		}
		for c := child + 1; c < min(child+4, last); c++ {
			if a.events[c].before(a.events[child]) {
				child = c
			}
		}
		if !a.events[child].before(e) {
			break
		}
		a.events[at] = a.events[child]
		at = child
	}
	a.events[at] = e
	return first
}
