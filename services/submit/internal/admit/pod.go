package admit

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"

	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// pod judges the spec of an item, once for all items that share it.
func (c *checker) pod(it *Item) {
	items := c.shared[it.Pod]
	if items == 0 {
		return
	}
	c.shared[it.Pod] = 0
	p := podChecker{checker: c, path: it.PodField}
	if items > 1 {
		p.also = fmt.Sprintf("; %d more items of the request have the same spec", items-1)
	}
	p.check(it.Pod)
}

// podChecker judges one spec.
type podChecker struct {
	*checker
	path string
	// also says how many other items share the spec.
	also string
}

func (p podChecker) violate(field string, value any, rule string) {
	path := p.path
	if field != "" {
		path += "." + field
	}
	p.checker.violate(path, value, rule+p.also)
}

func (p podChecker) check(pod *Pod) {
	if pod.SizeBytes > p.SpecBytesMax {
		p.violate("", nil, fmt.Sprintf("Pod spec has a size of %d bytes which is greater than the maximum allowed size of %d", pod.SizeBytes, p.SpecBytesMax))
	}
	p.affinity(pod)
	if len(pod.Containers) == 0 {
		p.violate("containers", nil, "must have at least one container")
	}
	for i := range pod.Containers {
		p.container(&pod.Containers[i])
	}
	p.ports(pod)
	class := p.ClassOf(pod)
	if _, known := p.Classes[class]; !known {
		p.violate("priorityClassName", class, fmt.Sprintf("priority class %s is not supported", class))
	}
	if g := pod.GraceSeconds; g != nil && *g != 0 && (*g < p.GraceSecondsMin || *g > p.GraceSecondsMax) {
		p.violate("terminationGracePeriodSeconds", *g,
			fmt.Sprintf("terminationGracePeriodSeconds of %d must be [%d, %d], or omitted", *g, p.GraceSecondsMin, p.GraceSecondsMax))
	}
	for i, t := range pod.Tolerations {
		if slices.Contains(p.RestrictedTolerations, t.Key) {
			p.violate(fmt.Sprintf("tolerations[%d].key", i), t.Key, fmt.Sprintf("toleration %s is not user settable", t.Key))
		}
	}
}

func (p podChecker) container(c *Container) {
	if len(c.Requests) == 0 && len(c.Limits) == 0 {
		p.violate(c.Field+".resources", nil, fmt.Sprintf("container %s has no resources specified", c.Name))
		return
	}
	for _, request := range c.Requests {
		limit, ok := amountOf(c.Limits, request.Resource)
		if !ok {
			p.violate(resource(c, "limits", request), nil, fmt.Sprintf("container %s defines different resources for requests and limits: "+
				"it defines %s for requests but not limits", c.Name, request.Resource))
		}
		p.request(c, request)
		if ok {
			p.limit(c, request, limit)
		}
	}
	for _, limit := range c.Limits {
		if _, ok := amountOf(c.Requests, limit.Resource); !ok {
			p.violate(resource(c, "requests", limit), nil, fmt.Sprintf("container %s defines different resources for requests and limits: "+
				"it defines %s for limits but not requests", c.Name, limit.Resource))
		}
		if limit.Value.Sign() < 0 {
			p.violate(resource(c, "limits", limit), limit.Text,
				fmt.Sprintf("container %s has a negative resource limit (%s) for resource %s", c.Name, limit.Text, limit.Resource))
		}
	}
}

func (p podChecker) request(c *Container, request Amount) {
	field := resource(c, "requests", request)
	if request.Value.Sign() < 0 {
		p.violate(field, request.Text, fmt.Sprintf("container %s has a negative resource request (%s) for resource %s", c.Name, request.Text, request.Resource))
		return
	}
	if least, ok := amountOf(p.RequestsMin, request.Resource); ok && request.Value.Cmp(least.Value) < 0 {
		p.violate(field, request.Text, fmt.Sprintf("container %q %s requests (%s) below server minimum (%s)", c.Name, request.Resource, request.Text, least.Text))
	}
	if c.Init && p.FractionalInitCPU && request.Resource == "cpu" && request.Value.IsInt() {
		p.violate(field, request.Text, fmt.Sprintf("Init container %s contains invalid cpu value %s.  "+
			"All init containers must set requests/limits to fractional cpu e.g. 900m", c.Name, request.Text))
	}
}

// limit compares a limit with its request.
func (p podChecker) limit(c *Container, request, limit Amount) {
	factor, ok := p.OversubscriptionMax[request.Resource]
	if !ok {
		factor = big.NewRat(1, 1)
	}
	field := resource(c, "limits", limit)
	switch {
	case limit.Value.Cmp(request.Value) < 0:
		p.violate(field, limit.Text, fmt.Sprintf("container %s defines %s with limits smaller than requests (%s)", c.Name, limit.Resource, request.Text))
	case limit.Value.Cmp(new(big.Rat).Mul(request.Value, factor)) > 0:
		p.violate(field, limit.Text, fmt.Sprintf("container %s defines %s with limits great than %s*requests (%s)",
			c.Name, limit.Resource, factor.FloatString(2), request.Text))
	}
}

// resource is the path of a resource of a container within a spec.
func resource(c *Container, list string, a Amount) string {
	return fmt.Sprintf("%s.resources.%s[%q]", c.Field, list, a.Resource)
}

func (p podChecker) ports(pod *Pod) {
	by := map[uint32]string{}
	for _, c := range pod.Containers {
		for i, port := range c.Ports {
			if earlier, taken := by[port]; taken {
				p.violate(fmt.Sprintf("%s.ports[%d].containerPort", c.Field, i), port, fmt.Sprintf("container port %d is exposed multiple times, "+
					"specified in containers %q and %q. Should only be exposed once", port, earlier, c.Name))
				continue
			}
			by[port] = c.Name
		}
	}
}

func (p podChecker) affinity(pod *Pod) {
	const node = "affinity.nodeAffinity."
	if pod.PreferredNodeAffinity {
		p.violate(node+"preferredDuringSchedulingIgnoredDuringExecution", nil,
			"preferredDuringSchedulingIgnoredDuringExecution node affinity is not supported by Armada")
	}
	if !pod.RequiredNodeAffinity {
		return
	}
	const required = node + "requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
	if len(pod.NodeTerms) == 0 {
		p.invalidAffinity(required, nil, "it has no terms")
	}
	for i, term := range pod.NodeTerms {
		for k, e := range term.Labels {
			if why := labelExpression(e); why != "" {
				p.invalidAffinity(fmt.Sprintf("%s[%d].matchExpressions[%d]", required, i, k), e.Key, why)
			}
		}
		for k, e := range term.Fields {
			if why := fieldExpression(e); why != "" {
				p.invalidAffinity(fmt.Sprintf("%s[%d].matchFields[%d]", required, i, k), e.Key, why)
			}
		}
	}
}

func (p podChecker) invalidAffinity(field string, value any, why string) {
	p.violate(field, value, "invalid RequiredDuringSchedulingIgnoredDuringExecution node affinity: "+why)
}

// labelExpression says why an expression on node labels is none of Kubernetes'; empty: it is.
func labelExpression(e job.NodeExpression) string {
	if e.Key == "" {
		return "the key is empty"
	}
	switch e.Operator {
	case "In", "NotIn":
		if len(e.Values) == 0 {
			return "operator " + e.Operator + " needs values"
		}
	case "Exists", "DoesNotExist":
		if len(e.Values) > 0 {
			return "operator " + e.Operator + " takes no values"
		}
	case "Gt", "Lt":
		if len(e.Values) != 1 {
			return "operator " + e.Operator + " needs one value"
		}
		if _, err := strconv.ParseInt(e.Values[0], 10, 64); err != nil {
			return fmt.Sprintf("operator %s needs an integer, not %q", e.Operator, e.Values[0])
		}
	default:
		return fmt.Sprintf("%q is not a valid node selector operator", e.Operator)
	}
	return ""
}

// fieldExpression is labelExpression for fields of a node.
func fieldExpression(e job.NodeExpression) string {
	switch {
	case e.Key != "metadata.name":
		return fmt.Sprintf("%q is not a field of nodes that can be matched", e.Key)
	case e.Operator != "In" && e.Operator != "NotIn":
		return fmt.Sprintf("%q is not a valid operator for fields", e.Operator)
	case len(e.Values) != 1:
		return "a field needs one value"
	}
	return ""
}
