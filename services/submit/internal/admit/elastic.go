package admit

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// elastic reads how many members of a gang, and of the groups that a member is in, must run
// and do at most, and which labels these groups are bound to. Where that is wrong it says
// which annotation, and why.
func elastic(annotations map[string]string, g *job.Gang) (field, why string) {
	if text, given := annotations[GangMinAnnotation]; given {
		if g.Min, why = members(text, 1, g.Cardinality); why != "" {
			return GangMinAnnotation, why
		}
	}
	if text, given := annotations[GangWantAnnotation]; given {
		if g.Min == 0 {
			return GangWantAnnotation, needs(GangMinAnnotation)
		}
		if g.Want, why = members(text, g.Min, g.Cardinality); why != "" {
			return GangWantAnnotation, why
		}
	}
	groups := 0
	if g.Group != "" {
		groups = len(strings.Split(g.Group, "/"))
	}
	for _, list := range []struct {
		field, value, separator string
		elastic                 bool
	}{
		{GangGroupMinsAnnotation, g.GroupMins, "/", true},
		{GangGroupWantsAnnotation, g.GroupWants, "/", true},
		{GangGroupLabelsAnnotation, g.GroupLabels, ",", false},
	} {
		switch n := len(strings.Split(list.value, list.separator)); {
		case list.value == "":
		case groups == 0:
			return list.field, needs(GangGroupAnnotation)
		case n > groups:
			return list.field, fmt.Sprintf("has %d values for %d groups", n, groups)
		case list.elastic && g.Min == 0:
			return list.field, needs(GangMinAnnotation)
		}
	}
	return elasticGroups(g, groups)
}

// elasticGroups judges what a member says of each of the groups that it is in.
func elasticGroups(g *job.Gang, groups int) (field, why string) {
	for i := range groups {
		least := uint32(0)
		if text := part(g.GroupMins, "/", i); text != "" {
			if least, why = members(text, 1, g.Cardinality); why != "" {
				return GangGroupMinsAnnotation, why
			}
		}
		if text := part(g.GroupWants, "/", i); text != "" {
			if _, why = members(text, max(1, least), g.Cardinality); why != "" {
				return GangGroupWantsAnnotation, why
			}
		}
		label := part(g.GroupLabels, ",", i)
		switch {
		case label == "":
		case part(g.GroupTiers, "/", i) != "":
			return GangGroupLabelsAnnotation, fmt.Sprintf("group %d is bound to a tier too: it may be bound to one of both", i+1)
		case !isLabelName(label):
			return GangGroupLabelsAnnotation, fmt.Sprintf("%q is no name of a node label", label)
		}
	}
	return "", ""
}

// elasticAgrees judges that members of a request agree on how many of the gang run.
func (c *checker) elasticAgrees(g, first *job.Gang) {
	if g.Min != first.Min {
		c.violate(annotation(GangMinAnnotation), g.Min, fmt.Sprintf("inconsistent least number of members in gang %s: expected %d but got %d", g.ID, first.Min, g.Min))
	}
	if g.Want != first.Want {
		c.violate(annotation(GangWantAnnotation), g.Want, fmt.Sprintf("inconsistent most number of members in gang %s: expected %d but got %d", g.ID, first.Want, g.Want))
	}
}

// labelBytesMax is the longest name of a node label: 253 bytes of a domain, a slash, and 63.
const labelBytesMax = 253 + 1 + 63

// isLabelName says whether a text could be the name of a node label: a name, after a domain
// and a slash or not.
func isLabelName(text string) bool {
	domain, name, prefixed := strings.Cut(text, "/")
	if !prefixed {
		domain, name = "none", text
	}
	strange := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.", r)
	}
	return domain != "" && name != "" && len(text) <= labelBytesMax && !strings.ContainsFunc(domain+name, strange)
}

func needs(field string) string { return fmt.Sprintf("annotation %s is missing", field) }

// members is a number of members from a least to the gang's cardinality; why says that it is
// none.
func members(text string, least, most uint32) (n uint32, why string) {
	value, err := strconv.ParseUint(text, 10, 32)
	if err != nil || value < uint64(least) || value > uint64(most) {
		return 0, fmt.Sprintf("%q must be a number from %d to %d, the gang's cardinality", text, least, most)
	}
	return uint32(value), "" //nolint:gosec // parsed as 32 bits
}
