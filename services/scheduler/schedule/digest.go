package schedule

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"maps"
	"slices"
)

// Digest is equal for equal content, whatever facts in whatever order, or rows loaded in
// whatever order, led to it. It covers each field of each row of [State.Snapshot], and so
// not what is assumed, nor the configuration. It costs a Snapshot, and a hash of it.
func (s *State) Digest() [32]byte {
	rows := s.rows(false)
	return rows.digest()
}

// digest is that of a content.
func (rows *Snapshot) digest() [32]byte {
	d := &digester{to: sha256.New(), buf: make([]byte, 0, digestBuf+1024)}
	d.shapes(rows.Shapes)
	d.gangs(rows)
	d.jobs(rows.Jobs)
	d.jobs(rows.Held)
	d.runs(rows.Runs)
	d.nodes(rows.Nodes)
	d.queues(rows.Queues)
	d.count(len(rows.Lost))
	for _, id := range rows.Lost {
		text(d, id)
	}
	d.count(len(rows.Buckets))
	for _, b := range rows.Buckets {
		text(d, b.Queue)
		d.number(int64(b.Free))
	}
	d.charges(rows.Charges)
	d.usage(rows.Usage)
	d.count(len(rows.Started))
	for _, row := range rows.Started {
		text(d, row.Pool)
		d.number(int64(row.From))
		d.limit(row.Amounts)
	}
	d.reservations(rows.Reservations)
	return d.sum()
}

// digester writes values such that no two lists of values are written alike: texts and
// lists after their length, numbers in 8 bytes.
type digester struct {
	to  hash.Hash
	buf []byte
}

// digestBuf is how many bytes are hashed at a time.
const digestBuf = 1 << 14

func (d *digester) flush() {
	d.to.Write(d.buf) // a hash never fails
	d.buf = d.buf[:0]
}

func (d *digester) sum() (sum [32]byte) {
	d.flush()
	d.to.Sum(sum[:0])
	return sum
}

func (d *digester) number(n int64) {
	if len(d.buf) > digestBuf {
		d.flush()
	}
	d.buf = binary.LittleEndian.AppendUint64(d.buf, uint64(n)) //nolint:gosec // its bits
}

func (d *digester) count(n int) { d.number(int64(n)) }

func (d *digester) id(id [16]byte) { d.buf = append(d.buf, id[:]...) }

func (d *digester) flags(flags ...bool) {
	for _, set := range flags {
		n := int64(0)
		if set {
			n = 1
		}
		d.number(n)
	}
}

func text[T ~string](d *digester, t T) {
	d.count(len(t))
	d.buf = append(d.buf, t...)
}

func texts[T ~string](d *digester, list []T) {
	d.count(len(list))
	for _, t := range list {
		text(d, t)
	}
}

func (d *digester) vec(v Vec) {
	d.count(len(v))
	for _, amount := range v {
		d.number(amount)
	}
}

func (d *digester) labels(labels map[string]string) {
	d.count(len(labels))
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		text(d, key)
		text(d, labels[key])
	}
}

func (d *digester) limit(limit map[string]int64) {
	d.count(len(limit))
	for _, name := range slices.Sorted(maps.Keys(limit)) {
		text(d, name)
		d.number(limit[name])
	}
}

func (d *digester) shapes(rows []ShapeAdded) {
	d.count(len(rows))
	for i := range rows {
		sh := &rows[i].Shape
		d.number(int64(rows[i].ID))
		d.vec(sh.Request)
		text(d, sh.Class)
		texts(d, sh.Pools)
		d.number(int64(sh.Limit))
		d.number(int64(sh.Expect))
		text(d, sh.Band)
		d.labels(sh.Match.Selector)
		d.count(len(sh.Match.Terms))
		for j := range sh.Match.Terms {
			d.expressions(sh.Match.Terms[j].Labels)
			d.expressions(sh.Match.Terms[j].Name)
		}
		d.count(len(sh.Match.Tolerations))
		for _, t := range sh.Match.Tolerations {
			texts(d, []string{t.Key, t.Operator, t.Value, t.Effect})
		}
	}
}

func (d *digester) expressions(list []Expression) {
	d.count(len(list))
	for i := range list {
		text(d, list[i].Key)
		text(d, list[i].Operator)
		texts(d, list[i].Values)
	}
}

func (d *digester) gangs(rows *Snapshot) {
	d.count(len(rows.Gangs))
	for i := range rows.Gangs {
		g := &rows.Gangs[i]
		text(d, g.ID)
		text(d, g.Queue)
		text(d, g.Label)
		text(d, g.Tier)
		d.count(len(g.Groups))
		for _, group := range g.Groups {
			texts(d, []string{string(group.ID), string(group.Parent), string(group.Tier), group.Label})
			d.number(int64(group.Min))
			d.number(int64(group.Want))
		}
		for _, n := range []uint32{g.Cardinality, g.Ended, g.Missed, g.Min, g.Want} {
			d.number(int64(n))
		}
		d.count(len(g.Done))
		for _, done := range g.Done {
			text(d, done.Group)
			d.number(int64(done.Members))
		}
	}
	d.count(len(rows.Members))
	for i := range rows.Members {
		m := &rows.Members[i]
		d.id(m.Job)
		d.id(m.Run)
		text(d, m.Queue)
		text(d, m.Gang)
		text(d, m.Group)
		d.flags(m.Ended)
	}
}

func (d *digester) jobs(rows []Job) {
	d.count(len(rows))
	for i := range rows {
		j := &rows[i]
		d.id(j.ID)
		text(d, j.Queue)
		d.number(int64(j.Shape))
		d.number(int64(j.Priority))
		d.number(int64(j.Submitted))
		text(d, j.Gang)
		text(d, j.Group)
		d.number(int64(j.NotBefore))
		texts(d, j.Avoid)
	}
}

func (d *digester) runs(rows []RunRow) {
	d.count(len(rows))
	for i := range rows {
		r := &rows[i]
		d.id(r.ID)
		d.id(r.Job)
		text(d, r.Node)
		text(d, r.Pool)
		for _, n := range []int64{int64(r.Level), int64(r.Since), int64(r.Phase), int64(r.Shape)} {
			d.number(n)
		}
		text(d, r.Queue)
		text(d, r.Gang)
	}
}

func (d *digester) nodes(rows []Node) {
	d.count(len(rows))
	for i := range rows {
		n := &rows[i]
		text(d, n.ID)
		text(d, n.Executor)
		text(d, n.Pool)
		d.vec(n.Total)
		d.vec(n.Other)
		d.labels(n.Labels)
		d.count(len(n.Taints))
		for _, t := range n.Taints {
			texts(d, []string{t.Key, t.Value, t.Effect})
		}
		d.flags(n.Unschedulable)
		d.number(int64(n.MaxPods))
	}
}

func (d *digester) queues(rows []Queue) {
	d.count(len(rows))
	for i := range rows {
		q := &rows[i]
		text(d, q.ID)
		text(d, q.Parent)
		d.number(q.Weight)
		d.flags(q.Cordoned)
		d.count(len(q.Limits))
		for _, l := range q.Limits {
			text(d, l.Class)
			text(d, l.Pool)
			d.limit(l.Limit)
		}
		d.count(len(q.Quotas))
		for _, quota := range q.Quotas {
			text(d, quota.Pool)
			d.limit(quota.Guarantee)
			d.limit(quota.Borrow)
			d.limit(quota.Lend)
		}
	}
}

func (d *digester) reservations(rows []Reservation) {
	d.count(len(rows))
	for i := range rows {
		d.id(rows[i].Job)
		text(d, rows[i].Pool)
		d.number(int64(rows[i].Time))
		d.count(len(rows[i].Members))
		for _, m := range rows[i].Members {
			d.id(m.Job)
			text(d, m.Node)
		}
	}
}
