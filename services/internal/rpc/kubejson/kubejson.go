// Package kubejson is the JSON of the REST API: protobuf's own mapping for our
// messages, and Kubernetes' own inside pod specs, services, ingresses and
// quantities ("cpu": "100m", int-or-string ports), as it stands in any manifest.
//
// # Model
//
// The messages hold our own generated Kubernetes types, whose protobuf JSON nobody
// writes by hand. So each Kubernetes value goes over its wire form through the real
// type of k8s.io/api, which knows its JSON; everything around it is protojson's:
// names in camelCase (snake_case is read too), times as RFC 3339, enums by name
// (numbers are read too), zero values left out.
//
// # Guarantees
//
//   - Whatever a message holds is written as kubectl would, and reads back the same.
//   - Unknown keys are refused, in our messages and in Kubernetes', with their path.
//
// It costs two passes over a body: REST is for people and pages, gRPC for programs.
package kubejson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// Marshaler is the JSON of a REST gateway. It is safe for concurrent use; the zero
// value is ready.
type Marshaler struct{}

var _ runtime.Marshaler = Marshaler{}

// ErrJSON is wrapped by errors of what was read.
var ErrJSON = errors.New("invalid JSON")

// ContentType is JSON's.
func (Marshaler) ContentType(any) string { return "application/json" }

// Marshal writes a message. What is no message, such as the envelope of a stream,
// is written as encoding/json does, messages inside it as messages.
func (m Marshaler) Marshal(v any) ([]byte, error) {
	switch v := v.(type) {
	case proto.Message:
		return write(v)
	case map[string]any:
		return m.envelope(v)
	case map[string]proto.Message:
		out := make(map[string]any, len(v))
		for key, message := range v {
			out[key] = message
		}
		return m.envelope(out)
	}
	return json.Marshal(v)
}

// envelope writes the {"result": …} of a stream.
func (m Marshaler) envelope(v map[string]any) ([]byte, error) {
	parts := make(map[string]json.RawMessage, len(v))
	for key, value := range v {
		part, err := m.Marshal(value)
		if err != nil {
			return nil, err
		}
		parts[key] = part
	}
	return json.Marshal(parts)
}

func write(message proto.Message) ([]byte, error) {
	raw, err := protojson.Marshal(message)
	if err != nil {
		return nil, fmt.Errorf("write %s as JSON: %w", message.ProtoReflect().Descriptor().FullName(), err)
	}
	if !reachesKubernetes(message.ProtoReflect().Descriptor()) {
		var out bytes.Buffer // protojson puts spaces in at random, so that nobody relies on them
		if err := json.Compact(&out, raw); err != nil {
			return nil, fmt.Errorf("write %s as JSON: %w", message.ProtoReflect().Descriptor().FullName(), err)
		}
		return out.Bytes(), nil
	}
	tree, err := parse(raw)
	if err != nil {
		return nil, err
	}
	if err := toKubernetes(message.ProtoReflect(), tree); err != nil {
		return nil, err
	}
	return json.Marshal(tree)
}

// Unmarshal reads a message; what is none is read as encoding/json does. Errors
// wrap ErrJSON.
func (Marshaler) Unmarshal(data []byte, v any) error {
	message, ok := v.(proto.Message)
	if !ok {
		if err := json.Unmarshal(data, v); err != nil {
			return fmt.Errorf("%w: %w", ErrJSON, err)
		}
		return nil
	}
	descriptor := message.ProtoReflect().Descriptor()
	if reachesKubernetes(descriptor) {
		tree, err := parse(data)
		if err != nil {
			return err
		}
		if err := fromKubernetes(descriptor, tree, ""); err != nil {
			return err
		}
		if data, err = json.Marshal(tree); err != nil {
			return fmt.Errorf("%w: %w", ErrJSON, err)
		}
	}
	if err := protojson.Unmarshal(data, message); err != nil {
		return fmt.Errorf("%w: %w", ErrJSON, err)
	}
	return nil
}

// parse reads an object, numbers kept as they are written.
func parse(data []byte) (map[string]any, error) {
	var tree map[string]any
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&tree); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrJSON, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: something stands behind the object", ErrJSON)
	}
	return tree, nil
}

// NewDecoder reads one message after the other.
func (m Marshaler) NewDecoder(r io.Reader) runtime.Decoder {
	dec := json.NewDecoder(r)
	return runtime.DecoderFunc(func(v any) error {
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			if errors.Is(err, io.EOF) {
				return io.EOF // the gateway takes an empty body for an empty message
			}
			return fmt.Errorf("%w: %w", ErrJSON, err)
		}
		return m.Unmarshal(raw, v)
	})
}

// NewEncoder writes one message after the other, a line each.
func (m Marshaler) NewEncoder(w io.Writer) runtime.Encoder {
	return runtime.EncoderFunc(func(v any) error {
		raw, err := m.Marshal(v)
		if err != nil {
			return err
		}
		_, err = w.Write(append(raw, m.Delimiter()...))
		return err
	})
}

// Delimiter stands between the objects of a stream.
func (Marshaler) Delimiter() []byte { return []byte("\n") }

// EventStream is the same JSON as server-sent events, for clients that accept
// text/event-stream. The zero value is ready.
type EventStream struct{ Marshaler }

// ContentType is that of server-sent events.
func (EventStream) ContentType(any) string { return "text/event-stream" }

// Marshal writes one event. JSON has no line breaks of its own, so one data line holds it.
func (s EventStream) Marshal(v any) ([]byte, error) {
	raw, err := s.Marshaler.Marshal(v)
	if err != nil {
		return nil, err
	}
	return append([]byte("data: "), raw...), nil
}

// Delimiter ends an event.
func (EventStream) Delimiter() []byte { return []byte("\n\n") }
