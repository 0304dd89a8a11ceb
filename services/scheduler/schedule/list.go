package schedule

import "slices"

// list is the waiting jobs of a kind, in order, in chunks. Most come at its end, which is
// an append; one in the middle moves half a chunk at most.
type list struct{ chunks [][]int32 }

// chunkMax is how many jobs a chunk holds: 2 KiB, which moves in some 30 ns.
const chunkMax = 512

// cursor is a place in a list.
type cursor struct{ chunk, at int32 }

// job is the job at a place; none: it is the end.
func (l *list) job(c cursor) int32 {
	if int(c.chunk) >= len(l.chunks) {
		return none
	}
	return l.chunks[c.chunk][c.at]
}

// step is the place after another.
func (l *list) step(c cursor) cursor {
	if c.at++; int(c.at) >= len(l.chunks[c.chunk]) {
		return cursor{c.chunk + 1, 0}
	}
	return c
}

// find is the place of a job, or where it belongs.
func (l *list) find(s *State, job int32) cursor {
	chunk, _ := slices.BinarySearchFunc(l.chunks, job, func(chunk []int32, job int32) int {
		return s.compareInKind(chunk[len(chunk)-1], job)
	})
	if chunk == len(l.chunks) {
		return cursor{int32(chunk), 0} //nolint:gosec // below 2^31 jobs
	}
	at, _ := slices.BinarySearchFunc(l.chunks[chunk], job, s.compareInKind)
	return cursor{int32(chunk), int32(at)} //nolint:gosec // below 2^31 jobs
}

// findQueued is the place of a job of any kind of the queue, or where it would belong.
func (l *list) findQueued(s *State, job int32) cursor {
	chunk, _ := slices.BinarySearchFunc(l.chunks, job, func(chunk []int32, job int32) int {
		return s.compareQueued(chunk[len(chunk)-1], job)
	})
	if chunk == len(l.chunks) {
		return cursor{int32(chunk), 0} //nolint:gosec // below 2^31 jobs
	}
	at, _ := slices.BinarySearchFunc(l.chunks[chunk], job, s.compareQueued)
	return cursor{int32(chunk), int32(at)} //nolint:gosec // below 2^31 jobs
}

func (l *list) insert(s *State, job int32) {
	last := len(l.chunks) - 1
	if last < 0 {
		l.chunks = append(l.chunks, []int32{job})
		return
	}
	if end := l.chunks[last]; s.compareInKind(end[len(end)-1], job) < 0 {
		l.append(job)
		return
	}
	c := l.find(s, job)
	chunk := slices.Insert(l.chunks[c.chunk], int(c.at), job)
	l.chunks[c.chunk] = chunk
	if len(chunk) > chunkMax {
		half := len(chunk) / 2
		l.chunks = slices.Insert(l.chunks, int(c.chunk)+1, slices.Clone(chunk[half:]))
		l.chunks[c.chunk] = chunk[:half]
	}
}

// append puts a job at the end.
func (l *list) append(job int32) {
	last := len(l.chunks) - 1
	if last < 0 || len(l.chunks[last]) == chunkMax {
		l.chunks = append(l.chunks, []int32{job})
		return
	}
	l.chunks[last] = append(l.chunks[last], job)
}

// appended appends a job and says whether the list is in order still.
func (l *list) appended(s *State, job int32) bool {
	last := len(l.chunks) - 1
	inOrder := last < 0 || s.compareInKind(l.chunks[last][len(l.chunks[last])-1], job) < 0
	l.append(job)
	return inOrder
}

func (l *list) remove(s *State, job int32) {
	c := l.find(s, job)
	chunk := slices.Delete(l.chunks[c.chunk], int(c.at), int(c.at)+1)
	if len(chunk) == 0 {
		l.chunks = slices.Delete(l.chunks, int(c.chunk), int(c.chunk)+1)
		return
	}
	l.chunks[c.chunk] = chunk
}

// before counts the jobs before a place.
func (l *list) before(c cursor) (n int) {
	for _, chunk := range l.chunks[:c.chunk] {
		n += len(chunk)
	}
	return n + int(c.at)
}

// all gives every job to a function, in order.
func (l *list) all(give func(job int32)) {
	for _, chunk := range l.chunks {
		for _, job := range chunk {
			give(job)
		}
	}
}

// sort puts a list in order that was appended to in any.
func (l *list) sort(s *State) {
	jobs := slices.Concat(l.chunks...)
	slices.SortFunc(jobs, s.compareInKind)
	l.chunks = nil
	for chunk := range slices.Chunk(jobs, chunkMax) {
		l.chunks = append(l.chunks, slices.Clone(chunk))
	}
}

func (l *list) clone() list {
	out := make([][]int32, len(l.chunks))
	for i, chunk := range l.chunks {
		out[i] = slices.Clone(chunk)
	}
	return list{out}
}
