package admit

import (
	"math/big"
	"time"
)

// Limits that are part of the API: clients rely on them, so they are no
// configuration.
const (
	// JobSetBytesMax is the longest job set id, in bytes.
	JobSetBytesMax = 1023
	// QueueBytesMax is the longest name of a queue, in bytes.
	QueueBytesMax = 255
	// QueueDefinitionBytesMax is the most that the texts of a queue's definition may
	// sum up to, in bytes.
	QueueDefinitionBytesMax = 256 << 10
	// ClientIDCharsMax is the longest client id, in characters.
	ClientIDCharsMax = 100
	// ReasonBytesMax is the longest reason of a cancellation or preemption, in bytes.
	ReasonBytesMax = 50
	// ExternalURIBytesMax is the longest external job URI, in bytes.
	ExternalURIBytesMax = 1024
	// MetadataBytesMax is the most that labels and annotations of a job may sum up
	// to, keys and values together, in bytes: what Kubernetes takes for annotations.
	MetadataBytesMax = 256 << 10
)

// Annotations that the rules read.
const (
	GangIDAnnotation          = "armadaproject.io/gangId"
	GangCardinalityAnnotation = "armadaproject.io/gangCardinality"
	GangUniformityAnnotation  = "armadaproject.io/gangNodeUniformityLabel"
	FailFastAnnotation        = "armadaproject.io/failFast"
	PriceBandAnnotation       = "armadaproject.io/priceBand"
	ExternalURIAnnotation     = "armadaproject.io/externalJobUri"
)

// ExpectedRuntimeAnnotation is one that Armada has not: how long the job is expected to run,
// such as 90m. Nothing happens to a job that runs longer.
const ExpectedRuntimeAnnotation = "fairlead/expectedRuntime"

// The bounds of an expected run time.
const (
	ExpectedRuntimeMin = time.Second
	ExpectedRuntimeMax = 8760 * time.Hour
)

// Annotations that Armada has not: they bind a gang, and groups of it, to tiers of the
// topology, and say how many members run.
const (
	GangTierAnnotation       = "fairlead/gangTier"
	GangGroupAnnotation      = "fairlead/gangGroup"
	GangGroupTiersAnnotation = "fairlead/gangGroupTiers"
	GangMinAnnotation        = "fairlead/gangMin"
	GangWantAnnotation       = "fairlead/gangWant"

	GangGroupMinsAnnotation   = "fairlead/gangGroupMins"
	GangGroupWantsAnnotation  = "fairlead/gangGroupWants"
	GangGroupLabelsAnnotation = "fairlead/gangGroupLabels"
)

// Rules are the configured part of the rules. They are not changed once made.
type Rules struct {
	// JobsMax is the most jobs of a request, and the most ids of a command.
	JobsMax int
	// SpecBytesMax is the largest pod spec, in bytes as sent.
	SpecBytesMax int
	// Classes are the priority classes that a job may name.
	Classes map[string]Class
	// DefaultClass is the class of a job that names none. It is one of Classes.
	DefaultClass string
	// OversubscriptionMax is by how much the limit of a resource may exceed its
	// request; a resource that is not named has the factor 1: they must be equal.
	OversubscriptionMax map[string]*big.Rat
	// RequestsMin is the least that a container may request of a resource.
	RequestsMin []Amount
	// FractionalInitCPU says that init containers must request less than whole
	// cores, so that a job with an exclusive core does not lose it to them.
	FractionalInitCPU bool
	// GraceSecondsMin and GraceSecondsMax bound the termination grace period.
	GraceSecondsMin, GraceSecondsMax int64
	// RestrictedTolerations are keys that users may not tolerate.
	RestrictedTolerations []string
	// GangMax is the most members of a gang; zero: any.
	GangMax uint32
	// GangUniformityLabel is the node label on which gangs stay together when they
	// name none; empty: no such rule.
	GangUniformityLabel string
	// GangTiers are the tiers of the topology that gangs may be bound to, from the widest to
	// the narrowest.
	GangTiers []string
	// GangIDLabel says that members of a gang get its id as a label too.
	GangIDLabel bool
	// CustomServiceNames says that a job may name its services itself.
	CustomServiceNames bool
}

// Class is what a rule must know of a priority class.
type Class struct {
	// Preemptible says whether its runs may be stopped for others.
	Preemptible bool
}
