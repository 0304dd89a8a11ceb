package schedule_test

import (
	"errors"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// FuzzLoad: whatever rows come, Load does not panic and refuses with ErrInvalid; what it
// takes can be planned on, and is written down as it was read.
func FuzzLoad(f *testing.F) {
	f.Add([]byte{})
	for seed := range byte(8) {
		raw := make([]byte, 600)
		for i := range raw {
			raw[i] = byte(i*i*7)*(seed+1) ^ byte(i>>2)
		}
		f.Add(raw)
	}
	cfg := schedule.Config{
		Resources: []string{"cpu"}, Dominant: []string{"cpu"}, Pools: []schedule.PoolID{"p"},
		Classes: []schedule.Class{{ID: "c", Preemptible: true}}, Lookback: 10,
		Rate: schedule.Rate{PerToken: 1 << 40, Burst: 1 << 20}, QueueRate: schedule.Rate{PerToken: 3, Burst: 2}, ShortJob: map[schedule.PoolID]int64{"p": 5}, UsageHalfLife: 60e9,
		PeriodLimit:  schedule.PeriodLimit{Length: 3, Limit: map[string]int64{"cpu": schedule.Million}},
		Tiers:        hostileTiers,
		ReserveAfter: 3, ReservationsMax: 2,
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		content := (&decoder{raw: raw}).snapshot()
		s, err := schedule.Load(&cfg, content)
		if err != nil {
			if !errors.Is(err, schedule.ErrInvalid) {
				t.Fatalf("error %v, want ErrInvalid", err)
			}
			return
		}
		rows := s.Snapshot()
		again, err := schedule.Load(&cfg, rows)
		if err != nil {
			t.Fatalf("what was loaded does not load again: %v", err)
		}
		if s.Digest() != again.Digest() {
			t.Fatalf("snapshots (-first +again):\n%s", gocmp.Diff(rows, again.Snapshot()))
		}
		round := schedule.Round{Now: 10, MayReject: true}
		if diff := gocmp.Diff(s.Plan(round), again.Plan(round)); diff != "" {
			t.Fatalf("plans (-first +again):\n%s", diff)
		}
	})
}

// snapshot makes rows of bytes. Shapes 0 and 1, queue qa and gang ga are there, so that
// something loads.
func (d *decoder) snapshot() schedule.Snapshot {
	content := schedule.Snapshot{
		Shapes: []schedule.ShapeAdded{{ID: 0, Shape: schedule.Shape{Request: schedule.Vec{1}, Class: "c"}}, {ID: 1, Shape: schedule.Shape{Request: schedule.Vec{2}, Class: "c"}}},
		Queues: []schedule.Queue{{ID: "qa", Weight: 1}},
		Gangs:  []schedule.GangRow{{Gang: schedule.Gang{ID: "ga", Queue: "qa", Cardinality: 2, Groups: []schedule.Group{{ID: "xa", Tier: "rack"}}}, Missed: uint32(d.byte() % 2)}},
	}
	for len(d.raw) > 0 {
		switch d.byte() % 10 {
		case 9:
			content.Reservations = append(content.Reservations, d.reservation())
		case 0:
			content.Gangs = append(content.Gangs, schedule.GangRow{
				Gang:  schedule.Gang{ID: schedule.GangID(d.name("g")), Queue: schedule.QueueID(d.name("q")), Cardinality: uint32(d.number()), Tier: d.tier(), Groups: d.groups(), Min: d.few(), Want: d.few()},
				Ended: uint32(d.number()), Missed: uint32(d.number()),
			})
			if n := d.few(); n > 0 {
				row := &content.Gangs[len(content.Gangs)-1]
				row.Done = append(row.Done, schedule.DoneRow{Group: schedule.GroupID(d.name("x")), Members: n})
			}
		case 1, 2:
			content.Jobs = append(content.Jobs, d.job())
		case 3:
			content.Held = append(content.Held, d.job())
		case 4:
			j := d.job()
			row := schedule.RunRow{Run: d.run(), Queue: j.Queue, Shape: j.Shape, Gang: j.Gang}
			row.Phase = schedule.Phase(d.byte() % 5)
			content.Runs = append(content.Runs, row)
			if d.byte() < 90 {
				content.Members = append(content.Members, schedule.MemberRow{Job: row.Job, Queue: row.Queue, Gang: row.Gang, Group: j.Group, Run: row.ID})
			}
		case 5:
			content.Members = append(content.Members, schedule.MemberRow{Job: d.id(), Run: d.id(), Queue: schedule.QueueID(d.name("q")), Gang: schedule.GangID(d.name("g")), Ended: d.byte() > 200})
		case 6:
			if set, is := d.node().(schedule.NodeSet); is {
				content.Nodes = append(content.Nodes, set.Node)
			}
		case 8:
			content.Usage = append(content.Usage, schedule.Usage{
				Queue: schedule.QueueID(d.name("q")), Pool: schedule.PoolID(d.name("")), Epoch: d.number(), Amount: []schedule.Used{{Hi: uint64(d.number()), Lo: uint64(d.number())}},
			})
			content.Charges = append(content.Charges, schedule.Charge{Run: d.id(), Queue: schedule.QueueID(d.name("q")), Pool: schedule.PoolID(d.name("")), Amount: d.vec(), Until: d.time()})
		case 7:
			content.Buckets = append(content.Buckets, schedule.Bucket{Queue: schedule.QueueID(d.name("q")), Free: d.time()})
		}
	}
	return content
}
