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

// groupAgrees judges that the groups that a member is in are bound as they are elsewhere in
// the request. Tiers are those of the groups seen, by gang and group.
func (c *checker) groupAgrees(g job.Gang, seen map[string]string) {
	if g.Group == "" {
		return
	}
	names, tiers := strings.Split(g.Group, "/"), strings.Split(g.GroupTiers, "/")
	for i := range names {
		group, tier := strings.Join(names[:i+1], "/"), ""
		if i < len(tiers) {
			tier = tiers[i]
		}
		key := g.ID + "\x00" + group
		before, known := seen[key]
		if known && before != tier {
			c.violate(annotation(GangGroupTiersAnnotation), g.GroupTiers, fmt.Sprintf("inconsistent tier of group %s in gang %s: expected %q but got %q", group, g.ID, before, tier))
		}
		if !known {
			seen[key] = tier
		}
	}
}
