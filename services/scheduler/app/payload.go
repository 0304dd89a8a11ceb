package app

import (
	"fmt"

	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/events"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/lead"
)

// decodedMax is how many entries are kept decoded: those whose jobs are being
// leased now.
const decodedMax = 256

// payloads keeps the submitted entries of unfinished jobs as they stand in the
// log, for leases carry what the core does not keep. One goroutine.
type payloads struct {
	raw     map[lead.EntryRef][]byte
	decoded map[lead.EntryRef]map[job.ID]events.Payload
	// recent is the decoded entries, the oldest first.
	recent []lead.EntryRef
}

func newPayloads() *payloads {
	return &payloads{raw: map[lead.EntryRef][]byte{}, decoded: map[lead.EntryRef]map[job.ID]events.Payload{}}
}

func (p *payloads) keep(ref lead.EntryRef, body []byte) { p.raw[ref] = body }

func (p *payloads) release(ref lead.EntryRef) {
	delete(p.raw, ref)
	delete(p.decoded, ref) // its place in recent is found empty later
}

// get is what belongs to a job beside the decision to lease it.
func (p *payloads) get(ref lead.EntryRef, id job.ID) (events.Payload, error) {
	jobs, ok := p.decoded[ref]
	if !ok {
		body, kept := p.raw[ref]
		if !kept {
			return events.Payload{}, fmt.Errorf("the entry of job %s at %d/%s is not kept", id, ref.Partition, ref.At)
		}
		var err error
		if jobs, err = events.Payloads(body); err != nil {
			return events.Payload{}, err
		}
		p.remember(ref, jobs)
	}
	payload, ok := jobs[id]
	if !ok {
		return events.Payload{}, fmt.Errorf("the entry at %d/%s does not have job %s", ref.Partition, ref.At, id)
	}
	return payload, nil
}

func (p *payloads) remember(ref lead.EntryRef, jobs map[job.ID]events.Payload) {
	if len(p.recent) >= decodedMax {
		delete(p.decoded, p.recent[0])
		p.recent = p.recent[1:]
	}
	p.decoded[ref] = jobs
	p.recent = append(p.recent, ref)
}
