package soak_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/fairlead-batch/fairlead/proto/gen/api"
	corev1 "github.com/fairlead-batch/fairlead/proto/gen/k8s.io/api/core/v1"
	"github.com/fairlead-batch/fairlead/proto/gen/k8s.io/apimachinery/pkg/api/resource"
)

const (
	queue = "soak"
	// callWithin is when a user gives a call up and makes it again.
	callWithin = 40 * time.Second
	// pause is between two tries of a user.
	pause = 100 * time.Millisecond
	// requestJobs is how many jobs are in a request.
	requestJobs = 50
	// usersMax is how many submit at once.
	usersMax = 4
)

// users submit jobs, and repeat each request until it is acknowledged, with the same
// client ids, as a careful client does.
type users struct {
	*truth
	submit api.SubmitClient
	// made counts jobs: the client ids. asked counts requests: the job sets, in turn.
	made, asked int
	// random chooses, under no lock: it is the feeding goroutine's.
	random *rand.Rand
}

// createQueue makes the queue, also where an answer was lost.
func (u *users) createQueue(ctx context.Context) error {
	return u.insist(ctx, func(ctx context.Context) error {
		_, err := u.submit.CreateQueue(ctx, &api.Queue{Name: queue, PriorityFactor: 1})
		if status.Code(err) == codes.AlreadyExists {
			return nil
		}
		return err
	})
}

// feed submits so many jobs to job sets, many requests at once, and returns when all
// are acknowledged. One request in ten is sent once more, and one in twenty has a job
// that is cancelled.
func (u *users) feed(ctx context.Context, jobs int, sets []*jobSet) error {
	var group sync.WaitGroup
	slots := make(chan struct{}, usersMax)
	for jobs > 0 {
		n := min(jobs, requestJobs)
		jobs -= n
		request, each := u.request(n, sets[u.asked%len(sets)])
		u.asked++
		again, cancel := u.random.IntN(10) == 0, u.random.IntN(20) == 0
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			if err := u.send(ctx, request, each, again, cancel); err != nil && ctx.Err() == nil {
				u.note(func() { u.fail(err) })
			}
		})
	}
	group.Wait()
	return u.failure()
}

// request makes one of n jobs that sleep for a second or so; one in twenty fails.
func (u *users) request(n int, set *jobSet) (*api.JobSubmitRequest, []asked) {
	request, each := &api.JobSubmitRequest{Queue: queue, JobSetId: set.name}, make([]asked, n)
	amounts := map[string]*resource.Quantity{"cpu": {String_: new("1")}, "memory": {String_: new("64Mi")}}
	for i := range n {
		u.made++
		each[i] = asked{set: set, fails: u.random.IntN(20) == 0}
		script := fmt.Sprintf("sleep %d", 1+u.random.IntN(2))
		if each[i].fails {
			script += "; exit 3"
		}
		request.JobRequestItems = append(request.JobRequestItems, &api.JobSubmitRequestItem{
			Namespace: "default", ClientId: fmt.Sprintf("job-%d", u.made),
			PodSpecs: []*corev1.PodSpec{{Containers: []*corev1.Container{{
				Name: new("main"), Image: new("alpine:3.20.0"), Command: []string{"sh", "-c"}, Args: []string{script},
				Resources: &corev1.ResourceRequirements{Requests: amounts, Limits: amounts},
			}}}},
		})
	}
	return request, each
}

// send makes a request until it is acknowledged.
func (u *users) send(ctx context.Context, request *api.JobSubmitRequest, each []asked, again, cancel bool) error { //nolint:revive // two things that may follow
	ids, err := u.submitJobs(ctx, request)
	if err != nil {
		return fmt.Errorf("submit: %w", err)
	}
	for i, id := range ids {
		u.acknowledged(id, each[i])
	}
	u.note(func() { u.counts.requests++ })
	if again {
		repeated, err := u.submitJobs(ctx, request)
		if err != nil {
			return fmt.Errorf("submit again: %w", err)
		}
		if !slices.Equal(ids, repeated) {
			return fmt.Errorf("a request that was sent again has the ids %v, not %v", repeated, ids)
		}
		u.note(func() { u.counts.repeats++ })
	}
	if cancel {
		return u.cancel(ctx, ids[0])
	}
	return nil
}

func (u *users) submitJobs(ctx context.Context, request *api.JobSubmitRequest) (ids []string, err error) {
	err = u.insist(ctx, func(ctx context.Context) error {
		answer, err := u.submit.SubmitJobs(ctx, request)
		if err != nil {
			return err
		}
		ids = ids[:0]
		for _, item := range answer.GetJobResponseItems() {
			if item.GetError() != "" || item.GetJobId() == "" {
				return fmt.Errorf("a job was refused: %s", item.GetError())
			}
			ids = append(ids, item.GetJobId())
		}
		return nil
	})
	return ids, err
}

// cancel cancels a job, which may be over by then.
func (u *users) cancel(ctx context.Context, id string) error {
	err := u.insist(ctx, func(ctx context.Context) error {
		u.mu.Lock()
		set := u.jobs[id].set.name
		u.mu.Unlock()
		_, err := u.submit.CancelJobs(ctx, &api.JobCancelRequest{Queue: queue, JobSetId: set, JobIds: []string{id}})
		return err
	})
	if err != nil {
		return fmt.Errorf("cancel: %w", err)
	}
	u.note(func() {
		a := u.jobs[id]
		a.cancelled = true
		u.jobs[id] = a
		u.counts.cancels++
	})
	return nil
}

// insist makes a call until it is answered for good: an answer that says nothing of
// the outcome is met with the same call again.
func (u *users) insist(ctx context.Context, call func(ctx context.Context) error) error {
	for {
		bounded, cancel := context.WithTimeout(ctx, callWithin)
		err := call(bounded)
		cancel()
		switch status.Code(err) {
		case codes.OK:
			return nil
		case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.Aborted, codes.ResourceExhausted:
		default:
			return err
		}
		u.note(func() { u.counts.retries++ })
		if err := rest(ctx); err != nil {
			return err
		}
	}
}

// rest lets a moment pass between two tries.
func rest(ctx context.Context) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
