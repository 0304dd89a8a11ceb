package eventwire

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	eventsv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/events/v1"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

const bodyVersion = 1

// Body is the content of one entry. Batches count before commands. An entry of
// the control stream holds settings alone.
type Body struct {
	Batches  []Batch
	Commands []job.Command
	Settings []Setting
}

// Batch is a run of facts on jobs of one job set with one cause.
type Batch = job.Batch

// Encode writes a body. It fails only where a string is no UTF-8.
func Encode(b Body) ([]byte, error) {
	enc := newEncoder()
	out, err := proto.MarshalOptions{Deterministic: true}.Marshal(enc.body(b))
	if err != nil {
		return nil, fmt.Errorf("encode body: %w", err)
	}
	return out, nil
}

// Read decodes the body of an entry: once for all readers of the process where the
// log shares it among them, so nobody changes what is in a Body. Errors: as Decode.
func Read(e eventlog.Entry) (Body, error) {
	if e.Share == nil {
		return Decode(e.Body)
	}
	shared, made := e.Share.Do(func() any {
		body, err := Decode(e.Body)
		return reading{body, err}
	}).(reading)
	if !made { // whoever was the first has panicked: an entry must not be taken for an empty one
		return Decode(e.Body)
	}
	return shared.body, shared.err
}

// reading is what an entry's share holds.
type reading struct {
	body Body
	err  error
}

// Decode reads a body. Errors: eventlog.ErrDamaged, eventlog.ErrNewer.
func Decode(b []byte) (Body, error) {
	var wire eventsv1.Body
	if err := proto.Unmarshal(b, &wire); err != nil {
		return Body{}, fmt.Errorf("decode body: %w: %w", eventlog.ErrDamaged, err)
	}
	switch {
	case wire.GetVersion() > bodyVersion:
		return Body{}, fmt.Errorf("decode body: %w: version %d, at most %d", eventlog.ErrNewer, wire.GetVersion(), bodyVersion)
	case wire.GetVersion() == 0:
		return Body{}, fmt.Errorf("decode body: %w: no version", eventlog.ErrDamaged)
	}
	body, err := newDecoder(&wire).body(&wire)
	if err != nil {
		return Body{}, fmt.Errorf("decode body: %w", err)
	}
	return body, nil
}
