package app

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/submit/internal/admit"
	"github.com/fairlead-batch/fairlead/services/submit/internal/podspec"
)

// Submission is what a job must be, and what it gets where it says nothing. Keys and
// defaults are Armada's.
type Submission struct {
	// JobsMax is the most jobs of a request, and the most job ids of a command.
	// Default 10000.
	JobsMax int
	// MaxPodSpecSizeBytes is the largest pod spec, in bytes. Default 65535.
	MaxPodSpecSizeBytes int
	// PriorityClasses are those that a job may name. The scheduler must know them too.
	// Default armada-default, which is not preemptible, and armada-preemptible.
	PriorityClasses map[string]PriorityClass
	// DefaultPriorityClassName is that of a job which names none. Default armada-default.
	DefaultPriorityClassName string
	// DefaultJobLimits are requested by a container that says nothing of the resource.
	// Default cpu 1, memory 1Gi, ephemeral-storage 8Gi.
	DefaultJobLimits map[string]resource.Quantity
	// MinJobResources is the least that a container may request. Default memory 1Mi.
	MinJobResources map[string]resource.Quantity
	// MaxOversubscriptionByResourceRequest is by what factor a limit may exceed its
	// request. Default 1 for every resource: they must be equal.
	MaxOversubscriptionByResourceRequest map[string]float64
	// AssertInitContainersRequestFractionalCPU refuses init containers that request
	// whole cores. Default false.
	AssertInitContainersRequestFractionalCPU bool `koanf:"assertInitContainersRequestFractionalCpu"`
	// DefaultJobTolerations are added to every job. Default armadaproject.io/armada=true:NoSchedule.
	DefaultJobTolerations []Toleration
	// DefaultJobTolerationsByPriorityClass are added to jobs of a class. Default
	// armadaproject.io/pc-CLASS=true:NoSchedule for each class.
	DefaultJobTolerationsByPriorityClass map[string][]Toleration
	// DefaultJobTolerationsByResourceRequest are added to jobs that request a resource.
	// Default none.
	DefaultJobTolerationsByResourceRequest map[string][]Toleration
	// RestrictedTolerationKeys are those that a job may not tolerate. Default none.
	RestrictedTolerationKeys []string
	// MinTerminationGracePeriod and MaxTerminationGracePeriod bound a job's grace
	// period; the first is that of a job without one. Default 1s and 300s.
	MinTerminationGracePeriod, MaxTerminationGracePeriod time.Duration
	// DefaultActiveDeadline is how long a pod may run that does not say so; 0: for
	// ever. Default 72h.
	DefaultActiveDeadline time.Duration
	// DefaultActiveDeadlineByResourceRequest is that for jobs which request a resource;
	// the longest counts. Default nvidia.com/gpu 336h.
	DefaultActiveDeadlineByResourceRequest map[string]time.Duration
	// MaximumGangCardinality is the most members of a gang; 0: any. What the scheduler's setting
	// of this name does not start should not be taken here. Default 0.
	MaximumGangCardinality uint32
	// DefaultGangNodeUniformityLabel is the node label on which gangs stay together
	// that name none. Default none.
	DefaultGangNodeUniformityLabel string
	// GangTiers are the tiers of the topology that gangs and their groups may be bound to,
	// from the widest to the narrowest: the names of the scheduler's scheduling.tiers.
	// Default none.
	GangTiers []string
	// AddGangIDLabel gives members of a gang its id as a label. Default false.
	AddGangIDLabel bool `koanf:"addGangIdLabel"`
	// AllowCustomServiceNames lets jobs name their services. Default false.
	AllowCustomServiceNames bool
}

// PriorityClass is what submit must know of one.
type PriorityClass struct {
	// Preemptible says whether its runs may be stopped for others. Default false.
	Preemptible bool
}

// Toleration is a Kubernetes toleration.
type Toleration struct {
	Key, Operator, Value, Effect string
}

func defaultSubmission() Submission {
	mark := func(key string) []Toleration {
		return []Toleration{{Key: "armadaproject.io/" + key, Operator: "Equal", Value: "true", Effect: "NoSchedule"}}
	}
	return Submission{
		JobsMax:                  10_000,
		MaxPodSpecSizeBytes:      65535,
		PriorityClasses:          map[string]PriorityClass{"armada-default": {}, "armada-preemptible": {Preemptible: true}},
		DefaultPriorityClassName: "armada-default",
		DefaultJobLimits: map[string]resource.Quantity{
			"cpu": resource.MustParse("1"), "memory": resource.MustParse("1Gi"), "ephemeral-storage": resource.MustParse("8Gi"),
		},
		MinJobResources:       map[string]resource.Quantity{"memory": resource.MustParse("1Mi")},
		DefaultJobTolerations: mark("armada"),
		DefaultJobTolerationsByPriorityClass: map[string][]Toleration{
			"armada-default": mark("pc-armada-default"), "armada-preemptible": mark("pc-armada-preemptible"),
		},
		MinTerminationGracePeriod:              time.Second,
		MaxTerminationGracePeriod:              300 * time.Second,
		DefaultActiveDeadline:                  72 * time.Hour,
		DefaultActiveDeadlineByResourceRequest: map[string]time.Duration{"nvidia.com/gpu": 336 * time.Hour},
	}
}

// Validate implements config.Validator.
func (s Submission) Validate() error {
	var check fault.Check
	if s.JobsMax < 1 {
		check.Violate("jobsMax", s.JobsMax, "must be at least 1")
	}
	if s.MaxPodSpecSizeBytes < 1 {
		check.Violate("maxPodSpecSizeBytes", s.MaxPodSpecSizeBytes, "must be at least 1")
	}
	if _, known := s.PriorityClasses[s.DefaultPriorityClassName]; !known {
		check.Violate("defaultPriorityClassName", s.DefaultPriorityClassName, "must be one of priorityClasses")
	}
	if s.MinTerminationGracePeriod < time.Second || s.MinTerminationGracePeriod > s.MaxTerminationGracePeriod {
		check.Violate("minTerminationGracePeriod", s.MinTerminationGracePeriod, "must be from 1s to maxTerminationGracePeriod")
	}
	if s.DefaultActiveDeadline < 0 {
		check.Violate("defaultActiveDeadline", s.DefaultActiveDeadline, "must not be negative")
	}
	for _, name := range slices.Sorted(maps.Keys(s.MaxOversubscriptionByResourceRequest)) {
		if f := s.MaxOversubscriptionByResourceRequest[name]; !(f >= 1 && f <= 1e6) {
			check.Violate(fmt.Sprintf("maxOversubscriptionByResourceRequest[%s]", name), f, "must be from 1 to 1000000")
		}
	}
	return check.Err()
}

// rules is the part of s that refuses.
func (s Submission) rules() admit.Rules {
	r := admit.Rules{
		JobsMax: s.JobsMax, SpecBytesMax: s.MaxPodSpecSizeBytes,
		Classes: make(map[string]admit.Class, len(s.PriorityClasses)), DefaultClass: s.DefaultPriorityClassName,
		OversubscriptionMax: make(map[string]*big.Rat, len(s.MaxOversubscriptionByResourceRequest)),
		RequestsMin:         podspec.Amounts(quantities(s.MinJobResources)),
		FractionalInitCPU:   s.AssertInitContainersRequestFractionalCPU,
		GraceSecondsMin:     int64(s.MinTerminationGracePeriod / time.Second), GraceSecondsMax: int64(s.MaxTerminationGracePeriod / time.Second),
		RestrictedTolerations: s.RestrictedTolerationKeys,
		GangMax:               s.MaximumGangCardinality,
		GangUniformityLabel:   s.DefaultGangNodeUniformityLabel, GangIDLabel: s.AddGangIDLabel, GangTiers: s.GangTiers,
		CustomServiceNames: s.AllowCustomServiceNames,
	}
	for name, class := range s.PriorityClasses {
		r.Classes[name] = admit.Class(class)
	}
	for name, factor := range s.MaxOversubscriptionByResourceRequest {
		// By its decimal text: 1.1 is to mean eleven tenths, not the nearest binary fraction.
		r.OversubscriptionMax[name], _ = new(big.Rat).SetString(strconv.FormatFloat(factor, 'g', -1, 64))
	}
	return r
}

// defaults is the part of s that fills in.
func (s Submission) defaults() podspec.Defaults {
	return podspec.Defaults{
		Limits:                  quantities(s.DefaultJobLimits),
		Tolerations:             tolerations(s.DefaultJobTolerations),
		TolerationsByClass:      tolerationsBy(s.DefaultJobTolerationsByPriorityClass),
		TolerationsByRequest:    tolerationsBy(s.DefaultJobTolerationsByResourceRequest),
		ActiveDeadline:          s.DefaultActiveDeadline,
		ActiveDeadlineByRequest: s.DefaultActiveDeadlineByResourceRequest,
		GraceSeconds:            int64(s.MinTerminationGracePeriod / time.Second),
	}
}

func quantities(in map[string]resource.Quantity) corev1.ResourceList {
	out := make(corev1.ResourceList, len(in))
	for name, quantity := range in {
		out[corev1.ResourceName(name)] = quantity
	}
	return out
}

func tolerations(in []Toleration) (out []corev1.Toleration) {
	for _, t := range in {
		out = append(out, corev1.Toleration{
			Key: t.Key, Operator: corev1.TolerationOperator(t.Operator), Value: t.Value, Effect: corev1.TaintEffect(t.Effect),
		})
	}
	return out
}

func tolerationsBy(in map[string][]Toleration) map[string][]corev1.Toleration {
	out := make(map[string][]corev1.Toleration, len(in))
	for name, list := range in {
		out[name] = tolerations(list)
	}
	return out
}
