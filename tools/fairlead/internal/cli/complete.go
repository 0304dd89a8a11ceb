package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairlead-batch/fairlead/client"
	"github.com/fairlead-batch/fairlead/tools/fairlead/internal/endpoint"
)

// completeWithin is how long somebody who pressed the tabulator waits.
const completeWithin = 2 * time.Second

// completeQueue proposes queues for every argument that can be one.
func (a *app) completeQueue(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	return a.completeQueueFlag(c, args, typed)
}

// completeFirstQueue proposes queues for the first argument.
func (a *app) completeFirstQueue(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.completeQueueFlag(c, args, typed)
}

// completeQueueFlag proposes queues. That the server does not answer is no error here:
// there is nothing to propose.
func (a *app) completeQueueFlag(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	var names []string
	err := a.server.with(func(to *client.Client) error {
		ctx, cancel := context.WithTimeout(c.Context(), completeWithin)
		defer cancel()
		queues, err := to.ListQueues(ctx)
		for _, q := range queues {
			names = append(names, q.GetName())
		}
		return err
	})
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (a *app) completeContexts(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	file := a.sys.Config
	if a.server.config != "" {
		file = a.server.config
	}
	names, err := endpoint.Names(file)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
