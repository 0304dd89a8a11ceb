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
	case p.Disruption != "":
		return "Pod failed: " + p.Disruption
	}
	return "Pod failed for unknown reasons"
}

// refusedByNode says whether a node turned the pod away before it ran: another node
// may take it. A kubelet begins what it says of every such pod alike; the reasons are
// for older ones, and for a pod that its node gave up while it waited.
func refusedByNode(p Pod) bool {
	switch p.Reason {
	case "NodeAffinity", "UnexpectedAdmissionError", "NodeShutdown", "Terminated", "Evicted", "Preempting":
		return true
	}
	return strings.HasPrefix(p.Reason, "OutOf") || // OutOfcpu, OutOfmemory, OutOfpods
		strings.HasPrefix(p.Message, "Pod was rejected: ")
}

func notCreated(name job.Pod, err error) job.Failure {
	return job.Failure{
		Cause: job.CauseError, Message: "Pod could not be created: " + err.Error(),
		Category: categoryInternal, Subcategory: "job-creation-failed", Pod: name,
	}
}

// notStarted reads a pod whose image cannot be had.
func notStarted(p Pod, name job.Pod) job.Failure {
	return job.Failure{Cause: job.CauseError, Message: "Unable to start pod.\n" + waitingText(p), Pod: name}
}

// waitingText is why a pod does not start, empty where nobody says.
func waitingText(p Pod) string {
	text := withReason(p.Waiting, p.WaitingMessage)
	if text != "" && p.WaitingIn != "" {
		return "Container " + p.WaitingIn + ": " + text
	}
	return text
}

func stuckText(within time.Duration, why string) string {
	return withReason(fmt.Sprintf("Pod did not start within %s", within), why)
}

// withReason is a text with its reason, where there is one.
func withReason(text, reason string) string {
	if reason == "" {
		return text
	}
	return text + ": " + reason
}

func vanishedFailure(why string, name job.Pod) job.Failure {
	return job.Failure{
		Cause: job.CauseError, Message: withReason(textVanished, why),
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
func because(e job.ContainerEnd) string { return withReason(e.Reason, e.Message) }
