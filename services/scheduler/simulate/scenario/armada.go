package scenario

import (
	"cmp"
	"fmt"
	"math"
	"reflect"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/config"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/scheduler/policy"
)

// armadaFile is Armada's scheduler configuration.
type armadaFile struct {
	Scheduling armadaRules
	// SchedulePeriod is the time between two rounds.
	SchedulePeriod Span
	// The rest configures a server.
	Postgres, Migration, ArmadaApi, Pulsar, Leader, Metrics, GRPC, HTTP, Auth, SubmitCheck      unread
	InternedStringsCacheSize, CyclePeriod, ExecutorTimeout, DatabaseFetchSize                   unread
	MaxSchedulingDuration, NewJobsSchedulingTimeout, QueueRefreshPeriod, PriorityOverride       unread
	PricingApi, PublishMetricsToPulsar, Profiling, JobMetadataMigrationPhase, SchedulingEnabled unread
}

// armadaRules is Armada's SchedulingConfig: what we have too, and the names of the rest.
type armadaRules struct {
	Pools                        []armadaPool
	SupportedResourceTypes       []armadaResource
	PriorityClasses              map[string]armadaClass
	DefaultPriorityClassName     string
	ProtectedFractionOfFairShare float64
	NodeIDLabel                  string `koanf:"nodeIdLabel"`
	MaxQueueLookback             uint32
	// The rates are limits where they are below a start a nanosecond.
	MaximumSchedulingRate                       float64
	MaximumSchedulingBurst                      uint64
	MaximumPerQueueSchedulingRate               float64
	MaximumPerQueueSchedulingBurst              uint64
	DominantResourceFairnessResourcesToConsider []string

	// These tune Armada's own structures, or its clusters: a simulation without them is the
	// same.
	IndexedResources, IndexedNodeLabels, IndexedTaints, MaxSchedulingDuration, ExecutorTimeout quiet
	MaxUnacknowledgedJobsPerExecutor, ExecutorUpdateFrequency, EnableAssertions, MaxRetries    quiet
	PriorityClassNameOverride, AsyncSchedulingEnabled, DisableIndependentPoolFailures          quiet
	MaxNewJobSchedulingDuration, MaxNewJobSchedulingDurationPerQueue, RetryPolicy              quiet
	DefaultPoolSchedulePriority, ExperimentalIndicativeShare                                   quiet

	MaximumResourceFractionToSchedule       map[string]float64
	MaximumResourceFractionToScheduleByPool map[string]map[string]float64
	FloatingResources                       []armadaFloating

	ExperimentalDominantResourceFairnessResourcesToConsider []armadaDominant

	WellKnownNodeTypes []armadaNodeType

	EnablePreferLargeJobOrdering, DisableScheduling, RespectNodePodLimits unread
}

type armadaPool struct {
	Name                         string
	ShortJobPenaltyCutoff        Span
	ProtectedFractionOfFairShare float64

	DisableHomeScheduling, DisableAwayScheduling, DisableGangAwayScheduling bool
	DisableFairshareScheduling, DisableUrgencyScheduling                    bool

	AwayPools   []policy.AwayPool
	JobDefaults armadaDefaults

	DominantResourceFairnessResourcesToConsider []string

	ExperimentalOptimiser                                                                        unread
	ExperimentalProtectUncappedAdjustedFairShare, ExperimentalMarketScheduling                   unread
	ExperimentalSubmissionGroup, ExperimentalRunReconciliation, ExperimentalUnscheduledResources unread
	DisableFairSharePreemption, DisableUrgencyBasedPreemption                                    unread
	FairsharePreemptionRateLimit, DisablePreemptCrossPoolJobsFirst                               unread
}

// armadaDefaults are what all jobs have in a pool.
type armadaDefaults struct{ Tolerations []armadaToleration }

// armadaToleration is a toleration as Kubernetes has them.
type armadaToleration struct {
	Key, Operator, Value, Effect string
	TolerationSeconds            quiet
}

// armadaFloating is a resource that stands on no node.
type armadaFloating struct {
	Name       string
	Resolution quiet
	Pools      []struct {
		Name     string
		Quantity Amount
	}
}

// armadaDominant is a dominant resource and how much it counts; not above zero: once.
type armadaDominant struct {
	Name       string
	Multiplier float64
}

type armadaResource struct {
	Name string
	// Resolution: ours are thousandths of a cpu and units of all else.
	Resolution quiet
}

type armadaClass struct {
	Priority                              int32
	Preemptible                           bool
	MaximumResourceFractionPerQueue       map[string]float64
	MaximumResourceFractionPerQueueByPool map[string]map[string]float64
	AwayNodeTypes                         []armadaAway
}

// armadaAway is a way to be away from home.
type armadaAway struct {
	Priority              int32
	WellKnownNodeTypeName string
	NodeTypes             []struct {
		Name       string
		Conditions []armadaCondition
	}
}

// armadaCondition is one on what a job asks for.
type armadaCondition struct {
	Resource, Operator string
	Value              Amount
}

// armadaNodeType is a kind of nodes by its taints.
type armadaNodeType struct {
	Name   string
	Taints []armadaTaint
}

// armadaTaint is a taint as Kubernetes has them.
type armadaTaint struct {
	Key, Value, Effect string
	TimeAdded          quiet
}

// Validate implements config.Validator.
func (c armadaCondition) Validate() error {
	var check fault.Check
	if _, fits := c.Value.units(c.Resource); !fits {
		check.Violate("value", c.Resource, amountRule)
	}
	return check.Err()
}

// quiet is like unread, and nobody needs to be warned of it.
type quiet struct{}

// MarshalJSON leaves the key out.
func (quiet) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

// UnmarshalJSON takes anything.
func (*quiet) UnmarshalJSON([]byte) error { return nil }

// Validate implements config.Validator.
func (r armadaRules) Validate() error {
	var check fault.Check
	names := map[string]bool{}
	for _, resource := range r.SupportedResourceTypes {
		names[resource.Name] = true
	}
	for i, name := range r.DominantResourceFairnessResourcesToConsider {
		if len(names) > 0 && !names[name] {
			check.Violate(fmt.Sprintf("dominantResourceFairnessResourcesToConsider[%d]", i), name, "must be one of supportedResourceTypes")
		}
	}
	if name := r.DefaultPriorityClassName; name != "" && len(r.PriorityClasses) > 0 {
		if _, is := r.PriorityClasses[name]; !is {
			check.Violate("defaultPriorityClassName", name, "must be one of priorityClasses")
		}
	}
	for name, rate := range map[string]float64{
		"maximumSchedulingRate": r.MaximumSchedulingRate, "maximumPerQueueSchedulingRate": r.MaximumPerQueueSchedulingRate,
	} {
		if !(rate >= 0) {
			check.Violate(name, rate, "must not be negative")
		}
	}
	return check.Err()
}

// readNested reads the configuration of Armada's scheduler.
func readNested(file string) (Rules, error) {
	f, err := config.Load(armadaFile{}, []string{file}, nil)
	if err != nil {
		return Rules{}, err
	}
	return f.Scheduling.rules(file, time.Duration(f.SchedulePeriod))
}

// readFlat reads the part of it that is about scheduling, as Armada's simulator takes it.
func readFlat(file string) (Rules, error) {
	r, err := config.Load(armadaRules{}, []string{file}, nil)
	if err != nil {
		return Rules{}, err
	}
	return r.rules(file, 0)
}

// armadaPeriod is how often Armada makes a round, and its simulator too.
const armadaPeriod = 10 * time.Second

// rules are Armada's as ours. What the file leaves out is as where there is no file.
func (r armadaRules) rules(file string, period time.Duration) (Rules, error) {
	out := DefaultRules()
	out.MinInterval, out.PreemptionInterval = cmp.Or(period, armadaPeriod), 0
	r.pools(&out)
	r.resources(&out)
	r.classes(&out)
	out.ProtectedFraction = cmp.Or(r.ProtectedFractionOfFairShare, out.ProtectedFraction)
	out.NodeIDLabel = cmp.Or(r.NodeIDLabel, out.NodeIDLabel)
	out.LookbackMax = cmp.Or(r.MaxQueueLookback, out.LookbackMax)
	out.Rate = rate(r.MaximumSchedulingRate, r.MaximumSchedulingBurst)
	out.QueueRate = rate(r.MaximumPerQueueSchedulingRate, r.MaximumPerQueueSchedulingBurst)
	out.SchedulePeriod = out.MinInterval
	out.MaximumResourceFractionToSchedule = limits(r.MaximumResourceFractionToSchedule)
	for pool, parts := range r.MaximumResourceFractionToScheduleByPool { //archcheck:unordered it fills a map
		if out.MaximumResourceFractionToScheduleByPool == nil {
			out.MaximumResourceFractionToScheduleByPool = map[string]map[string]float64{}
		}
		out.MaximumResourceFractionToScheduleByPool[pool] = limits(parts)
	}
	out.Unread = unreadKeys(reflect.ValueOf(r), "")
	if err := out.Validate(); err != nil { // the rules that ours add
		return Rules{}, fmt.Errorf("%s: %w", file, err)
	}
	return out, nil
}

func (r armadaRules) pools(out *Rules) {
	if len(r.Pools) == 0 {
		return
	}
	out.Pools, out.AnyPool = nil, false
	for _, p := range r.Pools {
		defaults := policy.JobDefaults{}
		for _, t := range p.JobDefaults.Tolerations {
			defaults.Tolerations = append(defaults.Tolerations, policy.Toleration{Key: t.Key, Operator: t.Operator, Value: t.Value, Effect: t.Effect})
		}
		out.Pools = append(out.Pools, policy.Pool{
			Name: p.Name, DominantResources: p.DominantResourceFairnessResourcesToConsider, AwayPools: p.AwayPools, JobDefaults: defaults, ShortJobPenaltyCutoff: time.Duration(p.ShortJobPenaltyCutoff),
			DisableHomeScheduling: p.DisableHomeScheduling, DisableAwayScheduling: p.DisableAwayScheduling, DisableGangAwayScheduling: p.DisableGangAwayScheduling,
			DisableFairshareScheduling: p.DisableFairshareScheduling, DisableUrgencyScheduling: p.DisableUrgencyScheduling,
		})
		if p.ProtectedFractionOfFairShare > 0 {
			if out.ProtectedFractionByPool == nil {
				out.ProtectedFractionByPool = map[string]float64{}
			}
			out.ProtectedFractionByPool[p.Name] = p.ProtectedFractionOfFairShare
		}
	}
}

func (r armadaRules) resources(out *Rules) {
	if len(r.SupportedResourceTypes) > 0 {
		out.Resources = nil
		for _, resource := range r.SupportedResourceTypes {
			out.Resources = append(out.Resources, resource.Name)
		}
		out.DominantResources = out.Resources
	}
	if len(r.DominantResourceFairnessResourcesToConsider) > 0 {
		out.DominantResources = r.DominantResourceFairnessResourcesToConsider
	}
	if list := r.ExperimentalDominantResourceFairnessResourcesToConsider; len(list) > 0 {
		out.DominantResources, out.DominantResourceMultipliers = nil, map[string]float64{}
		for _, resource := range list {
			out.DominantResources = append(out.DominantResources, resource.Name)
			if resource.Multiplier > 0 {
				out.DominantResourceMultipliers[resource.Name] = resource.Multiplier
			}
		}
	}
	for _, f := range r.FloatingResources {
		floating := policy.FloatingResource{Name: f.Name}
		for _, p := range f.Pools {
			quantity, _ := p.Quantity.units(f.Name) // checked when it was read
			floating.Pools = append(floating.Pools, policy.FloatingPool{Name: p.Name, Quantity: quantity})
		}
		out.FloatingResources = append(out.FloatingResources, floating)
	}
}

// away are the ways in which jobs of a class may be away from home.
func (c armadaClass) away() (list []policy.AwayNodeType) {
	for _, a := range c.AwayNodeTypes {
		way := policy.AwayNodeType{Priority: a.Priority, WellKnownNodeTypeName: a.WellKnownNodeTypeName}
		for _, t := range a.NodeTypes {
			as := policy.ConditionalNodeType{Name: t.Name}
			for _, w := range t.Conditions {
				units, _ := w.Value.units(w.Resource) // checked when it was read
				as.Conditions = append(as.Conditions, policy.ConditionOf(w.Resource, w.Operator, units))
			}
			way.NodeTypes = append(way.NodeTypes, as)
		}
		list = append(list, way)
	}
	return list
}

func (r armadaRules) classes(out *Rules) {
	for _, t := range r.WellKnownNodeTypes {
		known := policy.NodeType{Name: t.Name}
		for _, taint := range t.Taints {
			known.Taints = append(known.Taints, policy.Taint{Key: taint.Key, Value: taint.Value, Effect: taint.Effect})
		}
		out.WellKnownNodeTypes = append(out.WellKnownNodeTypes, known)
	}
	if len(r.PriorityClasses) > 0 {
		out.PriorityClasses, out.DefaultClass = map[string]policy.PriorityClass{}, ""
		for name, class := range r.PriorityClasses { //archcheck:unordered it fills a map
			out.PriorityClasses[name] = policy.PriorityClass{
				Priority: class.Priority, Preemptible: class.Preemptible,
				MaximumFractionPerQueue:       class.MaximumResourceFractionPerQueue,
				MaximumFractionPerQueueByPool: class.MaximumResourceFractionPerQueueByPool,
				AwayNodeTypes:                 class.away(),
			}
		}
	}
	out.DefaultClass = cmp.Or(r.DefaultPriorityClassName, out.DefaultClass)
}

// limits are the parts that limit anything: all of a total does not.
func limits(parts map[string]float64) map[string]float64 {
	var out map[string]float64
	for resource, part := range parts { //archcheck:unordered it fills a map
		if part >= 1 {
			continue
		}
		if out == nil {
			out = map[string]float64{}
		}
		out[resource] = part
	}
	return out
}

// rate is a limit, where it is one.
func rate(perSecond float64, burst uint64) policy.Rate {
	if perSecond <= 0 || perSecond >= 1e9 || burst == 0 || burst > math.MaxInt32 {
		return policy.Rate{}
	}
	return policy.Rate{PerSecond: perSecond, Burst: uint32(burst)}
}

// Validate implements config.Validator.
func (f armadaFloating) Validate() error {
	var check fault.Check
	for i, p := range f.Pools {
		if _, fits := p.Quantity.units(f.Name); !fits {
			check.Violate(fmt.Sprintf("pools[%d].quantity", i), f.Name, amountRule)
		}
	}
	return check.Err()
}
