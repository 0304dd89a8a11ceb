package policy_test

import (
	"math"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/fairlead-batch/fairlead/services/scheduler/policy"
	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// TestShares: what an operator writes of shares reaches the round, in integers.
func TestShares(t *testing.T) {
	t.Parallel()
	s := policy.Default()
	s.DominantResourceMultipliers = map[string]float64{"nvidia.com/gpu": 2.5}
	s.Pools[0].DominantResources = []string{"nvidia.com/gpu", "cpu"}
	s.ProtectedFractionByPool = map[string]float64{"default": 0.25}
	s.PriorityFactorsByPool = map[string]map[string]float64{"default": {"a": 4}}
	s.UsageHalfLife = time.Hour
	s.Pools[0].SpotPriceCutoff = 0.9
	s.Pools[0].Market, s.Bids = true, []policy.Bid{{Queue: "a", Pool: "default", Band: "B", Price: 1.5}}
	s.PreemptionRule, s.Pools[0].ShortJobPenaltyCutoff = "armada", time.Minute
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	cfg, err := s.Round()
	if err != nil {
		t.Fatal(err)
	}
	want := schedule.Config{
		DominantIn: map[schedule.PoolID][]string{"default": {"nvidia.com/gpu", "cpu"}},
		Markets:    []schedule.PoolID{"default"}, Bids: []schedule.Bid{{Queue: "a", Pool: "default", Band: "B", Price: 1_500_000}},
		SpotCutoff:    map[schedule.PoolID]int64{"default": 900_000},
		UsageHalfLife: 3600e9, PreemptionRule: schedule.ArmadaOrder, ShortJob: map[schedule.PoolID]int64{"default": 60e9},
		Multipliers: map[string]int64{"nvidia.com/gpu": 2_500_000}, ProtectedIn: map[schedule.PoolID]int64{"default": 250_000},
		Weights: map[schedule.PoolID]map[schedule.QueueID]int64{"default": {"a": 250_000}},
	}
	got := schedule.Config{DominantIn: cfg.DominantIn, Markets: cfg.Markets, Bids: cfg.Bids, SpotCutoff: cfg.SpotCutoff, UsageHalfLife: cfg.UsageHalfLife, PreemptionRule: cfg.PreemptionRule, ShortJob: cfg.ShortJob, Multipliers: cfg.Multipliers, ProtectedIn: cfg.ProtectedIn, Weights: cfg.Weights}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
}

// TestSharesRefused: an error names the key.
func TestSharesRefused(t *testing.T) {
	t.Parallel()
	for want, spoil := range map[string]func(s *policy.Scheduling){
		"pools[0].dominantResources[0]":    func(s *policy.Scheduling) { s.Pools[0].DominantResources = []string{"disk"} },
		"pools[0].dominantResources[1]":    func(s *policy.Scheduling) { s.Pools[0].DominantResources = []string{"cpu", "cpu"} },
		"dominantResourceMultipliers.disk": func(s *policy.Scheduling) { s.DominantResourceMultipliers = map[string]float64{"disk": 1} },
		"dominantResourceMultipliers.cpu":  func(s *policy.Scheduling) { s.DominantResourceMultipliers = map[string]float64{"cpu": 0} },
		"pools[0].spotPriceCutoff":         func(s *policy.Scheduling) { s.Pools[0].SpotPriceCutoff = 0.5 },
		"pools[0].shortJobPenaltyCutoff":   func(s *policy.Scheduling) { s.Pools[0].ShortJobPenaltyCutoff = -1 },
		"bids[0].queue":                    func(s *policy.Scheduling) { s.Bids = []policy.Bid{{Pool: "default"}} },
		"bids[0].pool":                     func(s *policy.Scheduling) { s.Bids = []policy.Bid{{Queue: "a", Pool: "default"}} },
		"bids[0].band":                     func(s *policy.Scheduling) { s.Bids = []policy.Bid{{Queue: "a", Band: "I"}} },
		"bids[0].price":                    func(s *policy.Scheduling) { s.Bids = []policy.Bid{{Queue: "a", Price: math.NaN()}} },
		"bids[1].queue":                    func(s *policy.Scheduling) { s.Bids = []policy.Bid{{Queue: "a"}, {Queue: "a"}} },
		"usageHalfLife":                    func(s *policy.Scheduling) { s.UsageHalfLife = 31 * time.Second },
		"preemptionRule":                   func(s *policy.Scheduling) { s.PreemptionRule = "random" },
		"protectedFractionByPool.gpu":      func(s *policy.Scheduling) { s.ProtectedFractionByPool = map[string]float64{"gpu": 1} },
		"protectedFractionByPool.default":  func(s *policy.Scheduling) { s.ProtectedFractionByPool = map[string]float64{"default": 2} },
		"priorityFactorsByPool.gpu": func(s *policy.Scheduling) {
			s.PriorityFactorsByPool = map[string]map[string]float64{"gpu": {"a": 1}}
		},
		"priorityFactorsByPool.default.a": func(s *policy.Scheduling) {
			s.PriorityFactorsByPool = map[string]map[string]float64{"default": {"a": 0}}
		},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			s := policy.Default()
			spoil(&s)
			if err := s.Validate(); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want one that names %s", err, want)
			}
		})
	}
}
