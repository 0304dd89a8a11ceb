package policy

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// Scheduling is the rules of the round as an operator writes them. The defaults are
// those that Armada ships, so that jobs and clients of today run unchanged.
type Scheduling struct {
	// Pools are planned in this order. Default: default.
	Pools []Pool
	// Resources are those that jobs may ask for; a node's others are ignored. cpu is
	// counted in thousandths, every other in its own unit. Default: cpu, memory,
	// ephemeral-storage, nvidia.com/gpu.
	Resources []string
	// FloatingResources stand on no node; jobs may ask for them too. Default: none.
	FloatingResources []FloatingResource
	// Tiers are the levels of the topology to which gangs and their groups may be bound, from
	// the widest to the narrowest. Submit is to know the same names (gangTiers). One that is
	// removed binds nothing any more. Default: none.
	Tiers []Tier
	// PriorityClasses are what a job may be of, by name.
	PriorityClasses map[string]PriorityClass
	// DominantResources are those that a queue's share is counted in, in pools that name none of
	// their own. Default: all.
	DominantResources []string
	// DominantResourceMultipliers are how often the share of a dominant resource counts, 0.001
	// to 1000, by name; one without an entry counts once. With nvidia.com/gpu: 2 a queue with
	// a quarter of the gpus stands where one with half of the cpu does. Default: none.
	DominantResourceMultipliers map[string]float64
	// ProtectedFraction is the part of its fair share, 0 to 1, up to which a queue loses
	// nothing to others by fair share. Default 1.
	ProtectedFraction float64
	// PreferLeastLostWork: of several nodes whose victims are of classes as low, the one is
	// chosen where the least work is lost, in cpu time, and only then that with the fewest
	// victims. Default false.
	PreferLeastLostWork bool
	// PreemptionRule is by which rule a queue loses to another for its share: fairlead, which
	// takes only what leaves the two less apart, or armada, which takes what would not be
	// given back if the queues were served anew in their order. Default: fairlead.
	PreemptionRule string
	// Bids are what queues bid in markets, one for each queue, pool and band. Default: none.
	Bids []Bid
	// UsageHalfLife: what a queue held counts beside what it holds, and half as much after so
	// long: a multiple of 30s up to 90 days. Zero: what it held counts for nothing. Default 0.
	UsageHalfLife time.Duration
	// ProtectedFractionByPool is the same for single pools, by name. Default: none.
	ProtectedFractionByPool map[string]float64
	// PriorityFactorsByPool are the priority factors of queues in single pools, by pool and
	// then by queue, from 1 to 1000000; a queue without an entry has its own. Default: none.
	PriorityFactorsByPool map[string]map[string]float64
	// LookbackMax is how many queued jobs of a queue a round looks at. Default 100000.
	LookbackMax uint32
	// WellKnownNodeTypes are kinds of nodes by their taints, for awayNodeTypes. Default: none.
	WellKnownNodeTypes []NodeType
	// MaximumGangCardinality is the most members of a gang that may start; larger ones wait and
	// say so. Submit has a limit of the same name and refuses them. 0: any. Default 0.
	MaximumGangCardinality uint32
	// MaximumResourceFractionToSchedule is the most of a pool's total that may start within a
	// SchedulePeriod, by resource, 0 to 1; a resource without an entry has no limit. Periods
	// begin at multiples of their length. Default: none.
	MaximumResourceFractionToSchedule map[string]float64
	// MaximumResourceFractionToScheduleByPool are the limits of single pools instead, by name.
	// Default: none.
	MaximumResourceFractionToScheduleByPool map[string]map[string]float64
	// ReserveAfter is how long the first in line of a queue waits before nodes are reserved for
	// it, if it is a gang, or a job that no single end of a run would make room for; others are
	// let onto those nodes only as long as that delays it by nothing. Zero: none ever are.
	// Default 5m.
	ReserveAfter time.Duration
	// ReservationsMax is how many reservations a pool has at a time. Default 4.
	ReservationsMax uint32
	// SchedulePeriod is the length of a period. Rounds do not wait for it. Default 10s.
	SchedulePeriod time.Duration
	// Rate limits the jobs started, in all. Default: 100 a second, 1000 at once.
	Rate Rate
	// QueueRate limits the jobs started of each queue. Default: 50 a second, 1000 at once.
	QueueRate Rate
}

// Tier is a level of the topology, as block, rack or host.
type Tier struct {
	Name string
	// NodeLabel is the node label that names its domains within one of the next wider tier.
	NodeLabel string
}

// Pool is a set of nodes that is planned by itself, but for guests. One without nodes of its own
// has guests only.
type Pool struct {
	Name string
	// DominantResources are those that a queue's share of the pool is counted in. Default: as
	// everywhere.
	DominantResources []string
	// ShortJobPenaltyCutoff: a run that ended sooner after its lease stays charged to its
	// queue until then, if it ran and was not preempted: else a queue of many short jobs
	// would always come first. Zero: none is. Default: none.
	ShortJobPenaltyCutoff time.Duration
	// Market: who bids more goes first, and may take the place of who bids less. Default false.
	Market bool
	// SpotPriceCutoff is the part of a market, 0 to 1, at which its spot price is taken, which
	// reports tell: the highest bid such that more is held at it and at higher ones. Zero: it
	// has none. Default 0.
	SpotPriceCutoff float64
	// AwayPools are pools on whose nodes its jobs of preemptible classes may run as guests, tried
	// in this order when no pool can start anything on its own nodes. A guest counts in this pool;
	// the jobs of the pool that a node belongs to take its place before anybody else's. Default:
	// none.
	AwayPools []AwayPool
	// JobDefaults are what all jobs have in the pool, wherever they run on its account.
	JobDefaults JobDefaults
	// DisableHomeScheduling: jobs run in the pool away from home only, by awayNodeTypes; not
	// with DisableAwayScheduling. Default false.
	DisableHomeScheduling bool
	// DisableAwayScheduling: no job runs in the pool away from home, and
	// DisableGangAwayScheduling: no gang does. Default false.
	DisableAwayScheduling, DisableGangAwayScheduling bool
	// DisableFairshareScheduling: nothing is preempted in the pool for a share, or for a higher
	// bid; what a queue has a guarantee for it takes back all the same. Default false.
	DisableFairshareScheduling bool
	// DisableUrgencyScheduling: nothing is preempted in the pool because it is of a lower
	// class. Default false.
	DisableUrgencyScheduling bool
}

// AwayPool is a pool whose nodes another one's jobs may use.
type AwayPool struct{ Name string }

// JobDefaults are what all jobs have in a pool beside what they ask for themselves.
type JobDefaults struct {
	// Tolerations are tolerated by all of them. Their pods get them. Default: none.
	Tolerations []Toleration
}

// Toleration tolerates taints as in Kubernetes: an empty key with Exists all, an empty effect
// every effect, an empty operator is Equal.
type Toleration struct{ Key, Operator, Value, Effect string }

// FloatingResource is one that stands on no node, as licenses do: a pool has so much of it,
// and what its jobs hold in all is never more.
type FloatingResource struct {
	Name string
	// Pools are those that have some of it.
	Pools []FloatingPool
}

// FloatingPool is what a pool has of a floating resource.
type FloatingPool struct {
	Name string
	// Quantity is a whole number in the resource's own unit.
	Quantity int64
}

// PriorityClass is a class of jobs.
type PriorityClass struct {
	// Priority: the higher goes first, whatever the shares.
	Priority int32
	// Preemptible says whether its jobs may be preempted by fair share.
	Preemptible bool
	// MinRunTime is how long a job of the class runs at least before it is preempted, for a
	// fair share or for a higher class. It is counted from the lease. Default 0: it protects
	// nothing.
	MinRunTime time.Duration
	// MaximumFractionPerQueue is the most of a pool's total that jobs of the class may
	// hold in one queue, by resource, 0 to 1. A resource without an entry has no limit.
	MaximumFractionPerQueue map[string]float64
	// MaximumFractionPerQueueByPool are the limits of single pools instead, by name.
	MaximumFractionPerQueueByPool map[string]map[string]float64
	// AwayNodeTypes are nodes on which jobs of the class may run away from home: where they
	// find no place there they tolerate the taints of one, and run at a lower priority, at which
	// whose home it is preempts them. They are tried in this order.
	AwayNodeTypes []AwayNodeType
}

// AwayNodeType is a kind of nodes away from home.
type AwayNodeType struct {
	// Priority is below that of the class, and below those before it.
	Priority int32
	// WellKnownNodeTypeName is one of wellKnownNodeTypes; empty: NodeTypes say which.
	WellKnownNodeTypeName string
	// NodeTypes are tolerated by the jobs that ask for what they are for; a job that none is for
	// does not go there. Default: none.
	NodeTypes []ConditionalNodeType
}

// ConditionalNodeType is a kind of nodes for the jobs that meet all of its conditions.
type ConditionalNodeType struct {
	// Name is one of wellKnownNodeTypes.
	Name string
	// Conditions are on what a job asks for. None: it is for all jobs.
	Conditions []Condition
}

// Condition compares what a job asks for of a resource with a value.
type Condition struct {
	// Resource is one of resources or floatingResources.
	Resource string
	// Operator is >, < or ==.
	Operator string
	// Value is in the resource's own unit, as 0.5 of a cpu: whole, and of cpu in thousandths.
	Value float64
}

// NodeType is a kind of nodes.
type NodeType struct {
	Name string
	// Taints are what is tolerated.
	Taints []Taint
}

// Taint is one of a node. A value of * is any.
type Taint struct{ Key, Value, Effect string }

// Rate is a token bucket. Zero Burst: no limit.
type Rate struct {
	// PerSecond is how many jobs a second.
	PerSecond float64
	// Burst is how many at once after a quiet time.
	Burst uint32
}

// minRunTimeMax is some ten years.
const minRunTimeMax = 87_600 * time.Hour

const (
	// reserveAfterMax is some three months.
	reserveAfterMax = 2160 * time.Hour
	// reservationsMaxMax bounds what a round does for reservations.
	reservationsMaxMax = 100
)

// Default returns what is used where the operator says nothing.
func Default() Scheduling {
	all := []string{"cpu", "memory", "ephemeral-storage", "nvidia.com/gpu"}
	return Scheduling{
		Pools:     []Pool{{Name: "default"}},
		Resources: all,
		PriorityClasses: map[string]PriorityClass{
			"armada-default":     {Priority: 1000, MaximumFractionPerQueue: map[string]float64{"cpu": 1, "memory": 1}},
			"armada-preemptible": {Priority: 1000, Preemptible: true},
		},
		DominantResources: all,
		ProtectedFraction: 1,
		PreemptionRule:    "fairlead",
		LookbackMax:       100_000,
		ReserveAfter:      5 * time.Minute,
		ReservationsMax:   4,
		SchedulePeriod:    10 * time.Second,
		Rate:              Rate{PerSecond: 100, Burst: 1000},
		QueueRate:         Rate{PerSecond: 50, Burst: 1000},
	}
}

// Validate implements config.Validator.
func (s Scheduling) Validate() error {
	var check fault.Check
	if len(s.Pools) == 0 {
		check.Violate("pools", nil, "must name at least one pool")
	}
	seen := map[string]bool{}
	for i, p := range s.Pools {
		if p.Name == "" || seen[p.Name] {
			check.Violate(fmt.Sprintf("pools[%d].name", i), p.Name, "must be a name that no other pool has")
		}
		seen[p.Name] = true
	}
	if len(s.Resources) == 0 {
		check.Violate("resources", nil, "must name at least one resource")
	}
	s.validateFloating(&check)
	s.validatePeriod(&check)
	s.validateAway(&check)
	s.validateSwitches(&check)
	s.validateHosts(&check)
	if len(s.PriorityClasses) == 0 {
		check.Violate("priorityClasses", nil, "must name at least one class")
	}
	tiers := map[string]bool{}
	for i, t := range s.Tiers {
		if t.Name == "" || tiers[t.Name] || strings.Contains(t.Name, "/") {
			check.Violate(fmt.Sprintf("tiers[%d].name", i), t.Name, "must be a name that no other tier has, without a slash")
		}
		if t.NodeLabel == "" {
			check.Violate(fmt.Sprintf("tiers[%d].nodeLabel", i), t.NodeLabel, "must be a node label")
		}
		tiers[t.Name] = true
	}
	fraction(&check, "protectedFraction", s.ProtectedFraction)
	s.validateShares(&check, seen)
	for name, class := range s.PriorityClasses {
		if class.MinRunTime < 0 || class.MinRunTime > minRunTimeMax {
			check.Violate(fmt.Sprintf("priorityClasses.%s.minRunTime", name), class.MinRunTime, "must be from 0 to "+minRunTimeMax.String())
		}
		for resource, limit := range class.MaximumFractionPerQueue {
			fraction(&check, fmt.Sprintf("priorityClasses.%s.maximumFractionPerQueue.%s", name, resource), limit)
		}
		s.validateByPool(&check, fmt.Sprintf("priorityClasses.%s.maximumFractionPerQueueByPool", name), class.MaximumFractionPerQueueByPool)
	}
	if s.LookbackMax == 0 {
		check.Violate("lookbackMax", s.LookbackMax, "must be at least 1")
	}
	if s.ReserveAfter < 0 || s.ReserveAfter > reserveAfterMax {
		check.Violate("reserveAfter", s.ReserveAfter, "must be from 0 to "+reserveAfterMax.String())
	}
	if s.ReservationsMax < 1 || s.ReservationsMax > reservationsMaxMax {
		check.Violate("reservationsMax", s.ReservationsMax, fmt.Sprintf("must be from 1 to %d; reserveAfter: 0 has none made", reservationsMaxMax))
	}
	return check.Err()
}

func fraction(check *fault.Check, field string, value float64) {
	if value < 0 || value > 1 {
		check.Violate(field, value, "must be from 0 to 1")
	}
}

// Round is the rules as the round takes them: in integers. It fails where they contradict
// each other, with schedule.ErrInvalid.
func (s Scheduling) Round() (schedule.Config, error) {
	cfg := schedule.Config{
		Resources: slices.Clone(s.Resources), Dominant: s.DominantResources, Protected: millionths(s.ProtectedFraction),
		LeastLostWork: s.PreferLeastLostWork, Lookback: int(s.LookbackMax), Rate: s.Rate.bucket(), QueueRate: s.QueueRate.bucket(),
	}
	s.setShares(&cfg)
	s.setSwitches(&cfg)
	s.setHosts(&cfg)
	for _, t := range s.Tiers {
		cfg.Tiers = append(cfg.Tiers, schedule.Tier{ID: schedule.TierID(t.Name), Label: t.NodeLabel})
	}
	for _, p := range s.Pools {
		cfg.Pools = append(cfg.Pools, schedule.PoolID(p.Name))
	}
	cfg.ReserveAfter, cfg.ReservationsMax = int64(s.ReserveAfter), int(s.ReservationsMax)
	cfg.PeriodLimit, cfg.GangMax = s.periodLimit(), s.MaximumGangCardinality
	for _, f := range s.FloatingResources {
		cfg.Resources = append(cfg.Resources, f.Name)
		cfg.Floating = append(cfg.Floating, f.round())
	}
	for _, name := range slices.Sorted(maps.Keys(s.PriorityClasses)) {
		class := s.PriorityClasses[name]
		cfg.Classes = append(cfg.Classes, schedule.Class{
			ID: schedule.ClassID(name), Priority: class.Priority, Preemptible: class.Preemptible, MinRunTime: schedule.Time(class.MinRunTime),
			Limit: fractions(class.MaximumFractionPerQueue), LimitIn: fractionsByPool(class.MaximumFractionPerQueueByPool), Away: s.away(class),
		})
	}
	if _, err := schedule.New(cfg); err != nil {
		return schedule.Config{}, fmt.Errorf("check scheduling: %w", err)
	}
	return cfg, nil
}

func millionths(fraction float64) int64 { return int64(math.Round(fraction * schedule.Million)) }

func (r Rate) bucket() schedule.Rate {
	if r.Burst == 0 || r.PerSecond <= 0 {
		return schedule.Rate{}
	}
	return schedule.Rate{PerToken: int64(float64(time.Second) / r.PerSecond), Burst: r.Burst}
}
