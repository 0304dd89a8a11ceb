package client_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/fairlead-batch/fairlead/client"
	"github.com/fairlead-batch/fairlead/proto/gen/api"
	corev1 "github.com/fairlead-batch/fairlead/proto/gen/k8s.io/api/core/v1"
)

// jobs returns n jobs, numbered by client id, each some bytes large.
func jobs(n, bytes int) []*api.JobSubmitRequestItem {
	all := make([]*api.JobSubmitRequestItem, n)
	for i := range all {
		all[i] = &api.JobSubmitRequestItem{ClientId: fmt.Sprint(i), Namespace: strings.Repeat("x", bytes)}
	}
	return all
}

// accept answers a request with an id for each job: id- and its client id.
func accept(req *api.JobSubmitRequest) *api.JobSubmitResponse {
	answer := &api.JobSubmitResponse{}
	for _, item := range req.GetJobRequestItems() {
		answer.JobResponseItems = append(answer.JobResponseItems, &api.JobSubmitResponseItem{JobId: "id-" + item.GetClientId()})
	}
	return answer
}

func ids(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("id-%d", i)
	}
	return all
}

func TestSubmitJobsSplits(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		jobs, bytes int
		want        []int // jobs of each request
	}{
		"none":               {0, 10, nil},
		"one":                {1, 10, []int{1}},
		"as many as fit":     {client.RequestJobsMax, 10, []int{client.RequestJobsMax}},
		"one more":           {client.RequestJobsMax + 1, 10, []int{client.RequestJobsMax, 1}},
		"by bytes":           {7, client.RequestBytesMax/3 - 100, []int{3, 3, 1}},
		"each above a limit": {2, client.RequestBytesMax + 1, []int{1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sizes []int
			c := against(t, &peer{submit: func(req *api.JobSubmitRequest) (*api.JobSubmitResponse, error) {
				if req.GetQueue() != "q" || req.GetJobSetId() != "set" {
					return nil, fmt.Errorf("request is for %s, %s", req.GetQueue(), req.GetJobSetId())
				}
				sizes = append(sizes, len(req.GetJobRequestItems()))
				return accept(req), nil
			}})
			got, err := c.SubmitJobs(t.Context(), "q", "set", jobs(tc.jobs, tc.bytes))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(sizes, tc.want) {
				t.Errorf("requests of %v jobs, want %v", sizes, tc.want)
			}
			if !slices.Equal(got, ids(tc.jobs)) {
				t.Errorf("ids are not those of the jobs, in their order: %v", got)
			}
		})
	}
}

// What was submitted before a failure is told, and nothing after it is tried.
func TestSubmitJobsStops(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		second func(*api.JobSubmitRequest) (*api.JobSubmitResponse, error)
		code   codes.Code
		text   string
	}{
		"refused": {
			func(*api.JobSubmitRequest) (*api.JobSubmitResponse, error) {
				return nil, status.Error(codes.InvalidArgument, "no namespace")
			}, codes.InvalidArgument, "submit jobs 1001 to 2000 of 2500: rpc error: code = InvalidArgument desc = no namespace",
		},
		"one job refused": {
			func(req *api.JobSubmitRequest) (*api.JobSubmitResponse, error) {
				answer := accept(req)
				answer.JobResponseItems[1] = &api.JobSubmitResponseItem{Error: "no namespace"}
				return answer, nil
			}, codes.Unknown, "submit jobs 1001 to 2000 of 2500: job 2 of the request: no namespace",
		},
		"an answer too few": {
			func(req *api.JobSubmitRequest) (*api.JobSubmitResponse, error) {
				answer := accept(req)
				answer.JobResponseItems = answer.JobResponseItems[1:]
				return answer, nil
			}, codes.Unknown, "submit jobs 1001 to 2000 of 2500: the server answered for 999 jobs, was sent 1000",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calls := 0
			c := against(t, &peer{submit: func(req *api.JobSubmitRequest) (*api.JobSubmitResponse, error) {
				if calls++; calls == 2 {
					return tc.second(req)
				}
				return accept(req), nil
			}})
			got, err := c.SubmitJobs(t.Context(), "q", "set", jobs(2500, 10))
			if err == nil || err.Error() != tc.text || status.Code(err) != tc.code {
				t.Errorf("error %v, code %v; want %q, %v", err, status.Code(err), tc.text, tc.code)
			}
			if !slices.Equal(got, ids(1000)) {
				t.Errorf("%d ids, want those of the first request", len(got))
			}
			if calls != 2 {
				t.Errorf("%d calls, want 2", calls)
			}
		})
	}
}

// wire is a pod spec that is bytes already, or fails to be.
type wire struct {
	bytes []byte
	err   error
}

func (w wire) Marshal() ([]byte, error) { return w.bytes, w.err }

func TestJob(t *testing.T) {
	t.Parallel()
	spec := &corev1.PodSpec{Containers: []*corev1.Container{{Name: new("main"), Command: []string{"sleep", "1"}}}}
	bytes, err := proto.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	job, err := client.Job(wire{bytes: bytes})
	if err != nil {
		t.Fatal(err)
	}
	if want := (&api.JobSubmitRequestItem{PodSpecs: []*corev1.PodSpec{spec}}); !proto.Equal(job, want) {
		t.Errorf("job is %v, want %v", job, want)
	}
	broken := errors.New("broken")
	if _, err := client.Job(wire{err: broken}); !errors.Is(err, broken) {
		t.Errorf("spec that cannot be written: error %v", err)
	}
	if _, err := client.Job(wire{bytes: []byte{0xff}}); err == nil {
		t.Error("bytes that are no pod spec: no error")
	}
}

func TestListQueues(t *testing.T) {
	t.Parallel()
	queue := func(name string) *api.StreamingQueueMessage {
		return &api.StreamingQueueMessage{Event: &api.StreamingQueueMessage_Queue{Queue: &api.Queue{Name: name}}}
	}
	end := &api.StreamingQueueMessage{Event: &api.StreamingQueueMessage_End{End: &api.EndMarker{}}}
	for name, tc := range map[string]struct {
		sent []*api.StreamingQueueMessage
		err  error
		want []string
	}{
		"none":               {sent: []*api.StreamingQueueMessage{end}},
		"two":                {sent: []*api.StreamingQueueMessage{queue("a"), queue("b"), end}, want: []string{"a", "b"}},
		"no end marker":      {sent: []*api.StreamingQueueMessage{queue("a")}, want: []string{"a"}},
		"fails in the midst": {sent: []*api.StreamingQueueMessage{queue("a")}, err: status.Error(codes.Unavailable, "stopping"), want: []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := against(t, &peer{queues: func(out grpc.ServerStreamingServer[api.StreamingQueueMessage]) error {
				for _, m := range tc.sent {
					if err := out.Send(m); err != nil {
						return err
					}
				}
				return tc.err
			}})
			queues, err := c.ListQueues(t.Context())
			if status.Code(err) != status.Code(tc.err) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
			var got []string
			for _, q := range queues {
				got = append(got, q.GetName())
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("queues %v, want %v", got, tc.want)
			}
		})
	}
}
