package sim_test

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/fairlead-batch/fairlead/services/standalone/sim"
)

var mutantSeeds = flag.Uint64("mutants", 0, "try so many seeds on each mutant (0: none is built)")

// mutant is the system without one rule.
type mutant struct {
	// rule is what is taken out.
	rule string
	// edits take it out.
	edits []edit
	// found is a part of the violation that shows it; empty: there are several.
	found string
}

// edit replaces a text that is in a file once. The file is named from services on.
type edit struct{ file, from, to string }

const (
	lead  = "scheduler/internal/lead/"
	lease = "executor/internal/lease/"
	gate  = "internal/eventlog/gate.go"
)

// mutants are the rules that the simulation is known to watch over.
func mutants() []mutant {
	return []mutant{
		{
			rule: "a plan counts whole",
			edits: []edit{{
				lead + "rules.go", "count: plans.read,",
				"count: func(_ plans, _ eventlog.Header, b []job.Batch) []planned { return leasesIn(b) },",
			}},
			found: "which is not whole",
		},
		{
			rule:  "a leader has read its marker in every partition",
			edits: []edit{{lead + "rules.go", "return markers == 0", "return markers < 3"}},
		},
		{
			rule: "a report is acknowledged when it was read back",
			edits: []edit{{
				lead + "report.go", "[]job.Event{event}, []ack{settles})",
				"[]job.Event{event}, nil)\n\tc.settle([]ack{settles})",
			}},
		},
		{
			rule: "a pod is let go when the acknowledgement of its lease was read back",
			edits: []edit{
				{lead + "report.go", "[]job.Event{event}, []ack{settles})", "[]job.Event{event}, []ack{settles})\n\tc.settle([]ack{settles})"},
				{lead + "report.go", "rec.job.Run.ID == a.run && rec.job.Run.State == job.RunAcknowledged", "rec.aheadOfLog().Run.ID == a.run && rec.aheadOfLog().Run.State == job.RunAcknowledged"},
			},
			found: "whose lease is not acknowledged",
		},
		{
			rule:  "a new leader mends the plans that are not whole",
			edits: []edit{{lead + "epoch.go", "	c.repair()\n", "	c.plans = plans{}\n"}},
		},
		{
			rule: "nothing leaves the overlay by timeout",
			edits: []edit{{lead + "epoch.go", "			c.stepDown(ErrUnread)\n", `
			for _, rec := range c.table.jobs {
				rec.ahead = nil
			}
			for run := range c.lead.leasing {
				c.board.takeBack(decision{run: run})
				delete(c.lead.leasing, run)
			}
			c.lead.unread, c.lead.stale = make([][]ownEntry, len(c.partitions)), true
`}},
		},
		{
			rule:  "a gang is not started beside a member that comes back",
			edits: []edit{{lead + "plan.go", "return !waits(s) || broken[of(s)]", "return !waits(s)"}},
		},
		{
			rule:  "a hello of a newer epoch is refused",
			edits: []edit{{lead + "executor.go", "case in.Epoch > c.epoch:", "case in.Epoch > c.epoch+1_000_000:"}},
		},
		{
			rule:  "an acknowledged run that expires is not run again",
			edits: []edit{{lead + "follow.go", "if !j.Run.Releasing {", "if !j.Run.Releasing || j.Run.Releasing {"}},
		},
		{
			rule:  "silence counts from the leader's own takeover",
			edits: []edit{{lead + "executor.go", "c.now - max(e.heard, c.lead.since)", "c.now - e.heard"}, {lead + "epoch.go", "		e.heard = c.now\n", ""}},
		},
		{
			rule:  "a heartbeat is answered after the lock was checked",
			edits: []edit{{lead + "executor.go", "	c.emit(CheckLock{})\n", "	c.answerHeartbeats()\n"}},
		},
		{
			rule:  "resends are dropped",
			edits: []edit{{gate, "			g.dropped.Resent++\n			return false, nil\n", "			g.dropped.Resent++\n			return true, nil\n"}},
		},
		{
			rule: "what an older leader writes behind a fence is dropped",
			edits: []edit{
				{gate, "case e.Epoch > 0 && e.Epoch < g.epoch:\n		g.dropped.Fenced++\n		return false, nil", "case e.Epoch > 0 && e.Epoch < g.epoch:\n		return true, nil"},
				{gate, "a.epoch > 0 && a.epoch < e.Epoch", "a.epoch > 0 && a.epoch+1_000_000 < e.Epoch"},
			},
		},
		{
			rule:  "what a closed author writes is dropped",
			edits: []edit{{gate, "		g.dropped.Closed++\n		return false, nil", "		g.dropped.Closed++\n		return true, nil"}},
		},
		{
			rule:  "an executor refuses older epochs",
			edits: []edit{{lease + "fence.go", "return epoch == 0 || epoch < highest", "return epoch == 0 || epoch+1_000_000 < highest"}},
		},
		{
			rule: "no pod is made outside of the start window",
			edits: []edit{
				{lease + "replica.go", "return c.hasAnswer && c.fence.highest == c.fence.saved && c.answered.within(c.cfg.StartWindow, c.now)", "return c.hasAnswer"},
				{lease + "run.go", "Before: c.answered.Mono + c.cfg.StartWindow}", "Before: never}"},
			},
			found: "given up as expired",
		},
		{
			rule:  "a pod is made when the leader says go",
			edits: []edit{{lease + "run.go", "	c.runs[r.id] = r\n	for", "	c.runs[r.id] = r\n	defer c.goAhead(r.id)\n	for"}},
			found: "whose lease is not acknowledged",
		},
		{
			rule:  "a pod waits for those that it comes after",
			edits: []edit{{lease + "run.go", "			r.blockers++\n			before.waiting = append(before.waiting, r)\n", ""}},
		},
		{
			rule:  "a release is reported when the pod is gone",
			edits: []edit{{lease + "run.go", "	was := r.stage\n	r.verdict, r.stage = v, clearing\n", "	was := r.stage\n	r.verdict, r.stage = v, clearing\n	if v.kind == verdictReleased {\n		c.report(r.id, reportStep, job.RunReleasedEvent{Head: c.head(r), Run: r.id})\n	}\n"}},
		},
		{
			rule:  "what is not acknowledged is reported again to a new leader",
			edits: []edit{{lease + "fence.go", "	c.counts.Resent += c.outbox.again(c.replicas[r].reports + 1)\n", "	c.outbox = outbox{first: c.replicas[r].reports + 1}\n"}},
		},
	}
}

// TestMutantsAreThere: every edit finds its place. One that does not is of code that has
// changed, and its mutant has to follow.
func TestMutantsAreThere(t *testing.T) {
	t.Parallel()
	for _, m := range mutants() {
		for _, e := range m.edits {
			text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(e.file)))
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(text), e.from); n != 1 {
				t.Errorf("%s has %q %d times, want once: edit the mutant so that it takes out again that %s", e.file, e.from, n, m.rule)
			}
		}
	}
}

// TestMutants: the simulation finds that a rule is missing, whichever of these it is: so
// it can fail, and each of them is needed. A mutant is built from the tree as it is, with
// the edited files laid over it by the go command, and run by seeds until one fails.
func TestMutants(t *testing.T) {
	t.Parallel()
	if *mutantSeeds == 0 {
		t.Skip("it builds the simulation once a rule, which takes minutes: -mutants N, or make mutants")
	}
	for _, m := range mutants() {
		t.Run(m.rule, func(t *testing.T) {
			t.Parallel()
			binary := m.build(t)
			seeds := exec.CommandContext(t.Context(), binary, "-test.run", "^TestSeeds$", "-seeds", strconv.FormatUint(*mutantSeeds, 10), "-failures", "1", "-test.timeout", "20m")
			out, err := seeds.CombinedOutput()
			failed := regexp.MustCompile(`seed (\d+): (.*)`).FindStringSubmatch(string(out))
			if err == nil || failed == nil {
				t.Fatalf("no seed up to %d finds it:\n%s", *mutantSeeds, out)
			}
			seed, err := strconv.ParseUint(failed[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			if with := sim.Run(sim.DefaultConfig(seed), nil); with.Err != nil {
				t.Errorf("seed %d fails with the rule, too: %v", seed, with.Err)
			}
			if !strings.Contains(failed[2], m.found) {
				t.Errorf("found by seed %d: %s; want %q", seed, failed[2], m.found)
			}
			t.Logf("found by seed %d: %s", seed, failed[2])
		})
	}
}

// build makes the simulation's test program without the rule.
func (m mutant) build(t *testing.T) (binary string) {
	t.Helper()
	dir := t.TempDir()
	texts := map[string]string{}
	for _, e := range m.edits {
		file, err := filepath.Abs(filepath.Join("..", "..", filepath.FromSlash(e.file)))
		if err != nil {
			t.Fatal(err)
		}
		if texts[file] == "" {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			texts[file] = string(text)
		}
		texts[file] = strings.Replace(texts[file], e.from, e.to, 1)
	}
	overlay := struct{ Replace map[string]string }{Replace: map[string]string{}}
	for file, text := range texts {
		edited := filepath.Join(dir, filepath.Base(file))
		overlay.Replace[file] = edited
		if err := os.WriteFile(edited, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	plan, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	overlaid := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlaid, plan, 0o600); err != nil {
		t.Fatal(err)
	}
	binary = filepath.Join(dir, "sim.test")
	if out, err := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-overlay", overlaid, "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return binary
}
