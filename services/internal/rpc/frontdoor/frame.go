package frontdoor

import (
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// frame is one message as its bytes. It holds one reference to them, which Marshal
// hands on to gRPC or free gives back.
type frame struct{ data mem.BufferSlice }

// free gives the bytes back if they were not handed on.
func (f *frame) free() {
	f.data.Free()
	f.data = nil
}

// codec passes frames as they are and leaves every other message to protobuf's codec,
// so that a server may forward some methods and serve others. It is named like
// protobuf's, for that is what the bytes are.
type codec struct{ messages encoding.CodecV2 }

func newCodec() codec { return codec{messages: encoding.GetCodecV2(proto.Name)} }

func (c codec) Name() string { return proto.Name }

// Marshal implements encoding.CodecV2; the result is gRPC's to free.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	f, ok := v.(*frame)
	if !ok {
		return c.messages.Marshal(v)
	}
	data := f.data
	f.data = nil
	return data, nil
}

// Unmarshal implements encoding.CodecV2; data is gRPC's, so a frame takes a reference.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	f, ok := v.(*frame)
	if !ok {
		return c.messages.Unmarshal(data, v)
	}
	data.Ref()
	f.data = data
	return nil
}
