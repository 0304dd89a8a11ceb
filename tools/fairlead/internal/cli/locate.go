package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"github.com/fairlead-batch/fairlead/client"
	"github.com/fairlead-batch/fairlead/proto/gen/api"
)

// detailsMax is how many jobs one query may ask about.
const detailsMax = 500

// target is what a command on jobs is about: some jobs, or all of a job set.
type target struct {
	server *server
	ids    []string
	queue  string
	jobSet string
	all    bool
	sets   bool // can be about a whole job set
}

func (t *target) register(flags *pflag.FlagSet) {
	flags.StringVar(&t.queue, "queue", "", "queue of the jobs; looked up where it is not given")
	flags.StringVar(&t.jobSet, "job-set", "", "job set of the jobs; looked up where it is not given")
}

// registerAll adds the flag for those that can be about a whole job set.
func (t *target) registerAll(flags *pflag.FlagSet) {
	t.register(flags)
	t.sets = true
	flags.BoolVar(&t.all, "all", false, "all jobs of the --job-set of the --queue")
}

// check says what is missing. That a whole job set must be asked for by --all keeps a
// script whose list of ids came out empty from ending everything.
func (t *target) check(verb string) error {
	wrong := func(text string) error { return &usageError{text: text, verb: "fairlead " + verb} }
	switch {
	case (t.queue == "") != (t.jobSet == ""):
		return wrong("--queue and --job-set go together")
	case t.all && len(t.ids) > 0:
		return wrong("--all is for a whole job set; leave out the ids, or --all")
	case t.all && t.queue == "":
		return wrong("--all needs --queue and --job-set")
	case !t.all && len(t.ids) == 0 && t.sets && t.queue != "":
		return wrong("missing ID; for the whole job set: --all")
	case !t.all && len(t.ids) == 0:
		return wrong("missing ID")
	}
	return nil
}

// place is a job set with some of its jobs.
type place struct {
	queue, jobSet string
	ids           []string
}

// locate returns where the jobs are, in the order of their first ids. Those that the
// server does not know are in none of the places.
func (t *target) locate(ctx context.Context, c *client.Client) (places []place, unknown []string, err error) {
	if t.queue != "" {
		return []place{{queue: t.queue, jobSet: t.jobSet, ids: t.ids}}, nil, nil
	}
	for chunk := range slices.Chunk(t.ids, detailsMax) {
		answer, err := c.Jobs.GetJobDetails(ctx, &api.JobDetailsRequest{JobIds: chunk})
		if err != nil {
			return nil, nil, fmt.Errorf("look up %s (--queue and --job-set do without): %w", jobs(len(chunk)), err)
		}
		for _, id := range chunk {
			details, ok := answer.GetJobDetails()[id]
			if !ok {
				unknown = append(unknown, id)
				continue
			}
			at := slices.IndexFunc(places, func(p place) bool {
				return p.queue == details.GetQueue() && p.jobSet == details.GetJobset()
			})
			if at < 0 {
				at = len(places)
				places = append(places, place{queue: details.GetQueue(), jobSet: details.GetJobset()})
			}
			places[at].ids = append(places[at].ids, id)
		}
	}
	return places, unknown, nil
}

// ask does something to the jobs, one call a job set, and tells what became of each.
// do returns an error text for each job that the server answered one for.
func (t *target) ask(ctx context.Context, out *output, asked string, do func(*client.Client, place) (map[string]string, error)) error {
	return t.server.with(func(c *client.Client) error {
		places, unknown, err := t.locate(ctx, c)
		if err != nil {
			return err
		}
		errs := map[string]string{}
		for _, id := range unknown {
			errs[id] = "not found"
		}
		var first error
		for _, p := range places {
			refused, err := do(c, p)
			if err != nil && len(places) == 1 && len(unknown) == 0 {
				return err
			}
			for _, id := range p.ids {
				switch {
				case err != nil:
					errs[id] = plainText(err, t.server.end)
				case refused[id] != "":
					errs[id] = refused[id]
				}
			}
			if first == nil {
				first = err
			}
		}
		return t.tell(out, asked, errs, first)
	})
}

// tell writes what became of each job, in the order asked for.
func (t *target) tell(out *output, asked string, errs map[string]string, first error) error {
	all := make([]result, len(t.ids))
	for i, id := range t.ids {
		all[i] = result{Kind: "job", Name: id, Result: asked}
		if text := errs[id]; text != "" {
			all[i].Result, all[i].Error = "", text
		}
	}
	if err := out.results(all); err != nil {
		return err
	}
	switch {
	case len(errs) == 0:
		return nil
	case len(errs) < len(t.ids):
		return &partError{text: fmt.Sprintf("%d of %s failed", len(errs), jobs(len(t.ids)))}
	case first != nil:
		return fmt.Errorf("no job of %d: the first: %w", len(t.ids), first)
	default:
		return &missingError{text: "no such job"}
	}
}
