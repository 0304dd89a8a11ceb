package meter_test

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/fairlead-batch/fairlead/tools/loadgen/internal/meter"
)

// TestRead: CPU that this process burns is in the difference of two samples, and
// about as much of it as getrusage says.
func TestRead(t *testing.T) {
	t.Parallel()
	before := read(t)
	began, err := meter.Self()
	if err != nil {
		t.Fatal(err)
	}
	for used := began; used < began+300*time.Millisecond; {
		if used, err = meter.Self(); err != nil {
			t.Fatal(err)
		}
	}
	after := read(t)
	if cost := after.Since(before)["us"]; cost < 250*time.Millisecond {
		t.Errorf("burnt 300ms or more, the sample says %v", cost)
	}
	if us := after["us"]; us.PeakBytes < 1<<20 || us.ShareBytes < 1<<20 || us.Processes != 1 {
		t.Errorf("a Go program of one process and more than a MiB reads as %+v", us)
	}
	if _, err := meter.Read(1<<30, "nobody"); err == nil {
		t.Error("a process that is not there was read")
	}
}

// TestReadDescendants: a child is in the sample under its own name.
func TestReadDescendants(t *testing.T) {
	t.Parallel()
	child := exec.CommandContext(t.Context(), "sleep", "60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = child.Wait() }() // it is killed
	defer func() { _ = child.Process.Kill() }()
	if got := read(t)["sleep"].Processes; got != 1 {
		t.Errorf("%d children called sleep, want 1", got)
	}
}

func read(t *testing.T) meter.Sample {
	t.Helper()
	sample, err := meter.Read(os.Getpid(), "us")
	if err != nil {
		t.Fatal(err)
	}
	return sample
}

func TestMachine(t *testing.T) {
	t.Parallel()
	before, err := meter.Busy()
	if err != nil {
		t.Fatal(err)
	}
	if before <= 0 {
		t.Errorf("the machine has used %v of CPU", before)
	}
	if m := meter.ReadMachine(); m.Cores < 1 || m.MemoryBytes <= 0 || m.Kernel == "" {
		t.Errorf("read %+v", m)
	}
	if onDisk, err := meter.OnDisk("/dev/shm"); err == nil && onDisk {
		t.Error("/dev/shm is said to be on disk")
	}
}
