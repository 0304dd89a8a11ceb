package viewtest

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/fairlead-batch/fairlead/services/internal/job"
)

func number(text string) uint32 {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		panic(fmt.Sprintf("viewtest: %v", err))
	}
	return uint32(n)
}

func wish(head job.Head, what string) job.Event {
	switch what {
	case "cancel":
		return job.CancelRequestedEvent{Head: head}
	case "preempt":
		return job.PreemptRequestedEvent{Head: head}
	}
	return job.ReprioritizeRequestedEvent{Head: head, Priority: number(what)}
}

// ofRun are the events that have a run.
func ofRun(head job.Head, verb string, run job.RunID, rest []string) job.Event {
	text := strings.Join(rest, " ")
	pod := job.Pod{Name: "armada-" + head.Job.String() + "-0", Namespace: "ns", UID: "uid"}
	switch verb {
	case "lease":
		return job.LeasedEvent{Head: head, Run: run, Executor: "c1", Pool: "default", Node: text}
	case "requeue":
		return job.RequeuedEvent{Head: head, Run: run}
	case "ack":
		return job.RunAcknowledgedEvent{Head: head, Run: run}
	case "pending":
		return job.RunPendingEvent{Head: head, Run: run, Pod: pod}
	case "running":
		pod.Node = text
		return job.RunRunningEvent{Head: head, Run: run, Pod: pod}
	case "end":
		return job.RunSucceededEvent{Head: head, Run: run, Pod: pod}
	case "broke":
		code, message, _ := strings.Cut(text, " ")
		return job.RunFailedEvent{Head: head, Run: run, Failure: job.Failure{
			Cause: job.CauseError, Message: message, Category: "exit", Subcategory: "code",
			Containers: []job.ContainerEnd{{Name: "sidecar"}, {Name: "main", ExitCode: int32(number(code))}}, //nolint:gosec // small
		}}
	case "gaveback":
		return job.RunReturnedEvent{Head: head, Run: run, Reason: text}
	case "lost":
		return job.RunExpiredEvent{Head: head, Run: run, Reason: text}
	case "release":
		return job.RunReleasedEvent{Head: head, Run: run}
	case "succeeded":
		return job.SucceededEvent{Head: head, Run: run}
	case "failed":
		return job.FailedEvent{Head: head, Run: run, Failure: job.Failure{Cause: job.CauseError, Message: text}}
	case "preempted":
		return job.PreemptedEvent{Head: head, Run: run, Reason: text}
	}
	panic("viewtest: no verb " + verb)
}
