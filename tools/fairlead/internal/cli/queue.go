package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fairlead-batch/fairlead/client"
	"github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/tools/fairlead/internal/render"
)

func (a *app) queue() *cobra.Command {
	return group(&cobra.Command{Use: "queue", Short: "Manage queues"},
		a.queueCreate(), a.queueUpdate(), a.queueDelete(), a.queueGet(), a.queueList(), a.queueCordon(), a.queueUncordon())
}

func (a *app) queueGet() *cobra.Command {
	o := &queueGet{server: a.server}
	return a.run(&cobra.Command{
		Use: "get NAME", Short: "Show a queue", Args: exactly("NAME"), ValidArgsFunction: a.completeQueue,
	}, o, func(args []string) { o.name = args[0] })
}

// queueGet shows one queue.
type queueGet struct {
	server *server
	name   string
}

// Run writes it.
func (o *queueGet) Run(ctx context.Context, out *output) error {
	return o.server.with(func(c *client.Client) error {
		queue, err := c.Queues.GetQueue(ctx, &api.QueueGetRequest{Name: o.name})
		if err != nil {
			return fmt.Errorf("get queue %s: %w", o.name, err)
		}
		if !out.tables() {
			plain, err := plainQueue(queue)
			if err != nil {
				return err
			}
			return out.data(plain)
		}
		return out.table(queueTable([]*api.Queue{queue}), "")
	})
}

func (a *app) queueList() *cobra.Command {
	o := &queueList{server: a.server}
	return a.run(&cobra.Command{Use: "list", Short: "List all queues", Args: exactly()}, o, func([]string) {})
}

// queueList shows all queues.
type queueList struct{ server *server }

// Run writes them by name.
func (o *queueList) Run(ctx context.Context, out *output) error {
	return o.server.with(func(c *client.Client) error {
		ctx, cancel := context.WithTimeout(ctx, o.server.timeout)
		defer cancel()
		queues, err := c.ListQueues(ctx)
		if err != nil {
			return err
		}
		if out.tables() {
			return out.table(queueTable(queues), "There are no queues. Create one: fairlead queue create NAME")
		}
		all := make([]any, len(queues))
		for i, q := range queues {
			if all[i], err = plainQueue(q); err != nil {
				return err
			}
		}
		return out.data(all)
	})
}

// plainQueue is a queue with what scripts ask for there also when it is zero.
func plainQueue(q *api.Queue) (map[string]any, error) {
	plain, err := render.Plain(q)
	if err != nil {
		return nil, err
	}
	plain["cordoned"] = q.GetCordoned()
	return plain, nil
}

func queueTable(queues []*api.Queue) render.Table {
	t := render.Table{Header: []string{"NAME", "FACTOR", "STATE", "OWNERS", "LABELS"}}
	for _, q := range queues {
		state := "open"
		if q.GetCordoned() {
			state = "cordoned"
		}
		t.Rows = append(t.Rows, []string{
			q.GetName(), strconv.FormatFloat(q.GetPriorityFactor(), 'g', -1, 64), state, owners(q), pairs(q.GetLabels()),
		})
	}
	return t
}

// owners are the users and groups that a queue's permissions name. Servers give back
// the owners that a queue was made with among them.
func owners(q *api.Queue) string {
	var all []string
	seen := map[string]bool{}
	add := func(name string) {
		if !seen[name] {
			seen[name] = true
			all = append(all, name)
		}
	}
	for _, user := range q.GetUserOwners() {
		add(user)
	}
	for _, group := range q.GetGroupOwners() {
		add(group)
	}
	for _, permission := range q.GetPermissions() {
		for _, subject := range permission.GetSubjects() {
			add(subject.GetName())
		}
	}
	return strings.Join(all, ",")
}
