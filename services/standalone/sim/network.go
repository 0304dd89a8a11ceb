package sim

import (
	"slices"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// place is somewhere that messages go to and come from: a process, the log, or the
// database of the leader lock.
type place string

const (
	logPlace      place = "log"
	databasePlace place = "database"
)

// link is the way between two places.
type link struct{ a, b place }

func between(a, b place) link {
	if b < a {
		a, b = b, a
	}
	return link{a, b}
}

// network knows which links are cut, and until when.
type network struct {
	w   *world
	cut map[link]job.Time
}

// heals is when a link works: now, if it is not cut.
func (n *network) heals(l link) job.Time { return max(n.w.now, n.cut[l]) }

func (n *network) isCut(l link) bool { return n.cut[l] > n.w.now }

// sever cuts a link for a while. Messages wait; a stream that hears nothing for
// longer than keepAlive breaks, at each end by itself.
func (n *network) sever(l link, d time.Duration) {
	n.cut[l] = max(n.cut[l], n.w.now+job.Time(d))
	for _, s := range slices.Clone(n.w.streams) {
		if s.link() == l {
			s.watch()
		}
	}
}

// mend ends all cuts.
func (n *network) mend() { clear(n.cut) }

// pass is how long a message takes.
func (w *world) pass() time.Duration {
	if w.faults.on && w.delays.chance(slowMessages) {
		return w.delays.between(messageSlow, messageSlowest)
	}
	return w.delays.between(messageFast, messageUsual)
}
