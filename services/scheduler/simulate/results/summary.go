package results

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"github.com/fairlead-batch/fairlead/services/scheduler/simulate"
)

// Summary is summary.json.
type Summary struct {
	Cluster  string `json:"cluster"`
	Workload string `json:"workload"`
	Config   string `json:"config"`
	Seed     uint64 `json:"seed"`

	Jobs Jobs `json:"jobs"`
	// Rejections are why jobs were rejected, and how many.
	Rejections map[string]uint64 `json:"rejections,omitempty"`
	// Makespan is when the last job succeeded, MakespanFloor the least that it could have been
	// with the same run times, under any rules; End is when nothing more could happen.
	Makespan      float64 `json:"makespan_seconds"`
	MakespanFloor float64 `json:"makespan_floor_seconds"`
	End           float64 `json:"end_seconds"`
	// Wait is from the submission of an attempt to its start, over all runs.
	Wait Waits `json:"wait_seconds"`
	// ShareError is by how much the queues of a pool together had less than their ideal
	// shares, on average up to the makespan; of the pool where it was most.
	ShareError float64 `json:"share_error"`
	Starts     uint64  `json:"starts"`
	// Preemptions counts runs, LostCPU what they had held until then.
	Preemptions uint64  `json:"preemptions"`
	LostCPU     float64 `json:"lost_cpu_seconds"`
	// Utilisation is the mean use of each pool's resources up to the makespan.
	Utilisation map[string]map[string]float64 `json:"utilisation"`
	Rounds      uint64                        `json:"rounds"`
	Queues      map[string]QueueFigures       `json:"queues"`

	// What the simulation cost, which differs from run to run.
	CPU     float64 `json:"cpu_seconds"`
	PeakRSS int64   `json:"peak_rss_bytes"`
}

// Jobs are counts of jobs by what became of them.
type Jobs struct {
	Total     uint64 `json:"total"`
	Succeeded uint64 `json:"succeeded"`
	Rejected  uint64 `json:"rejected"`
	// Unfinished ran when the simulation ended, Queued waited, Unsubmitted were not
	// submitted: their time had not come, or what they wait for did not succeed.
	Unfinished  uint64 `json:"unfinished"`
	Queued      uint64 `json:"queued"`
	Unsubmitted uint64 `json:"unsubmitted"`
}

// Waits are percentiles.
type Waits struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// QueueFigures are a queue's.
type QueueFigures struct {
	Starts int   `json:"starts"`
	Wait   Waits `json:"wait_seconds"`
	// Share is its mean share of each pool up to the makespan.
	Share map[string]float64 `json:"mean_share"`
}

// Summarize puts a simulation's figures as they are written. Names and cost are the
// caller's to fill in.
func Summarize(of *simulate.Summary, world *simulate.World) *Summary {
	s := &Summary{
		Seed: world.Seed,
		Jobs: Jobs{
			Total: of.Jobs, Succeeded: of.Succeeded, Rejected: of.Rejected,
			Unfinished: of.Unfinished, Queued: of.Queued, Unsubmitted: of.Unsubmitted,
		},
		Makespan: seconds(of.Makespan), MakespanFloor: seconds(of.MakespanFloor), End: seconds(of.End), Wait: waits(of.Wait), Starts: of.Starts,
		Preemptions: of.Preemptions, LostCPU: float64(of.LostCPU) / 1000, Rounds: of.Rounds,
		Utilisation: map[string]map[string]float64{}, Queues: map[string]QueueFigures{}, Rejections: map[string]uint64{},
	}
	for _, r := range of.Rejections {
		s.Rejections[r.Text] = r.Jobs
	}
	for _, p := range of.Pools {
		s.ShareError = max(s.ShareError, part(p.ShareError))
		used := map[string]float64{}
		for i, name := range world.Rules.Dominant {
			used[name] = part(p.Used[i])
		}
		s.Utilisation[string(p.ID)] = used
	}
	for i, q := range of.Queues {
		figures := QueueFigures{Starts: q.Starts, Wait: waits(q.Wait), Share: map[string]float64{}}
		for _, p := range of.Pools {
			figures.Share[string(p.ID)] = part(p.Parts[i].Mean)
		}
		s.Queues[string(q.ID)] = figures
	}
	return s
}

func waits(w simulate.Waits) Waits {
	return Waits{P50: seconds(w.P50), P90: seconds(w.P90), P99: seconds(w.P99), Max: seconds(w.Max)}
}

func (s *Summary) write(path string) error {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(s); err != nil {
		return fmt.Errorf("encode summary: %w", err)
	}
	if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write summary: %w", err)
	}
	return nil
}
