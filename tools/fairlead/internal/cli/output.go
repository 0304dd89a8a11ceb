package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fairlead-batch/fairlead/tools/fairlead/internal/endpoint"
	"github.com/fairlead-batch/fairlead/tools/fairlead/internal/render"
)

// output is where a verb's answers and notes go. For one goroutine.
type output struct {
	sys    System
	format render.Format
}

// tables says whether answers are for people.
func (out *output) tables() bool { return out.format == render.AsTable }

// say writes a line of an answer for people.
func (out *output) say(format string, args ...any) error {
	_, err := fmt.Fprintln(out.sys.Out, render.Clean(fmt.Sprintf(format, args...)))
	return err
}

// note writes a line beside the answer.
func (out *output) note(format string, args ...any) {
	write(out.sys.Err, "%s\n", render.Clean(fmt.Sprintf(format, args...)))
}

// table writes a table, or says that there is nothing.
func (out *output) table(t render.Table, none string) error {
	if len(t.Rows) == 0 {
		out.note("%s", none)
		return nil
	}
	return t.Write(out.sys.Out, out.sys.Columns())
}

// data writes plain data in the format that was asked for.
func (out *output) data(v any) error { return render.Write(out.sys.Out, out.format, v) }

// clock is a time on the user's clock; empty for none.
func (out *output) clock(t time.Time) string {
	if t.Unix() <= 0 {
		return ""
	}
	return t.In(out.sys.Zone).Format("2006-01-02 15:04:05")
}

// moment is a time in as little room as tells it apart: the time of today, or day and
// time; the year is seldom in question.
func (out *output) moment(t time.Time) string {
	if t.Unix() <= 0 {
		return ""
	}
	t = t.In(out.sys.Zone)
	now := out.sys.Now().In(out.sys.Zone)
	if t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		return t.Format("15:04:05")
	}
	return t.Format("01-02 15:04")
}

// result is what became of one of the things that a verb was asked for.
type result struct {
	Kind string `json:"-"` // queue, job
	Name string `json:"name"`
	// Result says what was done, or asked for where that is all one call can do.
	Result string `json:"result,omitempty"`
	Error  string `json:"error,omitempty"`
}

// each does the same to several things and tells what became of each. All are tried.
// The error of the only one, or of all alike, is returned as it is.
func each(ctx context.Context, out *output, end *endpoint.Endpoint, all []result, do func(name string) error) error {
	var first error
	failed := 0
	for i := range all {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		err := do(all[i].Name)
		if err == nil {
			continue
		}
		failed++
		if len(all) == 1 {
			return err
		}
		if first == nil {
			first = err
		}
		all[i].Result, all[i].Error = "", plainText(err, *end)
		if answered(err) == nil { // not the server's: the next would fail alike
			return err
		}
	}
	return errors.Join(out.results(all), part(failed, len(all), first))
}

// part is the error of several things of which some failed; nil for none.
func part(failed, all int, first error) error {
	switch failed {
	case 0:
		return nil
	case all:
		return fmt.Errorf("none of %d: the first: %w", all, first)
	default:
		return &partError{text: fmt.Sprintf("%d of %d failed", failed, all)}
	}
}

// results tells what became of each: for people a line on Out for what was done and on
// Err for what failed.
func (out *output) results(all []result) error {
	if !out.tables() {
		return out.data(all)
	}
	for _, r := range all {
		if r.Error != "" {
			out.note("%s %s: %s", r.Kind, r.Name, r.Error)
			continue
		}
		if err := out.say("%s %s %s", r.Kind, r.Name, r.Result); err != nil {
			return err
		}
	}
	return nil
}

// plainText is an error on one line.
func plainText(err error, end endpoint.Endpoint) string {
	if said := answered(err); said != nil {
		text, more := server2person(said, end)
		if len(violations(said)) > 0 {
			return text + ": " + more[0]
		}
		return text
	}
	return err.Error()
}
