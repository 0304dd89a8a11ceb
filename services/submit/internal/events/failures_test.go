package events_test

import (
	"testing"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/submit/internal/events"
)

// A request is on its way to the broker when its process loses the connection: the
// outcome is unknown, and the user is told so. A day later the user sends it again, to
// another process, which does not find it in the log. Then the first one arrives after
// all.
//
// The rule: an entry is given up only after its author is closed in the log (decision
// 0004), so that what comes late does not count.
func TestPublishOfUnknownOutcomeRetriedADayLater(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range dayBetween() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			jobs, answered := retriedADayLater(t, meanwhile, func(*events.Publisher) {})
			if len(jobs) != 1 || jobs[0] != answered {
				t.Errorf("the client id has the jobs %v, and the user was told of %v", jobs, answered)
			}
		})
	}
}

// The twin looks and does not close: the log holds two submissions for one client id.
// Where the janitor had freed it they are two jobs, and the user knows of one. Where the
// retry went on under the first id it is one job, submitted a second time when it may
// long be over and forgotten: the scheduler runs it twice, as its own twin of a resend
// shows.
func TestPublishOfUnknownOutcomeRetriedADayLaterTwin(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range dayBetween() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			jobs, answered := retriedADayLater(t, meanwhile, events.WithoutClosing)
			if len(jobs) != 2 || jobs[0] != answered {
				t.Fatalf("the client id has the jobs %v: the twin shows no damage", jobs)
			}
			if isTwo := jobs[0] != jobs[1]; isTwo != (name == "the janitor came by") {
				t.Errorf("the jobs are %v", jobs)
			}
		})
	}
}

// dayBetween is what happens between the request and its repeat, but for the time.
func dayBetween() map[string]func(janitor *process) {
	return map[string]func(*process){
		"nobody came by":      func(*process) {},
		"the janitor came by": func(janitor *process) { janitor.sweep() },
	}
}

// retriedADayLater returns the jobs that count for the client id, in the order of the
// log, and the one that the user was told of.
func retriedADayLater(t *testing.T, meanwhile func(janitor *process), off func(*events.Publisher)) (jobs []job.ID, answered job.ID) {
	t.Helper()
	b := newBed(t)
	lost, other := b.start(), b.start()
	off(other.Publisher)
	lost.held.hold = true
	_, err := lost.submit("a")
	wantUnavailable(t, err)
	b.pass(23 * time.Hour) // by a day's end the author is given up as well
	meanwhile(other)
	ids := other.mustSubmit("a")
	lost.held.arrive()
	return b.jobs()["a"], ids[0]
}
