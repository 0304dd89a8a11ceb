package figure_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fairlead-batch/fairlead/tools/loadgen/internal/figure"
)

func TestReport(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	r := figure.NewReport(&out)
	r.Note("machine: %d cores", 2)
	for _, number := range []float64{3, 0.456, 45.67, 4567.8} {
		r.Add("a", number, "ms")
	}
	var fields [][]string
	for line := range strings.Lines(out.String()) {
		fields = append(fields, strings.Fields(line))
	}
	want := []string{"# machine: 2 cores", "a 3 ms", "a 0.46 ms", "a 45.7 ms", "a 4568 ms"}
	for i, line := range want {
		if got := strings.Join(fields[i], " "); got != line {
			t.Errorf("line %d is %q, want %q", i, got, line)
		}
	}
	if r.Err() != nil {
		t.Error(r.Err())
	}
}

type full struct{}

var errFull = errors.New("disk full")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestReportKeepsError(t *testing.T) {
	t.Parallel()
	r := figure.NewReport(full{})
	r.Add("a", 1, "s")
	if !errors.Is(r.Err(), errFull) {
		t.Errorf("the error is %v", r.Err())
	}
}

func TestQuantile(t *testing.T) {
	t.Parallel()
	hundred := figure.Durations{}
	for i := range 100 {
		hundred = append(hundred, time.Duration(100-i))
	}
	for q, want := range map[float64]time.Duration{0: 1, 0.5: 50, 0.99: 99, 1: 100} {
		if got := hundred.Quantile(q); got != want {
			t.Errorf("quantile %v of 1 to 100 is %d, want %d", q, got, want)
		}
	}
	if got := (figure.Durations{}).Quantile(0.5); got != 0 {
		t.Errorf("the median of nothing is %v", got)
	}
}
