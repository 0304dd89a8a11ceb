package results

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/fairlead-batch/fairlead/services/scheduler/simulate"
)

// The sizes of plots, in their own units; the page scales them.
const (
	wide, high           = 960, 240
	smallWide, smallHigh = 300, 110
)

// one is the whole of a curve's points.
const one = 1 << 16

// poolOf draws a pool.
func poolOf(p *simulate.PoolSummary, end time.Duration, world *simulate.World) poolPage {
	out := poolPage{Name: string(p.ID)}
	order := make([]int, 0, len(p.Parts))
	for q := range p.Parts {
		if p.Parts[q].Mean > 0 {
			order = append(order, q)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p.Parts[b].Mean, p.Parts[a].Mean) })
	shown := order[:min(plotted, len(order))]
	slices.Sort(shown) // in the order of the workload
	out.Others = len(order) - len(shown)
	out.Stack = newPlot("", wide, high, "100 %", end)
	var below []int64
	for i, q := range shown {
		points, _ := p.Parts[q].Actual.Points(end)
		name := string(world.Queues[q].ID)
		below = out.Stack.stack(name, palette[i], points, below)
		out.Each = append(out.Each, eachPlot(name, palette[i], &p.Parts[q], end))
	}
	if rest := restOf(p, order[len(shown):], end); rest != nil {
		out.Stack.stack(fmt.Sprintf("%d others", out.Others), palette[len(palette)-1], rest, below)
	}
	out.Use = newPlot("", wide, high/2, "100 %", end)
	for i, name := range world.Rules.Dominant {
		if points, _ := p.Curves[i].Points(end); slices.Max(points) > 0 {
			out.Use.line(name, palette[i%len(palette)], points, one)
		}
	}
	return out
}

// restOf is the queues that have no plot, together; nil: there are none.
func restOf(p *simulate.PoolSummary, queues []int, end time.Duration) (sum []int64) {
	for _, q := range queues {
		points, _ := p.Parts[q].Actual.Points(end)
		if sum == nil {
			sum = make([]int64, len(points))
		}
		for i := range points {
			sum[i] += points[i]
		}
	}
	return sum
}

// eachPlot draws what a queue had, and over it what it should have had.
func eachPlot(name, colour string, p *simulate.PartSummary, end time.Duration) plot {
	actual, _ := p.Actual.Points(end)
	ideal, _ := p.Ideal.Points(end)
	top := int64(one / 100)
	for i := range actual {
		top = max(top, actual[i], ideal[i])
	}
	out := newPlot(name, smallWide, smallHigh, percent(top), end)
	out.Colour = colour
	out.Areas = []curve{{Name: name, Colour: colour, Path: out.area(actual, nil, top)}}
	out.Lines = []curve{{Name: "ideal share", Path: out.steps(ideal, top), Dashed: true}}
	return out
}

func waitingPlot(of *simulate.Summary) plot {
	points, _ := of.Waiting.Points(of.End)
	top := max(1, slices.Max(points))
	out := newPlot("", wide, high/2, thousands(uint64(top)), of.End) //nolint:gosec // positive
	out.Areas = []curve{{Name: "jobs that wait", Colour: palette[0], Path: out.area(points, nil, top)}}
	return out
}

// barsMax is how many queues have a bar: those that waited longest.
const barsMax = 40

func waitBars(of *simulate.Summary) (bars []waitBar, more int) {
	list := slices.Clone(of.Queues)
	slices.SortStableFunc(list, func(a, b simulate.QueueSummary) int {
		return cmp.Or(cmp.Compare(b.Wait.P99, a.Wait.P99), cmp.Compare(b.Wait.P50, a.Wait.P50), cmp.Compare(a.ID, b.ID))
	})
	more = max(0, len(list)-barsMax)
	list = list[:len(list)-more]
	if len(list) == 0 {
		return nil, 0
	}
	longest := max(list[0].Wait.P99, time.Millisecond)
	for _, q := range list {
		of := func(d time.Duration) float64 { return float64(d*1000/longest) / 10 }
		bars = append(bars, waitBar{
			Name: string(q.ID), P50: of(q.Wait.P50), P90: of(q.Wait.P90), P99: of(q.Wait.P99),
			Text: fmt.Sprintf("%s / %s / %s", clock(q.Wait.P50.Seconds()), clock(q.Wait.P90.Seconds()), clock(q.Wait.P99.Seconds())),
		})
	}
	return bars, more
}

func newPlot(title string, width, height int, top string, end time.Duration) plot {
	p := plot{Title: title, Width: width, Height: height, Top: top, End: clock(end.Seconds())}
	for _, part := range []int{1, 2, 3} {
		p.Ticks = append(p.Ticks, tick{X: width * part / 4, Text: clock(end.Seconds() * float64(part) / 4)})
	}
	return p
}

// percent is a part of a curve's whole.
func percent(points int64) string {
	return strconv.FormatFloat(float64(points*1000/one)/10, 'f', -1, 64) + " %"
}

// stack adds a curve on those below, and returns what it reaches.
func (p *plot) stack(name, colour string, points, below []int64) []int64 {
	reach := slices.Clone(points)
	for i := range below {
		reach[i] += below[i]
	}
	p.Areas = append(p.Areas, curve{Name: name, Colour: colour, Path: p.area(reach, below, one)})
	p.Legend = append(p.Legend, legend{Name: name, Colour: colour})
	return reach
}

func (p *plot) line(name, colour string, points []int64, top int64) {
	p.Lines = append(p.Lines, curve{Name: name, Colour: colour, Path: p.steps(points, top)})
	p.Legend = append(p.Legend, legend{Name: name, Colour: colour})
}

// at is where a point is: x from left to right, y from the top down, in tenths.
func (p *plot) at(i, n int, value, top int64) string {
	x := p.Width * 10 * i / n
	y := int64(p.Height)*10 - int64(p.Height)*10*min(value, top)/top
	return tenths(int64(x)) + " " + tenths(y)
}

func tenths(v int64) string {
	if v%10 == 0 {
		return strconv.FormatInt(v/10, 10)
	}
	return strconv.FormatInt(v/10, 10) + "." + strconv.FormatInt(v%10, 10)
}

// steps is a path that is level over each span.
func (p *plot) steps(points []int64, top int64) string {
	b := []byte("M")
	for i, v := range points {
		if i > 0 {
			b = append(b, 'L')
		}
		b = append(b, p.at(i, len(points), v, top)...)
		b = append(b, 'L')
		b = append(b, p.at(i+1, len(points), v, top)...)
	}
	return string(b)
}

// area is a closed path between a curve and another; nil: the axis.
func (p *plot) area(points, below []int64, top int64) string {
	b := []byte(p.steps(points, top))
	for i := range slices.Backward(points) {
		base := int64(0)
		if below != nil {
			base = below[i]
		}
		b = append(b, 'L')
		b = append(b, p.at(i+1, len(points), base, top)...)
		b = append(b, 'L')
		b = append(b, p.at(i, len(points), base, top)...)
	}
	return string(append(b, 'Z'))
}
