package app

import "github.com/fairlead-batch/fairlead/services/internal/tally"

// newCollector shows how a scheduler stands.
func newCollector(s *standing) *tally.Collector[view] {
	c := tally.New("fairlead_scheduler_", s.view)
	c.Fact("leading", "1 while this replica leads.", func(v view) bool { return v.epoch > 0 })
	c.Fact("caught_up", "1 once this replica has read what the log held when its term began.", func(v view) bool { return v.caughtUp })
	c.Gauge("epoch", "The epoch that this replica leads in; 0 while it does not.", func(v view) float64 { return float64(v.epoch) })
	c.Counter("terms_total", "Terms that are over: each ended in a step down or a failure.", func(v view) uint64 { return v.terms })
	c.Counter("takeovers_total", "Times that this replica became the leader.", func(v view) uint64 { return v.Takeovers })
	c.CounterBy("rounds_total", "Scheduling rounds, by outcome.", "outcome", map[string]func(view) uint64{
		"plan":  func(v view) uint64 { return v.Plans },
		"empty": func(v view) uint64 { return v.RoundsEmpty },
	})
	c.CounterBy("entries_dropped_total", "Entries of the log that do not count, by reason.", "reason", map[string]func(view) uint64{
		"resent": func(v view) uint64 { return uint64(v.Dropped.Resent) }, //nolint:gosec // a count
		"closed": func(v view) uint64 { return uint64(v.Dropped.Closed) }, //nolint:gosec // a count
		"fenced": func(v view) uint64 { return uint64(v.Dropped.Fenced) }, //nolint:gosec // a count
	})
	c.Counter("entries_damaged_total", "Entries of the log that cannot be decoded.", func(v view) uint64 { return v.Damaged })
	c.Counter("events_refused_total", "Events that change nothing, for their job is past them.", func(v view) uint64 { return v.Refused })
	c.Counter("round_facts_refused_total", "Facts that the state of the round did not take: a bug.", func(v view) uint64 { return v.RoundRefused })
	c.Counter("reports_late_total", "Reports of executors on runs that are over.", func(v view) uint64 { return v.LateReports })
	c.Counter("orphans_total", "Pods that executors hold and no job knows.", func(v view) uint64 { return v.Orphans })
	c.Counter("jobs_repaired_total", "Jobs put right at a takeover.", func(v view) uint64 { return v.Repaired })
	c.Gauge("snapshot_events_behind", "Events that this replica read since it heard of the stored snapshot: what a start has to read.", func(v view) float64 { return float64(v.behind) })
	c.Counter("snapshots_stored_total", "Snapshots that this replica stored.", func(v view) uint64 { return v.SnapshotsStored })
	c.Counter("snapshots_failed_total", "Snapshots of this replica that were not stored: the database failed, or another replica was quicker.", func(v view) uint64 { return v.SnapshotsFailed })
	c.Counter("leases_sent_total", "Leases sent to executors.", func(v view) uint64 { return v.LeasesSent })
	c.Counter("leases_resent_total", "Leases sent again, for the executor did not have them.", func(v view) uint64 { return v.LeasesResent })
	return c
}
