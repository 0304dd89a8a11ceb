package admit_test

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/submit/internal/admit"
)

// tiered are rules under which gangs may be bound to blocks, racks and hosts.
func tiered() admit.Rules {
	r := rules()
	r.GangTiers, r.GangUniformityLabel = []string{"block", "rack", "host"}, "zone"
	return r
}

// member is an item of gang g of two, with more annotations.
func member(more map[string]string) admit.Item {
	return item(func(it *admit.Item) {
		it.Annotations = map[string]string{admit.GangIDAnnotation: "g", admit.GangCardinalityAnnotation: "2"}
		maps.Copy(it.Annotations, more)
	})
}

// TestGangBoundToTiers: what binds a gang or its groups to no tier is refused by its
// annotation.
func TestGangBoundToTiers(t *testing.T) {
	t.Parallel()
	const tier, group, tiers = admit.GangTierAnnotation, admit.GangGroupAnnotation, admit.GangGroupTiersAnnotation
	wrong := func(field, value, why string) []string {
		return []string{`job_request_items[0].annotations["` + field + `"] | ` + value + ` | invalid gang information: ` + why}
	}
	for name, tc := range map[string]struct {
		in   map[string]string
		want []string
	}{
		"a tier":            {in: map[string]string{tier: "rack"}},
		"groups":            {in: map[string]string{tier: "block", group: "a/b/c", tiers: "rack//host"}},
		"groups, not bound": {in: map[string]string{group: "a/b"}},
		"no tier": {
			in:   map[string]string{tier: "row"},
			want: wrong(tier, "row", `tier "row" is not known: it must be one of block, rack, host`),
		},
		"a label too": {
			in:   map[string]string{tier: "rack", admit.GangUniformityAnnotation: "zone"},
			want: wrong(tier, "rack", "a gang is bound to a tier or to a node uniformity label, not to both"),
		},
		"tiers of no group": {
			in:   map[string]string{tiers: "rack"},
			want: wrong(tiers, "rack", "annotation fairlead/gangGroup is missing"),
		},
		"a group without a name": {
			in:   map[string]string{group: "a//c"},
			want: wrong(group, "a//c", "must be at most 8 names with slashes between"),
		},
		"groups too deep": {
			in:   map[string]string{group: "1/2/3/4/5/6/7/8/9"},
			want: wrong(group, "1/2/3/4/5/6/7/8/9", "must be at most 8 names with slashes between"),
		},
		"too many tiers": {
			in:   map[string]string{group: "a", tiers: "rack/host"},
			want: wrong(tiers, "rack/host", "has 2 tiers for 1 groups"),
		},
		"a group of no tier": {
			in:   map[string]string{group: "a", tiers: "row"},
			want: wrong(tiers, "row", `tier "row" is not known: it must be one of block, rack, host`),
		},
		"a wider tier within": {
			in:   map[string]string{group: "a/b", tiers: "rack/block"},
			want: wrong(tiers, "rack/block", `tier "block" is not narrower than tier "rack", which the group is in`),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := submission(member(tc.in))
			if diff := cmp.Diff(tc.want, found(t, tiered().Check(in))); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}

// TestGangGroupsAgree: members of a request agree on the tiers of gang and groups.
func TestGangGroupsAgree(t *testing.T) {
	t.Parallel()
	in := submission(
		member(map[string]string{admit.GangTierAnnotation: "block", admit.GangGroupAnnotation: "a/b", admit.GangGroupTiersAnnotation: "rack/host"}),
		member(map[string]string{admit.GangGroupAnnotation: "a/c", admit.GangGroupTiersAnnotation: "host"}),
	)
	want := []string{
		`job_request_items[1].annotations["fairlead/gangGroupTiers"] | host | inconsistent tier of group a in gang g: expected "rack" but got "host"`,
		`job_request_items[1].annotations["armadaproject.io/gangNodeUniformityLabel"] | zone | inconsistent nodeUniformityLabel in gang g: expected  but got zone`,
		`job_request_items[1].annotations["fairlead/gangTier"] |  | inconsistent tier in gang g: expected "block" but got ""`,
	}
	if diff := cmp.Diff(want, found(t, tiered().Check(in))); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
}

// TestGangGroupIsSubmitted: the event says how the gang and the job's groups are bound; the
// default label binds none that is bound to a tier.
func TestGangGroupIsSubmitted(t *testing.T) {
	t.Parallel()
	it := member(map[string]string{admit.GangTierAnnotation: "block", admit.GangGroupAnnotation: "a/b", admit.GangGroupTiersAnnotation: "/host"})
	want := job.Gang{ID: "g", Cardinality: 2, Tier: "block", Group: "a/b", GroupTiers: "/host"}
	if got := tiered().Submitted(job.Head{}, admit.Accepted{Item: &it}); got.Gang != want {
		t.Errorf("gang %+v, want %+v", got.Gang, want)
	}
}
