package api

import (
	"context"
	"fmt"
	"sync"
	"time"

	schedulerv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/scheduler/v1"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/lead"
	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// The limits of a question.
const (
	// ExplainJobsMax is how many jobs one question explains.
	ExplainJobsMax = 20
	// SupposedJobsMax is how many jobs a what-if supposes.
	SupposedJobsMax = 100
	// SupposedNodesMax is how many nodes it does.
	SupposedNodesMax = 1000
)

// Limits are those of all questions together.
type Limits struct {
	// JobsPerSecond is how many jobs are explained a second, with ExplainJobsMax at once.
	JobsPerSecond float64
	// WhatIfs is how many what-ifs are worked out at a time.
	WhatIfs int
}

// Mind is where questions are answered.
type Mind struct {
	// Ask runs a question between two steps of the core. Errors: Unavailable.
	Ask func(context.Context, func(*lead.Core)) error
	// Rounds are the newest rounds of this replica, the newest first.
	Rounds func() []RoundTook
	Now    func() time.Time
}

// RoundTook is a round, and how long the step took that it was in.
type RoundTook struct {
	lead.Round
	Took time.Duration
}

// Questions answers fairlead.scheduler.v1.ExplainService and
// schedulerobjects.SchedulerReporting. It is safe for concurrent use.
type Questions struct {
	schedulerv1.UnimplementedExplainServiceServer

	mind    Mind
	limits  Limits
	whatIfs chan struct{}

	mu sync.Mutex
	// free is from when the tokens are counted that were not taken.
	free time.Time
}

// NewQuestions makes a server of questions.
func NewQuestions(mind Mind, limits Limits) *Questions {
	return &Questions{mind: mind, limits: limits, whatIfs: make(chan struct{}, max(1, limits.WhatIfs))}
}

// take takes tokens for jobs that are to be explained. Each costs a look at all nodes, while
// the core does nothing else.
func (s *Questions) take(jobs int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.mind.Now()
	each := time.Duration(float64(time.Second) / s.limits.JobsPerSecond)
	if full := now.Add(-each * ExplainJobsMax); s.free.Before(full) {
		s.free = full
	}
	if s.free.Add(each * time.Duration(jobs)).After(now) {
		return fault.NewExhausted("more than questions.jobsPerSecond, %v, are asked about; try again", s.limits.JobsPerSecond)
	}
	s.free = s.free.Add(each * time.Duration(jobs))
	return nil
}

// Explain says why jobs wait.
func (s *Questions) Explain(ctx context.Context, req *schedulerv1.ExplainRequest) (*schedulerv1.ExplainResponse, error) {
	var check fault.Check
	if n := len(req.GetJobIds()); n == 0 || n > ExplainJobsMax {
		check.Violate("jobIds", n, fmt.Sprintf("must be from 1 to %d jobs", ExplainJobsMax))
	}
	ids := parseIDs(&check, req.GetJobIds())
	if err := check.Err(); err != nil {
		return nil, err
	}
	if err := s.take(len(ids)); err != nil {
		return nil, err
	}
	answer := &schedulerv1.ExplainResponse{}
	at := job.Time(s.mind.Now().UnixNano())
	for _, id := range ids { // one at a time, so that the core waits for one at most
		err := s.mind.Ask(ctx, func(core *lead.Core) {
			said := missing(id)
			if found, known := core.Explain(id, at); known {
				said = explanation(id, found)
			}
			answer.Jobs = append(answer.Jobs, said)
		})
		if err != nil {
			return nil, err
		}
	}
	return answer, nil
}

func parseIDs(check *fault.Check, texts []string) (ids []job.ID) {
	for i, text := range texts {
		id, err := job.ParseID(text)
		if err != nil {
			check.Violate(fmt.Sprintf("jobIds[%d]", i), text, "must be a job id: "+err.Error())
		}
		ids = append(ids, id)
	}
	return ids
}

// WhatIf runs a round on a copy of the state in which more is true.
func (s *Questions) WhatIf(ctx context.Context, req *schedulerv1.WhatIfRequest) (*schedulerv1.WhatIfResponse, error) {
	ids, err := checkWhatIf(req)
	if err != nil {
		return nil, err
	}
	select {
	case s.whatIfs <- struct{}{}:
		defer func() { <-s.whatIfs }()
	default:
		return nil, fault.NewExhausted("questions.whatIfsMax, %d, what-ifs are being worked out; try again", cap(s.whatIfs))
	}
	var copied *lead.Copy
	if err := s.mind.Ask(ctx, func(core *lead.Core) { copied = core.Copy() }); err != nil {
		return nil, err
	}
	supposed, err := suppose(copied, req)
	if err != nil {
		return nil, err
	}
	supposed.question.Round = schedule.Round{Now: schedule.Time(s.mind.Now().UnixNano()), MayReject: true, KeepShares: req.GetKeepShares()}
	for _, id := range ids {
		supposed.question.Jobs = append(supposed.question.Jobs, schedule.JobID(id))
	}
	answer, err := copied.State.WhatIfHere(supposed.question)
	if err != nil {
		return nil, refused(err)
	}
	return supposed.answer(answer), nil
}
