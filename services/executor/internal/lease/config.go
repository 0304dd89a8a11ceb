package lease

import "time"

// Config is what the core is told once. Every field is to be set; [DefaultConfig]
// has all but the names.
type Config struct {
	// Installation is who the executor belongs to; empty: not said.
	Installation string
	// Executor is its name, unique in the installation.
	Executor string
	// Pool is that of nodes that name none.
	Pool string
	// Replicas is how many scheduler replicas there are.
	Replicas int

	// HeartbeatInterval is the time between heartbeats.
	HeartbeatInterval time.Duration
	// StartWindow is how long after a heartbeat that was answered pods may be made.
	// The scheduler's executorTimeout must be longer.
	StartWindow time.Duration

	// RedialMin is the pause before a replica is dialled again; it doubles with each
	// failure in a row up to RedialMax.
	RedialMin, RedialMax time.Duration
	// RetryMin is the pause before an order that failed is given again; it doubles with
	// each failure in a row up to RetryMax.
	RetryMin, RetryMax time.Duration
	// CreateWithin is how long a pod that cannot be made is tried before its run is
	// given back.
	CreateWithin time.Duration
	// PendingWithin is how long a pod may be there without running before its run is
	// given back.
	PendingWithin time.Duration
	// ImagePullWithin is how long its image may fail to be pulled before its run fails.
	ImagePullWithin time.Duration
	// ForceAfter is how long past its own grace period a pod may be going before its
	// removal is forced.
	ForceAfter time.Duration

	// RunsMax is the most runs held at once; the lease of another is returned.
	RunsMax int
	// CreatesMax is the most creations the cluster has at once.
	CreatesMax int
	// ReportsInFlightMax is the most reports that were sent and not acknowledged; the
	// rest wait.
	ReportsInFlightMax int
	// HeldMax is the most messages that wait for an epoch to be stored; above it the
	// stream is closed.
	HeldMax int
	// OverMax is how many runs that are over are remembered by id.
	OverMax int
	// PageRunsMax, PageNodesMax and PageReportsMax bound one message.
	PageRunsMax, PageNodesMax, PageReportsMax int
}

// DefaultConfig is the configuration of an executor that nobody configured, but
// for its names and Replicas.
func DefaultConfig() Config {
	return Config{
		HeartbeatInterval: time.Second, StartWindow: 30 * time.Second,
		RedialMin: 100 * time.Millisecond, RedialMax: 2 * time.Second,
		RetryMin: time.Second, RetryMax: 30 * time.Second,
		CreateWithin: 2 * time.Minute, PendingWithin: 5 * time.Minute, ImagePullWithin: 90 * time.Second,
		ForceAfter: 30 * time.Second,
		RunsMax:    200_000, CreatesMax: 1_000, ReportsInFlightMax: 20_000, HeldMax: 1_000, OverMax: 20_000,
		PageRunsMax: 5_000, PageNodesMax: 500, PageReportsMax: 1_000,
	}
}
