package scenario_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fairlead-batch/fairlead/services/scheduler/policy"
	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
	"github.com/fairlead-batch/fairlead/services/scheduler/simulate"
	"github.com/fairlead-batch/fairlead/services/scheduler/simulate/scenario"
)

const examples = "../../../../examples/simulate/"

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func must[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// What stands in the examples becomes the world that is meant.
func TestExample(t *testing.T) {
	t.Parallel()
	c := must(scenario.ReadCluster(examples + "cluster.yaml"))(t)
	w := must(scenario.ReadWorkload(examples + "workload.yaml"))(t)
	r := must(scenario.ReadRules(examples + "config.yaml"))(t)
	world := must(scenario.Build(c, w, r))(t)
	if len(world.Nodes) != 12 || len(world.Queues) != 3 || len(world.Templates) != 1+12+3 || world.Seed != 1 {
		t.Fatalf("%d nodes, %d queues, %d templates, seed %d", len(world.Nodes), len(world.Queues), len(world.Templates), world.Seed)
	}
	if world.Interval != 100*time.Millisecond || world.PreemptionInterval != 10*time.Second || world.Rules.Rate.Burst != 1000 {
		t.Errorf("rules every %v, %v: %+v", world.Interval, world.PreemptionInterval, world.Rules)
	}
	big := world.Nodes[10]
	if big.ID != "big/0-000000" || big.Total[0] != 64_000 || big.Total[1] != 512<<30 || len(big.Taints) != 1 ||
		big.Labels["rack"] != "b" || big.Labels["armadaproject.io/clusterName"] != "big" || big.Labels["kubernetes.io/hostname"] != "0-000000" {
		t.Errorf("node %+v", big)
	}
	second := world.Templates[2]
	if second.ID != "service-0-repeat-1" || second.Earliest != 10*time.Minute || second.Number != 40 || second.Queue != "service" {
		t.Errorf("repeated %+v", second)
	}
	train := world.Templates[14]
	if train.ID != "train" || train.Gang != 8 || train.Label != "rack" || len(train.After) != 1 || train.After[0] != 13 || train.AfterDelay != time.Minute {
		t.Errorf("gang %+v", train)
	}
	if sweep := world.Templates[0].Shape; sweep.Class != "armada-preemptible" || sweep.Request[0] != 2000 || len(sweep.Match.Tolerations) != 1 {
		t.Errorf("shape %+v", sweep)
	}
	if world.Resubmit != (simulate.Spread{Minimum: 30 * time.Second, TailMean: 10 * time.Second}) || world.Queues[2].Weight != 2*schedule.Million {
		t.Errorf("resubmit %v, weight %d", world.Resubmit, world.Queues[2].Weight)
	}
}

// Armada's configuration, nested or not, becomes ours, and what is lost is named.
func TestArmada(t *testing.T) {
	t.Parallel()
	flat := must(scenario.ReadRules(examples + "benchmarks/config-prodlike.yaml"))(t)
	if flat.MinInterval != 10*time.Second || flat.DefaultClass != "armada-default" || len(flat.Unread) != 0 ||
		flat.Rate.Burst != 0 || flat.LookbackMax != 100_000 || flat.Resources[0] != "memory" || !flat.PriorityClasses["armada-preemptible"].Preemptible {
		t.Errorf("%+v", flat)
	}
	nested := must(scenario.ReadRules(write(t, `
schedulePeriod: 5s
pulsar: {url: "pulsar://x"}
scheduling:
  maximumSchedulingRate: 10
  maximumSchedulingBurst: 20
  enablePreferLargeJobOrdering: true
  enableAssertions: true
  maximumResourceFractionToSchedule: {cpu: 0.5}
  pools:
    - name: gpu
      awayPools: [{name: other}]
      shortJobPenaltyCutoff: 1m
      dominantResourceFairnessResourcesToConsider: [nvidia.com/gpu]
      disableGangAwayScheduling: true
      disableUrgencyScheduling: true
      protectedFractionOfFairShare: 0.5
      jobDefaults: {tolerations: [{key: team, value: red, effect: NoSchedule}]}
      experimentalOptimiser: {enabled: true}
    - name: other
  floatingResources:
    - name: licenses
      resolution: 1
      pools: [{name: gpu, quantity: 2k}]
  priorityClasses:
    high:
      priority: 2
      preemptible: true
      awayNodeTypes:
        - {priority: 1, wellKnownNodeTypeName: gpu}
        - priority: 0
          nodeTypes: [{name: gpu, conditions: [{resource: cpu, operator: "<", value: 500m}, {resource: memory, operator: ">", value: 1Gi}]}]
  wellKnownNodeTypes:
    - {name: gpu, taints: [{key: gpu, value: "true", effect: NoSchedule}]}
`)))(t)
	if nested.MinInterval != 5*time.Second || nested.Rate.PerSecond != 10 || nested.Rate.Burst != 20 || nested.Pools[0].Name != "gpu" || nested.DefaultClass != "" {
		t.Errorf("%+v", nested)
	}
	if nested.MaximumResourceFractionToSchedule["cpu"] != 0.5 || nested.SchedulePeriod != 5*time.Second || nested.FloatingResources[0].Pools[0].Quantity != 2000 ||
		nested.Pools[0].ShortJobPenaltyCutoff != time.Minute || nested.ProtectedFractionByPool["gpu"] != 0.5 {
		t.Errorf("%+v", nested)
	}
	if gpu := nested.Pools[0]; !gpu.DisableGangAwayScheduling || !gpu.DisableUrgencyScheduling || gpu.DisableHomeScheduling || !slices.Equal(gpu.DominantResources, []string{"nvidia.com/gpu"}) ||
		!slices.Equal(gpu.AwayPools, []policy.AwayPool{{Name: "other"}}) || !slices.Equal(gpu.JobDefaults.Tolerations, []policy.Toleration{{Key: "team", Value: "red", Effect: "NoSchedule"}}) {
		t.Errorf("%+v", gpu)
	}
	if got, want := nested.WellKnownNodeTypes[0].Taints[0], (policy.Taint{Key: "gpu", Value: "true", Effect: "NoSchedule"}); got != want {
		t.Errorf("taint %+v, want %+v", got, want)
	}
	away := nested.PriorityClasses["high"].AwayNodeTypes
	if c := away[1].NodeTypes[0].Conditions; away[0].WellKnownNodeTypeName != "gpu" || c[0] != (policy.Condition{Resource: "cpu", Operator: "<", Value: 0.5}) || c[1].Value != 1<<30 {
		t.Errorf("away %+v", away)
	}
	want := "[enablePreferLargeJobOrdering pools[].experimentalOptimiser]"
	if got := fmt.Sprint(nested.Unread); got != want {
		t.Errorf("unread %s, want %s", got, want)
	}
}

const cluster = "clusters: [{name: c, nodeTemplates: [{number: 1, totalResources: {resources: {cpu: 4}}}]}]\n"

func workload(template string) string {
	return "queues:\n- name: q\n  weight: 1\n  jobTemplates:\n  - {number: 1, requirements: {resourceRequirements: {requests: {cpu: 1}}}}\n  - " + template + "\n"
}

// Each is refused with its place and the rule.
func TestRefusals(t *testing.T) {
	t.Parallel()
	const ask = "requirements: {resourceRequirements: {requests: {cpu: 1}}}"
	for name, refused := range map[string]struct {
		read string
		text string
		want string
	}{
		"unknown key":          {"cluster", "clusters:\n- name: c\n  nodetemplates: []\n", "file.yaml:3: clusters[0].nodetemplates: unknown key; did you mean nodeTemplates?"},
		"no nodes":             {"cluster", "clusters: [{name: c}]", "must have from 1 to"},
		"cluster twice":        {"cluster", "clusters: [{name: c}, {name: c}]", "must be a name that no other cluster has"},
		"amount":               {"cluster", strings.Replace(cluster, "cpu: 4", "cpu: 4x", 1), "must be a quantity from 0, such as 500m, 4 or 16Gi"},
		"negative amount":      {"cluster", strings.Replace(cluster, "cpu: 4", "cpu: -4", 1), "must be a quantity from 0"},
		"huge amount":          {"cluster", strings.Replace(cluster, "cpu: 4", "cpu: 1e29", 1), "must be at most 2^42"},
		"endless amount":       {"cluster", strings.Replace(cluster, "cpu: 4", "cpu: 1e999999999", 1), ""},
		"negative nodes":       {"cluster", strings.Replace(cluster, "number: 1", "number: -1", 1), "must not be negative"},
		"not yaml":             {"cluster", "clusters: [", "is not YAML"},
		"empty":                {"cluster", "", "file.yaml: default: clusters: must have at least one cluster"},
		"empty workload":       {"workload", "", "file.yaml: default: queues: must have at least one queue"},
		"no jobs":              {"workload", "queues: [{name: q, weight: 1}]", "must have from 1 to"},
		"weight":               {"workload", "queues: [{name: q, weight: 0, jobTemplates: [{number: 1, " + ask + "}]}]", "queues[0].weight: is 0, must be from 0.000001"},
		"weight not a number":  {"workload", "queues: [{name: q, weight: .nan}]", "must be from 0.000001"},
		"time without unit":    {"workload", workload("{number: 1, earliestSubmitTime: 5, " + ask + "}"), "must be a time from 0, such as 5m, or {seconds: 300}"},
		"negative time":        {"workload", workload("{number: 1, earliestSubmitTime: {seconds: -5}, " + ask + "}"), "must be a time from 0"},
		"unknown in a time":    {"workload", workload("{number: 1, earliestSubmitTime: {minutes: 5}, " + ask + "}"), "must be a time from 0"},
		"long run":             {"workload", workload("{number: 1, runtimeDistribution: {minimum: 9999h}, " + ask + "}"), "must be at most"},
		"half a gang":          {"workload", workload("{number: 3, gangCardinality: 2, " + ask + "}"), "must be a multiple of gangCardinality, which is 2"},
		"label without gang":   {"workload", workload("{number: 3, gangNodeUniformityLabel: x, " + ask + "}"), "needs gangCardinality"},
		"no requests":          {"workload", workload("{number: 3}"), "must name at least one resource"},
		"unknown dependency":   {"workload", workload("{number: 1, dependencies: [x], " + ask + "}"), "must be the id of a template"},
		"id twice":             {"workload", workload("{number: 1, id: q-0, " + ask + "}"), "must be a name that no other template has"},
		"repeat without times": {"workload", workload("{number: 1, repeat: {period: 5s}, " + ask + "}"), "must be at least 1"},
		"repeat at once":       {"workload", workload("{number: 1, repeat: {numTimes: 2}, " + ask + "}"), "must be above 0"},
		"operator": {"workload", workload(`{number: 1, requirements: {resourceRequirements: {requests: {cpu: 1}}, affinity: {nodeAffinity:
    {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: a, operator: Like}]}]}}}}}`), "must be In, NotIn, Exists, DoesNotExist, Gt or Lt"},
		"too many jobs":         {"workload", workload("{number: 100000000, repeat: {numTimes: 1000, period: 1s}, " + ask + "}"), "must have from 1 to"},
		"circle":                {"world", workload("{number: 1, id: x, dependencies: [x], " + ask + "}"), "waits for itself"},
		"unknown resource":      {"world", workload("{number: 1, requirements: {resourceRequirements: {requests: {fpga: 1}}}}"), "queues[0].jobTemplates[1].requirements.resourceRequirements.requests"},
		"unknown class":         {"world", workload("{number: 1, priorityClassName: x, " + ask + "}"), "must be one of the configuration's priority classes: armada-default, armada-preemptible"},
		"own configuration":     {"rules", "scheduler: {scheduling: {lookback: 3}}", "scheduler.scheduling.lookback: unknown key"},
		"Armada's":              {"rules", "protectedFractionOfFairshare: 3", "unknown key; did you mean protectedFractionOfFairShare?"},
		"default class":         {"rules", "priorityClasses: {a: {priority: 1}}\ndefaultPriorityClassName: b", "must be one of priorityClasses"},
		"dominant resource":     {"rules", "supportedResourceTypes: [{name: cpu}]\ndominantResourceFairnessResourcesToConsider: [memory]", "must be one of supportedResourceTypes"},
		"dominant in a pool":    {"rules", "supportedResourceTypes: [{name: cpu}]\npools: [{name: a, dominantResourceFairnessResourcesToConsider: [memory]}]", "pools[0].dominantResources[0]"},
		"rate below nothing":    {"rules", "maximumSchedulingRate: -1", "must not be negative"},
		"away type":             {"rules", "priorityClasses: {a: {priority: 1, preemptible: true, awayNodeTypes: [{priority: 0, wellKnownNodeTypeName: x}]}}", "priorityClasses.a.awayNodeTypes[0].wellKnownNodeTypeName"},
		"away value":            {"rules", "priorityClasses: {a: {awayNodeTypes: [{nodeTypes: [{name: x, conditions: [{resource: cpu, operator: <, value: 1e30}]}]}]}}", "must be at most 2^42"},
		"nothing could run":     {"rules", "pools: [{name: a, disableHomeScheduling: true, disableAwayScheduling: true}]", "pools[0].disableHomeScheduling"},
		"fraction":              {"rules", "scheduling: {protectedFractionOfFairShare: 2}", "must be from 0 to 1"},
		"a list as a mapping":   {"rules", "pools: {name: x}", "must be a list"},
		"a file that is a list": {"rules", "- a", "must be a mapping"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := write(t, refused.text)
			var err error
			switch refused.read {
			case "cluster":
				_, err = scenario.ReadCluster(file)
			case "workload":
				_, err = scenario.ReadWorkload(file)
			case "rules":
				_, err = scenario.ReadRules(file)
			default:
				c, w := must(scenario.ReadCluster(write(t, cluster)))(t), must(scenario.ReadWorkload(file))(t)
				world, failed := scenario.Build(c, w, scenario.DefaultRules())
				if err = failed; err == nil {
					_, err = simulate.New(world)
				}
			}
			if err == nil || !strings.Contains(err.Error(), refused.want) {
				t.Errorf("got %v, want %q", err, refused.want)
			}
		})
	}
}
