package app_test

import (
	"fmt"
	"testing"
	"time"

	executorv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/executor/v1"
	"github.com/fairlead-batch/fairlead/services/executor/app"
)

// BenchmarkLives is whole lives of jobs through the executor: its core, its simulated
// cluster and its side of the stream, messages decoded and encoded as on the wire.
// The leader's own work is in the figure too. A batch is how many leases come at once.
func BenchmarkLives(b *testing.B) {
	for _, batch := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			cfg := testConfig()
			cfg.Simulated.Nodes[0].Count = 100
			cfg.Simulated.Nodes[0].Resources = map[string]string{"cpu": "1000", "memory": "1000Gi"}
			cfg.Simulated.RecordsMax = 0
			x := newLoop(b, cfg, nil, newLeader(3))
			wire := spec(b, "sh", "-c", "sleep 1")
			begun, lives := time.Now(), 0
			for b.Loop() {
				leases := make([]app.Input, batch)
				for i := range leases {
					lives++
					down := &executorv1.Down{}
					overTheWire(b, x.leader.lease(lives, fmt.Sprintf("node-%d", lives%100), wire, nil), down)
					leases[i] = app.Received{Message: down}
				}
				x.step(leases...)
				x.pass(10 * time.Millisecond)
				x.leader.told = nil
			}
			x.pass(time.Minute)
			if x.leader.settled != lives {
				b.Fatalf("%d of %d runs are over: %+v", x.leader.settled, lives, x.core.Counts())
			}
			b.ReportMetric(float64(time.Since(begun).Nanoseconds())/float64(lives), "ns/life")
		})
	}
}

// BenchmarkServiceLives is the same over a real stream in memory, leases in messages
// of a hundred, at most a thousand lives under way: what the shell and gRPC add, on
// both ends.
func BenchmarkServiceLives(b *testing.B) {
	const batch, underWay = 100, 1000
	cfg := testConfig()
	cfg.Simulated.Nodes[0].Resources = map[string]string{"cpu": "1000", "memory": "1000Gi"}
	cfg.Simulated.RecordsMax, cfg.Simulated.StartDelay = 0, time.Millisecond
	s := newScheduler(newLeader(3))
	start(b, cfg, app.Deps{Dial: serve(b, map[string]*scheduler{"scheduler-0:50051": s})})
	s.await(b, "hello", func(l *leader) bool { return l.hellos == 1 })
	wire := spec(b, "true")
	lives := 0
	begun := time.Now()
	for b.Loop() {
		s.await(b, "earlier lives", func(l *leader) bool { return lives-l.settled < underWay })
		s.order(b, func(l *leader) *executorv1.Down {
			l.told = nil
			all := &executorv1.Leases{}
			for range batch {
				lives++
				all.Leases = append(all.Leases, l.lease(lives, "node-0", wire, nil).GetLeases().GetLeases()...)
			}
			return l.say(&executorv1.Down{Message: &executorv1.Down_Leases{Leases: all}})[0]
		})
	}
	s.await(b, "the last life", func(l *leader) bool { return l.settled == lives })
	b.ReportMetric(float64(time.Since(begun).Nanoseconds())/float64(lives), "ns/life")
}
