package store

import (
	"bytes"
	"encoding/gob"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	schedulerv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/scheduler/v1"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/lead"
)

// storedRow is a row as a golden file has it.
type storedRow struct {
	Stream         eventlog.Stream
	Number         uint32
	At             eventlog.Position
	Gate, Contents []byte
}

// Pack is the rows of a snapshot in one piece.
func Pack(s lead.Snapshot) []byte {
	rows, err := newCodec().rows(s)
	if err != nil {
		panic(err)
	}
	var out bytes.Buffer
	var list []storedRow
	for _, r := range rows {
		list = append(list, storedRow{r.partition.Stream, r.partition.Number, r.at, r.gate, r.contents})
	}
	if err := gob.NewEncoder(&out).Encode(list); err != nil {
		panic(err)
	}
	return out.Bytes()
}

// Unpack reads what Pack wrote.
func Unpack(b []byte) (*lead.Snapshot, error) {
	var list []storedRow
	if err := gob.NewDecoder(bytes.NewReader(b)).Decode(&list); err != nil {
		return nil, err
	}
	var rows []row
	for _, r := range list {
		rows = append(rows, row{eventlog.Partition{Stream: r.Stream, Number: r.Number}, r.At, r.Gate, r.Contents})
	}
	return newCodec().snapshot(rows)
}

// Wire is the messages of a snapshot: of its first partition and of the control stream.
type Wire struct {
	Partition *schedulerv1.PartitionSnapshot
	Control   *schedulerv1.ControlSnapshot
}

// Reread writes a snapshot, changes the messages, and reads them again.
func Reread(s lead.Snapshot, change func(*Wire)) (*lead.Snapshot, error) {
	c := newCodec()
	rows, err := c.rows(s)
	if err != nil {
		return nil, err
	}
	w := &Wire{Partition: &schedulerv1.PartitionSnapshot{}, Control: &schedulerv1.ControlSnapshot{}}
	first, control := &rows[0], &rows[len(rows)-1]
	for r, m := range map[*row]proto.Message{first: w.Partition, control: w.Control} {
		b, err := c.unpack(r.contents)
		if err != nil {
			return nil, err
		}
		if err := proto.Unmarshal(b, m); err != nil {
			return nil, err
		}
	}
	change(w)
	for r, m := range map[*row]proto.Message{first: w.Partition, control: w.Control} {
		b, err := proto.Marshal(m)
		if err != nil {
			return nil, err
		}
		r.contents = c.pack(b)
	}
	return c.snapshot(rows)
}

// IdleTimeout is after how long without a word the server ends the holder's session.
func (l *Lock) IdleTimeout(t *testing.T) (timeout string) {
	t.Helper()
	if err := l.conn.QueryRow(t.Context(), "SELECT current_setting('idle_session_timeout')").Scan(&timeout); err != nil {
		t.Fatal(err)
	}
	return timeout
}

// EndWhenIdle has the server end the holder's session sooner.
func (l *Lock) EndWhenIdle(t *testing.T, after time.Duration) {
	t.Helper()
	if err := l.endWhenIdle(t.Context(), after); err != nil {
		t.Fatal(err)
	}
}
