package frontdoor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/fairlead-batch/fairlead/services/internal/fault"
)

// forwardedFor is the metadata key of the addresses that a call came through.
const forwardedFor = "x-forwarded-for"

// Table says which connection a call goes to. Keys are services ("api.Event") and full
// methods ("/api.Submit/GetQueueInfo").
type Table map[string]grpc.ClientConnInterface

// route returns the connection for a full method, and its service.
func (t Table) route(method string) (conn grpc.ClientConnInterface, service string, ok bool) {
	service, _, _ = strings.Cut(strings.TrimPrefix(method, "/"), "/")
	if conn, ok = t[method]; ok {
		return conn, service, true
	}
	conn, ok = t[service]
	return conn, service, ok
}

// Door forwards calls. Make it with [New]; it is safe for concurrent use. The
// connections in its table stay their owner's to close, after [Door.Wait].
type Door struct {
	table Table
	codec codec
	ups   sync.WaitGroup // the goroutines that read from callers
}

// New returns a door with that table, which must not be changed any more.
func New(table Table) *Door { return &Door{table: table, codec: newCodec()} }

// ServerOptions make a gRPC server hand all calls to d whose methods it does not have.
func (d *Door) ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{grpc.UnknownServiceHandler(d.handle), grpc.ForceServerCodecV2(d.codec)}
}

// Wait returns when the last call's goroutine has ended. Call it after the server has
// stopped.
func (d *Door) Wait() { d.ups.Wait() }

// Except returns a copy of a service's description without those methods, for a server
// to register: calls of them then go to its door. A method that desc does not have is a
// bug of ours; it panics.
func Except(desc *grpc.ServiceDesc, methods ...string) *grpc.ServiceDesc {
	out := *desc
	out.Methods = slices.Clone(desc.Methods)
	out.Streams = slices.Clone(desc.Streams)
	for _, name := range methods {
		before := len(out.Methods) + len(out.Streams)
		out.Methods = slices.DeleteFunc(out.Methods, func(m grpc.MethodDesc) bool { return m.MethodName == name })
		out.Streams = slices.DeleteFunc(out.Streams, func(s grpc.StreamDesc) bool { return s.StreamName == name })
		if len(out.Methods)+len(out.Streams) == before {
			panic(fmt.Sprintf("frontdoor: %s has no method %s", desc.ServiceName, name))
		}
	}
	return &out
}

// handle forwards one call: a grpc.StreamHandler.
func (d *Door) handle(_ any, caller grpc.ServerStream) error {
	method, ok := grpc.MethodFromServerStream(caller)
	if !ok {
		return errors.New("stream has no method") // unreachable on a gRPC server
	}
	conn, service, ok := d.table.route(method)
	if !ok {
		return fault.NewUnimplemented("unknown method %s", method)
	}
	ctx, cancel := context.WithCancel(outgoing(caller.Context()))
	defer cancel() // ends the backend's call when the caller's could not be answered
	desc := &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}
	backend, err := conn.NewStream(ctx, desc, method, grpc.ForceCodecV2(d.codec))
	if err != nil {
		if status.Code(err) == codes.Unavailable {
			return fault.NewUnavailable("%s cannot be reached; try again", service).Because(err)
		}
		return err
	}
	// This goroutine outlives handle by a moment: it may be blocked in reading from the
	// caller, and gRPC ends that only after handle has returned. Wait waits for it.
	d.ups.Go(func() { up(caller, backend) })
	return down(backend, caller)
}

// up copies the caller's messages to the backend, until either has no more. Whatever
// ends it early is seen by down: when it is the caller's doing (it left, a message was
// over the limit), gRPC has answered it and ended its context, and with it the backend's
// call; when it is the backend's, down reads its status.
func up(caller grpc.ServerStream, backend grpc.ClientStream) {
	for {
		var f frame
		if err := caller.RecvMsg(&f); err != nil {
			if errors.Is(err, io.EOF) {
				_ = backend.CloseSend() // an error of the stream comes out of RecvMsg, in down
			}
			return
		}
		err := backend.SendMsg(&f)
		f.free()
		if err != nil {
			return
		}
	}
}

// down copies the backend's header, messages and trailer to the caller, and returns the
// backend's status.
func down(backend grpc.ClientStream, caller grpc.ServerStream) error {
	header, err := backend.Header()
	if err == nil && header != nil {
		err = caller.SendHeader(header)
	}
	for err == nil {
		var f frame
		if err = backend.RecvMsg(&f); err == nil {
			err = caller.SendMsg(&f)
			f.free()
		}
	}
	caller.SetTrailer(backend.Trailer())
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// outgoing returns ctx with the caller's metadata to send on, and its address added to
// those that the call came through.
func outgoing(ctx context.Context) context.Context {
	md, _ := metadata.FromIncomingContext(ctx)
	md = md.Copy()
	for key := range md {
		if strings.HasPrefix(key, ":") || key == "user-agent" || key == "content-type" || strings.HasPrefix(key, "grpc-accept-") {
			delete(md, key) // the connection's own
		}
	}
	if p, ok := peer.FromContext(ctx); ok {
		if h, _, err := net.SplitHostPort(p.Addr.String()); err == nil { // else inside this process
			md.Append(forwardedFor, h)
		}
	}
	return metadata.NewOutgoingContext(ctx, md)
}
