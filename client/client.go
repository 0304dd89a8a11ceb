package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/protobuf/proto"

	"github.com/fairlead-batch/fairlead/proto/gen/api"
	schedulerv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/scheduler/v1"
	corev1 "github.com/fairlead-batch/fairlead/proto/gen/k8s.io/api/core/v1"
	"github.com/fairlead-batch/fairlead/proto/gen/schedulerobjects"
)

// The size of the requests that [Client.SubmitJobs] makes.
const (
	// RequestJobsMax is the most jobs in one request.
	RequestJobsMax = 1000
	// RequestBytesMax is the most bytes of jobs in one request, unless a single job has
	// more: below the 4 MiB that a server takes whose limit nobody raised.
	RequestBytesMax = 3 << 20
)

const (
	// answerBytesMax is the largest message received: the details of 500 jobs, each
	// with a pod spec of 64 KiB, are 32 MiB.
	answerBytesMax = 64 << 20
	// pingEvery and pingTimeout find a connection that died without a word, which a
	// watch would else wait on for ever. Servers refuse pings more often than 10 s.
	pingEvery, pingTimeout = 30 * time.Second, 20 * time.Second
)

// Client talks to one Fairlead. The generated clients are there for every call
// that needs nothing added.
type Client struct {
	conn   *grpc.ClientConn
	Submit api.SubmitClient
	Queues api.QueueServiceClient
	Events api.EventClient
	Jobs   api.JobsClient
	// Explain says why jobs wait, and what would be if more were true.
	Explain schedulerv1.ExplainServiceClient
	// Reports are the scheduler's, as text.
	Reports schedulerobjects.SchedulerReportingClient
}

// New makes a client of the server at target, a gRPC target such as localhost:50051.
// It connects with the first call, and again when the connection is lost. options come
// after those that it sets itself, and must say how to secure the connection
// (grpc.WithTransportCredentials). The caller closes the client.
func New(target string, options ...grpc.DialOption) (*Client, error) {
	connect := backoff.DefaultConfig
	connect.BaseDelay, connect.MaxDelay = reconnectMin, reconnectMax
	conn, err := grpc.NewClient(target, append([]grpc.DialOption{
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: connect, MinConnectTimeout: pingTimeout}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingEvery, Timeout: pingTimeout}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(answerBytesMax)),
	}, options...)...)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", target, err)
	}
	return &Client{
		conn: conn, Submit: api.NewSubmitClient(conn), Queues: api.NewQueueServiceClient(conn),
		Events: api.NewEventClient(conn), Jobs: api.NewJobsClient(conn),
		Explain: schedulerv1.NewExplainServiceClient(conn), Reports: schedulerobjects.NewSchedulerReportingClient(conn),
	}, nil
}

// Close ends the connection and every call on it.
func (c *Client) Close() error { return c.conn.Close() }

// PodSpec writes itself in Kubernetes' wire form. corev1.PodSpec of k8s.io/api is one.
type PodSpec interface{ Marshal() ([]byte, error) }

// Job makes a job of a pod spec; the caller fills in the rest, at least the namespace.
func Job(spec PodSpec) (*api.JobSubmitRequestItem, error) {
	wire, err := spec.Marshal()
	if err != nil {
		return nil, fmt.Errorf("write pod spec: %w", err)
	}
	pod := &corev1.PodSpec{}
	if err := proto.Unmarshal(wire, pod); err != nil {
		return nil, fmt.Errorf("read pod spec: %w", err)
	}
	return &api.JobSubmitRequestItem{PodSpecs: []*corev1.PodSpec{pod}}, nil
}

// SubmitJobs submits jobs to a job set, in as many requests as it takes, one after the
// other, each accepted whole or not at all. It returns the ids of those submitted, in
// the order of jobs. At the first request that fails it stops: the ids are those of the
// requests before it, and the error says which jobs it was about. After an error that
// says nothing of these (Unavailable, a context that ended) they may have been accepted:
// with client ids in the jobs the whole list can be submitted again, without them not.
func (c *Client) SubmitJobs(ctx context.Context, queue, jobSet string, jobs []*api.JobSubmitRequestItem) ([]string, error) {
	ids := make([]string, 0, len(jobs))
	for rest := jobs; len(rest) > 0; {
		n := requestLen(rest)
		answer, err := c.Submit.SubmitJobs(ctx, &api.JobSubmitRequest{Queue: queue, JobSetId: jobSet, JobRequestItems: rest[:n]})
		if err == nil {
			err = complete(answer.GetJobResponseItems(), n)
		}
		if err != nil {
			return ids, fmt.Errorf("submit jobs %d to %d of %d: %w", len(ids)+1, len(ids)+n, len(jobs), err)
		}
		for _, item := range answer.GetJobResponseItems() {
			ids = append(ids, item.GetJobId())
		}
		rest = rest[n:]
	}
	return ids, nil
}

// complete says whether an answer has an id for each of n jobs. Without that check a
// server that leaves one out would give every job after it somebody else's id.
func complete(items []*api.JobSubmitResponseItem, n int) error {
	if len(items) != n {
		return fmt.Errorf("the server answered for %d jobs, was sent %d", len(items), n)
	}
	for i, item := range items {
		if item.GetError() != "" {
			return fmt.Errorf("job %d of the request: %s", i+1, item.GetError())
		}
	}
	return nil
}

// requestLen is how many of the jobs fit into one request: one at least.
func requestLen(jobs []*api.JobSubmitRequestItem) int {
	bytes := 0
	for i, j := range jobs {
		bytes += proto.Size(j)
		if i > 0 && (i >= RequestJobsMax || bytes > RequestBytesMax) {
			return i
		}
	}
	return len(jobs)
}

// ListQueues returns every queue, by name. With an error the list is not whole.
func (c *Client) ListQueues(ctx context.Context) ([]*api.Queue, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // the end marker comes before the stream's own end
	stream, err := c.Queues.GetQueues(ctx, &api.StreamingQueueGetRequest{})
	if err != nil {
		return nil, fmt.Errorf("list queues: %w", err)
	}
	var queues []*api.Queue
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) || m.GetEnd() != nil {
			return queues, nil
		}
		if err != nil {
			return queues, fmt.Errorf("list queues: %w", err)
		}
		queues = append(queues, m.GetQueue())
	}
}
