package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairlead-batch/fairlead/client"
	"github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/tools/fairlead/internal/render"
)

const (
	// reconnectFor is how long a watch tries to reach a server that was there before.
	reconnectFor = 10 * time.Minute
	// outageGap is the time without a failed attempt after which the next one counts as
	// the begin of another outage; longer than one attempt and the pause before it.
	outageGap = time.Minute
)

func (a *app) watch() *cobra.Command {
	o := &watch{server: a.server}
	c := &cobra.Command{
		Use: "watch QUEUE JOBSET [flags]", Short: "Follow a job set", Args: exactly("QUEUE", "JOBSET"), ValidArgsFunction: a.completeFirstQueue,
		Long: `Follow a job set: how many jobs are in which state. On a terminal a few lines are
drawn again and again; else each change of a job is a line. A lost connection is
made again where it broke, for at most ` + fmt.Sprintf("%.0f", reconnectFor.Minutes()) + ` minutes.

With --exit-if-inactive the watch ends when no job of the set is queued or running,
says which did not succeed, and the exit code is 4 if there are any; a job set
without jobs is not found (3).`,
		Example: "  fairlead watch research sweep-1\n  fairlead watch research sweep-1 --raw | jq -r '.message | keys[0]'",
	}
	c.Flags().BoolVar(&o.exitIfInactive, "exit-if-inactive", false, "end when no job is active")
	c.Flags().BoolVar(&o.raw, "raw", false, "print every event, as a line of JSON (as -o json does)")
	return a.run(c, o, func(args []string) { o.queue, o.jobSet = args[0], args[1] })
}

// watch follows a job set.
type watch struct {
	server         *server
	queue, jobSet  string
	exitIfInactive bool
	raw            bool
}

// viewer shows a job set as it goes. Its methods are called by one goroutine.
type viewer interface {
	// history is called when what was there at the begin is counted.
	history(*tally) error
	// event is called with each event.
	event(seen) error
	// lost is called for each attempt to connect again.
	lost(error)
	// end is called once, last.
	end(*tally) error
}

// seen is an event and what it did.
type seen struct {
	message *api.EventStreamMessage
	change  *change // nil: no job moved by it
	tally   *tally  // after it
}

// Run follows it to the end that was asked for.
func (o *watch) Run(ctx context.Context, out *output) error {
	return o.server.with(func(c *client.Client) error {
		f := &following{watch: o, tally: newTally(), view: o.viewer(out)}
		err := f.run(ctx, c, out)
		if endErr := f.view.end(f.tally); err == nil {
			err = endErr
		}
		if n := f.tally.unsuccessful(); err == nil && o.exitIfInactive && n > 0 {
			err = &partError{text: fmt.Sprintf("%d of %s did not succeed", n, jobs(f.tally.jobs()))}
		}
		return err
	})
}

func (o *watch) viewer(out *output) viewer {
	switch {
	case o.raw || out.format == render.AsJSON:
		return &stream{watch: o, out: out, format: render.AsJSON}
	case !out.tables():
		return &stream{watch: o, out: out, format: out.format}
	case out.sys.Columns() > 0:
		return newScreen(o, out)
	default:
		return &lines{watch: o, out: out}
	}
}

// following is a watch under way.
type following struct {
	*watch
	tally *tally
	view  viewer
	last  string // id of the newest event
	err   error  // of the view; ends the watch
}

// run reads what is there first and only then asks whether any job is active: in the
// middle of a history no job may have been for a moment.
func (f *following) run(ctx context.Context, c *client.Client, out *output) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	outage := outage{now: out.sys.Now, giveUp: cancel}
	request := client.WatchRequest{Queue: f.queue, JobSet: f.jobSet, Once: true, Lost: func(err error) {
		if f.last == "" { // it never answered
			cancel(err)
			return
		}
		outage.again(err)
		f.view.lost(err)
	}}
	err := c.Watch(ctx, request, func(m *api.EventStreamMessage) bool {
		f.add(m)
		return f.err == nil
	})
	if err != nil || f.err != nil {
		return firstOf(f.err, err)
	}
	if f.tally.jobs() == 0 && f.exitIfInactive {
		return &missingError{text: fmt.Sprintf("job set %s of queue %s has no jobs", f.jobSet, f.queue)}
	}
	if err := f.view.history(f.tally); err != nil {
		return err
	}
	if f.over() {
		return nil
	}
	request.Once, request.From = false, f.last
	request.Lost = func(err error) {
		outage.again(err)
		f.view.lost(err)
	}
	err = c.Watch(ctx, request, func(m *api.EventStreamMessage) bool {
		f.add(m)
		return f.err == nil && !f.over()
	})
	return firstOf(f.err, err)
}

func (f *following) add(m *api.EventStreamMessage) {
	f.last = m.GetId()
	f.err = f.view.event(seen{message: m, change: f.tally.add(m.GetMessage()), tally: f.tally})
}

func (f *following) over() bool { return f.exitIfInactive && f.tally.active() == 0 }

// firstOf is the first of two errors that is one.
func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// outage ends a watch whose server stays away.
type outage struct {
	now         func() time.Time
	giveUp      context.CancelCauseFunc
	since, last time.Time
}

func (o *outage) again(err error) {
	now := o.now()
	if now.Sub(o.last) > outageGap {
		o.since = now
	}
	o.last = now
	if now.Sub(o.since) > reconnectFor {
		o.giveUp(fmt.Errorf("no connection for %v: %w", reconnectFor, err))
	}
}
