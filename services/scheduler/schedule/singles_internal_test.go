package schedule

import (
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// TestSingleList: keys that come and go stand in order, and are found where they belong; and
// what is known of a block is so of the keys that it has.
func TestSingleList(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var l singleList
		draw := func(n int) singleKey {
			by := rival{by: rapid.Int32Range(none, 2).Draw(t, "by"), byA: rapid.Int64Range(-1, 4).Draw(t, "byA"), byB: rapid.Int64Range(-1, 4).Draw(t, "byB")}
			return singleKey{rival: by, queue: rapid.Int32Range(0, 130).Draw(t, "queue"), level: rapid.Int32Range(0, 1).Draw(t, "level"), a: rapid.Int64Range(-1, 4).Draw(t, "a"), b: rapid.Int64Range(-1, 4).Draw(t, "b"), rank: int32(n), node: int32(n)}
		}
		keys := make([]singleKey, rapid.IntRange(0, 400).Draw(t, "keys"))
		for n := range keys {
			keys[n] = draw(n)
		}
		if l.build(slices.Clone(keys)); rapid.Bool().Draw(t, "one by one") {
			l = singleList{}
			for i := range keys {
				l.insert(&keys[i])
			}
		}
		for range rapid.IntRange(0, 300).Draw(t, "moves") {
			if len(keys) == 0 {
				break
			}
			if rapid.Bool().Draw(t, "searched") {
				for i := range l.blocks {
					l.blocks[i].sum()
				}
			}
			at := rapid.IntRange(0, len(keys)-1).Draw(t, "key")
			l.remove(&keys[at])
			if rapid.IntRange(0, 3).Draw(t, "gone") == 0 {
				keys = slices.Delete(keys, at, at+1)
				continue
			}
			keys[at] = draw(int(keys[at].node))
			l.insert(&keys[at])
		}
		var got []singleKey
		for i := range l.blocks {
			b := &l.blocks[i]
			got = append(got, b.keys...)
			checkSums(t, b)
		}
		slices.SortFunc(keys, func(x, y singleKey) int { return compareSingles(&x, &y) })
		if diff := gocmp.Diff(keys, got, gocmp.AllowUnexported(singleKey{}, rival{}), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("keys (-want +got):\n%s", diff)
		}
		for i := range keys {
			if block, at := l.find(&keys[i]); l.blocks[block].keys[at] != keys[i] {
				t.Fatalf("%+v is not where it is looked for", keys[i])
			}
		}
	})
}

// checkSums fails where a search would pass over a block for what its keys are not.
func checkSums(t *rapid.T, b *singleBlock) {
	if !b.summed {
		return
	}
	for i := range b.keys {
		key := &b.keys[i]
		if !b.queues.has(key.queue) {
			t.Fatalf("queue %d of %+v is not among %b", key.queue, key, b.queues)
		}
		if b.rival.by != none && (b.rival.by != key.by || b.rival.byA > key.byA || b.rival.byB > key.byB) {
			t.Fatalf("%+v leaves more than that of %+v", b.rival, key)
		}
	}
}
