package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fairlead-batch/fairlead/services/scheduler/simulate"
	"github.com/fairlead-batch/fairlead/services/scheduler/simulate/scenario"
)

// simRun is one combination of files, ready to be simulated.
type simRun struct {
	// name tells it from the others; cluster, workload and config are what it is of.
	name, cluster, workload, config string
	folder                          string
	world                           simulate.World
}

// named is something that was read from a file.
type named[T any] struct {
	file  string
	value T
}

// base is the file's name without folder and ending.
func (n named[T]) base() string {
	base := filepath.Base(n.file)
	return strings.TrimSuffix(base, filepath.Ext(base))
}

// read reads all files and puts every combination together, so that nothing is simulated
// before all of it is known to make sense.
func (o *simulation) read(out *output) ([]simRun, error) {
	clusters, err := readAll("--clusters", o.clusters, scenario.ReadCluster)
	if err != nil {
		return nil, err
	}
	workloads, err := readAll("--workloads", o.workloads, scenario.ReadWorkload)
	if err != nil {
		return nil, err
	}
	configs := []named[scenario.Rules]{{value: scenario.DefaultRules()}}
	if len(o.configs) > 0 {
		if configs, err = readAll("--config", o.configs, scenario.ReadRules); err != nil {
			return nil, err
		}
	}
	for _, c := range configs {
		if len(c.value.Unread) > 0 {
			out.note("%s: nothing obeys these keys of Armada's here: %s", c.file, strings.Join(c.value.Unread, ", "))
		}
	}
	var runs []simRun
	for _, c := range clusters {
		for _, w := range workloads {
			for _, r := range configs {
				run, err := o.combine(c, w, r)
				if err != nil {
					return nil, usage("%v", err)
				}
				if len(configs) > 1 {
					run.name += "_" + r.base()
				}
				runs = append(runs, run)
			}
		}
	}
	o.placeRuns(runs)
	return runs, nil
}

// combine makes a world of one of each.
func (o *simulation) combine(c named[scenario.Cluster], w named[scenario.Workload], r named[scenario.Rules]) (simRun, error) {
	run := simRun{name: c.base() + "_" + w.base(), cluster: nameOf(c.value.Name, c.file), workload: nameOf(w.value.Name, w.file), config: configName(r.file)}
	world, err := scenario.Build(c.value, w.value, r.value)
	if err != nil {
		where := []string{c.file, w.file}
		if r.file != "" {
			where = append(where, r.file)
		}
		return run, fmt.Errorf("%s: %w", strings.Join(where, ", "), err)
	}
	if o.seeded {
		world.Seed = o.seed
	}
	if o.cycled {
		world.Interval = o.cycle
	}
	world.Until = o.until
	run.world = world
	return run, nil
}

func nameOf(name, otherwise string) string {
	if name != "" {
		return name
	}
	return otherwise
}

// placeRuns gives each run its folder: of several each one of its own, and names that are
// there twice a number.
func (o *simulation) placeRuns(runs []simRun) {
	if len(runs) == 1 {
		runs[0].folder = o.output
		return
	}
	seen := map[string]int{}
	for i := range runs {
		seen[runs[i].name]++
		if n := seen[runs[i].name]; n > 1 {
			runs[i].name = fmt.Sprintf("%s-%d", runs[i].name, n)
		}
		runs[i].folder = filepath.Join(o.output, runs[i].name)
	}
}

// readAll reads the files that a flag names; what is wrong with any is told at once.
func readAll[T any](flag string, patterns []string, read func(string) (T, error)) ([]named[T], error) {
	files, err := expand(flag, patterns)
	if err != nil {
		return nil, err
	}
	var all []named[T]
	var wrong []string
	for _, file := range files {
		value, err := read(file)
		if err != nil {
			wrong = append(wrong, err.Error())
			continue
		}
		all = append(all, named[T]{file: file, value: value})
	}
	if len(wrong) > 0 {
		return nil, usage("%s", strings.Join(wrong, "\n"))
	}
	return all, nil
}

// expand is the files of patterns, each once, in their order.
func expand(flag string, patterns []string) ([]string, error) {
	var files []string
	for _, pattern := range patterns {
		if _, err := os.Stat(pattern); err == nil {
			files = append(files, pattern)
			continue
		}
		found, err := filepath.Glob(pattern)
		if err != nil {
			return nil, usage("%s %s is no pattern: %v", flag, pattern, err)
		}
		if len(found) == 0 {
			return nil, usage("%s %s: no such file", flag, pattern)
		}
		files = append(files, found...)
	}
	once := files[:0:0]
	for _, file := range files {
		if !slices.Contains(once, file) {
			once = append(once, file)
		}
	}
	return once, nil
}

// configName is a configuration's name: that of its file.
func configName(file string) string {
	if file == "" {
		return "the default rules"
	}
	return filepath.Base(file)
}
