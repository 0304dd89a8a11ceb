package store

import (
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	schedulerv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/scheduler/v1"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/lead"
	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// encodeControl writes what stands in the control stream and what belongs to no
// partition.
func encodeControl(s lead.Snapshot) ([]byte, error) {
	out := &schedulerv1.ControlSnapshot{Version: snapshotVersion, Round: round(s.Round)}
	if c := s.Control.Created; c != nil {
		out.Created = &schedulerv1.Created{Installation: c.Installation, Partitions: c.Partitions}
	}
	for _, setting := range s.Control.Settings {
		wire := &schedulerv1.Setting{Generation: setting.Generation}
		if setting.Queue != nil {
			wire.Setting = &schedulerv1.Setting_Queue{Queue: queue(setting.Queue)}
		} else {
			wire.Setting = &schedulerv1.Setting_Deleted{Deleted: setting.Deleted}
		}
		out.Settings = append(out.Settings, wire)
	}
	for _, epoch := range s.Plans {
		wire := &schedulerv1.EpochPlans{Epoch: epoch.Epoch, Next: epoch.Next}
		for _, p := range epoch.Plans {
			plan := &schedulerv1.OpenPlan{Number: p.Number, Parts: p.Parts, Seen: p.Seen}
			for _, l := range p.Leases {
				plan.Leases = append(append(plan.Leases, l.Job[:]...), l.Run[:]...)
			}
			wire.Plans = append(wire.Plans, plan)
		}
		out.Plans = append(out.Plans, wire)
	}
	// Equal snapshots give equal bytes: limits are a map.
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("encode snapshot: %w", err)
	}
	return b, nil
}

func queue(q *lead.Queue) *schedulerv1.Queue {
	out := &schedulerv1.Queue{Name: q.Name, Weight: q.Weight, Cordoned: q.Cordoned, Parent: q.Parent}
	for _, l := range q.Limits {
		out.Limits = append(out.Limits, &schedulerv1.ClassLimit{PriorityClass: l.Class, Pool: l.Pool, Fractions: l.Fraction})
	}
	for _, quota := range q.Quotas {
		out.Quotas = append(out.Quotas, &schedulerv1.Quota{Pool: quota.Pool, Guarantee: quota.Guarantee, Borrow: quota.Borrow, Lend: quota.Lend})
	}
	return out
}

func round(r lead.RoundSnapshot) *schedulerv1.Round {
	out := &schedulerv1.Round{}
	for _, b := range r.Buckets {
		if b.Queue == "" {
			out.Bucket = int64(b.Free)
			continue
		}
		out.QueueBuckets = append(out.QueueBuckets, &schedulerv1.QueueBucket{Queue: string(b.Queue), Bucket: int64(b.Free)})
	}
	for _, c := range r.Charges {
		row := &schedulerv1.Charge{Run: c.Run[:], Queue: c.Queue, Pool: c.Pool, Amounts: map[string]int64{}, Until: int64(c.Until)}
		for _, a := range c.Amounts {
			row.Amounts[a.Resource] = a.Value
		}
		out.Charges = append(out.Charges, row)
	}
	for _, u := range r.Usage {
		row := &schedulerv1.Usage{Queue: u.Queue, Pool: u.Pool, Epoch: u.Epoch}
		for _, a := range u.Amounts {
			row.Amounts = append(row.Amounts, &schedulerv1.UsedAmount{Resource: a.Resource, Hi: a.Hi, Lo: a.Lo})
		}
		out.Usage = append(out.Usage, row)
	}
	for _, row := range r.Started {
		out.Started = append(out.Started, &schedulerv1.PoolStarted{Pool: string(row.Pool), From: int64(row.From), Amounts: row.Amounts})
	}
	for _, g := range r.Gangs {
		out.Gangs = append(out.Gangs, &schedulerv1.GangPast{
			Queue: string(g.Queue), Gang: string(g.ID), Cardinality: g.Cardinality, NodeUniformityLabel: g.Label, Ended: g.Ended, Missed: g.Missed,
			Tier: string(g.Tier), Groups: gangGroups(g.Groups),
			Min: g.Min, Want: g.Want, Done: gangDone(g.Done),
		})
	}
	return out
}

// decodeControl reads what encodeControl wrote into a snapshot. Errors: ErrDamaged,
// eventlog.ErrNewer.
func decodeControl(b []byte, s *lead.Snapshot) error {
	in := &schedulerv1.ControlSnapshot{}
	if err := proto.Unmarshal(b, in); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if err := checkVersion(in.GetVersion()); err != nil {
		return err
	}
	if c := in.GetCreated(); c != nil {
		s.Control.Created = &lead.Created{Installation: c.GetInstallation(), Partitions: c.GetPartitions()}
	}
	for _, wire := range in.GetSettings() {
		setting := lead.Setting{Generation: wire.GetGeneration(), Deleted: wire.GetDeleted()}
		if q := wire.GetQueue(); q != nil {
			setting.Queue = queueFrom(q)
		}
		s.Control.Settings = append(s.Control.Settings, setting)
	}
	s.Round = roundFrom(in.GetRound())
	s.Round.Usage = usageFrom(in.GetRound().GetUsage())
	if err := decodeCharges(in.GetRound(), &s.Round); err != nil {
		return err
	}
	return decodePlans(in, s)
}

func queueFrom(q *schedulerv1.Queue) *lead.Queue {
	out := &lead.Queue{Name: q.GetName(), Weight: q.GetWeight(), Cordoned: q.GetCordoned(), Parent: q.GetParent()}
	for _, l := range q.GetLimits() {
		out.Limits = append(out.Limits, lead.ClassLimit{Class: l.GetPriorityClass(), Pool: l.GetPool(), Fraction: l.GetFractions()})
	}
	for _, quota := range q.GetQuotas() {
		out.Quotas = append(out.Quotas, lead.Quota{Pool: quota.GetPool(), Guarantee: quota.GetGuarantee(), Borrow: quota.GetBorrow(), Lend: quota.GetLend()})
	}
	return out
}

func roundFrom(in *schedulerv1.Round) (r lead.RoundSnapshot) {
	if in.GetBucket() != 0 {
		r.Buckets = append(r.Buckets, schedule.Bucket{Free: schedule.Time(in.GetBucket())})
	}
	for _, b := range in.GetQueueBuckets() {
		r.Buckets = append(r.Buckets, schedule.Bucket{Queue: schedule.QueueID(b.GetQueue()), Free: schedule.Time(b.GetBucket())})
	}
	for _, row := range in.GetStarted() {
		r.Started = append(r.Started, schedule.StartedRow{Pool: schedule.PoolID(row.GetPool()), From: schedule.Time(row.GetFrom()), Amounts: row.GetAmounts()})
	}
	for _, g := range in.GetGangs() {
		gang := schedule.Gang{
			ID: schedule.GangID(g.GetGang()), Queue: schedule.QueueID(g.GetQueue()), Cardinality: g.GetCardinality(), Label: g.GetNodeUniformityLabel(),
			Tier: schedule.TierID(g.GetTier()), Groups: gangGroupsFrom(g.GetGroups()),
			Min: g.GetMin(), Want: g.GetWant(),
		}
		r.Gangs = append(r.Gangs, schedule.GangRow{Gang: gang, Ended: g.GetEnded(), Missed: g.GetMissed(), Done: gangDoneFrom(g.GetDone())})
	}
	return r
}

func decodeCharges(in *schedulerv1.Round, r *lead.RoundSnapshot) error {
	for _, c := range in.GetCharges() {
		if len(c.GetRun()) != ulidBytes {
			return fmt.Errorf("%w: a charge of a run id of %d bytes", ErrDamaged, len(c.GetRun()))
		}
		row := lead.ChargeSnapshot{Run: job.RunID(c.GetRun()), Queue: c.GetQueue(), Pool: c.GetPool(), Until: job.Time(c.GetUntil())}
		for _, name := range slices.Sorted(maps.Keys(c.GetAmounts())) {
			row.Amounts = append(row.Amounts, job.Amount{Resource: name, Value: c.GetAmounts()[name]})
		}
		r.Charges = append(r.Charges, row)
	}
	return nil
}

func usageFrom(in []*schedulerv1.Usage) (list []lead.UsageSnapshot) {
	for _, u := range in {
		row := lead.UsageSnapshot{Queue: u.GetQueue(), Pool: u.GetPool(), Epoch: u.GetEpoch()}
		for _, a := range u.GetAmounts() {
			row.Amounts = append(row.Amounts, lead.UsedAmount{Resource: a.GetResource(), Hi: a.GetHi(), Lo: a.GetLo()})
		}
		list = append(list, row)
	}
	return list
}

func decodePlans(in *schedulerv1.ControlSnapshot, s *lead.Snapshot) error {
	for _, wire := range in.GetPlans() {
		epoch := lead.EpochSnapshot{Epoch: wire.GetEpoch(), Next: wire.GetNext()}
		for _, p := range wire.GetPlans() {
			if len(p.GetLeases())%(2*ulidBytes) != 0 {
				return fmt.Errorf("%w: leases of %d bytes", ErrDamaged, len(p.GetLeases()))
			}
			plan := lead.PlanSnapshot{Number: p.GetNumber(), Parts: p.GetParts(), Seen: p.GetSeen()}
			for pair := range slices.Chunk(p.GetLeases(), 2*ulidBytes) {
				plan.Leases = append(plan.Leases, lead.LeaseSnapshot{Job: job.ID(pair), Run: job.RunID(pair[ulidBytes:])})
			}
			epoch.Plans = append(epoch.Plans, plan)
		}
		s.Plans = append(s.Plans, epoch)
	}
	return nil
}

func gangGroups(groups []schedule.Group) (out []*schedulerv1.GangGroup) {
	for _, g := range groups {
		out = append(out, &schedulerv1.GangGroup{Id: string(g.ID), Parent: string(g.Parent), Tier: string(g.Tier), NodeUniformityLabel: g.Label, Min: g.Min, Want: g.Want})
	}
	return out
}

func gangDone(rows []schedule.DoneRow) (out []*schedulerv1.GangDone) {
	for _, row := range rows {
		out = append(out, &schedulerv1.GangDone{Group: string(row.Group), Members: row.Members})
	}
	return out
}

func gangDoneFrom(rows []*schedulerv1.GangDone) (out []schedule.DoneRow) {
	for _, row := range rows {
		out = append(out, schedule.DoneRow{Group: schedule.GroupID(row.GetGroup()), Members: row.GetMembers()})
	}
	return out
}

func gangGroupsFrom(groups []*schedulerv1.GangGroup) (out []schedule.Group) {
	for _, g := range groups {
		out = append(out, schedule.Group{
			ID: schedule.GroupID(g.GetId()), Parent: schedule.GroupID(g.GetParent()), Tier: schedule.TierID(g.GetTier()), Label: g.GetNodeUniformityLabel(),
			Min: g.GetMin(), Want: g.GetWant(),
		})
	}
	return out
}
