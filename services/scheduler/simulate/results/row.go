package results

import (
	"math"
	"strconv"
	"time"

	"github.com/fairlead-batch/fairlead/services/scheduler/simulate"
)

// runRow is a row of the table runs.
type runRow struct {
	Job       string  `parquet:"job"`
	Attempt   int32   `parquet:"attempt"`
	Queue     string  `parquet:"queue,dict"`
	JobSet    string  `parquet:"job_set,dict"`
	Class     string  `parquet:"priority_class,dict"`
	Pool      string  `parquet:"pool,dict"`
	Node      string  `parquet:"node,dict"`
	Outcome   string  `parquet:"outcome,dict"`
	Submitted float64 `parquet:"submitted_seconds"`
	Started   float64 `parquet:"started_seconds"`
	Ended     float64 `parquet:"ended_seconds"`
	Wait      float64 `parquet:"wait_seconds"`
	CPU       float64 `parquet:"cpu,dict"`
}

// runColumns are the columns' names in their order.
func (runRow) columns() []string {
	return []string{
		"job", "attempt", "queue", "job_set", "priority_class", "pool", "node", "outcome",
		"submitted_seconds", "started_seconds", "ended_seconds", "wait_seconds", "cpu",
	}
}

func (r runRow) fields(to []string) []string {
	return append(to, r.Job, strconv.Itoa(int(r.Attempt)), r.Queue, r.JobSet, r.Class, r.Pool, r.Node, r.Outcome,
		decimal(r.Submitted), decimal(r.Started), decimal(r.Ended), decimal(r.Wait), decimal(r.CPU))
}

// shareRow is a row of the table shares.
type shareRow struct {
	Time      float64 `parquet:"time_seconds"`
	Round     int64   `parquet:"round"`
	Pool      string  `parquet:"pool,dict"`
	Queue     string  `parquet:"queue,dict"`
	Actual    float64 `parquet:"actual_share"`
	Ideal     float64 `parquet:"ideal_share"`
	Fair      float64 `parquet:"fair_share"`
	Running   int64   `parquet:"running"`
	Started   int64   `parquet:"started"`
	Preempted int64   `parquet:"preempted"`
}

func (shareRow) columns() []string {
	return []string{
		"time_seconds", "round", "pool", "queue", "actual_share", "ideal_share", "fair_share", "running", "started", "preempted",
	}
}

func (r shareRow) fields(to []string) []string {
	return append(to, decimal(r.Time), strconv.FormatInt(r.Round, 10), r.Pool, r.Queue, decimal(r.Actual), decimal(r.Ideal), decimal(r.Fair),
		strconv.FormatInt(r.Running, 10), strconv.FormatInt(r.Started, 10), strconv.FormatInt(r.Preempted, 10))
}

// decimal is a number as short as it can be without an exponent.
func decimal(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// seconds is a time in seconds, to the millisecond.
func seconds(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }

// part is a share as a part of one, to a millionth.
func part(share int64) float64 { return math.Round(float64(share)/simulate.Whole*1e6) / 1e6 }
