package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fairlead-batch/fairlead/client"
	"github.com/fairlead-batch/fairlead/proto/gen/api"
	schedulerv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/scheduler/v1"
	"github.com/fairlead-batch/fairlead/proto/gen/schedulerobjects"
	"github.com/fairlead-batch/fairlead/tools/fairlead/internal/jobfile"
	"github.com/fairlead-batch/fairlead/tools/fairlead/internal/render"
)

func (a *app) explain() *cobra.Command {
	o := &explainJob{server: a.server}
	return a.run(&cobra.Command{
		Use: "explain JOB [flags]", Short: "Say why a job waits, and what would let it start", Args: exactly("JOB"),
		Long: `Say why a job waits: where it stands in its queue, its queue's share of each pool, what
stops it, the nodes by why it does not start there, and single changes that would let
it start when its turn comes, the smallest first. Of a job that does not wait it says
where it is, or how it ended. docs/explain.md says how to read it.`,
	}, o, func(args []string) { o.id = args[0] })
}

// explainJob says why a job waits.
type explainJob struct {
	server *server
	id     string
}

// Run asks the scheduler, and lookout where that does not have the job any more.
func (o *explainJob) Run(ctx context.Context, out *output) error {
	return o.server.with(func(c *client.Client) error {
		answer, err := c.Explain.Explain(ctx, &schedulerv1.ExplainRequest{JobIds: []string{o.id}})
		if err != nil {
			return fmt.Errorf("explain job %s: %w", o.id, err)
		}
		job := answer.GetJobs()[0]
		if job.GetState() == "unknown" {
			return o.ended(ctx, out, c)
		}
		if !out.tables() {
			plain, err := render.Plain(job)
			if err != nil {
				return err
			}
			return out.data(plain)
		}
		if err := out.say("Job %s of queue %s, job set %s, is %s.", job.GetJobId(), job.GetQueue(), job.GetJobSet(), job.GetState()); err != nil {
			return err
		}
		return out.lines(job.GetText())
	})
}

// ended says what is known of a job that the scheduler does not have.
func (o *explainJob) ended(ctx context.Context, out *output, c *client.Client) error {
	answer, err := c.Jobs.GetJobDetails(ctx, &api.JobDetailsRequest{JobIds: []string{o.id}, ExpandJobRun: true})
	if err != nil {
		return fmt.Errorf("look up job %s, which the scheduler does not have: %w", o.id, err)
	}
	details, known := answer.GetJobDetails()[o.id]
	if !known {
		return &missingError{text: fmt.Sprintf("there is no job %s", o.id)}
	}
	if !out.tables() {
		return out.data(map[string]any{"jobId": o.id, "state": stateName(details.GetState()), "queue": details.GetQueue(), "jobSet": details.GetJobset()})
	}
	where := ""
	if node := lastNode(details); node != "" {
		where = ", on node " + node
	}
	return out.say("Job %s does not wait: %s since %s%s.", o.id, stateName(details.GetState()), out.clock(details.GetLastTransitionTs().AsTime()), where)
}

// lines writes text of several lines, folded at the terminal's width.
func (out *output) lines(text string) error {
	for line := range strings.Lines(text) {
		for _, part := range fold(strings.TrimRight(line, "\n"), out.sys.Columns()) {
			if err := out.say("%s", part); err != nil {
				return err
			}
		}
	}
	return nil
}

// fold breaks a line at spaces so that it fits, going on deeper than it began. A width of
// zero holds everything, and one below 20 is taken for 20.
func fold(line string, columns int) (out []string) {
	indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
	for columns = max(columns, min(columns, 1)*20); columns > 0 && len(line) > columns; {
		at := strings.LastIndex(line[:columns+1], " ")
		if at <= len(indent)+4 {
			break
		}
		out = append(out, line[:at])
		line = indent + "    " + strings.TrimLeft(line[at:], " ")
	}
	return append(out, line)
}

func (a *app) whatIf() *cobra.Command {
	o := &whatIf{server: a.server}
	c := &cobra.Command{
		Use: "what-if FILE [flags]", Short: "Say what would become of jobs, without submitting them", Args: exactly("FILE"),
		Long: `Run a scheduling round on a copy of the scheduler's state in which the jobs of a file
(or of standard input, -) were submitted too, and say which would start where, what
would be preempted for them, and why the others would wait. Nothing is changed.

The file is a job file, as submit takes it, and may have more beside its jobs:

  queue: research
  jobs: [...]
  jobIds: [...]                # jobs that wait, to be asked about too
  nodes:                       # nodes that would be there, empty
  - {count: 2, like: cluster/node-1}
  - {pool: default, total: {cpu: 64, memory: 256Gi}, labels: {zone: a}}
  queues:                      # queues that would be so
  - {name: research, priorityFactor: 2, cordoned: false}
  settings:                    # rules that would hold
    lookbackMax: 1000
    protectedFraction: 0.5

A job is called by its clientId in the answer.`,
		Example: "  fairlead what-if sweep.yaml\n  fairlead what-if more-nodes.yaml -o json",
	}
	c.Flags().StringVar(&o.over.Queue, "queue", "", "queue, whatever the file says")
	c.Flags().BoolVar(&o.keepShares, "keep-shares", false, "as in a round that preempts nothing for shares")
	must(c.RegisterFlagCompletionFunc("queue", a.completeQueueFlag))
	return a.run(c, o, func(args []string) { o.file = args[0] })
}

// whatIf asks what would become of jobs.
type whatIf struct {
	server     *server
	file       string
	over       jobfile.Override
	keepShares bool
}

// Run reads the file and asks.
func (o *whatIf) Run(ctx context.Context, out *output) error {
	req, err := o.read(out.sys.In)
	if err != nil {
		return err
	}
	req.KeepShares = o.keepShares
	return o.server.with(func(c *client.Client) error {
		answer, err := c.Explain.WhatIf(ctx, req)
		if err != nil {
			return fmt.Errorf("ask what if: %w", err)
		}
		if out.tables() {
			return out.lines(answer.GetText())
		}
		plain, err := render.Plain(answer)
		if err != nil {
			return err
		}
		return out.data(plain)
	})
}

func (o *whatIf) read(in io.Reader) (*schedulerv1.WhatIfRequest, error) {
	if o.file == "-" {
		return jobfile.ReadQuestion("standard input", in, o.over)
	}
	f, err := os.Open(o.file)
	if err != nil {
		return nil, usage("%v", err)
	}
	defer f.Close() //nolint:errcheck // read only
	return jobfile.ReadQuestion(o.file, f, o.over)
}

func (a *app) report() *cobra.Command {
	o := &report{server: a.server}
	c := &cobra.Command{
		Use: "report [flags]", Short: "Show what the newest scheduling rounds did", Args: cobra.NoArgs,
		Long: "Show the newest scheduling round of each pool and the queues' shares, or those of one queue.",
	}
	c.Flags().StringVar(&o.queue, "queue", "", "queue to tell of alone")
	must(c.RegisterFlagCompletionFunc("queue", a.completeQueueFlag))
	return a.run(c, o, func([]string) {})
}

// report shows the newest rounds.
type report struct {
	server *server
	queue  string
}

// Run asks for the report.
func (o *report) Run(ctx context.Context, out *output) error {
	return o.server.with(func(c *client.Client) error {
		text := ""
		if o.queue != "" {
			answer, err := c.Reports.GetQueueReport(ctx, &schedulerobjects.QueueReportRequest{QueueName: o.queue})
			if err != nil {
				return fmt.Errorf("report on queue %s: %w", o.queue, err)
			}
			if text = answer.GetReport(); text == "none" {
				return &missingError{text: fmt.Sprintf("the scheduler knows no queue %s", o.queue)}
			}
		} else {
			answer, err := c.Reports.GetSchedulingReport(ctx, &schedulerobjects.SchedulingReportRequest{Verbosity: 1})
			if err != nil {
				return fmt.Errorf("report on scheduling: %w", err)
			}
			text = answer.GetReport()
		}
		if out.tables() {
			return out.lines(text)
		}
		return out.data(map[string]string{"report": text})
	})
}
