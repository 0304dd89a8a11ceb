package admit_test

import (
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/submit/internal/admit"
)

func rules() admit.Rules {
	return admit.Rules{
		JobsMax:      10,
		SpecBytesMax: 65535,
		Classes: map[string]admit.Class{
			"armada-default":     {},
			"armada-preemptible": {Preemptible: true},
		},
		DefaultClass:          "armada-default",
		OversubscriptionMax:   map[string]*big.Rat{"memory": big.NewRat(2, 1)},
		RequestsMin:           []admit.Amount{amount("memory", "1Mi", 1<<20, 1)},
		FractionalInitCPU:     true,
		GraceSecondsMin:       1,
		GraceSecondsMax:       300,
		GangMax:               1000,
		RestrictedTolerations: []string{"secret"},
	}
}

func amount(resource, text string, num, den int64) admit.Amount {
	return admit.Amount{Resource: resource, Text: text, Value: big.NewRat(num, den)}
}

func resources(list ...admit.Amount) []admit.Amount { return list }

func pod() *admit.Pod {
	r := resources(amount("cpu", "1", 1, 1), amount("memory", "1Gi", 1<<30, 1))
	return &admit.Pod{SizeBytes: 100, Containers: []admit.Container{{Field: "containers[0]", Name: "main", Requests: r, Limits: r}}}
}

func item(change func(*admit.Item)) admit.Item {
	it := admit.Item{Namespace: "default", PodField: "pod_spec", Single: true, Pod: pod()}
	change(&it)
	return it
}

func submission(items ...admit.Item) admit.Submission {
	return admit.Submission{Queue: "q", JobSet: "set", Items: items}
}

func withPod(change func(*admit.Pod)) admit.Submission {
	return submission(item(func(it *admit.Item) { change(it.Pod) }))
}

func withItem(change func(*admit.Item)) admit.Submission { return submission(item(change)) }

func withContainer(change func(*admit.Container)) admit.Submission {
	return withPod(func(p *admit.Pod) { change(&p.Containers[0]) })
}

// found are the violations of an error, as "field | value | rule".
func found(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	e, ok := fault.As(err)
	if !ok || e.Kind() != fault.Invalid {
		t.Fatalf("error %v: want a fault of kind invalid", err)
	}
	var out []string
	for _, v := range e.Violations() {
		out = append(out, v.Field+" | "+v.Value+" | "+v.Rule)
	}
	return out
}

const first = "job_request_items[0]."

func TestEveryRule(t *testing.T) {
	t.Parallel()
	gang := func(id, cardinality string) map[string]string {
		return map[string]string{admit.GangIDAnnotation: id, admit.GangCardinalityAnnotation: cardinality}
	}
	const cardinality = first + `annotations["armadaproject.io/gangCardinality"] | `
	const required = first + "pod_spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
	const badAffinity = "invalid RequiredDuringSchedulingIgnoredDuringExecution node affinity: "
	tests := map[string]struct {
		in   admit.Submission
		want []string
	}{
		"fine": {in: withItem(func(*admit.Item) {})},
		"R1 queue": {
			in:   admit.Submission{JobSet: "set"},
			want: []string{"queue |  | queue is a required field"},
		},
		"R1 queue length": {
			in:   admit.Submission{Queue: strings.Repeat("q", 256), JobSet: "set"},
			want: []string{"queue | " + strings.Repeat("q", 80) + "… | a queue's name has at most 255 bytes, this has 256"},
		},
		"NUL": {
			in:   admit.Submission{Queue: "q", JobSet: "a\x00b", Items: []admit.Item{item(func(it *admit.Item) { it.ClientID = "\x00" })}},
			want: []string{"job_set_id | a\x00b | must not contain NUL", first + "client_id | \x00 | must not contain NUL"},
		},
		"R2 gang id empty": {
			in:   withItem(func(it *admit.Item) { it.Annotations = gang("", "2") }),
			want: []string{first + `annotations["armadaproject.io/gangId"] |  | invalid gang information: gang id is empty`},
		},
		"R2 cardinality missing": {
			in: withItem(func(it *admit.Item) { it.Annotations = map[string]string{admit.GangIDAnnotation: "g"} }),
			want: []string{cardinality + " | invalid gang information: gang cardinality annotation " +
				"armadaproject.io/gangCardinality is missing"},
		},
		"R2 cardinality not a number": {
			in: withItem(func(it *admit.Item) { it.Annotations = gang("g", "two") }),
			want: []string{cardinality + `two | invalid gang information: gang cardinality is not parseable - ` +
				`strconv.ParseInt: parsing "two": invalid syntax`},
		},
		"R2 cardinality zero": {
			in:   withItem(func(it *admit.Item) { it.Annotations = gang("g", "0") }),
			want: []string{cardinality + "0 | invalid gang information: gang cardinality 0 is non-positive"},
		},
		"R2 cardinality above the maximum": {
			in:   withItem(func(it *admit.Item) { it.Annotations = gang("g", "1001") }),
			want: []string{cardinality + "1001 | invalid gang information: gang cardinality 1001 is larger than the maximum of 1000"},
		},
		"R2 fail fast": {
			in: withItem(func(it *admit.Item) {
				it.Annotations = gang("g", "1")
				it.Annotations[admit.FailFastAnnotation] = "false"
			}),
			want: []string{first + `annotations["armadaproject.io/failFast"] | false | gang jobs may not set fail fast flag ` +
				"(annotation - armadaproject.io/failFast) to anything but true"},
		},
		"R3 job set": {
			in:   admit.Submission{Queue: "q"},
			want: []string{"job_set_id |  | job set id is a required field"},
		},
		"R4 job set at the limit": {in: admit.Submission{Queue: "q", JobSet: strings.Repeat("s", 1023)}},
		"R4 job set length": {
			in:   admit.Submission{Queue: "q", JobSet: strings.Repeat("s", 1024)},
			want: []string{"job_set_id | " + strings.Repeat("s", 80) + "… | job set id of length 1024 must be less than max character length 1024"},
		},
		"I1 namespace": {
			in:   withItem(func(it *admit.Item) { it.Namespace = "" }),
			want: []string{first + "namespace |  | namespace is a required field"},
		},
		"I2 no spec": {
			in:   withItem(func(it *admit.Item) { it.Pod, it.Single = nil, false }),
			want: []string{first + "pod_spec |  | Job must contain at least one PodSpec"},
		},
		"I2 unreadable": {
			in:   withItem(func(it *admit.Item) { it.Pod, it.Unreadable = nil, "no quantity" }),
			want: []string{first + "pod_spec |  | no quantity"},
		},
		"I2 both": {
			in:   withItem(func(it *admit.Item) { it.Pod, it.Listed = nil, 1 }),
			want: []string{first + "pod_specs |  | PodSpec must be nil if PodSpecs is provided (i.e., these are exclusive)"},
		},
		"I2 several": {
			in:   withItem(func(it *admit.Item) { it.Pod, it.Single, it.Listed = nil, false, 2 }),
			want: []string{first + "pod_specs |  | Jobs with multiple pods are not supported: 2 pods, want one"},
		},
		"I3 size": {
			in:   withPod(func(p *admit.Pod) { p.SizeBytes = 65536 }),
			want: []string{first + "pod_spec |  | Pod spec has a size of 65536 bytes which is greater than the maximum allowed size of 65535"},
		},
		"I4 preferred affinity": {
			in: withPod(func(p *admit.Pod) { p.PreferredNodeAffinity = true }),
			want: []string{first + "pod_spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution |  | " +
				"preferredDuringSchedulingIgnoredDuringExecution node affinity is not supported by Armada"},
		},
		"I4 no terms": {
			in:   withPod(func(p *admit.Pod) { p.RequiredNodeAffinity = true }),
			want: []string{required + " |  | " + badAffinity + "it has no terms"},
		},
		"I4 expressions": {
			in: withPod(func(p *admit.Pod) {
				p.RequiredNodeAffinity = true
				p.NodeTerms = []job.NodeTerm{{
					Labels: []job.NodeExpression{
						{Key: "zone", Operator: "In", Values: []string{"a"}},
						{Key: "a", Operator: "In"},
						{Key: "b", Operator: "Exists", Values: []string{"x"}},
						{Key: "c", Operator: "Gt", Values: []string{"x"}},
						{Key: "d", Operator: "Lt"},
						{Key: "e", Operator: "Like"},
						{Operator: "Exists"},
					},
					Fields: []job.NodeExpression{
						{Key: "metadata.name", Operator: "In", Values: []string{"n"}},
						{Key: "spec", Operator: "In", Values: []string{"n"}},
						{Key: "metadata.name", Operator: "Exists"},
						{Key: "metadata.name", Operator: "In"},
					},
				}}
			}),
			want: []string{
				required + "[0].matchExpressions[1] | a | " + badAffinity + "operator In needs values",
				required + "[0].matchExpressions[2] | b | " + badAffinity + "operator Exists takes no values",
				required + "[0].matchExpressions[3] | c | " + badAffinity + `operator Gt needs an integer, not "x"`,
				required + "[0].matchExpressions[4] | d | " + badAffinity + "operator Lt needs one value",
				required + "[0].matchExpressions[5] | e | " + badAffinity + `"Like" is not a valid node selector operator`,
				required + "[0].matchExpressions[6] |  | " + badAffinity + "the key is empty",
				required + "[0].matchFields[1] | spec | " + badAffinity + `"spec" is not a field of nodes that can be matched`,
				required + "[0].matchFields[2] | metadata.name | " + badAffinity + `"Exists" is not a valid operator for fields`,
				required + "[0].matchFields[3] | metadata.name | " + badAffinity + "a field needs one value",
			},
		},
		"I5 no containers": {
			in:   withPod(func(p *admit.Pod) { p.Containers = nil }),
			want: []string{first + "pod_spec.containers |  | must have at least one container"},
		},
		"I5 no resources": {
			in:   withContainer(func(c *admit.Container) { c.Requests, c.Limits = nil, nil }),
			want: []string{first + "pod_spec.containers[0].resources |  | container main has no resources specified"},
		},
		"I5 different resources": {
			in: withContainer(func(c *admit.Container) {
				c.Requests, c.Limits = resources(amount("cpu", "1", 1, 1)), resources(amount("memory", "1Gi", 1<<30, 1))
			}),
			want: []string{
				first + `pod_spec.containers[0].resources.limits["cpu"] |  | container main defines different resources for requests and limits: ` +
					"it defines cpu for requests but not limits",
				first + `pod_spec.containers[0].resources.requests["memory"] |  | container main defines different resources for requests and limits: ` +
					"it defines memory for limits but not requests",
			},
		},
		"I5 negative": {
			in: withContainer(func(c *admit.Container) {
				c.Requests = resources(amount("cpu", "-1", -1, 1))
				c.Limits = c.Requests
			}),
			want: []string{
				first + `pod_spec.containers[0].resources.requests["cpu"] | -1 | container main has a negative resource request (-1) for resource cpu`,
				first + `pod_spec.containers[0].resources.limits["cpu"] | -1 | container main has a negative resource limit (-1) for resource cpu`,
			},
		},
		"I5 limit below request": {
			in: withContainer(func(c *admit.Container) { c.Limits = resources(amount("cpu", "900m", 9, 10), c.Limits[1]) }),
			want: []string{first + `pod_spec.containers[0].resources.limits["cpu"] | 900m | ` +
				"container main defines cpu with limits smaller than requests (1)"},
		},
		"I5 limit above request": {
			in: withContainer(func(c *admit.Container) { c.Limits = resources(amount("cpu", "1001m", 1001, 1000), c.Limits[1]) }),
			want: []string{first + `pod_spec.containers[0].resources.limits["cpu"] | 1001m | ` +
				"container main defines cpu with limits great than 1.00*requests (1)"},
		},
		"I5 oversubscribed as configured": {
			in: withContainer(func(c *admit.Container) { c.Limits = resources(c.Limits[0], amount("memory", "2Gi", 2<<30, 1)) }),
		},
		"I5 below minimum": {
			in: withContainer(func(c *admit.Container) {
				c.Requests = resources(amount("memory", "1Ki", 1024, 1))
				c.Limits = c.Requests
			}),
			want: []string{first + `pod_spec.containers[0].resources.requests["memory"] | 1Ki | container "main" memory requests (1Ki) below server minimum (1Mi)`},
		},
		"I6 init container with a whole core": {
			in: withPod(func(p *admit.Pod) {
				init := p.Containers[0]
				init.Field, init.Name, init.Init = "initContainers[0]", "prepare", true
				p.Containers = append(p.Containers, init)
			}),
			want: []string{first + `pod_spec.initContainers[0].resources.requests["cpu"] | 1 | Init container prepare contains invalid cpu value 1.  ` +
				"All init containers must set requests/limits to fractional cpu e.g. 900m"},
		},
		"I7 class": {
			in:   withPod(func(p *admit.Pod) { p.Class = "gold" }),
			want: []string{first + "pod_spec.priorityClassName | gold | priority class gold is not supported"},
		},
		"I8 grace zero means the default": {in: withPod(func(p *admit.Pod) { p.GraceSeconds = new(int64(0)) })},
		"I8 grace": {
			in:   withPod(func(p *admit.Pod) { p.GraceSeconds = new(int64(301)) }),
			want: []string{first + "pod_spec.terminationGracePeriodSeconds | 301 | terminationGracePeriodSeconds of 301 must be [1, 300], or omitted"},
		},
		"I9 ingress": {
			in: withItem(func(it *admit.Item) {
				it.Ingresses = []admit.Ingress{{}, {Ports: []uint32{80}}, {Ports: []uint32{80}}}
			}),
			want: []string{
				first + "ingress[0].ports |  | ingress contains zero ports. Each ingress should have at least one port",
				first + "ingress[2].ports | 80 | port 80 has two ingress configurations, specified in ingress configs with indexes 1, 2. " +
					"Each port should at maximum have one ingress configuration",
			},
		},
		"I10 port twice": {
			in: withPod(func(p *admit.Pod) {
				p.Containers[0].Ports = []uint32{80}
				side := p.Containers[0]
				side.Field, side.Name = "containers[1]", "side"
				p.Containers = append(p.Containers, side)
			}),
			want: []string{first + `pod_spec.containers[1].ports[0].containerPort | 80 | container port 80 is exposed multiple times, ` +
				`specified in containers "main" and "side". Should only be exposed once`},
		},
		"I11 client id at the limit": {in: withItem(func(it *admit.Item) { it.ClientID = strings.Repeat("ü", 100) })},
		"I11 client id": {
			in:   withItem(func(it *admit.Item) { it.ClientID = strings.Repeat("c", 101) }),
			want: []string{first + "client_id | " + strings.Repeat("c", 80) + "… | client id of length 101 is greater than max allowed length of  100"},
		},
		"I12 toleration": {
			in:   withPod(func(p *admit.Pod) { p.Tolerations = []job.Toleration{{Key: "fine"}, {Key: "secret"}} }),
			want: []string{first + "pod_spec.tolerations[1].key | secret | toleration secret is not user settable"},
		},
		"an expected run time": {in: withItem(func(it *admit.Item) {
			it.Annotations = map[string]string{admit.ExpectedRuntimeAnnotation: "90m"}
		})},
		"an expected run time that is no duration": {
			in: withItem(func(it *admit.Item) {
				it.Annotations = map[string]string{admit.ExpectedRuntimeAnnotation: "90"}
			}),
			want: []string{first + `annotations["fairlead/expectedRuntime"] | 90 | must be a duration from 1s to 8760h0m0s, such as 90m`},
		},
		"an expected run time of years": {
			in: withItem(func(it *admit.Item) {
				it.Annotations = map[string]string{admit.ExpectedRuntimeAnnotation: "8761h"}
			}),
			want: []string{first + `annotations["fairlead/expectedRuntime"] | 8761h | must be a duration from 1s to 8760h0m0s, such as 90m`},
		},
		"I13 price band": {in: withItem(func(it *admit.Item) { it.Annotations = map[string]string{admit.PriceBandAnnotation: "h"} })},
		"I13 bad price band": {
			in:   withItem(func(it *admit.Item) { it.Annotations = map[string]string{admit.PriceBandAnnotation: "I"} }),
			want: []string{first + `annotations["armadaproject.io/priceBand"] | I | price band I is not supported: it is one of A to H`},
		},
		"priority": {
			in:   withItem(func(it *admit.Item) { it.Priority = math.NaN() }),
			want: []string{first + "priority | NaN | must be a number"},
		},
		"service name": {
			in:   withItem(func(it *admit.Item) { it.Services = []admit.Service{{Name: "mine"}} }),
			want: []string{first + "services[0].name | mine | this installation does not let jobs name their services"},
		},
		"metadata": {
			in:   withItem(func(it *admit.Item) { it.Labels = map[string]string{"a": strings.Repeat("x", 256<<10)} }),
			want: []string{first + "annotations |  | labels and annotations have 262145 bytes together, at most 262144"},
		},
		"external uri": {
			in:   withItem(func(it *admit.Item) { it.ExternalJobURI = strings.Repeat("u", 1025) }),
			want: []string{first + "external_job_uri | " + strings.Repeat("u", 80) + "… | has 1025 bytes, at most 1024"},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, found(t, rules().Check(tc.in))); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}

// Members of a gang in one request must agree; others are not compared.
func TestGangMembersAgree(t *testing.T) {
	t.Parallel()
	member := func(id, cardinality, class, label string) admit.Item {
		return item(func(it *admit.Item) {
			it.Annotations = map[string]string{
				admit.GangIDAnnotation: id, admit.GangCardinalityAnnotation: cardinality, admit.GangUniformityAnnotation: label,
			}
			it.Pod.Class = class
		})
	}
	in := submission(
		member("a", "2", "", "rack"), member("b", "3", "armada-preemptible", "zone"),
		member("a", "2", "armada-default", "rack"), // the default, named
		member("a", "3", "armada-preemptible", "zone"))
	want := []string{
		`job_request_items[3].annotations["armadaproject.io/gangCardinality"] | 3 | inconsistent gang cardinality in gang a: expected 2 but got 3`,
		`job_request_items[3].pod_spec.priorityClassName | armada-preemptible | inconsistent PriorityClassName in gang a: expected armada-default but got armada-preemptible`,
		`job_request_items[3].annotations["armadaproject.io/gangNodeUniformityLabel"] | zone | inconsistent nodeUniformityLabel in gang a: expected rack but got zone`,
	}
	if diff := cmp.Diff(want, found(t, rules().Check(in))); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
}

func TestAllViolationsAtOnceAndASharedSpecOnce(t *testing.T) {
	t.Parallel()
	shared := pod()
	shared.Class = "gold"
	one := item(func(it *admit.Item) { it.Pod = shared; it.PodField, it.Single, it.Listed = "pod_specs[0]", false, 1 })
	bad := item(func(it *admit.Item) { it.Namespace = "" })
	in := admit.Submission{Items: []admit.Item{bad, one, one, one}}
	want := []string{
		"queue |  | queue is a required field",
		"job_set_id |  | job set id is a required field",
		"job_request_items[0].namespace |  | namespace is a required field",
		"job_request_items[1].pod_specs[0].priorityClassName | gold | priority class gold is not supported; 2 more items of the request have the same spec",
	}
	if diff := cmp.Diff(want, found(t, rules().Check(in))); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
}

func TestTooManyJobs(t *testing.T) {
	t.Parallel()
	err := rules().Check(submission(make([]admit.Item, 11)...))
	if fault.KindOf(err) != fault.TooLarge || err.Error() != "11 jobs in a request, at most 10: split it" {
		t.Errorf("error %v", err)
	}
}

func TestPriority(t *testing.T) {
	t.Parallel()
	for in, want := range map[float64]uint32{
		-5: 0, 0: 0, 0.4: 0, 0.5: 1, 7: 7, 1.5: 2, math.MaxUint32: math.MaxUint32, 1e300: math.MaxUint32, math.Inf(-1): 0, math.Inf(1): math.MaxUint32,
	} {
		if got := admit.Priority(in); got != want {
			t.Errorf("Priority(%v) = %d, want %d", in, got, want)
		}
	}
	if got := admit.Priority(math.NaN()); got != 0 {
		t.Errorf("Priority(NaN) = %d, want 0", got)
	}
}

func TestSubmitted(t *testing.T) {
	t.Parallel()
	head := job.Head{Job: job.ID{15: 1}, Time: 5}
	id := head.Job.String()
	it := item(func(it *admit.Item) {
		it.Pod.Class = "armada-preemptible"
		it.Priority = 2.6
		it.ClientID = "c"
		it.Labels = map[string]string{"same": "x", "filled": "a-{JobId}-b", "escaped": "{{JobId}} {JobId}"}
		it.Annotations = map[string]string{
			admit.GangIDAnnotation: "g", admit.GangCardinalityAnnotation: "3", admit.ExternalURIAnnotation: "ext",
		}
	})
	r := rules()
	r.GangUniformityLabel, r.GangIDLabel = "rack", true
	spec, shape := &job.PodSpec{}, &job.Shape{}
	got := r.Submitted(head, admit.Accepted{Item: &it, Spec: spec, Shape: shape})
	want := job.SubmittedEvent{
		Head: head, Priority: 3, Class: "armada-preemptible", Preemptible: true, Namespace: "default",
		Labels: map[string]string{"same": "x", "filled": "a-" + id + "-b", "escaped": "{JobId} " + id, admit.GangIDAnnotation: "g"},
		Annotations: map[string]string{
			admit.GangIDAnnotation: "g", admit.GangCardinalityAnnotation: "3", admit.ExternalURIAnnotation: "ext",
			admit.FailFastAnnotation: "true", admit.GangUniformityAnnotation: "rack",
		},
		Spec: spec, Shape: shape, Gang: job.Gang{ID: "g", Cardinality: 3, UniformityLabel: "rack"}, ClientID: "c", ExternalJobURI: "ext",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	if it.Labels["filled"] != "a-{JobId}-b" || len(it.Annotations) != 3 {
		t.Errorf("the item was changed: %v %v", it.Labels, it.Annotations)
	}
}

func TestGangOfOneIsAJobOfItsOwn(t *testing.T) {
	t.Parallel()
	it := item(func(it *admit.Item) {
		it.Annotations = map[string]string{admit.GangIDAnnotation: "g", admit.GangCardinalityAnnotation: "1"}
	})
	if got := rules().Submitted(job.Head{}, admit.Accepted{Item: &it}); got.Gang != (job.Gang{}) || got.Class != "armada-default" || got.Preemptible {
		t.Errorf("gang %v, class %s, preemptible %v", got.Gang, got.Class, got.Preemptible)
	}
}

func TestEmptySubmissionIsFine(t *testing.T) {
	t.Parallel()
	if err := rules().Check(submission()); err != nil {
		t.Error(err)
	}
}

func BenchmarkCheck(b *testing.B) {
	shared := pod()
	items := make([]admit.Item, 100)
	for i := range items {
		items[i] = item(func(it *admit.Item) { it.Pod = shared; it.ClientID = fmt.Sprint(i) })
	}
	r := rules()
	r.JobsMax = len(items)
	in := submission(items...)
	for b.Loop() {
		if err := r.Check(in); err != nil {
			b.Fatal(err)
		}
	}
}
