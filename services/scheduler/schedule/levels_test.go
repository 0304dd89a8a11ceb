package schedule_test

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

var digestPlans = flag.Int("digest-plans", 0, "print the digest of the plans of so many drawn worlds")

// TestDigestPlans prints what TestSameOnEveryLevel compares.
func TestDigestPlans(t *testing.T) {
	t.Parallel()
	if *digestPlans == 0 {
		t.Skip("it is run by TestSameOnEveryLevel")
	}
	sum := sha256.New()
	worlds := rapid.Custom(drawWorld)
	for seed := range *digestPlans {
		w := worlds.Example(seed)
		s := w.load(t, rand.New(rand.NewPCG(uint64(seed), 0))) //nolint:gosec // an order of facts
		for range 2 {
			plan := s.Plan(schedule.Round{Now: w.now, MayReject: true})
			sum.Write(fmt.Appendf(nil, "%+v", *plan))
			if err := s.Apply(w.facts(plan)...); err != nil {
				t.Fatal(err)
			}
			w.now += 60
		}
		digest := s.Digest()
		sum.Write(digest[:])
	}
	t.Logf("digest %x of %d worlds", sum.Sum(nil), *digestPlans)
}

// TestSameOnEveryLevel: a replica that was built for newer processors makes the same plans.
// Go multiplies and adds in one step there, which gives other floats; a decision that one
// takes part in would show here.
func TestSameOnEveryLevel(t *testing.T) {
	t.Parallel()
	if runtime.GOARCH != "amd64" {
		t.Skip("the levels are those of amd64")
	}
	const worlds = "2000"
	digests := map[string]string{}
	for _, level := range []string{"v1", "v3"} {
		binary := filepath.Join(t.TempDir(), "schedule-"+level)
		build := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", binary, ".")
		build.Env = append(os.Environ(), "GOAMD64="+level)
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build for %s: %v\n%s", level, err, out)
		}
		out, err := exec.CommandContext(t.Context(), binary, "-test.run", "^TestDigestPlans$", "-test.v", "-digest-plans", worlds).CombinedOutput() //nolint:gosec // it was built above
		if strings.Contains(string(out), "microarchitecture support") {
			t.Skipf("this processor is not of level %s", level)
		}
		_, after, found := strings.Cut(string(out), "digest ")
		if err != nil || !found {
			t.Fatalf("run for %s: %v\n%s", level, err, out)
		}
		digests[level], _, _ = strings.Cut(after, "\n")
	}
	if digests["v1"] != digests["v3"] {
		t.Errorf("plans differ: %v", digests)
	}
}
