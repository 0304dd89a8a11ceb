package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/fairlead-batch/fairlead/client"
	"github.com/fairlead-batch/fairlead/proto/gen/api"
)

func (a *app) cancel() *cobra.Command {
	o := &cancel{target: target{server: a.server}}
	c := &cobra.Command{
		Use: "cancel ID... [flags]", Short: "Cancel jobs, or a whole job set",
		Long: `Cancel jobs by id, or all jobs of a job set.

The answer means that the request is written down; 'fairlead watch' shows when it
has taken effect. Jobs that are over stay as they are.`,
		Example: "  fairlead cancel 01hx2v1m0000000000000000aa\n  fairlead cancel --all --queue research --job-set sweep-1 --reason 'wrong data'",
	}
	o.registerAll(c.Flags())
	c.Flags().StringVar(&o.reason, "reason", "", "why, for those who ask; at most 50 bytes")
	must(c.RegisterFlagCompletionFunc("queue", a.completeQueueFlag))
	return a.run(c, o, func(args []string) { o.ids = unique(args) })
}

// cancel ends jobs.
type cancel struct {
	target
	reason string
}

// Run asks for it.
func (o *cancel) Run(ctx context.Context, out *output) error {
	if err := o.check("cancel"); err != nil {
		return err
	}
	if o.all {
		return o.server.with(func(c *client.Client) error {
			_, err := c.Submit.CancelJobSet(ctx, &api.JobSetCancelRequest{Queue: o.queue, JobSetId: o.jobSet, Reason: o.reason})
			if err != nil {
				return fmt.Errorf("cancel job set %s: %w", o.jobSet, err)
			}
			return out.results([]result{{Kind: "job set", Name: o.jobSet, Result: "is to be cancelled"}})
		})
	}
	return o.ask(ctx, out, "is to be cancelled", func(c *client.Client, p place) (map[string]string, error) {
		_, err := c.Submit.CancelJobs(ctx, &api.JobCancelRequest{Queue: p.queue, JobSetId: p.jobSet, JobIds: p.ids, Reason: o.reason})
		if err != nil {
			return nil, fmt.Errorf("cancel %s: %w", jobs(len(p.ids)), err)
		}
		return nil, nil
	})
}

func (a *app) reprioritize() *cobra.Command {
	o := &reprioritize{target: target{server: a.server}}
	c := &cobra.Command{
		Use: "reprioritize ID... --priority N [flags]", Short: "Change the priority of jobs, or of a whole job set",
		Long:    "Change the priority of jobs by id, or of all jobs of a job set. Within a queue and a\npriority class, jobs with smaller numbers go first.",
		Example: "  fairlead reprioritize 01hx2v1m0000000000000000aa --priority 1\n  fairlead reprioritize --all --queue research --job-set sweep-1 --priority 10",
	}
	o.registerAll(c.Flags())
	c.Flags().Float64Var(&o.priority, "priority", 0, "the new priority, from 0 (required)")
	must(c.MarkFlagRequired("priority"))
	must(c.RegisterFlagCompletionFunc("queue", a.completeQueueFlag))
	c = a.run(c, o, func(args []string) { o.ids = unique(args) })
	return c
}

// reprioritize moves jobs within their queue.
type reprioritize struct {
	target
	priority float64
}

// Run asks for it.
func (o *reprioritize) Run(ctx context.Context, out *output) error {
	if err := o.check("reprioritize"); err != nil {
		return err
	}
	if o.priority < 0 {
		return usage("--priority is %v, must be at least 0", o.priority)
	}
	asked := fmt.Sprintf("is to have priority %g", o.priority)
	if o.all {
		return o.server.with(func(c *client.Client) error {
			_, err := c.Submit.ReprioritizeJobs(ctx, &api.JobReprioritizeRequest{Queue: o.queue, JobSetId: o.jobSet, NewPriority: o.priority})
			if err != nil {
				return fmt.Errorf("reprioritize job set %s: %w", o.jobSet, err)
			}
			return out.results([]result{{Kind: "job set", Name: o.jobSet, Result: asked}})
		})
	}
	return o.ask(ctx, out, asked, func(c *client.Client, p place) (map[string]string, error) {
		answer, err := c.Submit.ReprioritizeJobs(ctx, &api.JobReprioritizeRequest{
			Queue: p.queue, JobSetId: p.jobSet, JobIds: p.ids, NewPriority: o.priority,
		})
		if err != nil {
			return nil, fmt.Errorf("reprioritize %s: %w", jobs(len(p.ids)), err)
		}
		return answer.GetReprioritizationResults(), nil
	})
}

func (a *app) preempt() *cobra.Command {
	o := &preempt{target: target{server: a.server}}
	c := &cobra.Command{
		Use: "preempt ID... [flags]", Short: "Take running jobs off their nodes",
		Long: `Take running jobs off their nodes. Only jobs of a preemptible priority class that
have a run are affected; others go on as if nothing was asked.`,
		Example: "  fairlead preempt 01hx2v1m0000000000000000aa --reason 'node is needed'",
	}
	o.register(c.Flags())
	c.Flags().StringVar(&o.reason, "reason", "", "why, for those who ask; at most 50 bytes")
	must(c.RegisterFlagCompletionFunc("queue", a.completeQueueFlag))
	return a.run(c, o, func(args []string) { o.ids = unique(args) })
}

// preempt takes jobs off their nodes.
type preempt struct {
	target
	reason string
}

// Run asks for it.
func (o *preempt) Run(ctx context.Context, out *output) error {
	if err := o.check("preempt"); err != nil {
		return err
	}
	return o.ask(ctx, out, "is to be preempted", func(c *client.Client, p place) (map[string]string, error) {
		answer, err := c.Submit.PreemptJobs(ctx, &api.JobPreemptRequest{Queue: p.queue, JobSetId: p.jobSet, JobIds: p.ids, Reason: o.reason})
		if err != nil {
			return nil, fmt.Errorf("preempt %s: %w", jobs(len(p.ids)), err)
		}
		return answer.GetPreemptionResults(), nil
	})
}
