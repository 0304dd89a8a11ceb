package app

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/fairlead-batch/fairlead/services/executor/internal/journal"
	"github.com/fairlead-batch/fairlead/services/executor/internal/lease"
	"github.com/fairlead-batch/fairlead/services/executor/internal/podwire"
	"github.com/fairlead-batch/fairlead/services/executor/internal/simulated"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// What standalone and simulation need of the simulated cluster; see package
// simulated for what each means.
type (
	// Cluster is a simulated cluster.
	Cluster = simulated.Cluster
	// PodRecord is what became of a pod, whatever was told of it.
	PodRecord = simulated.Record
	// PodPhase is how far a pod is.
	PodPhase = lease.PodPhase
	// Node is a node of a cluster.
	Node = lease.Node

	// Trouble is something that goes wrong by order (Cluster.Cause).
	Trouble = simulated.Trouble
	// NodeDies loses a node and what runs on it.
	NodeDies = simulated.NodeDies
	// NodeChanges makes a node, or makes it different.
	NodeChanges = simulated.NodeChanges
	// PodDies ends a pod's containers badly.
	PodDies = simulated.PodDies
	// PodVanishes removes a pod.
	PodVanishes = simulated.PodVanishes
	// CallsFail makes calls fail.
	CallsFail = simulated.CallsFail
	// FactsComeLate keeps facts back for a while.
	FactsComeLate = simulated.FactsComeLate
)

// The phases of a pod.
const (
	PodPending   = lease.PodPending
	PodRunning   = lease.PodRunning
	PodSucceeded = lease.PodSucceeded
	PodFailed    = lease.PodFailed
)

// NewCluster makes a simulated cluster with nothing on its nodes. It fails where two
// nodes have one name, and for an amount that is none.
func NewCluster(cfg Simulated) (*Cluster, error) {
	inner := simulated.Config{
		StartDelay: cfg.StartDelay, StopDelay: cfg.StopDelay, RecordsMax: cfg.RecordsMax,
		MissingNamespaces: cfg.MissingNamespaces, Read: podwire.Read,
	}
	for _, kind := range cfg.Nodes {
		group, err := kind.group()
		if err != nil {
			return nil, err
		}
		inner.Groups = append(inner.Groups, group)
	}
	c, err := simulated.New(inner)
	if err != nil {
		return nil, fmt.Errorf("make simulated cluster: %w", err)
	}
	return c, nil
}

// journal says where the cluster is kept, and what it is made of.
func (s Simulated) journal() journal.Config {
	made := s
	made.Journal, made.JournalMax, made.RecordsMax = "", 0, 0 // they change nothing of what happens to pods
	return journal.Config{Path: s.Journal, Cluster: fmt.Sprintf("%+v", made), BytesMax: int64(s.JournalMax)}
}

// JournalRecords are the pods that ever existed in a cluster that is kept in a
// journal, and what became of them up to a moment, as the file alone has it: nothing
// that an executor or a scheduler believes is in it. The executor may be running.
func JournalRecords(cfg Simulated, to time.Time) ([]PodRecord, error) {
	cfg.RecordsMax = math.MaxInt
	c, err := NewCluster(cfg)
	if err != nil {
		return nil, err
	}
	if err := journal.Replay(cfg.journal(), c, to); err != nil {
		return nil, err
	}
	return c.Records(), nil
}

func (k NodeKind) group() (simulated.Group, error) {
	g := simulated.Group{Prefix: k.Name + "-", Count: k.Count, Pool: k.Pool, Labels: k.Labels, MaxPods: k.MaxPods}
	for _, name := range slices.Sorted(maps.Keys(k.Resources)) {
		value, err := amount(name, k.Resources[name])
		if err != nil {
			return simulated.Group{}, fmt.Errorf("nodes %s: resource %s: %w", k.Name, name, err)
		}
		g.Total = append(g.Total, job.Amount{Resource: name, Value: value})
	}
	for _, t := range k.Taints {
		g.Taints = append(g.Taints, lease.Taint{Key: t.Key, Value: t.Value, Effect: t.Effect})
	}
	return g, nil
}

// amount reads an amount as Kubernetes writes it, in the units of package job.
func amount(name, text string) (int64, error) {
	q, err := resource.ParseQuantity(text)
	if err != nil {
		return 0, fmt.Errorf("%q: %w", text, err)
	}
	if name == string(corev1.ResourceCPU) {
		return q.MilliValue(), nil
	}
	return q.Value(), nil
}
