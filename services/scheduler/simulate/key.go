package simulate

import (
	"encoding/binary"
	"strconv"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// Key names a job: the template by its place in the world, the number in it from 0, and
// how often it was preempted before.
type Key struct{ Template, Number, Attempt uint32 }

// jobID is the id of a job under which the round knows it. Ids stand in the order of
// templates and numbers, as ULIDs would in that of submission.
func (k Key) jobID() (id schedule.JobID) {
	binary.BigEndian.PutUint32(id[0:], k.Template+1)
	binary.BigEndian.PutUint32(id[4:], k.Number)
	binary.BigEndian.PutUint32(id[8:], k.Attempt)
	return id
}

func keyOf(id schedule.JobID) Key {
	return Key{
		Template: binary.BigEndian.Uint32(id[0:]) - 1,
		Number:   binary.BigEndian.Uint32(id[4:]),
		Attempt:  binary.BigEndian.Uint32(id[8:]),
	}
}

// runID is the id of a job's run: the job's, and where its row is.
func (k Key) runID(row int32) schedule.RunID {
	id := schedule.RunID(k.jobID())
	binary.BigEndian.PutUint32(id[12:], uint32(row)+1) //nolint:gosec // rows are not negative
	return id
}

func rowOf(id schedule.RunID) int32 {
	return int32(binary.BigEndian.Uint32(id[12:]) - 1) //nolint:gosec // it was an int32
}

// gangID is the name of the gang that a job is a member of.
func (k Key) gangID(size uint32) schedule.GangID {
	b := strconv.AppendUint(nil, uint64(k.Template), 10)
	b = strconv.AppendUint(append(b, '/'), uint64(k.Number/size), 10)
	b = strconv.AppendUint(append(b, '/'), uint64(k.Attempt), 10)
	return schedule.GangID(b)
}
