package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/fairlead-batch/fairlead/client"
	"github.com/fairlead-batch/fairlead/proto/gen/api"
)

// jobs is a file of n jobs.
func jobs(queue, set string, n int) string {
	return fmt.Sprintf("queue: %s\njobSetId: %s\njobs:\n", queue, set) +
		strings.Repeat("- {namespace: default, podSpec: {restartPolicy: Never, containers: [{name: main, image: alpine, resources: {limits: {cpu: 100m}}}]}}\n", n)
}

// refuseSubmit answers the submissions from the nth on with an error.
func refuseSubmit(n int, err error) *peer {
	calls := 0
	return &peer{refuse: func(method string, _ any) error {
		if method != "SubmitJobs" {
			return nil
		}
		if calls++; calls < n {
			return nil
		}
		return err
	}}
}

// invalid is a refusal of fields, as the server sends it.
func invalid(t *testing.T) error {
	t.Helper()
	st, err := status.New(codes.InvalidArgument, `[x-request-id: "r-1"] value "" is invalid for field "job_request_items[0].namespace": is required; value "q" ...`).WithDetails(
		&errdetails.ErrorInfo{Reason: "INVALID"},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
			{Field: "job_request_items[0].namespace", Description: `value "" is invalid for field "job_request_items[0].namespace": is required`},
			{Field: "job_set_id", Description: "at most 1024 bytes"},
		}})
	if err != nil {
		t.Fatal(err)
	}
	return st.Err()
}

func TestSubmit(t *testing.T) {
	t.Parallel()
	denied := status.Error(codes.PermissionDenied, `[x-request-id: "r-1"] could not find queue "q"`)
	away := status.Error(codes.Unavailable, `[x-request-id: "r-1"] the log cannot be reached`)
	golden(t, map[string]check{
		"stdin":            {args: words("submit -"), in: jobs("q", "s", 2)},
		"stdin json":       {args: words("submit - -o json"), in: jobs("q", "s", 2)},
		"documents":        {args: words("submit -"), in: jobs("q", "s", 1) + "---\n" + jobs("r", "t", 1)},
		"overrides":        {args: words("submit - --queue other --job-set all"), in: jobs("q", "s", 1) + "---\n" + jobs("r", "t", 1)},
		"dry run":          {args: words("submit - --dry-run"), in: jobs("q", "s", 1) + "---\n" + jobs("r", "t", 3)},
		"dry run json":     {args: words("submit - --dry-run -o json"), in: jobs("q", "s", 3)},
		"dry run wrong":    {args: words("submit - --dry-run"), in: "queue: q\njobs:\n- podspec: {}\n- priority: high\n"},
		"unknown queue":    {peer: refuseSubmit(1, denied), args: words("submit -"), in: jobs("q", "s", 1)},
		"fields":           {peer: refuseSubmit(1, invalid(t)), args: words("submit -"), in: jobs("q", "s", 1)},
		"unsure":           {peer: refuseSubmit(1, away), args: words("submit -"), in: jobs("q", "s", 1)},
		"second set fails": {peer: refuseSubmit(2, denied), args: words("submit -"), in: jobs("r", "t", 1) + "---\n" + jobs("q", "s", 1)},
		"two stdins":       {args: words("submit - -")},
		"no file":          {args: words("submit /nowhere/jobs.yaml")},
		"watch two sets":   {args: words("submit - --watch"), in: jobs("q", "s", 1) + "---\n" + jobs("r", "t", 1)},
		"watch dry run":    {args: words("submit - --watch --dry-run"), in: jobs("q", "s", 1)},
		"watch": {
			peer: &peer{history: history(&api.EventMessage{Events: &api.EventMessage_Submitted{Submitted: &api.JobSubmittedEvent{JobId: "job-1"}}},
				&api.EventMessage{Events: &api.EventMessage_Succeeded{Succeeded: &api.JobSucceededEvent{JobId: "job-1"}}})},
			args: words("submit - --watch"), in: jobs("q", "s", 1),
		},
	})
}

// history numbers events.
func history(events ...*api.EventMessage) []*api.EventStreamMessage {
	all := make([]*api.EventStreamMessage, len(events))
	for i, m := range events {
		all[i] = &api.EventStreamMessage{Id: fmt.Sprint(i + 1), Message: m}
	}
	return all
}

// The mistakes of all files are told at once, and nothing is sent.
func TestSubmitFiles(t *testing.T) {
	t.Parallel()
	write := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	a, b, good := write("a.yaml", "jobs: 1"), write("b.yaml", jobs("q", "s", 1)+"  x: y"), write("c.json", `{"queue":"q","jobSetId":"s","jobs":[{"podSpec":{}}]}`)
	p := &peer{}
	s := &shell{env: map[string]string{"FAIRLEAD_URL": p.start(t)}}
	s.run(t.Context(), "submit", good, a, b)
	want := fmt.Sprintf("error: %s:1: jobs: is the number 1, must be a list\n  %s: line 4: did not find expected key\n", a, b)
	if s.err.String() != want || s.code != 2 || s.out.Len() > 0 || len(p.sent) > 0 {
		t.Errorf("code %d, %d requests, out %q, err:\n%s\nwant:\n%s", s.code, len(p.sent), &s.out, &s.err, want)
	}
	s = &shell{env: s.env}
	s.run(t.Context(), "submit", good, good)
	if s.code != 0 || s.out.String() != "job-1\njob-2\n" {
		t.Errorf("code %d, out %q, err %q", s.code, &s.out, &s.err)
	}
}

// A long list goes in several requests, with a line on the terminal that says how far
// it is. When one fails, the ids of those before it are told.
func TestSubmitLong(t *testing.T) {
	t.Parallel()
	n := 2*client.RequestJobsMax + 1
	p := refuseSubmit(3, status.Error(codes.ResourceExhausted, "too many jobs are queued"))
	s := &shell{in: jobs("q", "s", n), env: map[string]string{"FAIRLEAD_URL": p.start(t)}, errTerminal: true}
	s.run(t.Context(), "submit", "-")
	want := "\r\x1b[Ksubmitted 1000 of 2001 jobs\r\x1b[Ksubmitted 2000 of 2001 jobs\r\x1b[K" +
		"submitted 2000 jobs to job set s of queue q\n" +
		"error: submit jobs 2001 to 2001 of 2001: too many jobs are queued\n" +
		"error: submitted 2000 of 2001 jobs\n"
	if s.err.String() != want || s.code != 4 {
		t.Errorf("code %d, err:\n%q\nwant:\n%q", s.code, &s.err, want)
	}
	if ids := strings.Fields(s.out.String()); len(ids) != n-1 || ids[0] != "job-1" || ids[n-2] != fmt.Sprintf("job-%d", n-1) {
		t.Errorf("%d ids, want %d in order", len(ids), n-1)
	}
}
