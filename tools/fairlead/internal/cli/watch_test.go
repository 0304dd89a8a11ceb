package cli_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/proto/gen/k8s.io/apimachinery/pkg/api/resource"
	"github.com/fairlead-batch/fairlead/tools/fairlead/internal/cli"
)

// Events of a job, each a second after the other.
func submitted(job string) *api.EventMessage {
	return &api.EventMessage{Events: &api.EventMessage_Submitted{Submitted: &api.JobSubmittedEvent{JobId: job, Created: at(0)}}}
}

func leased(job string) *api.EventMessage {
	return &api.EventMessage{Events: &api.EventMessage_Leased{Leased: &api.JobLeasedEvent{JobId: job, Created: at(1)}}}
}

func pending(job string) *api.EventMessage {
	return &api.EventMessage{Events: &api.EventMessage_Pending{Pending: &api.JobPendingEvent{JobId: job, Created: at(2)}}}
}

func running(job string) *api.EventMessage {
	return &api.EventMessage{Events: &api.EventMessage_Running{Running: &api.JobRunningEvent{JobId: job, Created: at(3), NodeName: "n1"}}}
}

func succeeded(job string) *api.EventMessage {
	return &api.EventMessage{Events: &api.EventMessage_Succeeded{Succeeded: &api.JobSucceededEvent{JobId: job, Created: at(4)}}}
}

func failed(job string, e *api.JobFailedEvent) *api.EventMessage {
	e.JobId, e.Created = job, at(4)
	return &api.EventMessage{Events: &api.EventMessage_Failed{Failed: e}}
}

func preempted(job string) *api.EventMessage {
	return &api.EventMessage{Events: &api.EventMessage_Preempted{Preempted: &api.JobPreemptedEvent{JobId: job, Created: at(4), Reason: "by a job of class armada-default"}}}
}

func cancelled(job string) *api.EventMessage {
	return &api.EventMessage{Events: &api.EventMessage_Cancelled{Cancelled: &api.JobCancelledEvent{JobId: job, Created: at(4)}}}
}

func returned(job string) *api.EventMessage {
	return &api.EventMessage{Events: &api.EventMessage_LeaseReturned{LeaseReturned: &api.JobLeaseReturnedEvent{JobId: job, Created: at(4), Reason: "node is full"}}}
}

// then numbers events after those of a history.
func then(after []*api.EventStreamMessage, events ...*api.EventMessage) []*api.EventStreamMessage {
	all := make([]*api.EventStreamMessage, len(events))
	for i, m := range events {
		all[i] = &api.EventStreamMessage{Id: fmt.Sprint(len(after) + i + 1), Message: m}
	}
	return all
}

func TestWatch(t *testing.T) {
	t.Parallel()
	// In the middle of this history no job was active.
	over := history(submitted("a"), succeeded("a"), submitted("b"), leased("b"), succeeded("b"))
	begun := history(submitted("a"), submitted("b"), leased("a"), pending("a"))
	usage := &api.EventMessage{Events: &api.EventMessage_Utilisation{Utilisation: &api.JobUtilisationEvent{
		JobId: "a", Created: at(1), TotalCumulativeUsage: map[string]*resource.Quantity{"cpu": {String_: new("100m")}},
	}}}
	ends := history(
		submitted("ok"), submitted("failed"), submitted("rejected"), submitted("preempted"), submitted("cancelled"), submitted("retried"), submitted("returned"),
		succeeded("ok"),
		failed("failed", &api.JobFailedEvent{ContainerStatuses: []*api.ContainerStatus{{Name: "main", ExitCode: 3}}}),
		failed("rejected", &api.JobFailedEvent{Reason: "it fits no node", Cause: api.Cause_Rejected}),
		running("preempted"), preempted("preempted"), failed("preempted", &api.JobFailedEvent{Reason: "preempted"}),
		cancelled("cancelled"),
		failed("retried", &api.JobFailedEvent{Reason: "evicted", Retryable: true}), leased("retried"), succeeded("retried"),
		leased("returned"), returned("returned"), leased("returned"), succeeded("returned"),
		&api.EventMessage{},
	)
	live := then(begun, running("a"), usage, failed("b", &api.JobFailedEvent{Reason: "out\nof memory"}), returned("a"), leased("a"), succeeded("a"))
	golden(t, map[string]check{
		"over":    {peer: &peer{history: over}, args: words("watch q s --exit-if-inactive")},
		"live":    {peer: &peer{history: begun, live: [][]*api.EventStreamMessage{live}}, args: words("watch q s --exit-if-inactive")},
		"ends":    {peer: &peer{history: ends}, args: words("watch q s --exit-if-inactive")},
		"lost":    {peer: &peer{history: begun, live: [][]*api.EventStreamMessage{live[:2], nil, live[2:]}}, args: words("watch q s --exit-if-inactive")},
		"raw":     {peer: &peer{history: begun[:2], live: [][]*api.EventStreamMessage{live}}, args: words("watch q s --exit-if-inactive --raw")},
		"json":    {peer: &peer{history: over}, args: words("watch q s --exit-if-inactive -o json")},
		"yaml":    {peer: &peer{history: over}, args: words("watch q s --exit-if-inactive -o yaml")},
		"no jobs": {peer: &peer{}, args: words("watch q s --exit-if-inactive")},
		"no queue": {peer: &peer{refuse: func(string, any) error {
			return status.Error(codes.NotFound, "[GetJobSetEvents] Queue q does not exist")
		}}, args: words("watch q s")},
		"forgotten": {peer: &peer{refuse: func(string, any) error { return status.Error(codes.OutOfRange, "event 1 is no longer kept") }}, args: words("watch q s")},
		"not there": {peer: &peer{refuse: func(string, any) error { return status.Error(codes.Unavailable, "the database is away") }}, args: words("watch q s")},
		"too many":  {peer: &peer{history: manyFailed(25)}, args: words("watch q s --exit-if-inactive")},
	})
}

func manyFailed(n int) []*api.EventStreamMessage {
	var all []*api.EventMessage
	for i := range n {
		all = append(all, submitted(fmt.Sprint(i)), failed(fmt.Sprint(i), &api.JobFailedEvent{Reason: "so"}))
	}
	return history(all...)
}

// A watch goes on for as long as nobody ends it.
func TestWatchInterrupted(t *testing.T) {
	t.Parallel()
	for name, columns := range map[string]int{"lines": 0, "screen": 60} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &peer{history: history(submitted("a"), succeeded("a"))}
			s := &shell{env: map[string]string{"FAIRLEAD_URL": p.start(t)}, columns: columns}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			s.wrote = func(out string) {
				if strings.Contains(out, "succeeded 1") {
					cancel()
				}
			}
			s.run(ctx, "watch", "q", "s")
			if s.code != 130 || !strings.HasSuffix(s.err.String(), "error: interrupted\n") {
				t.Errorf("code %d, err %q", s.code, &s.err)
			}
		})
	}
}

// What a person sees at the end is the last picture alone, and what did not succeed.
func TestWatchScreen(t *testing.T) {
	t.Parallel()
	begun := history(submitted("a"), submitted("b"))
	live := then(begun, running("a"), failed("b", &api.JobFailedEvent{Reason: "out of memory \x1b[2J"}), succeeded("a"))
	for name, tc := range map[string]struct {
		columns int
		want    string
	}{
		"wide": {120, `job set s of queue q  0s
succeeded 1, failed 1
[##################################################] 2 of 2 jobs over
job b failed: out of memory  [2J
`},
		"narrow": {30, `job set s of queue q  0s
succeeded 1, failed 1
[##########] 2 of 2 jobs over
job b failed: out of memory  [2J
`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &peer{history: begun, live: [][]*api.EventStreamMessage{live[:1], live[1:]}}
			s := &shell{env: map[string]string{"FAIRLEAD_URL": p.start(t)}, columns: tc.columns}
			s.run(t.Context(), "watch", "q", "s", "--exit-if-inactive")
			if got := display(t, s.out.String()); got != tc.want || s.code != 4 {
				t.Errorf("code %d, display:\n%s\nwant:\n%s", s.code, got, tc.want)
			}
		})
	}
}

// A watch that finds no server leaves nothing on the terminal but the error.
func TestWatchScreenError(t *testing.T) {
	t.Parallel()
	s := &shell{env: map[string]string{"FAIRLEAD_URL": "localhost:1"}, columns: 60}
	s.run(t.Context(), "watch", "q", "s")
	if got := display(t, s.out.String()); got != "" || s.code != 1 {
		t.Errorf("code %d, display:\n%s", s.code, got)
	}
}

// display is what a terminal shows after a text: of what it obeys it knows line feed,
// carriage return, cursor up and clear to the end.
func display(t *testing.T, text string) string {
	t.Helper()
	rows, row := []string{""}, 0
	for text != "" {
		var up int
		switch {
		case strings.HasPrefix(text, "\x1b[J"):
			rows = append(rows[:row], "")
			text = text[3:]
		case strings.HasPrefix(text, "\x1b["):
			n, err := fmt.Sscanf(text, "\x1b[%dA", &up)
			if n != 1 || err != nil {
				t.Fatalf("unknown sequence in %q", text)
			}
			if row -= up; row < 0 {
				t.Fatalf("moved above the first line: %q", text)
			}
			_, text, _ = strings.Cut(text, "A")
		case text[0] == '\r':
			text = text[1:] // only before a clear
		case text[0] == '\n':
			if row++; row == len(rows) {
				rows = append(rows, "")
			}
			text = text[1:]
		default:
			rows[row] += text[:1]
			text = text[1:]
		}
	}
	return strings.Join(rows, "\n")
}

// A server that stays away ends the watch; one that comes and goes does not, however
// long the watch is.
func TestOutage(t *testing.T) {
	t.Parallel()
	away := errors.New("away")
	for name, tc := range map[string]struct {
		every time.Duration
		want  bool // gave up
	}{
		"stays away":     {5 * time.Second, true},
		"comes and goes": {cli.OutageGap + time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := time.Unix(0, 0)
			var gave error
			again := cli.NewOutage(func() time.Time { return now }, func(err error) { gave = err })
			for began := now; now.Sub(began) <= cli.ReconnectFor; now = now.Add(tc.every) {
				if again(away); gave != nil {
					t.Fatalf("gave up after %v", now.Sub(began))
				}
			}
			again(away)
			if (gave != nil) != tc.want {
				t.Errorf("gave up: %v, want %v", gave, tc.want)
			}
			if tc.want && !errors.Is(gave, away) {
				t.Errorf("error %v does not say why", gave)
			}
		})
	}
}
