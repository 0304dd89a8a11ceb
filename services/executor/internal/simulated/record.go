package simulated

import (
	"slices"

	"github.com/fairlead-batch/fairlead/services/executor/internal/lease"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// Record is what became of one pod, whatever was told of it. A test judges by it.
type Record struct {
	Run  job.RunID
	Job  job.ID
	Node string
	Name string
	// Created is when it was made, and Started when its containers were; zero: never.
	Created, Started job.Time
	// Ended is when its containers ended or, where none had started, when it was given
	// up; zero: not yet.
	Ended job.Time
	// Phase is how its containers ended; PodPending where it was removed before they
	// had started, PodRunning where it was removed while they ran.
	Phase lease.PodPhase
	// Gone is when its record was removed; zero: it is there.
	Gone job.Time
}

// noRecord is the record of a pod beyond RecordsMax.
const noRecord = -1

// Records are the pods that ever existed, up to RecordsMax, in the order in which
// they were made. The caller owns the list.
func (c *Cluster) Records() []Record { return slices.Clone(c.records) }

func (c *Cluster) recordPod(p *pod) {
	if len(c.records) >= c.cfg.RecordsMax {
		return
	}
	p.record = len(c.records)
	c.records = append(c.records, Record{Run: p.run, Job: p.job, Node: p.nodeName, Name: p.key.name, Created: c.now.Wall, Phase: lease.PodPending})
}

func (c *Cluster) recordStart(p *pod) {
	if p.record != noRecord {
		c.records[p.record].Started = c.now.Wall
		c.records[p.record].Phase = lease.PodRunning
	}
}

func (c *Cluster) recordEnd(p *pod, phase lease.PodPhase) {
	if p.record != noRecord && c.records[p.record].Ended == 0 {
		c.records[p.record].Ended = c.now.Wall
		c.records[p.record].Phase = phase
	}
}

func (c *Cluster) recordGone(p *pod) {
	if p.record == noRecord {
		return
	}
	r := &c.records[p.record]
	r.Gone = c.now.Wall
	if r.Ended == 0 {
		r.Ended = c.now.Wall
	}
}
