package scenario

import (
	"fmt"
	"maps"
	"slices"

	"github.com/fairlead-batch/fairlead/services/internal/config"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
)

// Cluster is a file of clusters: Armada's ClusterSpec.
type Cluster struct {
	Name     string
	Clusters []Site
	// WorkflowManagerDelayDistribution is how long after its preemption a job is submitted
	// again, PendingDelayDistribution how long a started one holds its node before it runs.
	WorkflowManagerDelayDistribution, PendingDelayDistribution Distribution
}

// Site is one cluster.
type Site struct {
	Name          string
	Pool          string
	NodeTemplates []NodeTemplate
}

// NodeTemplate is nodes that are alike.
type NodeTemplate struct {
	Number         int64
	Taints         []Taint
	Labels         map[string]string
	TotalResources ResourceList
}

// ResourceList is amounts by the resource's name.
type ResourceList struct{ Resources map[string]Amount }

// Taint is Kubernetes' taint.
type Taint struct {
	Key, Value, Effect string
	TimeAdded          unread
}

// Distribution is a shifted exponential: at least Minimum, and TailMean more on average.
type Distribution struct{ Minimum, TailMean Span }

// NodesMax is how many nodes the clusters of a file may have.
const NodesMax = 1_000_000

// ReadCluster reads a file of clusters.
func ReadCluster(file string) (Cluster, error) {
	c, err := config.Load(Cluster{}, []string{file}, nil)
	if err != nil {
		return Cluster{}, fmt.Errorf("read clusters: %w", from(file, err))
	}
	return c, nil
}

// Validate implements config.Validator.
func (c Cluster) Validate() error {
	var check fault.Check
	if len(c.Clusters) == 0 {
		check.Violate("clusters", nil, "must have at least one cluster")
	}
	seen, nodes := map[string]bool{}, int64(0)
	for i, site := range c.Clusters {
		if site.Name == "" || seen[site.Name] {
			check.Violate(fmt.Sprintf("clusters[%d].name", i), site.Name, "must be a name that no other cluster has")
		}
		seen[site.Name] = true
		for _, t := range site.NodeTemplates {
			nodes += max(0, min(t.Number, NodesMax+1))
		}
	}
	if nodes == 0 || nodes > NodesMax {
		check.Violate("clusters", nodes, fmt.Sprintf("must have from 1 to %d nodes in all", NodesMax))
	}
	return check.Err()
}

// Validate implements config.Validator.
func (t NodeTemplate) Validate() error {
	var check fault.Check
	if t.Number < 0 {
		check.Violate("number", t.Number, "must not be negative")
	}
	for _, name := range slices.Sorted(maps.Keys(t.TotalResources.Resources)) {
		if _, fits := t.TotalResources.Resources[name].units(name); !fits {
			check.Violate("totalResources.resources", name, amountRule)
		}
	}
	return check.Err()
}

// amountRule is what an amount is bounded by.
const amountRule = "must be at most 2^42 of its unit (of cpu: thousandths)"
