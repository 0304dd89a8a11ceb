package podrequest_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/fairlead-batch/fairlead/services/submit/podrequest"
)

func TestAmount(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		resource corev1.ResourceName
		quantity string
		want     int64
	}{
		"cpu in thousandths":               {"cpu", "1500m", 1500},
		"a part of a thousandth is one":    {"cpu", "1u", 1},
		"memory in bytes":                  {"memory", "2Ki", 2048},
		"a part of a byte is one":          {"memory", "1500m", 2},
		"nothing":                          {"memory", "0", 0},
		"more cpu than fits in a number":   {"cpu", "10P", math.MaxInt64},
		"more bytes than fit in a number":  {"memory", "100E", math.MaxInt64},
		"the most bytes that fit":          {"memory", "9223372036854775807", math.MaxInt64},
		"the most thousandths that fit":    {"cpu", "9223372036854775807m", math.MaxInt64},
		"the most thousandths but for one": {"cpu", "9223372036854775806m", math.MaxInt64 - 1},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := podrequest.Amount(tc.resource, resource.MustParse(tc.quantity)); got != tc.want {
				t.Errorf("%s of %s is %d, want %d", tc.quantity, tc.resource, got, tc.want)
			}
		})
	}
}

// What a pod asks for as a whole goes before what its containers do, of the resources that
// Kubernetes has pods ask for so: cpu, memory and huge pages. The spec stays as it is.
func TestOfAWholePod(t *testing.T) {
	t.Parallel()
	spec := corev1.PodSpec{
		Resources: &corev1.ResourceRequirements{
			Requests: corev1.ResourceList{"cpu": resource.MustParse("4")},
			Limits:   corev1.ResourceList{"cpu": resource.MustParse("8"), "memory": resource.MustParse("4Ki"), "hugepages-2Mi": resource.MustParse("2Mi"), "nvidia.com/gpu": resource.MustParse("2")},
		},
		Containers: []corev1.Container{{Name: "main", Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{"cpu": resource.MustParse("1"), "memory": resource.MustParse("1Ki")},
		}}},
		Overhead: corev1.ResourceList{"cpu": resource.MustParse("250m")},
	}
	before := spec.DeepCopy()
	want := map[string]int64{"cpu": 4250, "memory": 1 << 10, "hugepages-2Mi": 2 << 20}
	if diff := cmp.Diff(want, podrequest.Of(&spec)); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, &spec); diff != "" {
		t.Errorf("the spec changed (-before +after):\n%s", diff)
	}
}
