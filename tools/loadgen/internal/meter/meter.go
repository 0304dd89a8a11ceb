// Package meter reads from /proc what a process and its descendants cost: CPU and
// memory, by what each of them is for. Linux only.
//
// # Model
//
// A [Sample] is the cost so far of every process of a tree, summed by role. The cost
// of a piece of work is the difference of two samples. A Postgres backend that ended
// between the two is in neither, but the postmaster has waited for it, and the
// kernel keeps what it used there: that is counted with the backends.
//
// # Guarantees
//
// CPU is user and system time as the kernel accounts it, in steps of 10 ms a process.
// A process that ends while it is read is left out; everything else that cannot be
// read is an error.
package meter

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is the unit of CPU time in /proc: USER_HZ is 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// Usage is what the processes of one role have used.
type Usage struct {
	// CPU since they began, user and system.
	CPU time.Duration
	// PeakBytes is the most memory that was resident at a time, summed over the
	// processes: what they share is counted in each.
	PeakBytes int64
	// ShareBytes is what is resident now, each shared page divided among those that
	// share it.
	ShareBytes int64
	// Processes is how many there are.
	Processes int
}

// Sample is the usage by role. It is not changed after Read.
type Sample map[string]Usage

// Read samples the process root and all its descendants. name is root's role.
func Read(root int, name string) (Sample, error) {
	all, err := processes()
	if err != nil {
		return nil, err
	}
	sample := Sample{}
	for _, p := range descendants(all, root) {
		role := p.role()
		if p.pid == root {
			role = name
		}
		if err := sample.add(p, role); err != nil {
			return nil, err
		}
	}
	if len(sample) == 0 {
		return nil, fmt.Errorf("read process %d: it is gone", root)
	}
	return sample, nil
}

// backends is the role of the processes that serve Postgres' clients.
const backends = "postgres backends"

func (s Sample) add(p process, role string) error {
	peak, share, err := p.memory()
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read memory of process %d: %w", p.pid, err)
	}
	usage := s[role]
	usage.CPU += p.cpu
	usage.PeakBytes += peak
	usage.ShareBytes += share
	usage.Processes++
	s[role] = usage
	if role == postmaster {
		ended := s[backends]
		ended.CPU += p.waited
		s[backends] = ended
	}
	return nil
}

// Since is the CPU that was used between an earlier sample and s, by role.
func (s Sample) Since(earlier Sample) map[string]time.Duration {
	cost := map[string]time.Duration{}
	for role, usage := range s {
		cost[role] = max(0, usage.CPU-earlier[role].CPU)
	}
	return cost
}

// Roles are the roles of s, by name.
func (s Sample) Roles() []string {
	roles := make([]string, 0, len(s))
	for role := range s {
		roles = append(roles, role)
	}
	slices.Sort(roles)
	return roles
}

// process is a line of /proc.
type process struct {
	pid, parent int
	comm        string
	cpu, waited time.Duration
}

func processes() ([]process, error) {
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var all []process
	for _, path := range paths {
		text, err := os.ReadFile(path) //nolint:gosec // the kernel's own paths
		if err != nil {
			continue // it has ended
		}
		p, err := parse(string(text))
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		all = append(all, p)
	}
	return all, nil
}

// parse reads a line of /proc/PID/stat; proc(5) names the fields, counted here from
// the one after the command.
func parse(text string) (process, error) {
	begin, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if begin < 0 || end < begin {
		return process{}, fmt.Errorf("no command in %q", text)
	}
	fields := strings.Fields(text[end+1:])
	if len(fields) < 15 {
		return process{}, fmt.Errorf("%d fields after the command, want 15 or more", len(fields))
	}
	numbers := make([]int, 0, 6)
	for _, field := range []string{strings.TrimSpace(text[:begin]), fields[1], fields[11], fields[12], fields[13], fields[14]} {
		n, err := strconv.Atoi(field)
		if err != nil {
			return process{}, fmt.Errorf("read a field: %w", err)
		}
		numbers = append(numbers, n)
	}
	return process{
		pid: numbers[0], parent: numbers[1], comm: text[begin+1 : end],
		cpu: time.Duration(numbers[2]+numbers[3]) * tick, waited: time.Duration(numbers[4]+numbers[5]) * tick,
	}, nil
}

// descendants are root and all below it.
func descendants(all []process, root int) []process {
	children := map[int][]process{}
	var found []process
	for _, p := range all {
		children[p.parent] = append(children[p.parent], p)
		if p.pid == root {
			found = append(found, p)
		}
	}
	for i := 0; i < len(found); i++ {
		found = append(found, children[found[i].pid]...)
	}
	return found
}

const postmaster = "postgres postmaster"

// role is what a process is for. Postgres' own processes say it in their titles;
// those of clients begin with user and database.
func (p process) role() string {
	if p.comm != "postgres" {
		return p.comm
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.pid))
	if err != nil {
		return backends // it has ended
	}
	return postgresRole(string(text))
}

func postgresRole(title string) string {
	rest, ok := strings.CutPrefix(strings.TrimRight(title, "\x00 "), "postgres: ")
	if !ok {
		return postmaster
	}
	for _, known := range []string{"walwriter", "checkpointer", "background writer", "autovacuum", "io worker", "logical replication launcher"} {
		if strings.HasPrefix(rest, known) {
			return "postgres " + known
		}
	}
	return backends
}

// memory is the peak and the present share of a process.
func (p process) memory() (peak, share int64, err error) {
	if peak, err = kibibytes(fmt.Sprintf("/proc/%d/status", p.pid), "VmHWM:"); err != nil {
		return 0, 0, err
	}
	share, err = kibibytes(fmt.Sprintf("/proc/%d/smaps_rollup", p.pid), "Pss:")
	return peak, share, err
}

// kibibytes is a field of a file of /proc, in bytes. A process that ends has none: 0.
func kibibytes(path, field string) (int64, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the kernel's own paths
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, field); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("read %s of %s: %w", field, path, err)
			}
			return n << 10, nil
		}
	}
	return 0, nil
}
