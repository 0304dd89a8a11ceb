package lead

import "github.com/fairlead-batch/fairlead/services/internal/job"

// reported takes what an executor says of its runs. The leader carries it to the
// log, together with what it means for the job, and acknowledges it when it was
// read back. A report that can never count is acknowledged at once.
func (c *Core) reported(in Reported) {
	e := c.sessions[in.Session]
	if e == nil || c.phase != leading {
		return // it is sent again to whoever leads
	}
	e.heard = c.now
	for _, r := range in.Reports {
		c.report(e, r)
	}
}

func (c *Core) report(e *executor, r Report) {
	settles := ack{session: e.session, number: r.Number, run: job.RunOf(r.Event), job: r.Event.Of().Job}
	rec := c.table.jobs[settles.job]
	if rec == nil {
		c.late(rec, settles)
		return
	}
	event := c.clamp(asEnd(rec.aheadOfLog(), r.Event), rec.aheadOfLog().Last)
	ahead, err := job.Apply(rec.aheadOfLog(), event)
	if err != nil {
		c.late(rec, settles)
		return
	}
	end := rec.end
	if why := endOf(event); why != nil {
		end = why
	}
	c.write(rec, job.Cause{Service: "executor/" + e.name}, []job.Event{event}, []ack{settles})
	if ahead.Run.State.Over() {
		c.author(rec, follow(ahead, rec.wish, end, c.now, c.cfg.AttemptsMax))
	}
}

// asEnd is a report as the log can take it: a run that has begun cannot be given back,
// so one that is has failed. Else the report would be refused and the job run for ever.
func asEnd(j job.Job, e job.Event) job.Event {
	returned, is := e.(job.RunReturnedEvent)
	if !is || j.Run.ID != returned.Run || j.Run.State != job.RunRunning {
		return e
	}
	return job.RunFailedEvent{Head: returned.Head, Run: returned.Run, Failure: *endOf(returned)}
}

// endOf is how a run ended badly by an event; nil for any other.
func endOf(e job.Event) *job.Failure {
	if failed, ok := e.(job.RunFailedEvent); ok {
		return &failed.Failure
	}
	if returned, ok := e.(job.RunReturnedEvent); ok {
		return &job.Failure{Cause: job.CauseError, Message: returned.Reason, Pod: returned.Pod}
	}
	return nil
}

// late settles a report that changes nothing. While own entries on the job are
// unread it waits for them, for what is said then must be read back too: an
// acknowledged lease that is reported again lets the pod go only if it counts.
func (c *Core) late(rec *record, settles ack) {
	c.counts.LateReports++
	if rec != nil && rec.isUnread() {
		rec.ahead.waiting = append(rec.ahead.waiting, settles)
		return
	}
	c.settle([]ack{settles})
}

// settle acknowledges reports whose entries were read back. A run whose lease is
// acknowledged, and that still counts, may have its pod.
func (c *Core) settle(acks []ack) {
	for _, a := range acks {
		e := c.sessions[a.session]
		if e == nil {
			continue // reported again in its next session
		}
		e.mail.acks = append(e.mail.acks, a.number)
		rec := c.table.jobs[a.job]
		if rec != nil && rec.job.Run.ID == a.run && rec.job.Run.State == job.RunAcknowledged {
			e.mail.gos = append(e.mail.gos, a.run)
		}
	}
}

// clamp keeps an executor's clock between the job's last event and ours.
func (c *Core) clamp(e job.Event, last job.Time) job.Event {
	return job.At(e, max(last, min(e.Of().Time, c.now)))
}
