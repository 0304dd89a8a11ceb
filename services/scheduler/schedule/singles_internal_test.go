package schedule

import (
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// TestSingleList: keys that come and go stand in order, and are found where they belong.
func TestSingleList(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var l singleList
		draw := func(n int) singleKey {
			return singleKey{level: rapid.Int32Range(0, 1).Draw(t, "level"), a: rapid.Int64Range(-1, 4).Draw(t, "a"), b: rapid.Int64Range(-1, 4).Draw(t, "b"), rank: int32(n), node: int32(n)}
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
			at := rapid.IntRange(0, len(keys)-1).Draw(t, "key")
			l.remove(&keys[at])
			if rapid.IntRange(0, 3).Draw(t, "gone") == 0 {
				keys = slices.Delete(keys, at, at+1)
				continue
			}
			keys[at] = draw(int(keys[at].node))
			l.insert(&keys[at])
		}
		slices.SortFunc(keys, func(x, y singleKey) int { return compareSingles(&x, &y) })
		if diff := gocmp.Diff(keys, slices.Concat(l.blocks...), gocmp.AllowUnexported(singleKey{}), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("keys (-want +got):\n%s", diff)
		}
		for i := range keys {
			if block, at := l.find(&keys[i]); l.blocks[block][at] != keys[i] {
				t.Fatalf("%+v is not where it is looked for", keys[i])
			}
		}
	})
}
