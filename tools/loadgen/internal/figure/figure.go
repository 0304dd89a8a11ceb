// Package figure is what a benchmark says: lines of name, number and unit, and the
// points of a distribution.
//
// It guarantees one line a figure, in the order in which they were said, so that a
// script can read them and a person sees each as soon as it is known.
package figure

import (
	"fmt"
	"io"
	"math"
	"slices"
	"time"
)

// Report writes figures. For one goroutine.
type Report struct {
	out io.Writer
	err error
}

// NewReport makes a report on out.
func NewReport(out io.Writer) *Report { return &Report{out: out} }

// Add says a figure: a name, a number, and the unit that it is in.
func (r *Report) Add(name string, number float64, unit string) {
	r.write(fmt.Sprintf("%-62s %12s  %s\n", name, text(number), unit))
}

// Note says something that is not a figure, as a comment line.
func (r *Report) Note(format string, args ...any) {
	r.write("# " + fmt.Sprintf(format, args...) + "\n")
}

func (r *Report) write(line string) {
	if r.err == nil {
		_, r.err = io.WriteString(r.out, line)
	}
}

// Err is the first error that writing met; after it nothing was written.
func (r *Report) Err() error { return r.err }

// text writes a number with three digits that count, and whole from a hundred on.
func text(number float64) string {
	switch size := math.Abs(number); {
	case size >= 100 || number == math.Trunc(number):
		return fmt.Sprintf("%.0f", number)
	case size >= 10:
		return fmt.Sprintf("%.1f", number)
	default:
		return fmt.Sprintf("%.2f", number)
	}
}

// Durations is a sample of how long something took. The zero value is empty. For one
// goroutine.
type Durations []time.Duration

// Quantile is the smallest of the durations that at least the part q of them do not
// exceed, q from 0 to 1; zero when there are none.
func (d Durations) Quantile(q float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(d))
	at := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[min(max(at, 0), len(sorted)-1)]
}

// Milliseconds is d in that unit.
func Milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// MiB is a number of bytes in that unit.
func MiB(bytes int64) float64 { return float64(bytes) / (1 << 20) }
