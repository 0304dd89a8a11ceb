package schedule

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// table gives ids of 16 bytes small handles, which are reused once they are free, and finds
// them again. It is flat: 16 bytes an id, and 4 to 8 bytes a slot at a load of at most
// three quarters, without a pointer for the garbage collector to follow; a copy of it is
// two copies of memory. A look-up is one cache line of slots and one of ids, mostly.
type table struct {
	ids  [][16]byte
	free []int32
	// slots hold handles plus one, by hash and then the next that is empty.
	slots []uint32
	n     int
}

// none is no handle.
const none int32 = -1

// slotOf is where the search for an id begins. Both halves count, for the first of a ULID
// is its time.
func (t *table) slotOf(id *[16]byte) uint64 {
	h := binary.LittleEndian.Uint64(id[:8])*0x9e3779b97f4a7c15 ^ binary.LittleEndian.Uint64(id[8:])
	h *= 0xd6e8feb86659fd93
	return h >> (64 - bits.Len(uint(len(t.slots)-1)))
}

// find is the handle of an id, or none.
func (t *table) find(id *[16]byte) int32 {
	if t.n == 0 {
		return none
	}
	mask := uint64(len(t.slots) - 1)
	for i := t.slotOf(id); ; i = (i + 1) & mask {
		h := t.slots[i]
		if h == 0 {
			return none
		}
		if t.ids[h-1] == *id {
			return int32(h - 1) //nolint:gosec // handles are below 2^31
		}
	}
}

// add gives an id that has none a handle.
func (t *table) add(id [16]byte) (handle int32) {
	if (t.n+1)*4 > len(t.slots)*3 {
		t.resize(max(16, len(t.slots)*2))
	}
	if last := len(t.free) - 1; last >= 0 {
		handle, t.free = t.free[last], t.free[:last]
		t.ids[handle] = id
	} else {
		handle = int32(len(t.ids)) //nolint:gosec // handles are below 2^31
		t.ids = append(t.ids, id)
	}
	t.n++
	t.put(handle)
	return handle
}

func (t *table) put(handle int32) {
	mask := uint64(len(t.slots) - 1)
	i := t.slotOf(&t.ids[handle])
	for t.slots[i] != 0 {
		i = (i + 1) & mask
	}
	t.slots[i] = uint32(handle) + 1
}

// resize makes room for three quarters of so many ids, a power of two.
func (t *table) resize(slots int) {
	old := t.slots
	t.slots = make([]uint32, slots)
	for _, h := range old {
		if h != 0 {
			t.put(int32(h - 1)) //nolint:gosec // handles are below 2^31
		}
	}
}

// reserve makes room for so many ids.
func (t *table) reserve(n int) {
	t.ids = slices.Grow(t.ids, n)
	if need := 1 << bits.Len(uint(n*4/3)); need > len(t.slots) {
		t.resize(need)
	}
}

// remove frees a handle. What stood behind its slot moves up, so that no search ends early.
func (t *table) remove(handle int32) {
	mask := uint64(len(t.slots) - 1)
	i := t.slotOf(&t.ids[handle])
	for t.slots[i] != uint32(handle)+1 {
		i = (i + 1) & mask
	}
	for j := i; ; {
		j = (j + 1) & mask
		if t.slots[j] == 0 {
			break
		}
		home := t.slotOf(&t.ids[t.slots[j]-1])
		if (j-home)&mask >= (j-i)&mask { // its search passes the hole
			t.slots[i] = t.slots[j]
			i = j
		}
	}
	t.slots[i] = 0
	t.ids[handle] = [16]byte{}
	t.free = append(t.free, handle)
	t.n--
}

func (t *table) clone() table {
	return table{ids: slices.Clone(t.ids), free: slices.Clone(t.free), slots: slices.Clone(t.slots), n: t.n}
}
