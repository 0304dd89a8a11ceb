package lease

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// How a pod's end reads: pure functions from what Kubernetes says to what is
// reported. Texts and causes are Armada's, which people's rules and eyes know.

// Reasons of waiting containers that a node gives.
const (
	waitingInvalidImage = "InvalidImageName"
	waitingPull         = "ErrImagePull"
	waitingPullBackOff  = "ImagePullBackOff"
)

const (
	textVanished      = "Pod was unexpectedly deleted"
	textDeletedBefore = "Pod was deleted before it ran"
	categoryInternal  = "internal"
)

// failureOf reads a pod that failed.
func failureOf(p Pod, name job.Pod) job.Failure {
	return job.Failure{Cause: causeOf(p), Message: failureText(p), Containers: p.Ends, Pod: name}
}

func causeOf(p Pod) job.FailureCause {
	switch p.Reason {
	case "Evicted":
		return job.CauseEvicted
	case "DeadlineExceeded":
		return job.CauseDeadlineExceeded
	case "OOMKilled":
		return job.CauseOutOfMemory
	}
	if slices.ContainsFunc(p.Ends, func(e job.ContainerEnd) bool { return e.Reason == "OOMKilled" }) {
		return job.CauseOutOfMemory
	}
	return job.CauseError
}

// failureText is the pod's own message, else a line for each container that failed.
func failureText(p Pod) string {
	if p.Message != "" {
		return p.Message
	}
	var text strings.Builder
	for _, e := range p.Ends {
		if e.ExitCode != 0 {
			fmt.Fprintf(&text, "Container %s failed with exit code %d because %s\n", e.Name, e.ExitCode, because(e))
		}
	}
	switch {
	case text.Len() > 0:
		return text.String()
	case p.Reason != "":
		return "Pod failed: " + p.Reason
	}
	return "Pod failed for unknown reasons"
}

// refusedByNode says whether a node turned the pod away before it ran: another node
// may take it.
func refusedByNode(p Pod) bool {
	switch p.Reason {
	case "NodeAffinity", "UnexpectedAdmissionError", "NodeShutdown", "Terminated":
		return true
	}
	return strings.HasPrefix(p.Reason, "OutOf") // OutOfcpu, OutOfmemory, OutOfpods
}

func notCreated(name job.Pod, err error) job.Failure {
	return job.Failure{
		Cause: job.CauseError, Message: "Pod could not be created: " + err.Error(),
		Category: categoryInternal, Subcategory: "job-creation-failed", Pod: name,
	}
}

// notStarted reads a pod whose image cannot be had.
func notStarted(p Pod, name job.Pod) job.Failure {
	text := "Unable to start pod.\n" + p.Waiting
	if p.WaitingMessage != "" {
		text += ": " + p.WaitingMessage
	}
	return job.Failure{Cause: job.CauseError, Message: text, Pod: name}
}

func stuckText(within time.Duration) string {
	return fmt.Sprintf("Pod did not start within %s", within)
}

func vanishedFailure(name job.Pod) job.Failure {
	return job.Failure{
		Cause: job.CauseError, Message: textVanished,
		Category: categoryInternal, Subcategory: "externally-deleted", Pod: name,
	}
}

func nodeLostFailure(node string, name job.Pod) job.Failure {
	return job.Failure{
		Cause: job.CauseError, Message: fmt.Sprintf("Node %s was lost, and the pod with it", node),
		Category: categoryInternal, Subcategory: "node-lost", Pod: name,
	}
}

// because is the reason of a container's end, and its message where it has one.
func because(e job.ContainerEnd) string {
	if e.Message == "" {
		return e.Reason
	}
	return e.Reason + ": " + e.Message
}
