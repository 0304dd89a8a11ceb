package cli_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/fairlead-batch/fairlead/proto/gen/api"
	schedulerv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/scheduler/v1"
	"github.com/fairlead-batch/fairlead/proto/gen/schedulerobjects"
)

// peer is the server on the other side of the wire, scripted. The zero one has nothing
// and takes everything.
type peer struct {
	queues []*api.Queue
	jobs   map[string]*api.JobDetails
	errs   map[string]string // of jobs
	said   map[string]string // of jobs, in answers to reprioritize and preempt
	refuse func(method string, req any) error
	creds  credentials.TransportCredentials // nil: none
	// history is what there was; live comes to those who watch on, each item a stream
	// that ends as if the connection broke, but the last, which stays open.
	history []*api.EventStreamMessage
	live    [][]*api.EventStreamMessage

	mu      sync.Mutex
	sent    []proto.Message // what came to change something, in its order
	ids     int
	watches int
}

// start serves p on a port of its own and returns its address.
func (p *peer) start(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if p.creds == nil {
		p.creds = insecure.NewCredentials()
	}
	s := grpc.NewServer(grpc.Creds(p.creds), grpc.UnaryInterceptor(p.each), grpc.MaxRecvMsgSize(64<<20))
	api.RegisterSubmitServer(s, submitPeer{peer: p})
	api.RegisterQueueServiceServer(s, queuePeer{peer: p})
	api.RegisterEventServer(s, eventPeer{peer: p})
	api.RegisterJobsServer(s, jobsPeer{peer: p})
	schedulerv1.RegisterExplainServiceServer(s, explainPeer{peer: p})
	schedulerobjects.RegisterSchedulerReportingServer(s, reportPeer{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Serve(listener); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			t.Errorf("serve: %v", err)
		}
	}()
	t.Cleanup(func() {
		s.Stop()
		<-done
	})
	return listener.Addr().String()
}

// each sees every call that is no stream.
func (p *peer) each(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	if p.refuse != nil {
		if err := p.refuse(path.Base(info.FullMethod), req); err != nil {
			return nil, err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch req.(type) {
	case *api.JobDetailsRequest, *api.JobErrorsRequest, *api.QueueGetRequest:
	default:
		p.sent = append(p.sent, req.(proto.Message))
	}
	return handle(ctx, req)
}

func (p *peer) queue(name string) (*api.Queue, error) {
	for _, q := range p.queues {
		if q.GetName() == name {
			return q, nil
		}
	}
	return nil, status.Errorf(codes.NotFound, "[x-request-id: \"r-1\"] could not find queue %q", name)
}

// The services of a peer, which share names of methods.
type (
	submitPeer struct {
		api.UnimplementedSubmitServer
		*peer
	}
	queuePeer struct {
		api.UnimplementedQueueServiceServer
		*peer
	}
	eventPeer struct {
		api.UnimplementedEventServer
		*peer
	}
	jobsPeer struct {
		api.UnimplementedJobsServer
		*peer
	}
)

func (p submitPeer) SubmitJobs(_ context.Context, req *api.JobSubmitRequest) (*api.JobSubmitResponse, error) {
	answer := &api.JobSubmitResponse{}
	for range req.GetJobRequestItems() {
		p.ids++
		answer.JobResponseItems = append(answer.JobResponseItems, &api.JobSubmitResponseItem{JobId: fmt.Sprintf("job-%d", p.ids)})
	}
	return answer, nil
}

func (p submitPeer) CancelJobs(_ context.Context, req *api.JobCancelRequest) (*api.CancellationResult, error) {
	return &api.CancellationResult{CancelledIds: req.GetJobIds()}, nil
}

func (p submitPeer) CancelJobSet(context.Context, *api.JobSetCancelRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

func (p submitPeer) ReprioritizeJobs(context.Context, *api.JobReprioritizeRequest) (*api.JobReprioritizeResponse, error) {
	return &api.JobReprioritizeResponse{ReprioritizationResults: p.said}, nil
}

func (p submitPeer) PreemptJobs(context.Context, *api.JobPreemptRequest) (*api.PreemptionResult, error) {
	return &api.PreemptionResult{PreemptionResults: p.said}, nil
}

func (p queuePeer) CreateQueue(context.Context, *api.Queue) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

func (p queuePeer) UpdateQueue(context.Context, *api.Queue) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

func (p queuePeer) DeleteQueue(_ context.Context, req *api.QueueDeleteRequest) (*emptypb.Empty, error) {
	_, err := p.queue(req.GetName())
	return &emptypb.Empty{}, err
}

func (p queuePeer) CordonQueue(_ context.Context, req *api.QueueCordonRequest) (*emptypb.Empty, error) {
	_, err := p.queue(req.GetName())
	return &emptypb.Empty{}, err
}

func (p queuePeer) UncordonQueue(_ context.Context, req *api.QueueUncordonRequest) (*emptypb.Empty, error) {
	_, err := p.queue(req.GetName())
	return &emptypb.Empty{}, err
}

func (p queuePeer) GetQueue(_ context.Context, req *api.QueueGetRequest) (*api.Queue, error) {
	return p.queue(req.GetName())
}

func (p queuePeer) GetQueues(_ *api.StreamingQueueGetRequest, out grpc.ServerStreamingServer[api.StreamingQueueMessage]) error {
	for _, q := range p.queues {
		if err := out.Send(&api.StreamingQueueMessage{Event: &api.StreamingQueueMessage_Queue{Queue: q}}); err != nil {
			return err
		}
	}
	return out.Send(&api.StreamingQueueMessage{Event: &api.StreamingQueueMessage_End{End: &api.EndMarker{}}})
}

func (p eventPeer) GetJobSetEvents(req *api.JobSetRequest, out grpc.ServerStreamingServer[api.EventStreamMessage]) error {
	if p.refuse != nil {
		if err := p.refuse("GetJobSetEvents", req); err != nil {
			return err
		}
	}
	events, last := p.history, true
	if req.GetWatch() {
		p.mu.Lock()
		events, last = nil, p.watches >= len(p.live)-1
		if p.watches < len(p.live) {
			events = p.live[p.watches]
		}
		p.watches++
		p.mu.Unlock()
	}
	for _, m := range events {
		if err := out.Send(m); err != nil {
			return err
		}
	}
	switch {
	case !last:
		return status.Error(codes.Unavailable, "the server is stopping; call again")
	case req.GetWatch():
		<-out.Context().Done()
	}
	return nil
}

func (p jobsPeer) GetJobDetails(_ context.Context, req *api.JobDetailsRequest) (*api.JobDetailsResponse, error) {
	answer := &api.JobDetailsResponse{JobDetails: map[string]*api.JobDetails{}}
	for _, id := range req.GetJobIds() {
		d, ok := p.jobs[id]
		if !ok {
			continue
		}
		d = proto.CloneOf(d)
		if !req.GetExpandJobSpec() {
			d.JobSpec = nil
		}
		if !req.GetExpandJobRun() {
			d.JobRuns = nil
		}
		answer.JobDetails[id] = d
	}
	return answer, nil
}

func (p jobsPeer) GetJobErrors(_ context.Context, req *api.JobErrorsRequest) (*api.JobErrorsResponse, error) {
	answer := &api.JobErrorsResponse{JobErrors: map[string]string{}}
	for _, id := range req.GetJobIds() {
		if text, ok := p.errs[id]; ok {
			answer.JobErrors[id] = text
		}
	}
	return answer, nil
}
