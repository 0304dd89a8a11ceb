package measure

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/fairlead-batch/fairlead/client"
	"github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/tools/loadgen/internal/workload"
)

// user is a client with a connection and a queue of its own.
type user struct {
	client *client.Client
	queue  string
}

// newUser connects and makes the queue, unless it is there.
func newUser(ctx context.Context, address, queue string) (*user, error) {
	c, err := client.New(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	_, err = c.Submit.CreateQueue(ctx, &api.Queue{Name: queue, PriorityFactor: 1})
	if err != nil && status.Code(err) != codes.AlreadyExists {
		_ = c.Close()
		return nil, fmt.Errorf("create queue %s: %w", queue, err)
	}
	return &user{client: c, queue: queue}, nil
}

// submit is one call. It returns the ids.
func (u *user) submit(ctx context.Context, jobSet string, jobs []*api.JobSubmitRequestItem) ([]string, error) {
	return u.client.SubmitJobs(ctx, u.queue, jobSet, jobs)
}

// cancel cancels all jobs of a job set.
func (u *user) cancel(ctx context.Context, jobSet string) error {
	if _, err := u.client.Submit.CancelJobSet(ctx, &api.JobSetCancelRequest{Queue: u.queue, JobSetId: jobSet}); err != nil {
		return fmt.Errorf("cancel job set %s: %w", jobSet, err)
	}
	return nil
}

// awaitEnds watches a job set until so many of its jobs have ended.
func (u *user) awaitEnds(ctx context.Context, jobSet string, n int) error {
	ends := 0
	return u.client.Watch(ctx, client.WatchRequest{Queue: u.queue, JobSet: jobSet}, func(m *api.EventStreamMessage) bool {
		if ended, _ := workload.Ended(m); ended {
			ends++
		}
		return ends < n
	})
}

// pause returns after d, or with why ctx ended.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// together runs f for every user at once and returns the first error, which ends the
// others.
func together(ctx context.Context, users []*user, f func(context.Context, *user) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ends := make(chan error, len(users))
	for _, u := range users {
		go func() { ends <- f(ctx, u) }()
	}
	var first error
	for range users {
		if err := <-ends; err != nil && first == nil {
			first = err
			cancel()
		}
	}
	return first
}
