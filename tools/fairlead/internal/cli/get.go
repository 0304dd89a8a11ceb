package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fairlead-batch/fairlead/client"
	"github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/tools/fairlead/internal/render"
)

func (a *app) get() *cobra.Command {
	o := &getJob{server: a.server}
	return group(&cobra.Command{Use: "get", Short: "Show jobs"}, a.run(&cobra.Command{
		Use: "job ID... [flags]", Aliases: []string{"jobs"}, Short: "Show jobs: state, runs, nodes, times, reasons", Args: some("ID"),
		Long: `Show jobs. One job is shown with all its runs, several as a table; json and yaml have
everything, the job as it was submitted too.`,
	}, o, func(args []string) { o.ids = unique(args) }))
}

// getJob shows jobs.
type getJob struct {
	server *server
	ids    []string
}

// found is a job with what went wrong with it.
type found struct {
	details *api.JobDetails
	reason  string
}

// Run writes those that the server knows, and says which it does not.
func (o *getJob) Run(ctx context.Context, out *output) error {
	return o.server.with(func(c *client.Client) error {
		var all []found
		for chunk := range slices.Chunk(o.ids, detailsMax) {
			some, err := o.ask(ctx, out, c, chunk)
			if err != nil {
				return err
			}
			all = append(all, some...)
		}
		if err := o.tell(out, all); err != nil {
			return err
		}
		return o.missing(out, all)
	})
}

// ask queries jobs, at most detailsMax.
func (o *getJob) ask(ctx context.Context, out *output, c *client.Client, ids []string) ([]found, error) {
	answer, err := c.Jobs.GetJobDetails(ctx, &api.JobDetailsRequest{JobIds: ids, ExpandJobRun: true, ExpandJobSpec: !out.tables()})
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", jobs(len(ids)), err)
	}
	var all []found
	var ended []string
	for _, id := range ids {
		details, ok := answer.GetJobDetails()[id]
		if !ok {
			continue
		}
		all = append(all, found{details: details, reason: details.GetCancelReason()})
		switch details.GetState() {
		case api.JobState_FAILED, api.JobState_REJECTED, api.JobState_PREEMPTED:
			ended = append(ended, id)
		default:
		}
	}
	if len(ended) == 0 {
		return all, nil
	}
	errs, err := c.Jobs.GetJobErrors(ctx, &api.JobErrorsRequest{JobIds: ended})
	if err != nil {
		return nil, fmt.Errorf("get reasons of %s: %w", jobs(len(ended)), err)
	}
	for i := range all {
		if text := errs.GetJobErrors()[all[i].details.GetJobId()]; text != "" {
			all[i].reason = text
		}
	}
	return all, nil
}

func (o *getJob) tell(out *output, all []found) error {
	switch {
	case !out.tables():
		plain := make([]any, len(all))
		for i, f := range all {
			one, err := f.plain()
			if err != nil {
				return err
			}
			plain[i] = one
		}
		return out.data(plain)
	case len(all) == 0:
		return nil
	case len(o.ids) == 1:
		return all[0].write(out)
	default:
		t := render.Table{Header: []string{"JOB", "STATE", "QUEUE", "JOB SET", "NODE", "SUBMITTED", "CHANGED", "REASON"}}
		for _, f := range all {
			d := f.details
			t.Rows = append(t.Rows, []string{
				d.GetJobId(), stateName(d.GetState()), d.GetQueue(), d.GetJobset(), lastNode(d),
				out.moment(d.GetSubmittedTs().AsTime()), out.moment(d.GetLastTransitionTs().AsTime()), f.reason,
			})
		}
		return out.table(t, "")
	}
}

func (o *getJob) missing(out *output, all []found) error {
	if len(all) == len(o.ids) {
		return nil
	}
	if len(all) == 0 {
		if len(o.ids) == 1 {
			return &missingError{text: fmt.Sprintf("there is no job %s", o.ids[0])}
		}
		return &missingError{text: fmt.Sprintf("there is none of these %d jobs", len(o.ids))}
	}
	for _, id := range o.ids {
		if !slices.ContainsFunc(all, func(f found) bool { return f.details.GetJobId() == id }) {
			out.note("job %s: not found", id)
		}
	}
	return &partError{text: fmt.Sprintf("%d of %d jobs not found", len(o.ids)-len(all), len(o.ids))}
}

// plain is the job as data, with the states that the wire leaves out when they are zero.
func (f found) plain() (map[string]any, error) {
	plain, err := render.Plain(f.details)
	if err != nil {
		return nil, err
	}
	plain["state"] = f.details.GetState().String()
	if runs, ok := plain["jobRuns"].([]any); ok {
		for i, run := range runs {
			run.(map[string]any)["state"] = f.details.GetJobRuns()[i].GetState().String()
		}
	}
	if f.reason != "" {
		plain["error"] = f.reason
	}
	return plain, nil
}

// write writes one job at length.
func (f found) write(out *output) error {
	d := f.details
	var b strings.Builder
	for _, line := range [][2]string{
		{"Job", d.GetJobId()},
		{"Queue", d.GetQueue()},
		{"Job set", d.GetJobset()},
		{"Namespace", d.GetNamespace()},
		{"State", stateName(d.GetState())},
		{"Submitted", out.clock(d.GetSubmittedTs().AsTime())},
		{"Changed", out.clock(d.GetLastTransitionTs().AsTime())},
		{"Cancelled by", d.GetCancelUser()},
		{"Reason", f.reason},
	} {
		if line[1] != "" {
			fmt.Fprintf(&b, "%-13s %s\n", line[0]+":", render.Clean(line[1]))
		}
	}
	if _, err := io.WriteString(out.sys.Out, b.String()); err != nil {
		return err
	}
	if len(d.GetJobRuns()) == 0 {
		return out.say("No run yet.")
	}
	if err := out.say(""); err != nil {
		return err
	}
	t := render.Table{Header: []string{"RUN", "STATE", "CLUSTER", "NODE", "LEASED", "STARTED", "FINISHED"}}
	for _, r := range d.GetJobRuns() {
		t.Rows = append(t.Rows, []string{
			r.GetRunId(), runStateName(r.GetState()), r.GetCluster(), r.GetNode(),
			out.moment(r.GetLeasedTs().AsTime()), out.moment(r.GetStartedTs().AsTime()), out.moment(r.GetFinishedTs().AsTime()),
		})
	}
	return out.table(t, "")
}

// lastNode is the node of the newest run.
func lastNode(d *api.JobDetails) string {
	for _, r := range d.GetJobRuns() {
		if r.GetRunId() == d.GetLatestRunId() {
			return r.GetNode()
		}
	}
	return ""
}

func stateName(s api.JobState) string { return strings.ToLower(s.String()) }

// runStateName is a run's state as people say it; one of the API's names has a slip in
// its prefix.
func runStateName(s api.JobRunState) string {
	name := strings.TrimPrefix(strings.TrimPrefix(s.String(), "RUN_STATE_"), "RUNS_STATE_")
	return strings.ToLower(strings.ReplaceAll(name, "_", " "))
}

// unique is all without what came before, in its order.
func unique(all []string) []string {
	var out []string
	seen := map[string]bool{}
	for _, s := range all {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}
