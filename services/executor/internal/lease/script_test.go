package lease_test

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/fairlead-batch/fairlead/services/executor/internal/lease"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

var update = flag.Bool("update", false, "write what the scripts in testdata give")

// TestScripts plays the stories in testdata: commands, a line of dashes, and what
// the core did. A command is one step. See play for the commands.
func TestScripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := newScript(t).run(string(raw))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := gocmp.Diff(string(raw), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", file, diff)
			}
		})
	}
}

// script is a core and the clock it is stepped with.
type script struct {
	t     *testing.T
	core  *lease.Core
	now   lease.Time
	timer time.Duration
	trace []string
}

// smallConfig has limits that a script can reach.
func smallConfig() lease.Config {
	cfg := lease.DefaultConfig()
	cfg.Installation, cfg.Executor, cfg.Pool, cfg.Replicas = "inst", "exec", "pool", 2
	cfg.HeartbeatInterval, cfg.RedialMax = 10*time.Second, 5*time.Second
	cfg.RunsMax, cfg.CreatesMax, cfg.ReportsInFlightMax, cfg.HeldMax, cfg.OverMax = 6, 3, 5, 4, 4
	cfg.PageRunsMax, cfg.PageNodesMax, cfg.PageReportsMax = 3, 2, 3
	return cfg
}

func newScript(t *testing.T) *script {
	t.Helper()
	return &script{t: t, core: lease.New(smallConfig()), now: lease.Time{Wall: 1}}
}

// run plays a file and returns it with the traces that it gave.
func (s *script) run(text string) string {
	var out strings.Builder
	skipping := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case line == "----":
			out.WriteString("----\n")
			for _, l := range s.trace {
				out.WriteString(l + "\n")
			}
			s.trace, skipping = nil, true
			continue
		case line == "":
			skipping = false
		case skipping:
			continue
		case !strings.HasPrefix(line, "#"):
			s.play(line)
		}
		out.WriteString(line + "\n")
	}
	return out.String()
}

// play carries out one command.
func (s *script) play(line string) {
	word := strings.Fields(line)
	switch word[0] {
	case "wait": // lets time pass, with a step whenever the core asked for one
		s.wait(duration(s.t, word[1]))
	case "jump": // moves the wall's clock alone, as a machine that slept does
		s.now.Wall += job.Time(duration(s.t, word[1]))
		s.step()
	case "restart": // ends the process; the cluster stays
		s.core, s.timer = lease.New(smallConfig()), 0
	case "counts":
		n := s.core.Counts()
		s.trace = append(s.trace, fmt.Sprintf("refused epoch=%d replica=%d late=%d dropped=%d adopted=%d created=%d forced=%d resent=%d unacknowledged=%d",
			n.RefusedEpoch, n.RefusedReplica, n.LateOrders, n.Dropped, n.Adopted, n.Created, n.Forced, n.Resent, n.Unacknowledged))
	case "list":
		s.step(s.listed(word[1:]))
	case "opened":
		s.step(lease.Opened{Replica: replica(s.t, word[1]), Session: [16]byte{15: 9}})
	case "closed":
		s.step(lease.Closed{Replica: replica(s.t, word[1])})
	case "down": // down r0 e1 <message>
		s.step(lease.Down{Replica: replica(s.t, word[1]), Epoch: number(s.t, word[2][1:]), Message: s.message(word[3:])})
	default:
		s.step(s.fact(word))
	}
}

// fact reads what a cluster tells.
func (s *script) fact(word []string) lease.Input {
	rest := fields(word[min(2, len(word)):])
	switch word[0] {
	case "saved":
		if word[1] == "error" {
			return lease.EpochSaved{Err: errors.New("no quorum")}
		}
		return lease.EpochSaved{Epoch: number(s.t, word[1])}
	case "created":
		return s.created(word[1], word[2], rest)
	case "deleted":
		outcome := map[string]lease.DeleteOutcome{"accepted": lease.DeleteAccepted, "absent": lease.DeleteAbsent, "failed": lease.DeleteFailed}[word[2]]
		return lease.Deleted{Run: runID(word[1]), Outcome: outcome}
	case "pod":
		return lease.PodSeen{Pod: s.pod(word[1], word[2], rest)}
	case "podgone":
		return lease.PodGone{Run: runID(word[1]), UID: "u-" + word[1]}
	case "node":
		return lease.NodeSeen{Node: lease.Node{Name: word[1], Unschedulable: rest["unschedulable"] != ""}}
	case "nodegone":
		return lease.NodeGone{Name: word[1]}
	}
	s.t.Fatalf("unknown command %q", word)
	return nil
}

func (s *script) created(name, outcome string, rest map[string]string) lease.Created {
	switch outcome {
	case "made":
		return lease.Created{Run: runID(name), Outcome: lease.CreateMade, Pod: podName(name, cmp.Or(rest["node"], "n1")), Grace: 30 * time.Second}
	case "late":
		return lease.Created{Run: runID(name), Outcome: lease.CreateLate}
	case "failed":
		return lease.Created{Run: runID(name), Outcome: lease.CreateFailed, Err: errors.New("the server is busy")}
	}
	return lease.Created{Run: runID(name), Outcome: lease.CreateRefused, Err: errors.New(`namespaces "nope" not found`)}
}

func (s *script) listed(words []string) lease.Listed {
	in := lease.Listed{}
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		switch key {
		case "epoch":
			in.Epoch = number(s.t, value)
		case "nodes":
			for name := range strings.SplitSeq(value, ",") {
				in.Nodes = append(in.Nodes, lease.Node{Name: name})
			}
		case "pod": // pod=a:running
			name, phase, _ := strings.Cut(value, ":")
			phase, deleting, _ := strings.Cut(phase, ":")
			in.Pods = append(in.Pods, s.pod(name, phase, map[string]string{"deleting": deleting}))
		}
	}
	return in
}

func (s *script) pod(name, phase string, rest map[string]string) lease.Pod {
	p := lease.Pod{
		Run: runID(name), Job: jobID(name), Pod: podName(name, cmp.Or(rest["node"], "n1")),
		Phase:    map[string]lease.PodPhase{"pending": lease.PodPending, "running": lease.PodRunning, "succeeded": lease.PodSucceeded, "failed": lease.PodFailed}[phase],
		Deleting: rest["deleting"] != "", Reason: rest["reason"], Message: rest["message"], Waiting: rest["waiting"], Grace: 30 * time.Second,
		WaitingIn: rest["in"], WaitingMessage: rest["says"], Disruption: rest["disruption"],
		Ran: rest["ran"] != "", Initialising: rest["initialising"] != "",
	}
	if code, ended := rest["exit"]; ended {
		p.Ran = true
		p.Ends = []job.ContainerEnd{{Name: "main", ExitCode: int32(number(s.t, code)), Reason: cmp.Or(rest["because"], "Error")}} //nolint:gosec // an exit code
	}
	return p
}

// message reads what a scheduler says.
func (s *script) message(word []string) lease.DownMessage {
	rest := fields(word[1:])
	switch word[0] {
	case "leads":
		return lease.Welcome{Leads: true}
	case "follows":
		return lease.Welcome{}
	case "lease": // lease a after=b,c
		return lease.Leases{Leases: []*lease.Lease{aLease(word[1], rest)}}
	case "stop":
		m := lease.Stops{}
		for _, name := range word[1:] {
			m.Stops = append(m.Stops, lease.Stop{Run: runID(name), Job: jobID(name), Reason: lease.StopCancelled})
		}
		return m
	case "ack": // ack 1 2 go=a,b
		m := lease.Acknowledgements{}
		for _, w := range word[1:] {
			if names, ok := strings.CutPrefix(w, "go="); ok {
				for name := range strings.SplitSeq(names, ",") {
					m.Go = append(m.Go, runID(name))
				}
				continue
			}
			m.Reports = append(m.Reports, number(s.t, w))
		}
		return m
	case "beat":
		return lease.HeartbeatAnswer{Number: number(s.t, word[1])}
	}
	s.t.Fatalf("unknown message %q", word)
	return nil
}

func aLease(name string, rest map[string]string) *lease.Lease {
	l := &lease.Lease{Run: runID(name), Job: jobID(name), Node: cmp.Or(rest["node"], "n1"), PodName: "pod-" + name, Namespace: "ns"}
	if rest["after"] != "" {
		for before := range strings.SplitSeq(rest["after"], ",") {
			l.After = append(l.After, runID(before))
		}
	}
	return l
}

func (s *script) wait(d time.Duration) {
	end := s.now.Mono + d
	for s.timer > 0 && s.timer <= end {
		s.pass(s.timer - s.now.Mono)
		s.timer = 0
		s.step(lease.Due{})
	}
	s.pass(end - s.now.Mono)
}

func (s *script) pass(d time.Duration) { s.now = s.now.Add(d) }

func (s *script) step(inputs ...lease.Input) {
	for _, o := range s.core.Step(s.now, inputs...) {
		if timer, ok := o.(lease.SetTimer); ok {
			s.timer = timer.At.Mono
			continue
		}
		s.trace = append(s.trace, fmt.Sprintf("%s %s", s.now.Mono, describe(o)))
	}
}

// describe prints an output as a line.
func describe(o lease.Output) string {
	switch o := o.(type) {
	case lease.SetTimer:
		return "timer " + o.At.Mono.String()
	case lease.Dial:
		return fmt.Sprintf("dial r%d", o.Replica)
	case lease.HangUp:
		return fmt.Sprintf("hang up r%d: %s", o.Replica, o.Why)
	case lease.Up:
		return fmt.Sprintf("to r%d: %s", o.Replica, describeUp(o.Message))
	case lease.SaveEpoch:
		return fmt.Sprintf("save epoch %d", o.Epoch)
	case lease.CreatePod:
		return fmt.Sprintf("create pod of %s, before %s", runName(o.Lease.Run), o.Before)
	case lease.DeletePod:
		return fmt.Sprintf("delete pod of %s, %s", runName(o.Run), map[lease.Deletion]string{lease.Graceful: "gracefully", lease.Forced: "forced"}[o.How])
	}
	return fmt.Sprintf("%T", o)
}

func describeUp(m lease.UpMessage) string {
	switch m := m.(type) {
	case lease.Hello:
		runs, nodes, last := []string{}, []string{}, ""
		for _, r := range m.Runs {
			runs = append(runs, runName(r.Run)+":"+phaseName(r.Phase))
		}
		for _, n := range m.Nodes {
			nodes = append(nodes, n.Name)
		}
		if m.Last {
			last = " last"
		}
		return fmt.Sprintf("hello epoch=%d runs=%v nodes=%v%s", m.Epoch, runs, nodes, last)
	case lease.NodeChanges:
		names := []string{}
		for _, n := range m.Changed {
			names = append(names, n.Name)
		}
		return fmt.Sprintf("nodes changed=%v gone=%v", names, m.Gone)
	case lease.Reports:
		list := []string{}
		for _, r := range m.Reports {
			list = append(list, fmt.Sprintf("%d %s", r.Number, describeEvent(r.Event)))
		}
		return "reports " + strings.Join(list, ", ")
	case lease.Heartbeat:
		return fmt.Sprintf("heartbeat %d", m.Number)
	}
	return fmt.Sprintf("%T", m)
}

func describeEvent(e job.Event) string {
	//nolint:gochecksumtype // what executors author
	switch e := e.(type) {
	case job.RunAcknowledgedEvent:
		return "acknowledged " + runName(e.Run)
	case job.RunPendingEvent:
		return "pending " + runName(e.Run)
	case job.RunRunningEvent:
		return "running " + runName(e.Run)
	case job.RunSucceededEvent:
		return "succeeded " + runName(e.Run)
	case job.RunFailedEvent:
		return fmt.Sprintf("failed %s (cause %d: %s)", runName(e.Run), e.Failure.Cause, strings.TrimSpace(e.Failure.Message))
	case job.RunReturnedEvent:
		return fmt.Sprintf("returned %s (attempted=%t: %s)", runName(e.Run), e.Attempted, e.Reason)
	case job.RunReleasedEvent:
		return "released " + runName(e.Run)
	}
	return fmt.Sprintf("%T", e)
}

func phaseName(p lease.RunPhase) string {
	return [...]string{"?", "leased", "pending", "running", "ended", "releasing"}[p]
}

// Runs in scripts are letters.
func runID(name string) job.RunID { return job.RunID{15: name[0]} }

func jobID(name string) job.ID { return job.ID{0: 1, 15: name[0]} }

func runName(id job.RunID) string { return string(id[15:]) }

func podName(name, node string) job.Pod {
	return job.Pod{Name: "pod-" + name, Namespace: "ns", UID: "u-" + name, Node: node}
}

// fields reads words of the form key=value; a word alone has the value "yes".
func fields(words []string) map[string]string {
	m := map[string]string{}
	for _, w := range words {
		key, value, ok := strings.Cut(w, "=")
		if !ok {
			value = "yes"
		}
		m[key] = strings.ReplaceAll(value, "_", " ")
	}
	return m
}

func replica(t *testing.T, s string) lease.Replica {
	t.Helper()
	return lease.Replica(number(t, s[1:])) //nolint:gosec // a small number
}

func number(t *testing.T, s string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func duration(t *testing.T, s string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
