package rpc_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"
	"google.golang.org/protobuf/proto"

	"github.com/fairlead-batch/fairlead/services/internal/auth"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/rpc"
	"github.com/fairlead-batch/fairlead/services/internal/rpc/rpctest"
)

// Every kind of fault has its code; the caller reads the fault's text and not the
// wrapping or the cause, which are in the log.
func TestErrorTable(t *testing.T) {
	t.Parallel()
	type answer struct {
		code  codes.Code
		text  string
		label string
		level zapcore.Level
	}
	hidden := errors.New("dial tcp 10.0.0.7: refused")
	fault1 := func(e *fault.Error) error { return fmt.Errorf("inner: %w", e.Because(hidden)) }
	cases := map[string]struct {
		err  error
		want answer
	}{
		"invalid": {
			fault1(fault.NewInvalid(fault.Violation{Field: "queue", Value: "", Rule: "must be set"})),
			answer{codes.InvalidArgument, `value "" is invalid for field "queue": must be set`, "invalid", zap.DebugLevel},
		},
		"not found":       {fault1(fault.NewNotFound("no %s", "q")), answer{codes.NotFound, "no q", "not_found", zap.DebugLevel}},
		"exists":          {fault1(fault.NewExists("q is there")), answer{codes.AlreadyExists, "q is there", "exists", zap.DebugLevel}},
		"conflict":        {fault1(fault.NewConflict("q has jobs")), answer{codes.FailedPrecondition, "q has jobs", "conflict", zap.DebugLevel}},
		"unauthenticated": {fault1(fault.NewUnauthenticated("who?")), answer{codes.Unauthenticated, "who?", "unauthenticated", zap.DebugLevel}},
		"denied":          {fault1(fault.NewDenied("ann may not")), answer{codes.PermissionDenied, "ann may not", "denied", zap.DebugLevel}},
		"unavailable":     {fault1(fault.NewUnavailable("log is behind")), answer{codes.Unavailable, "log is behind", "unavailable", zap.WarnLevel}},
		"exhausted":       {fault1(fault.NewExhausted("too fast")), answer{codes.ResourceExhausted, "too fast", "exhausted", zap.DebugLevel}},
		"too large":       {fault1(fault.NewTooLarge("5 MiB")), answer{codes.ResourceExhausted, "5 MiB", "too_large", zap.DebugLevel}},
		"out of range":    {fault1(fault.NewOutOfRange("gone")), answer{codes.OutOfRange, "gone", "out_of_range", zap.DebugLevel}},
		"unimplemented":   {fault1(fault.NewUnimplemented("not here")), answer{codes.Unimplemented, "not here", "unimplemented", zap.DebugLevel}},
		"unknown":         {hidden, answer{codes.Internal, "internal error", "internal", zap.ErrorLevel}},
		"own status":      {status.Error(codes.Aborted, "again"), answer{codes.Aborted, "again", "status_aborted", zap.DebugLevel}},
		"own bad status":  {status.Error(codes.DataLoss, "oh"), answer{codes.DataLoss, "oh", "status_dataloss", zap.ErrorLevel}},
		"strange status":  {status.Error(77, "eh"), answer{77, "eh", "status_other", zap.DebugLevel}},
		"another server's status": {
			fmt.Errorf("ask lookout: %w", status.Error(codes.NotFound, "secret")),
			answer{codes.Internal, "internal error", "internal", zap.ErrorLevel},
		},
		"a timeout of ours":  {fmt.Errorf("query: %w", context.DeadlineExceeded), answer{codes.Internal, "internal error", "internal", zap.ErrorLevel}},
		"a cancel of ours":   {fmt.Errorf("query: %w", context.Canceled), answer{codes.Internal, "internal error", "internal", zap.ErrorLevel}},
		"already has its id": {status.Error(codes.NotFound, `[x-request-id: "other"] no q`), answer{codes.NotFound, "", "status_notfound", zap.DebugLevel}},
	}
	covered := map[string]bool{}
	for name, tc := range cases {
		covered[tc.want.label] = true
		for how, call := range calls() {
			t.Run(name+"/"+how, func(t *testing.T) {
				t.Parallel()
				bed := rpctest.New(t, rpctest.Default(), failing(tc.err).register)
				st := status.Convert(call(t.Context(), bed))
				wantText := `[x-request-id: "id-1"] ` + tc.want.text
				if tc.want.text == "" {
					wantText = `[x-request-id: "other"] no q`
				}
				if st.Code() != tc.want.code || st.Message() != wantText {
					t.Errorf("got %s %q, want %s %q", st.Code(), st.Message(), tc.want.code, wantText)
				}
				if err := bed.Stop(); err != nil {
					t.Fatal(err)
				}
				all := bed.Logs.FilterMessage("call ended").All()
				if len(all) != 1 || all[0].Level != tc.want.level || all[0].ContextMap()["kind"] != tc.want.label ||
					all[0].ContextMap()["error"] != tc.err.Error() || all[0].ContextMap()["request_id"] != "id-1" {
					t.Errorf("logged %v, want one line at %s of kind %s with the whole error", all, tc.want.level, tc.want.label)
				}
			})
		}
	}
	for _, k := range fault.Kinds() {
		if !covered[k.String()] {
			t.Errorf("kind %s is not in this table", k)
		}
	}
}

func TestViolationsForPrograms(t *testing.T) {
	t.Parallel()
	var check fault.Check
	check.Violate("items[0].priority", -1, "at least 0")
	check.Violate("queue", "", "must be set")
	bed := rpctest.New(t, rpctest.Default(), failing(check.Err()).register)
	st := status.Convert(callUnary(t.Context(), bed))
	var reason string
	got := map[string]string{}
	for _, d := range st.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			reason = d.GetDomain() + "/" + d.GetReason()
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				got[v.GetField()] = v.GetDescription()
			}
		}
	}
	want := map[string]string{
		"items[0].priority": `value "-1" is invalid for field "items[0].priority": at least 0`,
		"queue":             `value "" is invalid for field "queue": must be set`,
	}
	if diff := cmp.Diff(want, got); diff != "" || reason != "fairlead/INVALID" {
		t.Errorf("reason %s, violations (-want +got):\n%s", reason, diff)
	}
}

// gRPC's C core refuses a response whose headers are over 8 KiB, so whatever is refused
// must fit: text and details together.
func TestErrorsFitIntoHeaders(t *testing.T) {
	t.Parallel()
	many := func(value string) error {
		var check fault.Check
		for i := range 1000 {
			check.Violate(fmt.Sprintf("items[%d].pod_spec.containers[0].name", i), value, "at most 63 characters")
		}
		return check.Err()
	}
	for name, tc := range map[string]struct {
		err     error
		details bool // whether there must be some
	}{
		"many violations":              {many(strings.Repeat("v", 200)), true},
		"many violations, not ASCII":   {many(strings.Repeat("ü", 200)), false},
		"a long text":                  {fault.NewNotFound("%s", strings.Repeat("x", 10_000)), true},
		"a long text, not ASCII":       {fault.NewNotFound("%s", strings.Repeat("世", 10_000)), false},
		"a long text of percent signs": {fault.NewNotFound("%s", strings.Repeat("%", 10_000)), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bed := rpctest.New(t, rpctest.Default(), failing(tc.err).register)
			st := status.Convert(callUnary(t.Context(), bed))
			text := strings.TrimPrefix(st.Message(), `[x-request-id: "id-1"] `)
			if len(text) > 2000 || len(text) < 1997 || !utf8.ValidString(text) {
				t.Errorf("text has %d bytes, valid %v; want 2000 less a part of a rune", len(text), utf8.ValidString(text))
			}
			size := 0
			for i := range len(st.Message()) {
				size++
				if b := st.Message()[i]; b < ' ' || b > '~' || b == '%' {
					size += 2
				}
			}
			if len(st.Details()) > 0 {
				raw, err := proto.Marshal(st.Proto())
				if err != nil {
					t.Fatal(err)
				}
				size += base64.RawStdEncoding.EncodedLen(len(raw))
			}
			if size > 7<<10 {
				t.Errorf("%d bytes of headers, want at most 7 KiB", size)
			}
			if tc.details != (len(st.Details()) > 0) {
				t.Errorf("%d details, want some: %v", len(st.Details()), tc.details)
			}
		})
	}
}

// A call that is over gets the code of that, whatever the handler makes of it.
func TestCallsThatAreOver(t *testing.T) {
	t.Parallel()
	for how, call := range calls() {
		for kind, code := range map[string]codes.Code{"canceled": codes.Canceled, "deadline": codes.DeadlineExceeded} {
			t.Run(kind+"/"+how, func(t *testing.T) {
				t.Parallel()
				entered, left := make(chan struct{}), make(chan struct{})
				wait := func(ctx context.Context) error {
					defer close(left)
					close(entered)
					<-ctx.Done()
					return errors.New("conn closed")
				}
				setup := rpctest.Default()
				if kind == "deadline" {
					// The server's own: of the client's, either side may notice the end first.
					setup.Deps.Options = []grpc.ServerOption{grpc.InTapHandle(shorten)}
				}
				bed := rpctest.New(t, setup, (&service{
					unary:  wait,
					stream: func(s testpb.TestService_StreamingOutputCallServer) error { return wait(s.Context()) },
				}).register)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if kind == "canceled" {
					go func() { <-entered; cancel() }()
				}
				if got := status.Code(call(ctx, bed)); got != code {
					t.Errorf("code %s, want %s", got, code)
				}
				<-left
				if err := bed.Stop(); err != nil {
					t.Fatal(err)
				}
				all := bed.Logs.FilterMessage("call ended").All()
				if len(all) != 1 || all[0].ContextMap()["kind"] != kind || all[0].ContextMap()["error"] != "conn closed" {
					t.Errorf("logged %v, want kind %s", all, kind)
				}
			})
		}
	}
}

// shorten gives every call 20 ms.
func shorten(ctx context.Context, _ *tap.Info) (context.Context, error) {
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	context.AfterFunc(ctx, cancel)
	return short, nil
}

func TestPanicsEndAtTheBoundary(t *testing.T) {
	t.Parallel()
	for how, call := range calls() {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			bed := rpctest.New(t, rpctest.Default(), (&service{
				unary:  func(context.Context) error { panic("boom") },
				stream: func(testpb.TestService_StreamingOutputCallServer) error { panic("boom") },
			}).register)
			for range 2 { // the server survives the first
				st := status.Convert(call(t.Context(), bed))
				if st.Code() != codes.Internal || !strings.HasSuffix(st.Message(), "] internal error") {
					t.Errorf("got %v", st)
				}
			}
			if err := bed.Stop(); err != nil {
				t.Fatal(err)
			}
			entry := bed.Logs.FilterMessage("call ended").All()[0]
			text, _ := entry.ContextMap()["error"].(string)
			if entry.Level != zap.ErrorLevel || !strings.Contains(text, "panic: boom") || !strings.Contains(text, "boundary_test.go") {
				t.Errorf("logged %s %q, want the value and the stack", entry.Level, text)
			}
			if n, err := testutil.GatherAndCount(bed.Metrics, "fairlead_rpc_panics_total"); n != 1 || err != nil {
				t.Errorf("%d series of panics, %v", n, err)
			}
		})
	}
}

// scheme is an authenticator made of a func.
type scheme func(auth.Credentials) (auth.Principal, error)

func (s scheme) Authenticate(_ context.Context, c auth.Credentials) (auth.Principal, error) {
	return s(c)
}

func TestAuthentication(t *testing.T) {
	t.Parallel()
	for how, call := range calls() {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			seen := make(chan auth.Principal, 1)
			setup := rpctest.Default()
			setup.Deps.Auth = scheme(func(c auth.Credentials) (auth.Principal, error) {
				if len(c.Authorization) == 0 {
					panic("no header") // a bug in a scheme must not end the process
				}
				if c.Authorization[0] != "Bearer ann" {
					return auth.Principal{}, fault.NewUnauthenticated("not you")
				}
				return auth.Principal{Name: "ann"}, nil
			})
			bed := rpctest.New(t, setup, (&service{
				unary: func(ctx context.Context) error { seen <- auth.From(ctx); return nil },
				stream: func(s testpb.TestService_StreamingOutputCallServer) error {
					seen <- auth.From(s.Context())
					return fault.NewOutOfRange("end") // io.EOF would be no status
				},
			}).register)
			with := func(value string) context.Context {
				return metadata.AppendToOutgoingContext(t.Context(), "authorization", value)
			}
			if st := status.Convert(call(with("Bearer bob"), bed)); st.Code() != codes.Unauthenticated || !strings.HasSuffix(st.Message(), "] not you") {
				t.Errorf("wrong credentials: %v", st)
			}
			if code := status.Code(call(t.Context(), bed)); code != codes.Internal {
				t.Errorf("a panic in the scheme: %s", code)
			}
			if code := status.Code(call(with("Bearer ann"), bed)); code != codes.OK && code != codes.OutOfRange {
				t.Errorf("good credentials: %s", code)
			}
			if p := <-seen; p.Name != "ann" {
				t.Errorf("principal %v", p)
			}
			if n := bed.Logs.FilterField(zap.String("principal", "ann")).Len(); n > 1 {
				t.Errorf("ann in %d lines", n)
			}
		})
	}
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		sent []string
		want string
	}{
		"none":         {nil, "id-1"},
		"the caller's": {[]string{"abc-123"}, "abc-123"},
		"two":          {[]string{"a", "b"}, "id-1"},
		"too long":     {[]string{strings.Repeat("x", 65)}, "id-1"},
		"longest":      {[]string{strings.Repeat("x", 64)}, strings.Repeat("x", 64)},
		"with a quote": {[]string{`a"b`}, "id-1"},
		"with a space": {[]string{"a b"}, "id-1"},
		"empty":        {[]string{""}, "id-1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bed := rpctest.New(t, rpctest.Default(), (&service{unary: func(ctx context.Context) error {
				md, _ := metadata.FromIncomingContext(ctx)
				return fault.NewNotFound("%s %v", rpc.RequestID(ctx), md.Get("x-request-id"))
			}}).register)
			ctx := metadata.NewOutgoingContext(t.Context(), metadata.MD{"x-request-id": tc.sent})
			want := fmt.Sprintf("[x-request-id: %q] %s [%s]", tc.want, tc.want, tc.want)
			if got := status.Convert(callUnary(ctx, bed)).Message(); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
	if id := rpc.RequestID(t.Context()); id != "" {
		t.Errorf("outside of a call: %q", id)
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	open := make(chan struct{})
	entered := make(chan struct{})
	bed := rpctest.New(t, rpctest.Default(), (&service{
		unary: func(context.Context) error { return nil },
		stream: func(testpb.TestService_StreamingOutputCallServer) error {
			close(entered)
			<-open
			return fault.NewNotFound("no")
		},
	}).register)
	for range 3 {
		if err := callUnary(t.Context(), bed); err != nil {
			t.Fatal(err)
		}
	}
	ended := make(chan error)
	go func() { ended <- callStream(t.Context(), bed) }()
	<-entered
	if err := testutil.GatherAndCompare(bed.Metrics, strings.NewReader(`
# HELP fairlead_rpc_open_calls Calls that have begun and not ended.
# TYPE fairlead_rpc_open_calls gauge
fairlead_rpc_open_calls{method="`+unaryMethod+`"} 0
fairlead_rpc_open_calls{method="`+streamMethod+`"} 1
`), "fairlead_rpc_open_calls"); err != nil {
		t.Error(err)
	}
	close(open)
	if err := <-ended; status.Code(err) != codes.NotFound {
		t.Errorf("the stream: %v", err)
	}
	for _, unknown := range []string{"/no.Such/Call", "/no.Such/Other"} {
		if err := bed.Conn.Invoke(t.Context(), unknown, &testpb.Empty{}, &testpb.Empty{}); status.Code(err) != codes.Unimplemented {
			t.Errorf("%s: %v", unknown, err)
		}
	}
	if err := bed.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := testutil.GatherAndCompare(bed.Metrics, strings.NewReader(`
# HELP fairlead_rpc_calls_total Calls that ended, by method and kind of outcome.
# TYPE fairlead_rpc_calls_total counter
fairlead_rpc_calls_total{kind="ok",method="`+unaryMethod+`"} 3
fairlead_rpc_calls_total{kind="not_found",method="`+streamMethod+`"} 1
`), "fairlead_rpc_calls_total"); err != nil {
		t.Error(err)
	}
}

// What went well is at debug level only, so that a busy service does not write.
func TestOKIsLoggedAtDebug(t *testing.T) {
	t.Parallel()
	bed := rpctest.New(t, rpctest.Default(), failing(nil).register)
	if err := callUnary(t.Context(), bed); err != nil {
		t.Fatal(err)
	}
	if err := bed.Stop(); err != nil {
		t.Fatal(err)
	}
	all := bed.Logs.All()
	if len(all) != 1 || all[0].Level != zap.DebugLevel || all[0].ContextMap()["principal"] != "anonymous" || all[0].ContextMap()["method"] != unaryMethod {
		t.Errorf("logged %v", all)
	}
}
