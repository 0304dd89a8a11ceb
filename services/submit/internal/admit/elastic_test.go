package admit_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/submit/internal/admit"
)

// TestElasticGang: how many members of a gang and of its groups run, and the labels of these,
// are read, and what is wrong with them is refused by its annotation.
func TestElasticGang(t *testing.T) {
	t.Parallel()
	const (
		least, most, group          = admit.GangMinAnnotation, admit.GangWantAnnotation, admit.GangGroupAnnotation
		leasts, mosts, labels, tier = admit.GangGroupMinsAnnotation, admit.GangGroupWantsAnnotation, admit.GangGroupLabelsAnnotation, admit.GangGroupTiersAnnotation
	)
	wrong := func(field, value, why string) []string {
		return []string{`job_request_items[0].annotations["` + field + `"] | ` + value + ` | invalid gang information: ` + why}
	}
	for name, tc := range map[string]struct {
		in   map[string]string
		want []string
	}{
		"a least":                {in: map[string]string{least: "1"}},
		"all of it":              {in: map[string]string{least: "1", most: "2", group: "a/b", leasts: "1", mosts: "/2", labels: "example.com/rack,zone"}},
		"a label beside a tier":  {in: map[string]string{group: "a/b", tier: "rack", labels: ",zone"}},
		"none":                   {in: map[string]string{least: "0"}, want: wrong(least, "0", `"0" must be a number from 1 to 2, the gang's cardinality`)},
		"more than there are":    {in: map[string]string{least: "3"}, want: wrong(least, "3", `"3" must be a number from 1 to 2, the gang's cardinality`)},
		"no number":              {in: map[string]string{least: "one"}, want: wrong(least, "one", `"one" must be a number from 1 to 2, the gang's cardinality`)},
		"a most alone":           {in: map[string]string{most: "2"}, want: wrong(most, "2", "annotation fairlead/gangMin is missing")},
		"a most below the least": {in: map[string]string{least: "2", most: "1"}, want: wrong(most, "1", `"1" must be a number from 2 to 2, the gang's cardinality`)},
		"leasts of no gang":      {in: map[string]string{group: "a", leasts: "1"}, want: wrong(leasts, "1", "annotation fairlead/gangMin is missing")},
		"leasts of no group":     {in: map[string]string{least: "1", leasts: "1"}, want: wrong(leasts, "1", "annotation fairlead/gangGroup is missing")},
		"too many leasts":        {in: map[string]string{least: "1", group: "a", leasts: "1/1"}, want: wrong(leasts, "1/1", "has 2 values for 1 groups")},
		"a group of none":        {in: map[string]string{least: "1", group: "a", leasts: "0"}, want: wrong(leasts, "0", `"0" must be a number from 1 to 2, the gang's cardinality`)},
		"a group's most too low": {in: map[string]string{least: "1", group: "a", leasts: "2", mosts: "1"}, want: wrong(mosts, "1", `"1" must be a number from 2 to 2, the gang's cardinality`)},
		"a label and a tier":     {in: map[string]string{group: "a", tier: "rack", labels: "zone"}, want: wrong(labels, "zone", "group 1 is bound to a tier too: it may be bound to one of both")},
		"no label":               {in: map[string]string{group: "a", labels: "no label"}, want: wrong(labels, "no label", `"no label" is no name of a node label`)},
		"labels of no group":     {in: map[string]string{labels: "zone"}, want: wrong(labels, "zone", "annotation fairlead/gangGroup is missing")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := submission(member(tc.in))
			if diff := cmp.Diff(tc.want, found(t, tiered().Check(in))); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
	it := member(map[string]string{least: "1", most: "2", group: "a/b", leasts: "1", mosts: "/2", labels: "zone,"})
	want := job.Gang{ID: "g", Cardinality: 2, UniformityLabel: "zone", Group: "a/b", Min: 1, Want: 2, GroupMins: "1", GroupWants: "/2", GroupLabels: "zone,"}
	if got := tiered().Submitted(job.Head{}, admit.Accepted{Item: &it}); got.Gang != want {
		t.Errorf("gang %+v, want %+v", got.Gang, want)
	}
}

// TestElasticGangAgrees: members of a request agree on how many of the gang and its groups run,
// and on the labels of these.
func TestElasticGangAgrees(t *testing.T) {
	t.Parallel()
	in := submission(
		member(map[string]string{admit.GangMinAnnotation: "1", admit.GangWantAnnotation: "2", admit.GangGroupAnnotation: "a", admit.GangGroupMinsAnnotation: "1", admit.GangGroupLabelsAnnotation: "zone"}),
		member(map[string]string{admit.GangMinAnnotation: "2", admit.GangGroupAnnotation: "a/b", admit.GangGroupWantsAnnotation: "2"}),
	)
	at := "job_request_items[1].annotations"
	want := []string{
		at + `["fairlead/gangGroupMins"] |  | inconsistent least of group a in gang g: expected "1" but got ""`,
		at + `["fairlead/gangGroupWants"] | 2 | inconsistent most of group a in gang g: expected "" but got "2"`,
		at + `["fairlead/gangGroupLabels"] |  | inconsistent label of group a in gang g: expected "zone" but got ""`,
		at + `["fairlead/gangMin"] | 2 | inconsistent least number of members in gang g: expected 1 but got 2`,
		at + `["fairlead/gangWant"] | 0 | inconsistent most number of members in gang g: expected 2 but got 0`,
	}
	if diff := cmp.Diff(want, found(t, tiered().Check(in))); diff != "" {
		t.Errorf("violations (-want +got):\n%s", strings.TrimSpace(diff))
	}
}
