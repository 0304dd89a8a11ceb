package eventlog

// Run is a stretch of one partition with no gap in it.
type Run struct {
	Partition Partition
	// From is the position after which the run begins: the previous entry's.
	From Position
	// Entries are in log order; their positions rise.
	Entries []Entry
	// To is the position of the last entry.
	To Position
}

// After is the part of r behind a position. A position before r.From is a gap,
// which the caller has to look for first.
func (r Run) After(at Position) Run {
	if at.Compare(r.From) <= 0 {
		return r
	}
	rest := r.Entries
	for len(rest) > 0 && rest[0].At.Compare(at) <= 0 {
		rest = rest[1:]
	}
	return Run{Partition: r.Partition, From: at, Entries: rest, To: later(at, r.To)}
}

func later(a, b Position) Position {
	if a.Compare(b) > 0 {
		return a
	}
	return b
}
