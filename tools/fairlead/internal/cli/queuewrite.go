package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/fairlead-batch/fairlead/client"
	"github.com/fairlead-batch/fairlead/proto/gen/api"
)

// queueFields are what create and update set of a queue.
type queueFields struct {
	factor      float64
	users       []string
	groups      []string
	labels      map[string]string
	retryPolicy string
	// parts are flags that stand in labels of their own, as those are on the wire.
	parts map[string]*string
}

// partLabels begins the keys of labels in which the server reads what a queue is part of and
// what it may count on.
const partLabels = "fairlead/"

// partFlag is a flag that sets such a label.
type partFlag struct{ flag, usage string }

func partFlags() []partFlag {
	return []partFlag{
		{"parent", "the queue that it is part of; empty: of none"},
		{"guarantee", "amounts that it gets before others and keeps against them, as cpu=20,memory=1Ti; empty: none"},
		{"borrow", "the most that it may hold beyond its guarantee, as amounts; empty: what there is"},
		{"lend", "the most of its guarantee that others may hold while it does not, as amounts; empty: all"},
	}
}

func (f *queueFields) register(flags *pflag.FlagSet) {
	flags.Float64Var(&f.factor, "priority-factor", 1, "the queue's share is in proportion to 1 / this; at least 1")
	flags.StringSliceVar(&f.users, "owner", nil, "all users who may do everything with it; repeat or separate by commas")
	flags.StringSliceVar(&f.groups, "group-owner", nil, "all groups who may do everything with it")
	flags.StringToStringVar(&f.labels, "label", nil, "all its labels, as key=value, but for those with the prefix fairlead/")
	f.parts = map[string]*string{}
	for _, part := range partFlags() {
		f.parts[part.flag] = flags.String(part.flag, "", part.usage)
	}
	flags.StringVar(&f.retryPolicy, "retry-policy", "", "retry policy of its jobs")
}

// apply sets in q the fields that was says were given.
func (f *queueFields) apply(q *api.Queue, was func(flag string) bool) {
	if was("priority-factor") {
		q.PriorityFactor = f.factor
	}
	if was("owner") {
		q.UserOwners = f.users
	}
	if was("group-owner") {
		q.GroupOwners = f.groups
	}
	if was("label") {
		own := q.GetLabels()
		q.Labels = f.labels
		for key, value := range own { // those of other flags stay
			if _, given := f.labels[key]; !given && strings.HasPrefix(key, partLabels) {
				q.Labels = withLabel(q.Labels, key, value)
			}
		}
	}
	for _, part := range partFlags() {
		if was(part.flag) {
			q.Labels = withLabel(q.Labels, partLabels+part.flag, *f.parts[part.flag])
		}
	}
	if was("retry-policy") {
		q.RetryPolicies = nil
		if f.retryPolicy != "" {
			q.RetryPolicies = []string{f.retryPolicy}
		}
	}
}

// withLabel is labels with one set; an empty value takes it away.
func withLabel(labels map[string]string, key, value string) map[string]string {
	if value == "" {
		delete(labels, key)
		return labels
	}
	labels = maps.Clone(labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[key] = value
	return labels
}

func (a *app) queueCreate() *cobra.Command {
	o := &queueCreate{server: a.server}
	c := &cobra.Command{
		Use: "create NAME [flags]", Short: "Create a queue", Args: exactly("NAME"),
		Example: "  fairlead queue create research --priority-factor 2 --owner alice,bob\n  fairlead queue create vision --parent research --guarantee cpu=20,memory=80Gi --borrow cpu=100",
	}
	o.fields.register(c.Flags())
	return a.run(c, o, func(args []string) { o.name = args[0] })
}

// queueCreate makes a queue.
type queueCreate struct {
	server *server
	name   string
	fields queueFields
}

// Run makes it.
func (o *queueCreate) Run(ctx context.Context, out *output) error {
	queue := &api.Queue{Name: o.name}
	o.fields.apply(queue, func(string) bool { return true })
	return o.server.with(func(c *client.Client) error {
		if _, err := c.Queues.CreateQueue(ctx, queue); err != nil {
			return fmt.Errorf("create queue %s: %w", o.name, err)
		}
		return out.results([]result{{Kind: "queue", Name: o.name, Result: "created"}})
	})
}

func (a *app) queueUpdate() *cobra.Command {
	o := &queueUpdate{server: a.server}
	c := &cobra.Command{
		Use: "update NAME [flags]", Short: "Change a queue", Args: exactly("NAME"), ValidArgsFunction: a.completeQueue,
		Long: `Change what the flags name of a queue; all else stays.

The server takes a queue as a whole, so this reads it first. Of two updates at the
same moment the later one wins.`,
	}
	o.fields.register(c.Flags())
	return a.run(c, o, func(args []string) { o.name, o.given = args[0], c.Flags().Changed })
}

// queueUpdate changes fields of a queue.
type queueUpdate struct {
	server *server
	name   string
	fields queueFields
	given  func(flag string) bool
}

// Run changes them.
func (o *queueUpdate) Run(ctx context.Context, out *output) error {
	flags := []string{"priority-factor", "owner", "group-owner", "label", "retry-policy"}
	for _, part := range partFlags() {
		flags = append(flags, part.flag)
	}
	if !slices.ContainsFunc(flags, o.given) {
		return &usageError{text: "nothing to change: give a flag", verb: "fairlead queue update"}
	}
	return o.server.with(func(c *client.Client) error {
		queue, err := c.Queues.GetQueue(ctx, &api.QueueGetRequest{Name: o.name})
		if err != nil {
			return fmt.Errorf("update queue %s: %w", o.name, err)
		}
		o.fields.apply(queue, o.given)
		if _, err := c.Queues.UpdateQueue(ctx, queue); err != nil {
			return fmt.Errorf("update queue %s: %w", o.name, err)
		}
		return out.results([]result{{Kind: "queue", Name: o.name, Result: "updated"}})
	})
}

// queueEach does one thing to queues by name.
type queueEach struct {
	server *server
	names  []string
	doing  string // delete
	done   string // deleted
	do     func(context.Context, *client.Client, string) error
}

// Run does it to each.
func (o *queueEach) Run(ctx context.Context, out *output) error {
	return o.server.with(func(c *client.Client) error {
		all := make([]result, len(o.names))
		for i, name := range o.names {
			all[i] = result{Kind: "queue", Name: name, Result: o.done}
		}
		return each(ctx, out, &o.server.end, all, func(name string) error {
			if err := o.do(ctx, c, name); err != nil {
				return fmt.Errorf("%s queue %s: %w", o.doing, name, err)
			}
			return nil
		})
	})
}

// queues is the command of a queueEach.
func (a *app) queues(short string, o *queueEach) *cobra.Command {
	o.server = a.server
	return a.run(&cobra.Command{
		Use: o.doing + " NAME...", Short: short, Args: some("NAME"), ValidArgsFunction: a.completeQueue,
	}, o, func(args []string) { o.names = args })
}

func (a *app) queueDelete() *cobra.Command {
	return a.queues("Delete queues", &queueEach{doing: "delete", done: "deleted", do: func(ctx context.Context, c *client.Client, name string) error {
		_, err := c.Queues.DeleteQueue(ctx, &api.QueueDeleteRequest{Name: name})
		return err
	}})
}

func (a *app) queueCordon() *cobra.Command {
	return a.queues("Start no more jobs of queues", &queueEach{doing: "cordon", done: "cordoned", do: func(ctx context.Context, c *client.Client, name string) error {
		_, err := c.Queues.CordonQueue(ctx, &api.QueueCordonRequest{Name: name})
		return err
	}})
}

func (a *app) queueUncordon() *cobra.Command {
	return a.queues("Start jobs of queues again", &queueEach{doing: "uncordon", done: "uncordoned", do: func(ctx context.Context, c *client.Client, name string) error {
		_, err := c.Queues.UncordonQueue(ctx, &api.QueueUncordonRequest{Name: name})
		return err
	}})
}

// pairs are labels on one line, by key.
func pairs(labels map[string]string) string {
	var all []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		all = append(all, k+"="+labels[k])
	}
	return strings.Join(all, ",")
}
