package meter

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Machine is what a figure depends on beside the program.
type Machine struct {
	Cores       int
	Model       string
	MemoryBytes int64
	Kernel, Go  string
	// Load is the load average of the last minute, as the kernel writes it.
	Load string
}

// ReadMachine reads the facts of this machine. What cannot be read is "unknown".
func ReadMachine() Machine {
	memory, err := kibibytes("/proc/meminfo", "MemTotal:")
	if err != nil {
		memory = 0
	}
	return Machine{
		Cores: runtime.NumCPU(), Model: line("/proc/cpuinfo", "model name"), MemoryBytes: memory,
		Kernel: first("/proc/sys/kernel/osrelease"), Go: runtime.Version(), Load: first("/proc/loadavg"),
	}
}

// unknown stands for a fact that the kernel does not tell.
const unknown = "unknown"

// first is the first word of a file.
func first(path string) string {
	text, err := os.ReadFile(path) //nolint:gosec // the kernel's own paths
	if err != nil {
		return unknown
	}
	word, _, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	return word
}

// line is the value of the first line of a file with that key.
func line(path, key string) string {
	text, err := os.ReadFile(path) //nolint:gosec // the kernel's own paths
	if err != nil {
		return unknown
	}
	for l := range strings.Lines(string(text)) {
		if k, v, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return unknown
}

// Busy is the CPU time that all processes of the machine have used since it started.
func Busy() (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, fmt.Errorf("read the machine's CPU: %w", err)
	}
	head, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(head)
	if len(fields) < 8 {
		return 0, fmt.Errorf("read /proc/stat: %d fields, want 8 or more", len(fields))
	}
	total := 0
	for _, i := range []int{1, 2, 3, 6, 7} { // user, nice, system, irq, softirq
		n, err := strconv.Atoi(fields[i])
		if err != nil {
			return 0, fmt.Errorf("read /proc/stat: %w", err)
		}
		total += n
	}
	return time.Duration(total) * tick, nil
}

// Self is the CPU time that this process has used.
func Self() (time.Duration, error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0, fmt.Errorf("read our own CPU: %w", err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), nil
}

// magics of statfs(2) that say a folder is in memory.
const (
	tmpfs = 0x01021994
	ramfs = 0x858458f6
)

// OnDisk says whether what is written to a folder reaches a disk. An overlay counts
// as one: what is below it cannot be seen.
func OnDisk(folder string) (bool, error) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(folder, &stat); err != nil {
		return false, fmt.Errorf("look at %s: %w", folder, err)
	}
	kind := uint32(stat.Type) //nolint:gosec // a magic number of 32 bits
	return kind != tmpfs && kind != ramfs, nil
}
