package measure

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairlead-batch/fairlead/tools/loadgen/internal/meter"
)

// TestSince: what others used is what the machine used and neither we nor the server did.
func TestSince(t *testing.T) {
	t.Parallel()
	at := time.Unix(100, 0)
	server := func(a, b time.Duration) meter.Sample {
		return meter.Sample{"fairlead-standalone": {CPU: a}, "postgres backends": {CPU: b}}
	}
	before := look{at: at, server: server(time.Second, time.Second), self: time.Second, busy: 100 * time.Second}
	after := look{at: at.Add(10 * time.Second), server: server(4*time.Second, 2*time.Second), self: 2 * time.Second, busy: 112 * time.Second}
	got := after.since(before)
	if got.wall != 10*time.Second || got.server != 4*time.Second || got.self != time.Second || got.others != 7*time.Second {
		t.Errorf("spent %+v", got)
	}
	twice := got.plus(got)
	if twice.wall != 20*time.Second || twice.roles["postgres backends"] != 2*time.Second || twice.others != 14*time.Second {
		t.Errorf("twice as much is %+v", twice)
	}
}

// TestTogether: the first error ends the others, and is the one that is returned.
func TestTogether(t *testing.T) {
	t.Parallel()
	failure := errors.New("refused")
	users := []*user{{queue: "a"}, {queue: "b"}, {queue: "c"}}
	var cut atomic.Int32
	err := together(t.Context(), users, func(ctx context.Context, u *user) error {
		if u.queue == "b" {
			return failure
		}
		<-ctx.Done()
		cut.Add(1)
		return ctx.Err()
	})
	if !errors.Is(err, failure) || cut.Load() != 2 {
		t.Errorf("together: %v, %d others ended", err, cut.Load())
	}
}

// TestFirstOf: a load that has ended says so before a pause does.
func TestFirstOf(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	if err := firstOf(nil, ended); err != nil {
		t.Errorf("a load in progress gives %v", err)
	}
	failure := errors.New("refused")
	ended <- failure
	if err := firstOf(nil, ended); !errors.Is(err, failure) {
		t.Errorf("a load that failed gives %v", err)
	}
}

// TestScenes: every kind of event that is asked for has a scene that brings it about
// and an end that it comes to.
func TestScenes(t *testing.T) {
	t.Parallel()
	for i, s := range scenes() {
		if s.end == "" || (s.at == "") != (s.act == nil) || s.part(200) < 50 {
			t.Errorf("scene %d: %+v, %d of 200", i, s, s.part(200))
		}
	}
}
