package admit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// groupDepthMax is how deep groups of a gang are nested at most, as the scheduler has it.
const groupDepthMax = 8

// misbound says which annotation binds a gang, or a group of it, to what is no tier, and why
// it is none.
func (r Rules) misbound(g job.Gang) (field, why string) {
	switch {
	case g.Tier != "" && !slices.Contains(r.GangTiers, g.Tier):
		return GangTierAnnotation, r.noTier(g.Tier)
	case g.Tier != "" && g.UniformityLabel != "":
		return GangTierAnnotation, "a gang is bound to a tier or to a node uniformity label, not to both"
	case g.Group == "" && g.GroupTiers != "":
		return GangGroupTiersAnnotation, fmt.Sprintf("annotation %s is missing", GangGroupAnnotation)
	case g.Group == "":
		return "", ""
	}
	names, tiers := strings.Split(g.Group, "/"), strings.Split(g.GroupTiers, "/")
	switch {
	case slices.Contains(names, "") || len(names) > groupDepthMax:
		return GangGroupAnnotation, fmt.Sprintf("must be at most %d names with slashes between", groupDepthMax)
	case len(tiers) > len(names):
		return GangGroupTiersAnnotation, fmt.Sprintf("has %d tiers for %d groups", len(tiers), len(names))
	}
	widest := g.Tier
	for _, tier := range tiers {
		switch {
		case tier == "":
			continue
		case !slices.Contains(r.GangTiers, tier):
			return GangGroupTiersAnnotation, r.noTier(tier)
		case widest != "" && slices.Index(r.GangTiers, tier) <= slices.Index(r.GangTiers, widest):
			return GangGroupTiersAnnotation, fmt.Sprintf("tier %q is not narrower than tier %q, which the group is in", tier, widest)
		}
		widest = tier
	}
	return "", ""
}

func (r Rules) noTier(name string) string {
	if len(r.GangTiers) == 0 {
		return fmt.Sprintf("tier %q is not known: no tier is configured", name)
	}
	return fmt.Sprintf("tier %q is not known: it must be one of %s", name, strings.Join(r.GangTiers, ", "))
}

// groupRules is what a member says of a group that it is in.
type groupRules struct{ tier, least, most, label string }

// groupAgrees judges that what a member says of the groups that it is in is what others in the
// request say. Seen are the groups so far, by gang and group.
func (c *checker) groupAgrees(g job.Gang, seen map[string]groupRules) {
	if g.Group == "" {
		return
	}
	names := strings.Split(g.Group, "/")
	for i := range names {
		group := strings.Join(names[:i+1], "/")
		rules := groupRules{part(g.GroupTiers, "/", i), part(g.GroupMins, "/", i), part(g.GroupWants, "/", i), part(g.GroupLabels, ",", i)}
		key := g.ID + "\x00" + group
		before, known := seen[key]
		if !known {
			seen[key] = rules
			continue
		}
		for _, rule := range []struct{ what, field, value, before, now string }{
			{"tier", GangGroupTiersAnnotation, g.GroupTiers, before.tier, rules.tier},
			{"least", GangGroupMinsAnnotation, g.GroupMins, before.least, rules.least},
			{"most", GangGroupWantsAnnotation, g.GroupWants, before.most, rules.most},
			{"label", GangGroupLabelsAnnotation, g.GroupLabels, before.label, rules.label},
		} {
			if rule.before != rule.now {
				c.violate(annotation(rule.field), rule.value, fmt.Sprintf("inconsistent %s of group %s in gang %s: expected %q but got %q", rule.what, group, g.ID, rule.before, rule.now))
			}
		}
	}
}

// part is one of what a text holds with a separator between; empty: it holds no so many.
func part(text, separator string, i int) string {
	if parts := strings.Split(text, separator); i < len(parts) {
		return parts[i]
	}
	return ""
}
