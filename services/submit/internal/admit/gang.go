package admit

import (
	"fmt"
	"strconv"

	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// gangs judges the annotations of gangs, and that members of one gang agree.
func (c *checker) gangs(items []Item) {
	type member struct {
		gang  job.Gang
		class string
	}
	first := map[string]member{}
	groups := map[string]groupRules{} // by gang and name
	for i := range items {
		c.at = i
		gang, field, why := c.gangOf(items[i].Annotations)
		if why != "" {
			c.violate(annotation(field), items[i].Annotations[field], "invalid gang information: "+why)
			continue
		}
		if gang.ID == "" || items[i].Pod == nil {
			continue
		}
		m := member{gang: gang, class: c.ClassOf(items[i].Pod)}
		c.groupAgrees(gang, groups)
		f, known := first[gang.ID]
		if !known {
			first[gang.ID] = m
			continue
		}
		if m.gang.Cardinality != f.gang.Cardinality {
			c.violate(annotation(GangCardinalityAnnotation), m.gang.Cardinality, fmt.Sprintf("inconsistent gang cardinality in gang %s: expected %d but got %d",
				gang.ID, f.gang.Cardinality, m.gang.Cardinality))
		}
		if m.class != f.class {
			c.violate(items[i].PodField+".priorityClassName", m.class,
				fmt.Sprintf("inconsistent PriorityClassName in gang %s: expected %s but got %s", gang.ID, f.class, m.class))
		}
		if m.gang.UniformityLabel != f.gang.UniformityLabel {
			c.violate(annotation(GangUniformityAnnotation), m.gang.UniformityLabel, fmt.Sprintf("inconsistent nodeUniformityLabel in gang %s: expected %s but got %s",
				gang.ID, f.gang.UniformityLabel, m.gang.UniformityLabel))
		}
		if m.gang.Tier != f.gang.Tier {
			c.violate(annotation(GangTierAnnotation), m.gang.Tier, fmt.Sprintf("inconsistent tier in gang %s: expected %q but got %q", gang.ID, f.gang.Tier, m.gang.Tier))
		}
		c.elasticAgrees(&m.gang, &f.gang)
	}
}

// gangOf reads the gang annotations; no gang gives the zero Gang. Where they are
// no gang, it says which annotation is wrong and why.
func (r Rules) gangOf(annotations map[string]string) (gang job.Gang, field, why string) {
	id, ok := annotations[GangIDAnnotation]
	if !ok {
		return job.Gang{}, "", ""
	}
	if id == "" {
		return job.Gang{}, GangIDAnnotation, "gang id is empty"
	}
	text, ok := annotations[GangCardinalityAnnotation]
	if !ok {
		return job.Gang{}, GangCardinalityAnnotation, fmt.Sprintf("gang cardinality annotation %s is missing", GangCardinalityAnnotation)
	}
	cardinality, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return job.Gang{}, GangCardinalityAnnotation, "gang cardinality is not parseable - " + err.Error()
	}
	if cardinality <= 0 {
		return job.Gang{}, GangCardinalityAnnotation, fmt.Sprintf("gang cardinality %d is non-positive", cardinality)
	}
	if r.GangMax > 0 && cardinality > int64(r.GangMax) {
		return job.Gang{}, GangCardinalityAnnotation, fmt.Sprintf("gang cardinality %d is larger than the maximum of %d", cardinality, r.GangMax)
	}
	gang = job.Gang{
		ID: id, Cardinality: uint32(cardinality), UniformityLabel: annotations[GangUniformityAnnotation],
		Tier: annotations[GangTierAnnotation], Group: annotations[GangGroupAnnotation], GroupTiers: annotations[GangGroupTiersAnnotation],
		GroupMins: annotations[GangGroupMinsAnnotation], GroupWants: annotations[GangGroupWantsAnnotation], GroupLabels: annotations[GangGroupLabelsAnnotation],
	}
	if _, given := annotations[GangUniformityAnnotation]; !given && gang.Tier == "" {
		gang.UniformityLabel = r.GangUniformityLabel
	}
	if field, why := r.misbound(gang); why != "" {
		return job.Gang{}, field, why
	}
	if field, why := elastic(annotations, &gang); why != "" {
		return job.Gang{}, field, why
	}
	return gang, "", ""
}
