package sim_test

import (
	"flag"
	"io"
	"os"
	"testing"

	"github.com/fairlead-batch/fairlead/services/standalone/sim"
)

var (
	oneSeed  = flag.Uint64("seed", 0, "run this seed alone; with -v, tell its story")
	allSeeds = flag.Uint64("seeds", 20, "run so many seeds, from 1 on")
	// failedMax is how many seeds may fail before the rest is not run.
	failedMax = flag.Int("failures", 10, "stop after so many seeds that fail")
)

// TestSeeds runs the system by many seeds. What is counted must have happened: a run
// in which nothing was fenced shows nothing of fences.
func TestSeeds(t *testing.T) {
	t.Parallel()
	if *oneSeed > 0 {
		t.Skip("one seed is asked for: TestSeed")
	}
	var sum sim.Counts
	failed := 0
	for seed := uint64(1); seed <= *allSeeds && failed < *failedMax; seed++ {
		result := sim.Run(sim.DefaultConfig(seed), nil)
		sum.Add(&result.Counts)
		if result.Err != nil {
			failed++
			t.Errorf("seed %d: %v\n\tgo test ./services/standalone/sim -run 'TestSeed$' -seed %d -v", seed, result.Err, seed)
		}
	}
	t.Logf("what happened in %d seeds:\n%s", *allSeeds, &sum)
	for _, name := range sum.Missing() {
		t.Errorf("never happened in %d seeds: %s", *allSeeds, name)
	}
}

// TestSeed runs one seed that is asked for, and tells its story with -v.
func TestSeed(t *testing.T) {
	t.Parallel()
	if *oneSeed == 0 {
		t.Skip("no seed is asked for: -seed N")
	}
	var story io.Writer
	if testing.Verbose() {
		story = os.Stdout
	}
	result := sim.Run(sim.DefaultConfig(*oneSeed), story)
	t.Logf("at rest after %s, hash %s\n%s", result.Took, result.Hash, &result.Counts)
	if result.Err != nil {
		t.Error(result.Err)
	}
}

// TestSameSeedSameHash: a run is a function of its seed, or no seed could be replayed.
func TestSameSeedSameHash(t *testing.T) {
	t.Parallel()
	seed := max(*oneSeed, 1)
	first, second := sim.Run(sim.DefaultConfig(seed), nil), sim.Run(sim.DefaultConfig(seed), io.Discard)
	if first.Hash != second.Hash || first.Counts != second.Counts || first.Took != second.Took {
		t.Errorf("seed %d gives %s after %s and %s after %s", seed, first.Hash, first.Took, second.Hash, second.Took)
	}
	if other := sim.Run(sim.DefaultConfig(seed+1), nil); other.Hash == first.Hash {
		t.Errorf("seeds %d and %d give one hash, %s: it is not over what happens", seed, seed+1, first.Hash)
	}
}

// TestCalm: where nothing goes wrong nothing is dropped, given up, or done twice.
func TestCalm(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		cfg := sim.DefaultConfig(seed + 1)
		cfg.Faults = 0
		result := sim.Run(cfg, nil)
		if result.Err != nil {
			t.Errorf("seed %d: %v", seed+1, result.Err)
		}
		if amiss := result.Counts.Troubles(); len(amiss) > 0 {
			t.Errorf("seed %d: without a fault there are %v", seed+1, amiss)
		}
	}
}
