package measure

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/fairlead-batch/fairlead/tools/loadgen/internal/figure"
)

// each is d divided among n, in microseconds.
func each(d time.Duration, n int) float64 {
	return float64(d) / float64(time.Microsecond) / float64(max(1, n))
}

// cost says what was used for n jobs, in all and by process.
func (b *bench) cost(prefix string, s spent, n int) {
	const unit = "us/job"
	b.add(prefix+"CPU, server in all", each(s.server, n), unit)
	for _, role := range slices.Sorted(maps.Keys(s.roles)) {
		if cpu := each(s.roles[role], n); cpu >= 1 {
			b.add(prefix+"CPU, "+role, cpu, unit)
		}
	}
	b.add(prefix+"CPU, generator (not in the above)", each(s.self, n), unit)
	b.add(prefix+"cores used by server and generator", share(s.server+s.self, s.wall), "cores")
	b.add(prefix+"cores used by other programs meanwhile", share(s.others, s.wall), "cores")
}

func share(cpu, wall time.Duration) float64 { return float64(cpu) / float64(max(1, wall)) }

// memory says what is resident at a moment that when names.
func (b *bench) memory(when string) error {
	now, err := b.look()
	if err != nil {
		return err
	}
	const us = "fairlead-standalone"
	postgres := int64(0)
	for role, usage := range now.server {
		if role != us {
			postgres += usage.ShareBytes
		}
	}
	b.add("memory "+when+", fairlead-standalone", figure.MiB(now.server[us].ShareBytes), "MiB")
	b.add("memory "+when+", fairlead-standalone, peak", figure.MiB(now.server[us].PeakBytes), "MiB")
	b.add("memory "+when+", all of Postgres, shared pages once", figure.MiB(postgres), "MiB")
	return nil
}

// peaks says the peak of each process of Postgres; of backends, their mean. Shared
// pages are counted in each.
func (b *bench) peaks() error {
	now, err := b.look()
	if err != nil {
		return err
	}
	for _, role := range now.server.Roles() {
		usage := now.server[role]
		if n := usage.Processes; n > 0 {
			b.add(fmt.Sprintf("memory, peak of each of %d %s", n, role), figure.MiB(usage.PeakBytes)/float64(n), "MiB")
		}
	}
	return nil
}
