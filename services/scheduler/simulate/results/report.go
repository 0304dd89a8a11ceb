package results

import (
	"bytes"
	_ "embed" // the page is a file
	"fmt"
	"html/template"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/fairlead-batch/fairlead/services/scheduler/simulate"
)

//go:embed report.html.tmpl
var reportPage string

// plotted is how many queues have a plot and a colour of their own: those that held most.
const plotted = 12

// palette are colours that are told apart also by most who see few; the last is for the
// other queues together.
var palette = [...]string{
	"#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377",
	"#e69f00", "#009e73", "#7b61c4", "#d55e00", "#8c6d31", "#5b8c85", "#999999",
}

// page is what the template is given.
type page struct {
	Summary *Summary
	Figures []figureText
	Pools   []poolPage
	Waiting plot
	Waits   []waitBar
	More    int // queues without a bar
}

type figureText struct{ Name, Value, Hint string }

type poolPage struct {
	Name  string
	Stack plot
	// Each are the queues with a plot of their own.
	Each   []plot
	Others int
	Use    plot
}

// plot is one drawing, in its own coordinates.
type plot struct {
	Title, Colour string
	Width, Height int
	// Areas are filled, Lines are drawn.
	Areas, Lines []curve
	Legend       []legend
	// Top, End are what the axes reach.
	Top, End string
	Ticks    []tick
}

type curve struct {
	Name, Colour, Path string
	Dashed             bool
}

type legend struct{ Name, Colour string }

type tick struct {
	X    int
	Text string
}

type waitBar struct {
	Name          string
	P50, P90, P99 float64 // parts of the longest, in percent
	Text          string
}

func writeReport(path string, s *Summary, of *simulate.Summary, world *simulate.World) error {
	t, err := template.New("report").Parse(reportPage)
	if err != nil {
		return fmt.Errorf("read the report's page: %w", err)
	}
	p := page{Summary: s, Figures: figures(s)}
	for i := range of.Pools {
		p.Pools = append(p.Pools, poolOf(&of.Pools[i], of.End, world))
	}
	p.Waiting = waitingPlot(of)
	p.Waits, p.More = waitBars(of)
	var out bytes.Buffer
	if err := t.Execute(&out, p); err != nil {
		return fmt.Errorf("fill the report's page: %w", err)
	}
	if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// figures are the numbers on top of the page.
func figures(s *Summary) []figureText {
	var used []string
	for _, pool := range sortedKeys(s.Utilisation) {
		for _, resource := range sortedKeys(s.Utilisation[pool]) {
			if part := s.Utilisation[pool][resource]; part > 0 {
				used = append(used, fmt.Sprintf("%s %s %.1f %%", pool, resource, 100*part))
			}
		}
	}
	return []figureText{
		{"jobs succeeded", fmt.Sprintf("%s of %s", thousands(s.Jobs.Succeeded), thousands(s.Jobs.Total)), notSucceeded(s.Jobs)},
		{"makespan", clock(s.Makespan), fmt.Sprintf("%.3f s; %.3f s at the least, by run times and work", s.Makespan, s.MakespanFloor)},
		{"wait, p50 / p90 / p99", strings.Join([]string{clock(s.Wait.P50), clock(s.Wait.P90), clock(s.Wait.P99)}, " / "), "of a run, from the submission of that attempt"},
		{"preemptions", thousands(s.Preemptions), fmt.Sprintf("%s cpu-hours of work lost", thousands(uint64(s.LostCPU/3600)))},
		{"share error", fmt.Sprintf("%.2f %%", 100*s.ShareError), "of the pool, below the ideal shares on average"},
		{"utilisation", strings.Join(used, ", "), "mean up to the makespan"},
	}
}

func notSucceeded(j Jobs) string {
	var parts []string
	for _, c := range []struct {
		n    uint64
		what string
	}{{j.Rejected, "rejected"}, {j.Unfinished, "unfinished"}, {j.Queued, "queued"}, {j.Unsubmitted, "never submitted"}} {
		if c.n > 0 {
			parts = append(parts, thousands(c.n)+" "+c.what)
		}
	}
	return strings.Join(parts, ", ")
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// thousands writes a number with its thousands apart.
func thousands(n uint64) string {
	text := fmt.Sprint(n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// clock writes a time as people say it: 1h 04m, 5m 20s, 12.5s.
func clock(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d >= time.Hour:
		return fmt.Sprintf("%dh %02dm", int(d.Hours()), int(d.Minutes())%60)
	case d >= time.Minute:
		return fmt.Sprintf("%dm %02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d >= 10*time.Second || d == d.Truncate(time.Second):
		return fmt.Sprintf("%.0fs", d.Seconds())
	}
	return fmt.Sprintf("%.1fs", d.Seconds())
}
