package archcheck_test

import (
	"testing"

	"github.com/fairlead-batch/fairlead/tools/archcheck"
)

// TestTree is the architecture check itself. It reads the whole tree, which go's
// test cache does not see: run it with -count=1, as `make archcheck` does.
func TestTree(t *testing.T) {
	t.Parallel()
	tree, err := archcheck.Load(t.Context(), "../..")
	if err != nil {
		t.Fatal(err)
	}
	if len(tree.Packages) == 0 {
		t.Fatal("no package was found: nothing would be checked")
	}
	found, err := archcheck.Check(t.Context(), tree, archcheck.Fairlead())
	if err != nil {
		t.Fatal(err)
	}
	for _, finding := range found {
		t.Error(finding)
	}
}
