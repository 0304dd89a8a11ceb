package app

import (
	"fmt"
	"slices"

	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/events"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/lead"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/store"
)

// decodedMax is how many entries are kept decoded: those whose jobs are being
// leased now.
const decodedMax = 256

// payloads are the submitted entries of unfinished jobs, for leases carry what the
// core does not keep. Those that the store does not have yet are kept as they stand in
// the log; the others are read when a lease wants them. One goroutine.
type payloads struct {
	raw     map[lead.EntryRef][]byte
	decoded map[lead.EntryRef]map[job.ID]events.Payload
	// recent is the decoded entries, the oldest first.
	recent []lead.EntryRef
	// stored is how far the stored snapshot read: it has the entries up to there.
	stored lead.Places
	// waiting are the leases whose entries are being read, in the order of their coming.
	waiting map[lead.EntryRef][]waitingLease
}

// waitingLease is a lease that could not be sent yet.
type waitingLease struct {
	session Session
	epoch   uint64
	lease   lead.Lease
}

func newPayloads() *payloads {
	return &payloads{
		raw: map[lead.EntryRef][]byte{}, decoded: map[lead.EntryRef]map[job.ID]events.Payload{}, waiting: map[lead.EntryRef][]waitingLease{},
	}
}

func (p *payloads) keep(ref lead.EntryRef, body []byte) {
	if !p.stored.Has(ref) {
		p.raw[ref] = body
	}
}

func (p *payloads) release(ref lead.EntryRef) {
	delete(p.raw, ref)
	delete(p.decoded, ref) // its place in recent is found empty later
}

// storedTo drops what the store has by a snapshot.
func (p *payloads) storedTo(places lead.Places) {
	if p.stored.Covers(places) {
		return
	}
	p.stored = places
	for ref := range p.raw { //archcheck:unordered each by itself
		if places.Has(ref) {
			delete(p.raw, ref)
		}
	}
}

// fresh are the entries with jobs in a snapshot that the store may not have.
func (p *payloads) fresh(o lead.SaveSnapshot) (list []store.Submitted, err error) {
	for n, partition := range o.Snapshot.Partitions {
		for _, at := range partition.Entries {
			ref := lead.EntryRef{Partition: uint32(n), At: at} //nolint:gosec // a partition number
			if o.After.Has(ref) {
				continue
			}
			body, kept := p.raw[ref]
			if !kept {
				return nil, fmt.Errorf("the entry at %d/%s has unfinished jobs and is not kept", ref.Partition, ref.At)
			}
			list = append(list, store.Submitted{Entry: ref, Body: body})
		}
	}
	return list, nil
}

// entry is the submitted jobs of an entry; not known while it has to be read.
func (p *payloads) entry(ref lead.EntryRef) (jobs map[job.ID]events.Payload, known bool, err error) {
	if jobs, known = p.decoded[ref]; known {
		return jobs, true, nil
	}
	body, kept := p.raw[ref]
	if !kept {
		return nil, false, nil
	}
	jobs, err = p.decode(ref, body)
	return jobs, true, err
}

func (p *payloads) decode(ref lead.EntryRef, body []byte) (map[job.ID]events.Payload, error) {
	jobs, err := events.Payloads(body)
	if err != nil {
		return nil, err
	}
	if len(p.recent) >= decodedMax {
		delete(p.decoded, p.recent[0])
		p.recent = p.recent[1:]
	}
	p.decoded[ref] = jobs
	p.recent = append(p.recent, ref)
	return jobs, nil
}

// wait keeps a lease until its entry was read. It says whether that has to be asked
// for.
func (p *payloads) wait(ref lead.EntryRef, l waitingLease) (first bool) {
	p.waiting[ref] = append(p.waiting[ref], l)
	return len(p.waiting[ref]) == 1
}

// arrived takes the leases off that waited for an entry.
func (p *payloads) arrived(ref lead.EntryRef) []waitingLease {
	list := p.waiting[ref]
	delete(p.waiting, ref)
	return list
}

// inOrder is the entries of a map in the order of their partitions and positions.
func inOrder(bodies map[lead.EntryRef][]byte) []lead.EntryRef {
	list := make([]lead.EntryRef, 0, len(bodies))
	for ref := range bodies { //archcheck:sorted below
		list = append(list, ref)
	}
	slices.SortFunc(list, func(a, b lead.EntryRef) int {
		if a.Partition != b.Partition {
			return int(a.Partition) - int(b.Partition)
		}
		return a.At.Compare(b.At)
	})
	return list
}
