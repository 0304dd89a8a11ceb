package schedule

// lostWith is the work that is lost with a run, in milliseconds of a cpu, at most sumMax.
// A run that is said to begin later has done none.
func (p *planner) lostWith(run int32) int64 {
	r := &p.runs[run]
	cpu, counts := p.resources["cpu"]
	if !counts || r.since >= p.round.Now {
		return 0
	}
	ms := (uint64(p.round.Now) - uint64(r.since)) / 1e6                        //nolint:gosec // their difference is not negative
	return int64(min(scale(uint64(p.request(r.kind)[cpu]), ms, 1000), sumMax)) //nolint:gosec // a request is not negative
}

// lostWithAll is the work that is lost with victims, at most sumMax, where it decides; else
// zero.
func (p *planner) lostWithAll(victims []victim) (sum int64) {
	if !p.cfg.LeastLostWork {
		return 0
	}
	for _, v := range victims {
		sum = min(sum+p.lostWith(v.run), sumMax)
	}
	return sum
}
