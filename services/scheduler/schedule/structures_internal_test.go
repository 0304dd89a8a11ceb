package schedule

import (
	"encoding/binary"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// TestTable: a table finds what a map finds, whatever came and went, and so does its clone.
func TestTable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		table, want := table{}, map[[16]byte]int32{}
		if rapid.Bool().Draw(t, "reserve") {
			table.reserve(rapid.IntRange(0, 40).Draw(t, "n"))
		}
		id := func() (id [16]byte) {
			binary.LittleEndian.PutUint64(id[rapid.SampledFrom([]int{0, 8}).Draw(t, "half"):], rapid.Uint64Range(1, 60).Draw(t, "id"))
			return id
		}
		for range rapid.IntRange(0, 300).Draw(t, "steps") {
			id := id()
			h, known := want[id]
			if got := table.find(&id); known && got != h || !known && got != none {
				t.Fatalf("find %x: %d, want %d, %v", id, got, h, known)
			}
			if known {
				table.remove(h)
				delete(want, id)
				continue
			}
			want[id] = table.add(id)
		}
		clone := table.clone()
		for id, h := range want {
			if table.find(&id) != h || clone.find(&id) != h || table.ids[h] != id {
				t.Fatalf("%x is not at %d", id, h)
			}
		}
		if table.n != len(want) {
			t.Fatalf("%d ids, want %d", table.n, len(want))
		}
	})
}

// TestList: a list holds what it was given in order, over many chunks, counts what is
// before a place, and is the same when it is put in order at once.
func TestList(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := &State{}
		for i := range 3000 {
			var id [16]byte
			binary.BigEndian.PutUint64(id[8:], uint64(i+1))
			s.jobIDs.add(id)
			s.jobs = append(s.jobs, jobRow{priority: uint32(i % 3), submitted: Time(i % 7)})
		}
		var l list
		var want []int32
		stride := rapid.SampledFrom([]int{1, 7, 1009}).Draw(t, "stride")
		for i := range rapid.IntRange(0, 2500).Draw(t, "inserts") {
			job := int32(i * stride % 3000)
			if at, found := slices.BinarySearchFunc(want, job, s.compareInKind); !found {
				want = slices.Insert(want, at, job)
				l.insert(s, job)
			}
		}
		for range rapid.IntRange(0, min(len(want), 1500)).Draw(t, "removals") {
			at := rapid.IntRange(0, len(want)-1).Draw(t, "at")
			l.remove(s, want[at])
			want = slices.Delete(want, at, at+1)
		}
		var got []int32
		for c := (cursor{}); l.job(c) != none; c = l.step(c) {
			if l.before(c) != len(got) || l.find(s, l.job(c)) != c {
				t.Fatalf("%v is not where %d are before", c, len(got))
			}
			got = append(got, l.job(c))
		}
		if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("jobs (-want +got):\n%s", diff)
		}
		var mixed list
		for _, job := range slices.Backward(want) {
			mixed.append(job)
		}
		mixed.sort(s)
		got = got[:0]
		mixed.all(func(job int32) { got = append(got, job) })
		if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("sorted (-want +got):\n%s", diff)
		}
	})
}

// TestSortedNodes: nodes that move stand in order, in blocks that know their most.
func TestSortedNodes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var l sortedNodes
		keys := make([]nodeKey, rapid.IntRange(0, 400).Draw(t, "nodes"))
		draw := func(n int) nodeKey {
			return nodeKey{a: rapid.Int64Range(-1, 4).Draw(t, "a"), b: rapid.Int64Range(-1, 4).Draw(t, "b"), rank: int32(n), node: int32(n), there: true}
		}
		for n := range keys {
			keys[n] = draw(n)
		}
		if l.build(slices.Clone(keys)); rapid.Bool().Draw(t, "one by one") {
			l = sortedNodes{}
			for _, key := range keys {
				l.insert(key)
			}
		}
		for range rapid.IntRange(0, 300).Draw(t, "moves") {
			if len(keys) == 0 {
				break
			}
			at := rapid.IntRange(0, len(keys)-1).Draw(t, "node")
			l.remove(&keys[at])
			if rapid.IntRange(0, 3).Draw(t, "gone") == 0 {
				keys = slices.Delete(keys, at, at+1)
				continue
			}
			keys[at] = draw(int(keys[at].node))
			l.insert(keys[at])
		}
		var got []nodeKey
		for _, b := range l.blocks {
			most := b.nodes[0].b
			for _, key := range b.nodes {
				most = max(most, key.b)
			}
			if most != b.most {
				t.Fatalf("a block's most is %d, want %d", b.most, most)
			}
			got = append(got, b.nodes...)
		}
		slices.SortFunc(keys, func(x, y nodeKey) int { return compareKeys(&x, &y) })
		if diff := gocmp.Diff(keys, got, gocmp.AllowUnexported(nodeKey{}), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("nodes (-want +got):\n%s", diff)
		}
	})
}
