package lease_test

import (
	"strings"
	"testing"

	"github.com/fairlead-batch/fairlead/services/executor/internal/lease"
)

// The leader in replica 1, of epoch 6, has started run a, whose pod runs. Then its
// stream breaks, and the leader of epoch 5 in replica 0, which stood still for a while
// and has not read of its end yet, is heard on a new stream. It was told of a in the
// hello, knows of no such lease, and stops it as a run that is over; and it starts b,
// which its own log still lets it do.
//
// The rule: an order of an epoch below the highest is refused, and the highest stands
// in the cluster before it is obeyed, so also by the next process (design 7).
func TestExecutorHearsAnOldLeader(t *testing.T) {
	t.Parallel()
	for name, commands := range meanwhile() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			did, refused := hearsOldLeader(t, commands, func(*lease.Core) {})
			if len(did) > 0 || refused != 5 {
				t.Errorf("an old leader had the executor do %q, and %d of its 5 messages were refused", did, refused)
			}
		})
	}
}

// The twin obeys: a pod that nobody gave up is deleted, and one is made that the
// present leader knows nothing of.
func TestExecutorHearsAnOldLeaderTwin(t *testing.T) {
	t.Parallel()
	for name, commands := range meanwhile() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			did, _ := hearsOldLeader(t, commands, lease.WithoutFence)
			for i, want := range []string{"delete pod of a", "create pod of b"} {
				if len(did) != 2 || !strings.HasPrefix(did[i], want) {
					t.Fatalf("an old leader had the executor do %q, want that it makes it %s: the twin shows no damage", did, want)
				}
			}
		})
	}
}

// meanwhile is what happens before the old leader is heard, as commands of a script.
func meanwhile() map[string]string {
	return map[string]string{"the same process": "", "after a restart": "restart\nlist epoch=6 nodes=n1 pod=a:running"}
}

// hearsOldLeader returns what the cluster was told to do once the old leader was
// heard, and how much was refused.
func hearsOldLeader(t *testing.T, meanwhile string, off func(*lease.Core)) (did []string, refused uint64) {
	t.Helper()
	s := newScript(t)
	off(s.core)
	s.playAll(`
list epoch=5 nodes=n1
opened r1
down r1 e6 leads
saved 6
down r1 e6 beat 2
down r1 e6 lease a
down r1 e6 ack 1 go=a
created a made
pod a running
down r1 e6 ack 2 3
closed r1`)
	s.playAll(meanwhile)
	off(s.core) // of the next process
	s.trace = nil
	s.playAll(`
opened r0
down r0 e5 leads
down r0 e5 beat 2
down r0 e5 stop a
down r0 e5 lease b
down r0 e5 ack 4 go=b`)
	for _, line := range s.trace {
		if _, order, _ := strings.Cut(line, " "); strings.Contains(order, "pod of") {
			did = append(did, order)
		}
	}
	return did, s.core.Counts().RefusedEpoch
}

// playAll carries out commands, one a line.
func (s *script) playAll(text string) {
	s.t.Helper()
	for line := range strings.Lines(strings.TrimSpace(text)) {
		s.play(strings.TrimSpace(line))
	}
}
