package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairlead-batch/fairlead/tools/fairlead/internal/render"
)

// System is what the command line has of the machine it runs on.
type System struct {
	In       io.Reader
	Out, Err io.Writer
	// Getenv returns an environment variable; empty: it is not set.
	Getenv func(string) string
	// Config is the path of the file of contexts, where the user names no other.
	Config string
	// Now is the time, for how long things took.
	Now func() time.Time
	// Zone is where the user's clock stands.
	Zone *time.Location
	// Columns is the width of the terminal that Out is, now; zero: Out is none.
	Columns func() int
	// ErrTerminal says that Err is a terminal, which a progress line may overwrite.
	ErrTerminal bool
	// Version is the program's, for --version.
	Version string
}

// Run does what args (without the program's name) say and returns the exit code. It
// returns soon after ctx is done.
func Run(ctx context.Context, sys System, args []string) int {
	a := &app{sys: sys, server: &server{sys: sys}, format: render.AsTable}
	root := a.root()                          //nolint:contextcheck // verbs have theirs from cobra
	root.SetArgs(append([]string{}, args...)) // of nil cobra makes the process's own
	err := root.ExecuteContext(ctx)
	if err == nil {
		return codeDone
	}
	if !a.tried { // cobra's own errors are all about what was typed
		err = &usageError{text: err.Error(), verb: a.verb(root, args)}
	}
	if ctx.Err() != nil {
		err = errInterrupted
	}
	explain(sys.Err, err, a.server.end)
	return exitCode(err)
}

// app is one call of the program.
type app struct {
	sys    System
	server *server
	format render.Format
	tried  bool // a verb began: what was typed made sense
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "fairlead",
		Short: "Queue, submit and follow batch jobs",
		Long: `Queue, submit and follow batch jobs on a Fairlead.

The server is the first of: --url, --context, FAIRLEAD_URL, currentContext of the
file of contexts, localhost:50051. That file is ` + a.sys.Config + `:

  currentContext: lab
  contexts:
    lab:  {url: "localhost:50051"}
    prod: {url: "fairlead.example.com:443", caFile: /etc/ssl/example.pem}

TLS is off for this machine's own addresses, for http:// and with noTLS: true, and
on for all else.

Exit codes: 0 done, 1 failed, 2 wrong flag, argument or file, 3 not found,
4 some of several failed, 5 refused by the server, 130 interrupted.`,
		Version: a.sys.Version,
		// Errors are told once, by explain.
		SilenceErrors: true, SilenceUsage: true,
	}
	root.SetIn(a.sys.In)
	root.SetOut(a.sys.Out)
	root.SetErr(a.sys.Err)
	flags := root.PersistentFlags()
	flags.StringVar(&a.server.ask.URL, "url", "", "address of the server: host:port, http:// or https://")
	flags.StringVar(&a.server.ask.Context, "context", "", "context to use instead of the current one")
	flags.StringVar(&a.server.config, "config", "", "file of contexts (default "+a.sys.Config+")")
	flags.DurationVar(&a.server.timeout, "timeout", timeoutDefault, "longest time that one call may take; a watch is not bound")
	flags.VarP(&a.format, "output", "o", "how to write answers: table, json or yaml")
	flags.SortFlags = false
	must(root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "json", "yaml"}, cobra.ShellCompDirectiveNoFileComp)))
	must(root.RegisterFlagCompletionFunc("context", a.completeContexts))
	return group(root, a.queue(), a.submit(), a.watch(), a.cancel(), a.reprioritize(), a.preempt(), a.get(),
		a.explain(), a.whatIf(), a.report(), a.simulate())
}

// runner is a verb with what the user said.
type runner interface {
	Run(ctx context.Context, out *output) error
}

// run makes c do o; fill hands it the arguments.
func (a *app) run(c *cobra.Command, o runner, fill func(args []string)) *cobra.Command {
	c.RunE = func(c *cobra.Command, args []string) error {
		a.tried = true
		fill(args)
		return o.Run(c.Context(), &output{sys: a.sys, format: a.format})
	}
	c.DisableFlagsInUseLine = true
	c.Flags().SortFlags = false
	return c
}

// verb is the path of what args call, for a word on where its help is.
func (a *app) verb(root *cobra.Command, args []string) string {
	found, _, err := root.Find(args)
	if err != nil {
		return root.CommandPath()
	}
	return found.CommandPath()
}

// group is a verb that only holds others; alone it shows them.
func group(c *cobra.Command, children ...*cobra.Command) *cobra.Command {
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		text := fmt.Sprintf("unknown command %q for %q", args[0], c.CommandPath())
		c.SuggestionsMinimumDistance = 2
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			text += " (did you mean " + strings.Join(near, ", ") + "?)"
		}
		return errors.New(text)
	}
	c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	c.DisableFlagsInUseLine = true
	c.AddCommand(children...)
	return c
}

// must is for mistakes in this package that every call would show.
func must(err error) {
	if err != nil {
		panic("cli: " + err.Error())
	}
}
