package jobfile_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/fairlead-batch/fairlead/proto/gen/api"
	corev1 "github.com/fairlead-batch/fairlead/proto/gen/k8s.io/api/core/v1"
	"github.com/fairlead-batch/fairlead/tools/fairlead/internal/jobfile"
)

const two = `
queue: research
jobSetId: sweep
jobs:
- namespace: default
  priority: 3.5
  clientId: c-1
  labels: {app: x}
  annotations: {sim/run-duration: 5s}
  requiredNodeLabels: {disk: ssd}
  scheduler: mine
  externalJobUri: http://x
  ingress:
  - type: Ingress
    ports: [80, 81]
    annotations: {a: b}
    tlsEnabled: true
    certName: cert
    useClusterIP: true
  services:
  - {type: Headless, ports: [80], name: db}
  - {type: 0, ports: [81]}
  podSpec: &spec
    restartPolicy: Never
    terminationGracePeriodSeconds: 0
    containers:
    - name: main
      image: alpine:3.20.0
      command: [sh, -c]
      args: ["sleep 1"]
      ports: [{containerPort: 80}]
      livenessProbe: {httpGet: {port: http, path: /}}
      env: [{name: A, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]
      resources:
        limits: {cpu: 100m, memory: 64Mi}
        requests: {cpu: 1, memory: 0.5Gi}
    volumes: [{name: v, emptyDir: {}}]
- namespace: default
  podSpecs: [*spec]
`

func TestRead(t *testing.T) {
	t.Parallel()
	got, err := jobfile.Read("two.yaml", strings.NewReader(two), jobfile.Override{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].Queue != "research" || got[0].JobSet != "sweep" || len(got[0].Jobs) != 2 {
		t.Fatalf("got %+v", got)
	}
	job := got[0].Jobs[0]
	spec := job.GetPodSpecs()[0]
	want := &api.JobSubmitRequestItem{
		Priority: 3.5, Namespace: "default", ClientId: "c-1", Labels: map[string]string{"app": "x"},
		Annotations:        map[string]string{"sim/run-duration": "5s"},
		RequiredNodeLabels: map[string]string{"disk": "ssd"}, Scheduler: "mine", ExternalJobUri: "http://x", //nolint:staticcheck // deprecated, and in people's files
		Ingress: []*api.IngressConfig{{
			Ports: []uint32{80, 81}, Annotations: map[string]string{"a": "b"}, TlsEnabled: true, CertName: "cert", UseClusterIP: true,
		}},
		Services: []*api.ServiceConfig{{Type: api.ServiceType_Headless, Ports: []uint32{80}, Name: "db"}, {Ports: []uint32{81}}},
		PodSpecs: []*corev1.PodSpec{spec},
	}
	if diff := cmp.Diff(want, job, protocmp.Transform()); diff != "" {
		t.Errorf("job (-want +got):\n%s", diff)
	}
	c := spec.GetContainers()[0]
	for what, ok := range map[string]bool{
		"name":              c.GetName() == "main",
		"args":              len(c.GetArgs()) == 1 && c.GetArgs()[0] == "sleep 1",
		"limit":             c.GetResources().GetLimits()["cpu"].GetString_() == "100m",
		"request, a number": c.GetResources().GetRequests()["cpu"].GetString_() == "1",
		"port by name":      c.GetLivenessProbe().GetHandler().GetHttpGet().GetPort().GetStrVal() == "http",
		"env":               c.GetEnv()[0].GetValueFrom().GetFieldRef().GetFieldPath() == "spec.nodeName",
		"grace":             spec.TerminationGracePeriodSeconds != nil && spec.GetTerminationGracePeriodSeconds() == 0,
		"volume":            spec.GetVolumes()[0].GetVolumeSource().GetEmptyDir() != nil,
	} {
		if !ok {
			t.Errorf("pod spec: %s is not what was written: %v", what, spec)
		}
	}
	if diff := cmp.Diff(spec, got[0].Jobs[1].GetPodSpecs()[0], protocmp.Transform()); diff != "" {
		t.Errorf("podSpecs differs from podSpec (-want +got):\n%s", diff)
	}
}

// Documents follow each other, JSON among them, and flags stand above the files.
func TestReadSeveral(t *testing.T) {
	t.Parallel()
	const text = `
queue: a
jobSetId: s
jobs: [{podSpec: {}}]
---
{"queue": "b", "jobs": [{"podSpec": {"containers": []}}, {"podSpec": {}}]}
---
`
	got, err := jobfile.Read("-", strings.NewReader(text), jobfile.Override{JobSet: "over"})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].Queue != "a" || got[0].JobSet != "over" || len(got[0].Jobs) != 1 ||
		got[1].Queue != "b" || got[1].JobSet != "over" || len(got[1].Jobs) != 2 {
		t.Errorf("got %+v", got)
	}
	got, err = jobfile.Read("-", strings.NewReader(text), jobfile.Override{Queue: "over", JobSet: "t"})
	if err != nil || got[0].Queue != "over" || got[1].Queue != "over" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestReadRefused(t *testing.T) {
	t.Parallel()
	const head = "queue: q\njobSetId: s\njobs:\n"
	for name, tc := range map[string]struct {
		text, want string
	}{
		"nothing":          {"", "jobs.yaml: holds no document; a job file has queue, jobSetId and jobs"},
		"nothing said":     {"# soon\n---\n", "jobs.yaml: holds no document; a job file has queue, jobSetId and jobs"},
		"no queue, no set": {"jobs: [{podSpec: {}}]", "jobs.yaml:1: queue: is missing; name a queue here or with --queue\njobs.yaml:1: jobSetId: is missing; name a job set here or with --job-set"},
		"no jobs":          {"queue: q\njobSetId: s\njobs: []", "jobs.yaml:3: jobs: is empty; there is nothing to submit"},
		"no pod":           {head + "- podSpec: {}\n- namespace: x\n", "jobs.yaml:5: jobs[1]: has no podSpec"},
		"two ways":         {head + "- podSpec: {}\n  podSpecs: [{}]\n", "jobs.yaml:4: jobs[0]: has podSpec and podSpecs; a job is one pod, in either"},
		"two pods":         {head + "- podSpecs: [{}, {}]\n", "jobs.yaml:4: jobs[0].podSpecs: has several pods; a job is one pod"},
		"unknown key":      {head + "- podSpec:\n    containers:\n    - name: a\n      imagee: b\n", "jobs.yaml:7: jobs[0].podSpec.containers[0].imagee: unknown key (did you mean image?)"},
		"embedded struct":  {head + "- podSpec:\n    volumes:\n    - name: a\n      emptydir: {}\n", "jobs.yaml:7: jobs[0].podSpec.volumes[0].emptydir: unknown key (did you mean emptyDir?)"},
		"quantity": {
			head + "- podSpec:\n    containers:\n    - resources: {limits: {cpu: 1 core}}\n",
			"jobs.yaml:6: jobs[0].podSpec.containers[0].resources.limits.cpu: is the text \"1 core\": quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
		},
		"service type":   {head + "- podSpec: {}\n  services: [{type: LoadBalancer}]", "jobs.yaml:5: jobs[0].services[0].type: is the text \"LoadBalancer\": must be NodePort or Headless"},
		"service number": {head + "- podSpec: {}\n  services: [{type: 7}]", "jobs.yaml:5: jobs[0].services[0].type: is the number 7: must be NodePort or Headless"},
		"each document":  {head + "- podSpec: {a: 1}\n---\n" + head + "- podSpec: {b: 1}\n", "jobs.yaml:4: jobs[0].podSpec.a: unknown key\njobs.yaml:9: jobs[0].podSpec.b: unknown key"},
		"armada's queue": {"queue: q\njobSet: s\njobs: []", "jobs.yaml:2: jobSet: unknown key (did you mean jobSetId?)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := jobfile.Read("jobs.yaml", strings.NewReader(tc.text), jobfile.Override{})
			if err == nil || err.Error() != tc.want {
				t.Errorf("error:\n%v\nwant:\n%s", err, tc.want)
			}
		})
	}
}

// broken is a source that fails, or never ends.
type broken struct{ err error }

func (b broken) Read(p []byte) (int, error) { return len(p), b.err }

func TestReadSource(t *testing.T) {
	t.Parallel()
	gone := errors.New("gone")
	if _, err := jobfile.Read("x", broken{gone}, jobfile.Override{}); !errors.Is(err, gone) {
		t.Errorf("error %v, want %v", err, gone)
	}
	if _, err := jobfile.Read("x", broken{}, jobfile.Override{}); err == nil || err.Error() != "x: has more than 64 MiB; split it" {
		t.Errorf("error %v", err)
	}
}

// What a server says of a request is told of the file.
func TestRefused(t *testing.T) {
	t.Parallel()
	const text = `# jobs
queue: q
jobSetId: s
jobs:
- podSpec: {}
- namespace: x
  clientId: y
  podSpec:
    containers:
    - name: a
      resources:
        limits: {cpu: 1}
- podSpecs:
  - containers:
    - name: b
`
	all, err := jobfile.Read("f", strings.NewReader(text), jobfile.Override{})
	if err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]string{
		`job_request_items[0].client_id`: "f:7: jobs[1].clientId: no",
		`job_request_items[0]`:           "f:6: jobs[1]: no",
		`job_request_items[0].pod_specs[0].containers[0].resources.limits["cpu"]`: "f:12: jobs[1].podSpec.containers[0].resources.limits.cpu: no",
		`job_request_items[0].pod_spec.containers[0].image`:                       "f:10: jobs[1].podSpec.containers[0].image: no",
		`job_request_items[1].pod_specs[0].containers[0].name`:                    "f:15: jobs[2].podSpecs[0].containers[0].name: no",
		`job_request_items[1].ingress[0].ports`:                                   "f:13: jobs[2].ingress[0].ports: no",
		`job_request_items[0].annotations["a.b/c"]`:                               "f:6: jobs[1].annotations[a.b/c]: no",
		`job_request_items[7].namespace`:                                          "f:4: jobs[8].namespace: no",
		`job_request_items[99999999999999999999].namespace`:                       "f:2: job_request_items[99999999999999999999].namespace: no",
		`job_set_id`:      "f:3: jobSetId: no",
		`…`:               "f:2: […]: no",
		`what is this? [`: "f:2: [what is this? ][[]: no",
	} {
		if got := all[0].Refused(field, "no", 1).String(); got != want {
			t.Errorf("%s:\n%s\nwant:\n%s", field, got, want)
		}
	}
}
