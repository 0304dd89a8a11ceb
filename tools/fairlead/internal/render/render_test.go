package render_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/fairlead-batch/fairlead/proto/gen/api"
	corev1 "github.com/fairlead-batch/fairlead/proto/gen/k8s.io/api/core/v1"
	"github.com/fairlead-batch/fairlead/proto/gen/k8s.io/apimachinery/pkg/api/resource"
	"github.com/fairlead-batch/fairlead/proto/gen/k8s.io/apimachinery/pkg/util/intstr"
	"github.com/fairlead-batch/fairlead/tools/fairlead/internal/render"
)

func TestTable(t *testing.T) {
	t.Parallel()
	table := render.Table{
		Header: []string{"NAME", "STATE", "REASON"},
		Rows: [][]string{
			{"01hxyzabcdefghijklmnopqrst", "failed", "the container was killed\nfor want of memory"},
			{"two", "été", ""},
			{"three"},
		},
	}
	for name, tc := range map[string]struct {
		columns int
		want    string
	}{
		"as wide as it is": {0, `
NAME                        STATE   REASON
01hxyzabcdefghijklmnopqrst  failed  the container was killed for want of memory
two                         été
three
`},
		"fits exactly": {79, `
NAME                        STATE   REASON
01hxyzabcdefghijklmnopqrst  failed  the container was killed for want of memory
two                         été
three
`},
		"cut": {60, `
NAME                        STATE   REASON
01hxyzabcdefghijklmnopqrst  failed  the container was kille…
two                         été
three
`},
		"no further": {10, `
NAME                        STATE   REASON
01hxyzabcdefghijklmnopqrst  failed  the c…
two                         été
three
`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b strings.Builder
			if err := table.Write(&b, tc.columns); err != nil {
				t.Fatal(err)
			}
			if got := "\n" + b.String(); got != tc.want {
				t.Errorf("got:%s\nwant:%s", got, tc.want)
			}
		})
	}
}

// A reason cannot move the cursor, or turn the text around.
func TestClean(t *testing.T) {
	t.Parallel()
	if got, want := render.Clean("a\x1b[2Jb\r\u202ec\u009bd"), "a [2Jb  c d"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWrite(t *testing.T) {
	t.Parallel()
	quantity := &resource.Quantity{String_: new("100m")}
	details := &api.JobDetails{
		JobId: "a", State: api.JobState_RUNNING, SubmittedTs: &timestamppb.Timestamp{Seconds: 1},
		JobSpec: &api.Job{
			Annotations: map[string]string{"a": "1", "html": "<b>"},
			PodSpecs: []*corev1.PodSpec{{
				TerminationGracePeriodSeconds: new(int64(0)),
				Containers: []*corev1.Container{{
					Name: new("main"), Resources: &corev1.ResourceRequirements{Limits: map[string]*resource.Quantity{"cpu": quantity}},
					LivenessProbe: &corev1.Probe{Handler: &corev1.ProbeHandler{TcpSocket: &corev1.TCPSocketAction{
						Port: &intstr.IntOrString{Type: new(int64(0)), IntVal: new(int32(80))},
					}}},
				}},
			}},
		},
	}
	usage := &api.JobUtilisationEvent{TotalCumulativeUsage: map[string]*resource.Quantity{"cpu": quantity}}
	for name, tc := range map[string]struct {
		message proto.Message
		format  render.Format
		want    string
	}{
		"JSON": {details, render.AsJSON, `{
  "jobId": "a",
  "jobSpec": {
    "annotations": {
      "a": "1",
      "html": "<b>"
    },
    "podSpecs": [
      {
        "containers": [
          {
            "livenessProbe": {
              "tcpSocket": {
                "port": 80
              }
            },
            "name": "main",
            "resources": {
              "limits": {
                "cpu": "100m"
              }
            }
          }
        ],
        "terminationGracePeriodSeconds": 0
      }
    ]
  },
  "state": "RUNNING",
  "submittedTs": "1970-01-01T00:00:01Z"
}
`},
		"YAML": {details, render.AsYAML, `jobId: a
jobSpec:
  annotations:
    a: "1"
    html: <b>
  podSpecs:
    - containers:
        - livenessProbe:
            tcpSocket:
              port: 80
          name: main
          resources:
            limits:
              cpu: 100m
      terminationGracePeriodSeconds: 0
state: RUNNING
submittedTs: "1970-01-01T00:00:01Z"
`},
		"in a map": {usage, render.AsYAML, "totalCumulativeUsage:\n  cpu: 100m\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plain, err := render.Plain(tc.message)
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			if err := render.Write(&b, tc.format, plain); err != nil {
				t.Fatal(err)
			}
			if b.String() != tc.want {
				t.Errorf("got:\n%s\nwant:\n%s", b.String(), tc.want)
			}
		})
	}
}

func TestFormat(t *testing.T) {
	t.Parallel()
	format := render.AsTable
	if err := format.Set("yaml"); err != nil || format != render.AsYAML {
		t.Errorf("format %s, error %v", format, err)
	}
	if err := format.Set("xml"); err == nil || format != render.AsYAML {
		t.Errorf("format %s, error %v", format, err)
	}
}
