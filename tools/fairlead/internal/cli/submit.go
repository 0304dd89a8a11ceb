package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"

	"github.com/fairlead-batch/fairlead/client"
	"github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/tools/fairlead/internal/jobfile"
	"github.com/fairlead-batch/fairlead/tools/fairlead/internal/strictyaml"
)

func (a *app) submit() *cobra.Command {
	o := &submit{server: a.server}
	c := &cobra.Command{
		Use: "submit FILE... [flags]", Short: "Submit the jobs of files", Args: some("FILE"),
		Long: `Submit the jobs of files, or of standard input (-), and print their ids.

A file is YAML or JSON, of one or more documents, each with jobs of one job set:

  queue: research
  jobSetId: sweep-1
  jobs:
  - namespace: default
    clientId: sweep-1-0        # submitting again does not make it twice
    podSpec:
      restartPolicy: Never
      containers:
      - name: main
        image: alpine:3.20.0
        command: [sh, -c]
        args: ["sleep 10"]
        resources:
          requests: {cpu: 100m, memory: 64Mi}
          limits:   {cpu: 100m, memory: 64Mi}

All files are read and checked before anything is sent. A long list goes in several
requests, each accepted whole or not at all; if one fails, what was submitted before
it is printed, and the exit code is 4.`,
		Example: "  fairlead submit sweep.yaml\n  generate-jobs | fairlead submit - --queue research --job-set sweep-2 --watch",
	}
	c.Flags().StringVar(&o.over.Queue, "queue", "", "queue, whatever the files say")
	c.Flags().StringVar(&o.over.JobSet, "job-set", "", "job set, whatever the files say")
	c.Flags().BoolVar(&o.dryRun, "dry-run", false, "read and check the files, print what would be sent, send nothing")
	c.Flags().BoolVar(&o.watch, "watch", false, "go on to watch the job set until no job of it is active")
	must(c.RegisterFlagCompletionFunc("queue", a.completeQueueFlag))
	return a.run(c, o, func(args []string) { o.files = args })
}

// submit sends the jobs of files.
type submit struct {
	server *server
	files  []string
	over   jobfile.Override
	dryRun bool
	watch  bool
}

// submitted is what was sent to one job set.
type submitted struct {
	Queue  string   `json:"queue"`
	JobSet string   `json:"jobSetId"`
	Jobs   int      `json:"jobs"`
	IDs    []string `json:"jobIds,omitempty"`
}

// Run reads all, then sends all.
func (o *submit) Run(ctx context.Context, out *output) error {
	if o.dryRun && o.watch {
		return usage("--dry-run sends nothing; there would be nothing to --watch")
	}
	all, err := o.read(out.sys.In)
	if err != nil {
		return err
	}
	if o.dryRun {
		return dryRun(out, all)
	}
	if o.watch {
		if err := oneJobSet(all); err != nil {
			return err
		}
	}
	return o.server.with(func(c *client.Client) error {
		if err := o.send(ctx, out, c, all); err != nil {
			return err
		}
		if !o.watch {
			return nil
		}
		w := &watch{server: o.server, queue: all[0].Queue, jobSet: all[0].JobSet, exitIfInactive: true}
		return w.Run(ctx, out)
	})
}

// read reads every file; the mistakes of all are told at once.
func (o *submit) read(in io.Reader) ([]jobfile.Submission, error) {
	if n := times(o.files, "-"); n > 1 {
		return nil, usage("standard input (-) is given %d times", n)
	}
	var all []jobfile.Submission
	var found []strictyaml.Problem
	for _, name := range o.files {
		some, err := readFile(name, in, o.over)
		if wrong, ok := errors.AsType[*strictyaml.Error](err); ok {
			found = append(found, wrong.Problems...)
			continue
		}
		if err != nil {
			return nil, usage("%v", err)
		}
		all = append(all, some...)
	}
	if len(found) > 0 {
		return nil, &strictyaml.Error{Problems: found}
	}
	return all, nil
}

func readFile(name string, in io.Reader, over jobfile.Override) ([]jobfile.Submission, error) {
	if name == "-" {
		return jobfile.Read("standard input", in, over)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // read only
	return jobfile.Read(name, f, over)
}

// times is how many of all are s.
func times(all []string, s string) int {
	n := 0
	for _, a := range all {
		if a == s {
			n++
		}
	}
	return n
}

// oneJobSet refuses what one watch cannot follow.
func oneJobSet(all []jobfile.Submission) error {
	for _, s := range all {
		if s.Queue != all[0].Queue || s.JobSet != all[0].JobSet {
			return usage("--watch follows one job set; these files have %s of %s and %s of %s\nGive --job-set and --queue, or submit them one by one.",
				all[0].JobSet, all[0].Queue, s.JobSet, s.Queue)
		}
	}
	return nil
}

func dryRun(out *output, all []jobfile.Submission) error {
	sent := make([]submitted, len(all))
	for i, s := range all {
		sent[i] = submitted{Queue: s.Queue, JobSet: s.JobSet, Jobs: len(s.Jobs)}
		if !out.tables() {
			continue
		}
		if err := out.say("would submit %s to job set %s of queue %s", jobs(len(s.Jobs)), s.JobSet, s.Queue); err != nil {
			return err
		}
	}
	if out.tables() {
		return nil
	}
	return out.data(sent)
}

// send submits all in their order and tells the ids, also of what was submitted before
// a failure.
func (o *submit) send(ctx context.Context, out *output, c *client.Client, all []jobfile.Submission) error {
	total, done := 0, 0
	for _, s := range all {
		total += len(s.Jobs)
	}
	var sent []submitted
	var failed error
	progress := progressLine{out: out, of: total}
	o.server.answered = progress.add
	for _, s := range all {
		var ids []string
		ids, failed = c.SubmitJobs(ctx, s.Queue, s.JobSet, s.Jobs)
		if len(ids) > 0 {
			sent = append(sent, submitted{Queue: s.Queue, JobSet: s.JobSet, Jobs: len(ids), IDs: ids})
			done += len(ids)
		}
		if failed != nil {
			failed = asWritten(failed, s, len(ids))
			break
		}
	}
	progress.clear()
	if err := o.tell(out, sent); err != nil {
		return err
	}
	if failed == nil {
		return nil
	}
	return o.stopped(ctx, out, failed, progressCount{done: done, of: total})
}

// asWritten makes a refusal of fields be about the file: the server numbers the jobs
// of one request and names fields as the wire does.
func asWritten(failed error, s jobfile.Submission, first int) error {
	said := answered(failed)
	if said == nil || len(fields(said)) == 0 {
		return failed
	}
	var lines []string
	for _, v := range fields(said) {
		lines = append(lines, s.Refused(v.GetField(), rule(v), first).String())
	}
	return &fieldsError{lines: lines, err: failed}
}

// tell writes what was submitted: for people the ids on Out, so that a pipe has them
// alone, and the rest on Err.
func (o *submit) tell(out *output, sent []submitted) error {
	if !out.tables() {
		if sent == nil {
			sent = []submitted{}
		}
		return out.data(sent)
	}
	for _, s := range sent {
		for _, id := range s.IDs {
			if err := out.say("%s", id); err != nil {
				return err
			}
		}
		out.note("submitted %s to job set %s of queue %s", jobs(s.Jobs), s.JobSet, s.Queue)
	}
	return nil
}

// progressCount is how far a submission got.
type progressCount struct{ done, of int }

// stopped is the error of a submission that did not get to its end.
func (o *submit) stopped(ctx context.Context, out *output, failed error, at progressCount) error {
	unsure := ctx.Err() != nil
	if said := answered(failed); said != nil {
		switch said.Code() {
		case codes.DeadlineExceeded, codes.Unavailable, codes.Internal, codes.Unknown:
			unsure = !neverSent(said.Message())
		default:
		}
	}
	if unsure {
		out.note("The last request may have been accepted. Jobs with a clientId can be submitted again and are not made twice.")
	}
	if at.done == 0 {
		return failed
	}
	explain(out.sys.Err, failed, o.server.end)
	return &partError{text: fmt.Sprintf("submitted %d of %d jobs", at.done, at.of)}
}

// progressLine is a line on a terminal that is written over with each answer.
type progressLine struct {
	out      *output
	done, of int
	shown    bool
}

// add counts the jobs of an answer.
func (p *progressLine) add(answer any) {
	got, ok := answer.(*api.JobSubmitResponse)
	if !ok || !p.out.sys.ErrTerminal || p.of <= client.RequestJobsMax {
		return
	}
	p.done += len(got.GetJobResponseItems())
	write(p.out.sys.Err, "\r\x1b[Ksubmitted %d of %d jobs", p.done, p.of)
	p.shown = true
}

func (p *progressLine) clear() {
	if p.shown {
		write(p.out.sys.Err, "\r\x1b[K")
	}
}
