package lease

import (
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// This file is the seam between the executor and its cluster, Kubernetes or
// simulated. Orders go in and facts come out; package clustertest says what an
// implementation owes.

// Order is what the core wants of the cluster. The set is closed: it is the types
// of this file that implement it. Orders for one run are carried out one after the
// other; each is answered by one fact.
//
//sumtype:decl
type Order interface {
	Output
	order()
}

// SaveEpoch stores an epoch in the cluster, unless a higher one is there (another
// process of this executor may have put it). EpochSaved answers.
type SaveEpoch struct{ Epoch uint64 }

// CreatePod makes the pod of a run. Created answers. Made twice it is harmless: a
// pod of that name and run counts as made.
type CreatePod struct {
	// Lease is shared and not to be changed.
	Lease *Lease
	// Before is the end of the start window on the monotonic clock (Time.Mono): an
	// attempt that has not begun by then must not begin, and is answered with
	// CreateLate.
	Before time.Duration
}

// DeletePod removes the pod of a run, by name. Deleted answers, and PodGone
// follows when it is gone. A pod of that name that belongs to another run is not
// touched; that counts as gone.
type DeletePod struct {
	Run job.RunID
	Pod job.Pod
	How Deletion
}

// Deletion is how a pod is removed.
type Deletion uint8

// The ways to remove a pod.
const (
	// Graceful lets the pod's own grace period pass.
	Graceful Deletion = iota + 1
	// Forced removes the record without waiting for the node. Whether its
	// containers ended is then not known.
	Forced
)

func (SaveEpoch) output() {}
func (CreatePod) output() {}
func (DeletePod) output() {}
func (SaveEpoch) order()  {}
func (CreatePod) order()  {}
func (DeletePod) order()  {}

// Fact is what the cluster tells. The set is closed: it is the types of this file
// that implement it. Facts on one pod come in order. A fact may be told twice, and
// of a pod's phases some may be left out, but never the newest.
//
//sumtype:decl
type Fact interface {
	Input
	fact()
}

// Listed comes first, once: what the cluster holds.
type Listed struct {
	// Epoch is the highest that was stored; zero: none.
	Epoch uint64
	// Pods are this executor's, ended ones included.
	Pods  []Pod
	Nodes []Node
}

// EpochSaved answers SaveEpoch.
type EpochSaved struct {
	// Epoch is what is stored now: the one asked for, or a higher one.
	Epoch uint64
	// Err says that it is not known what is stored, and Epoch says nothing.
	Err error
}

// Created answers CreatePod.
type Created struct {
	Run     job.RunID
	Outcome CreateOutcome
	// Pod is set where Outcome is CreateMade.
	Pod job.Pod
	// Grace is the pod's own grace period.
	Grace time.Duration
	// Err is set where Outcome is CreateFailed or CreateRefused, in words for the
	// job's owner.
	Err error
}

// CreateOutcome is what became of a CreatePod.
type CreateOutcome uint8

// The outcomes of CreatePod.
const (
	// CreateMade: the pod is there, made now or before.
	CreateMade CreateOutcome = iota + 1
	// CreateLate: the window was over before it began. No pod was made.
	CreateLate
	// CreateFailed: it may work later. Whether there is a pod is not known.
	CreateFailed
	// CreateRefused: it will never work (invalid, forbidden, no such namespace). This
	// attempt made no pod.
	CreateRefused
)

// Deleted answers DeletePod.
type Deleted struct {
	Run     job.RunID
	Outcome DeleteOutcome
	// Err is set where Outcome is DeleteFailed.
	Err error
}

// DeleteOutcome is what became of a DeletePod.
type DeleteOutcome uint8

// The outcomes of DeletePod.
const (
	// DeleteAccepted: the pod is going, and PodGone follows or has come.
	DeleteAccepted DeleteOutcome = iota + 1
	// DeleteAbsent: there is no such pod. PodGone need not follow.
	DeleteAbsent
	// DeleteFailed: it may work later.
	DeleteFailed
)

// PodSeen tells a pod of this executor as it is now.
type PodSeen struct{ Pod Pod }

// PodGone tells that a pod of this executor is no more.
type PodGone struct {
	Run job.RunID
	// UID tells it from another pod of the run that was there before or after.
	UID string
}

// NodeSeen tells a node as it is now.
type NodeSeen struct{ Node Node }

// NodeGone tells that a node is no more. Its pods may still be listed.
type NodeGone struct{ Name string }

func (Listed) input()     {}
func (EpochSaved) input() {}
func (Created) input()    {}
func (Deleted) input()    {}
func (PodSeen) input()    {}
func (PodGone) input()    {}
func (NodeSeen) input()   {}
func (NodeGone) input()   {}
func (Listed) fact()      {}
func (EpochSaved) fact()  {}
func (Created) fact()     {}
func (Deleted) fact()     {}
func (PodSeen) fact()     {}
func (PodGone) fact()     {}
func (NodeSeen) fact()    {}
func (NodeGone) fact()    {}

// Pod is a pod of this executor as its cluster sees it.
type Pod struct {
	// Run and Job are what its labels say.
	Run job.RunID
	Job job.ID
	job.Pod
	Phase PodPhase
	// Ran says that a container of it was started, now or before, init containers among
	// them; Initialising that an init container runs now, which takes as long as it takes.
	Ran, Initialising bool
	// Deleting says that somebody asked for its removal, and Disruption why, in the
	// cluster's words, where it says: an eviction, a taint, a preemption.
	Deleting   bool
	Disruption string
	// Reason and Message are the pod's own: Evicted, DeadlineExceeded, OutOfcpu.
	Reason, Message string
	// Waiting is why a container is not started (ErrImagePull, InvalidImageName), or the
	// pod has no node; WaitingIn names the container and WaitingMessage says more. Empty
	// when none waits or none says why.
	Waiting, WaitingIn, WaitingMessage string
	// Ends are the containers that ended, init containers among them.
	Ends []job.ContainerEnd
	// Grace is its own grace period when it is removed.
	Grace time.Duration
}

// PodPhase is how far a pod is.
type PodPhase uint8

// The phases of a pod.
const (
	PodPending PodPhase = iota + 1
	PodRunning
	PodSucceeded
	PodFailed
)

// Node is a node of the cluster.
type Node struct {
	Name string
	// Pool is empty for the executor's own.
	Pool string
	// Total is what pods may ask for in all.
	Total []job.Amount
	// UsedByOthers is what pods hold that are not this executor's.
	UsedByOthers  []job.Amount
	Labels        map[string]string
	Taints        []Taint
	Unschedulable bool
	// MaxPods is the most pods it takes; zero: no limit. PodsOfOthers counts those
	// that are not this executor's.
	MaxPods, PodsOfOthers int32
}

// Taint is a Kubernetes taint.
type Taint struct{ Key, Value, Effect string }
