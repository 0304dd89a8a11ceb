package simulated_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-batch/fairlead/services/executor/internal/lease"
	"github.com/fairlead-batch/fairlead/services/executor/internal/simulated"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// fate is how long a pod ran and how it ended.
type fate struct {
	ran    time.Duration
	phase  lease.PodPhase
	code   int32
	reason string
}

const never = time.Duration(-1)

// TestCommands runs a pod of one container for each command.
func TestCommands(t *testing.T) {
	t.Parallel()
	well := func(d time.Duration) fate {
		return fate{ran: d, phase: lease.PodSucceeded, reason: "Completed"}
	}
	badly := func(d time.Duration, code int32) fate {
		return fate{ran: d, phase: lease.PodFailed, code: code, reason: "Error"}
	}
	sh := func(text string) []string { return []string{"sh", "-c", text} }
	for name, tc := range map[string]struct {
		command []string
		want    fate
	}{
		"none":                       {nil, well(0)},
		"sleep":                      {[]string{"sleep", "30"}, well(30 * time.Second)},
		"sleep with path":            {[]string{"/bin/sleep", "5"}, well(5 * time.Second)},
		"sleep with units":           {[]string{"sleep", "1m", "1.5s", "2h"}, well(2*time.Hour + 61500*time.Millisecond)},
		"sleep too long":             {[]string{"sleep", "9999999999999h"}, badly(0, 1)},
		"sleep long":                 {sh("sleep $((99999999999*99999))d"), well(10 * 365 * 24 * time.Hour)},
		"sleep for ever":             {[]string{"sleep", "infinity"}, fate{ran: never, phase: lease.PodRunning}},
		"sleep nothing":              {[]string{"sleep"}, badly(0, 1)},
		"sleep nonsense":             {[]string{"sleep", "long"}, badly(0, 1)},
		"sleep backwards":            {sh("sleep $(( 3 - 5 ))"), well(0)},
		"something else":             {[]string{"echo", "sleep 5"}, well(0)},
		"shell":                      {sh("sleep 5"), well(5 * time.Second)},
		"shell with flags":           {[]string{"/bin/bash", "-euc", "sleep 5"}, well(5 * time.Second)},
		"shell without a script":     {[]string{"sh", "-c"}, well(0)},
		"exit":                       {sh("exit 3"), badly(0, 3)},
		"exit beyond a byte":         {sh("exit 300"), badly(0, 2)},
		"exit with status":           {sh("false; exit"), badly(0, 1)},
		"sleep and exit":             {sh("sleep 5 && exit 3"), badly(5*time.Second, 3)},
		"nothing after exit":         {sh("exit 0; sleep 5"), well(0)},
		"lines":                      {sh("echo hello\nsleep 2\nsleep 3\n"), well(5 * time.Second)},
		"and is skipped":             {sh("false && sleep 5"), badly(0, 1)},
		"or is taken":                {sh("false || sleep 5"), well(5 * time.Second)},
		"or is skipped":              {sh("true || sleep 5"), well(0)},
		"the last one counts":        {sh("sleep 1; false"), badly(time.Second, 1)},
		"quoted operators":           {sh(`echo "a; exit 4" 'b && c'; sleep 1`), well(time.Second)},
		"loop, once":                 {sh("for i in 1 2 3; do sleep 2; done"), well(2 * time.Second)},
		"loop for ever":              {sh("while true; do sleep 2; done"), fate{ran: never, phase: lease.PodRunning}},
		"arithmetic":                 {sh("sleep $((2*(3+4)-10/3%2))"), well(13 * time.Second)},
		"arithmetic in minutes":      {sh("sleep $(( 1 + 1 ))m"), well(2 * time.Minute)},
		"division by zero":           {sh("sleep $(( 5 / 0 ))"), well(0)},
		"arithmetic not understood":  {sh("sleep $(( x ))"), badly(0, 1)},
		"arithmetic without an end":  {sh("sleep $(( (1 + 2 ))"), badly(0, 1)},
		"arithmetic too deep":        {sh("sleep $(( ((((((((((((((((((1)))))))))))))))))) ))"), badly(0, 1)},
		"out of memory":              {[]string{"tail", "/dev/zero"}, fate{phase: lease.PodFailed, code: 137, reason: "OOMKilled"}},
		"out of memory, in a shell":  {sh("sleep 1 && tail /dev/zero"), fate{ran: time.Second, phase: lease.PodFailed, code: 137, reason: "OOMKilled"}},
		"a pipe has its last status": {sh("sleep 2 | false"), badly(2*time.Second, 1)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec := simulated.Spec{Containers: []simulated.Container{{Name: "main", Image: "alpine:3.20.0", Command: tc.command}}}
			got := fateOf(t, spec, nil, job.RunID{1})
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(fate{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestRandom: a number between N and N+M, the same for one run, and not for all.
func TestRandom(t *testing.T) {
	t.Parallel()
	spec := simulated.Spec{Containers: []simulated.Container{{Name: "main", Command: []string{"sh", "-c", "sleep $(( (RANDOM % 60) + 100 ))"}}}}
	seen := map[time.Duration]int{}
	for i := range 200 {
		run := job.RunID{0: 1, 15: byte(i)}
		first, again := fateOf(t, spec, nil, run), fateOf(t, spec, nil, run)
		if first != again {
			t.Fatalf("run %s: %v and %v", run, first, again)
		}
		if first.ran < 100*time.Second || first.ran >= 160*time.Second {
			t.Fatalf("run %s sleeps %s", run, first.ran)
		}
		seen[first.ran]++
	}
	if len(seen) < 40 {
		t.Errorf("200 runs sleep in %d ways, of 60: %v", len(seen), seen)
	}
}

// TestLives are specs and annotations beyond a single command.
func TestLives(t *testing.T) {
	t.Parallel()
	sleeps := func(words ...string) simulated.Container {
		return simulated.Container{Name: "main", Command: append([]string{"sleep"}, words...)}
	}
	exits := func(code string) simulated.Container {
		return simulated.Container{Name: "main", Command: []string{"sh", "-c", "sleep 1; exit " + code}}
	}
	for name, tc := range map[string]struct {
		spec        simulated.Spec
		annotations map[string]string
		want        fate
	}{
		"the longest container": {
			spec: simulated.Spec{Containers: []simulated.Container{sleeps("5"), sleeps("9"), sleeps("7")}},
			want: fate{ran: 9 * time.Second, phase: lease.PodSucceeded, reason: "Completed"},
		},
		"one container fails": {
			spec: simulated.Spec{Containers: []simulated.Container{exits("4"), sleeps("9")}},
			want: fate{ran: 9 * time.Second, phase: lease.PodFailed, code: 4, reason: "Error"},
		},
		"init containers come first": {
			spec: simulated.Spec{Init: []simulated.Container{sleeps("1"), sleeps("2")}, Containers: []simulated.Container{sleeps("3")}},
			want: fate{ran: 6 * time.Second, phase: lease.PodSucceeded, reason: "Completed"},
		},
		"an init container fails": {
			spec: simulated.Spec{Init: []simulated.Container{exits("4")}, Containers: []simulated.Container{sleeps("3")}},
			want: fate{ran: time.Second, phase: lease.PodFailed, code: 4, reason: "Error"},
		},
		"deadline": {
			spec: simulated.Spec{Containers: []simulated.Container{sleeps("infinity")}, Deadline: 7 * time.Second},
			want: fate{ran: 7 * time.Second, phase: lease.PodFailed, reason: "DeadlineExceeded"},
		},
		"duration wins over the command": {
			spec:        simulated.Spec{Containers: []simulated.Container{sleeps("infinity")}},
			annotations: map[string]string{"sim/run-duration": "90ms"},
			want:        fate{ran: 90 * time.Millisecond, phase: lease.PodSucceeded, reason: "Completed"},
		},
		"until a moment": {
			spec:        simulated.Spec{Containers: []simulated.Container{sleeps("1")}},
			annotations: map[string]string{"sim/run-duration": "1970-01-01T00:01:00Z"},
			want:        fate{ran: time.Minute, phase: lease.PodSucceeded, reason: "Completed"},
		},
		"exit code wins over the command": {
			spec:        simulated.Spec{Containers: []simulated.Container{sleeps("2")}},
			annotations: map[string]string{"sim/exit-code": "137", "sim/reason": "OOMKilled", "sim/message": "too much"},
			want:        fate{ran: 2 * time.Second, phase: lease.PodFailed, code: 137, reason: "OOMKilled"},
		},
		"made to end well": {
			spec:        simulated.Spec{Containers: []simulated.Container{exits("3")}},
			annotations: map[string]string{"sim/exit-code": "0"},
			want:        fate{ran: time.Second, phase: lease.PodSucceeded, reason: "Completed"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := fateOf(t, tc.spec, tc.annotations, job.RunID{1})
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(fate{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// fateOf lets a pod live in a cluster of one node.
func fateOf(t *testing.T, spec simulated.Spec, annotations map[string]string, run job.RunID) fate {
	t.Helper()
	c, err := simulated.New(simulated.Config{
		Groups: []simulated.Group{{Prefix: "n", Count: 1}},
		Read:   func([]byte) (simulated.Spec, error) { return spec, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	l := &lease.Lease{Run: run, Node: "n0", PodName: "p", Annotations: annotations}
	var last lease.Pod
	var started, ended time.Duration
	now := lease.Time{}
	facts := c.Step(now, lease.CreatePod{Lease: l, Before: time.Hour})
	for {
		for _, f := range facts {
			if f, ok := f.(lease.Created); ok && f.Outcome != lease.CreateMade {
				t.Fatalf("not made: %v", f.Err)
			}
			if f, ok := f.(lease.PodSeen); ok {
				if f.Pod.Phase == lease.PodRunning {
					started = now.Mono
				}
				last, ended = f.Pod, now.Mono
			}
		}
		due, more := c.Due()
		if !more {
			break
		}
		now = now.Add(due - now.Mono)
		facts = c.Step(now)
	}
	if last.Phase == lease.PodRunning {
		return fate{ran: never, phase: lease.PodRunning}
	}
	f := fate{ran: ended - started, phase: last.Phase, reason: last.Reason}
	for _, e := range last.Ends {
		if f.reason == "" || f.reason == "Completed" {
			f.code, f.reason = e.ExitCode, e.Reason
		}
	}
	return f
}
