package rpc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"go.uber.org/zap/zapcore"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/fairlead-batch/fairlead/services/internal/fault"
)

const (
	// messageBytesMax is where an error's text is cut, as Armada's is, so that what was
	// meant for a log does not fill a client's terminal.
	messageBytesMax = 2000
	// trailerBytesMax bounds message and details together, as they stand in HTTP/2
	// headers. gRPC's C core (Python, C++) and Java refuse responses with more than 8 KiB
	// of headers, and the caller would see that instead of the error.
	trailerBytesMax = 7 << 10
	// errorDomain is the domain of our errdetails.ErrorInfo.
	errorDomain = "fairlead"
	// idPrefix begins every error's text, as Armada's do: people paste it into tickets.
	idPrefix = "[x-request-id: "
)

// ErrStopping is the cause of a stream's context when the server was told to stop. The
// caller gets Unavailable and is expected to call again.
var ErrStopping = errors.New("the server is stopping")

// row is one line of the table: what an error of a kind is on the wire, in the metrics
// and to the operator.
type row struct {
	code  codes.Code
	label string
	level zapcore.Level
}

// table is the one place where a kind of error gets its code. That a call was refused
// is the caller's to know (debug); what it could not get is the operator's too.
var table = map[fault.Kind]row{ //nolint:gochecknoglobals // a table, never written
	fault.Invalid:         {codes.InvalidArgument, fault.Invalid.String(), zapcore.DebugLevel},
	fault.NotFound:        {codes.NotFound, fault.NotFound.String(), zapcore.DebugLevel},
	fault.Exists:          {codes.AlreadyExists, fault.Exists.String(), zapcore.DebugLevel},
	fault.Conflict:        {codes.FailedPrecondition, fault.Conflict.String(), zapcore.DebugLevel},
	fault.Unauthenticated: {codes.Unauthenticated, fault.Unauthenticated.String(), zapcore.DebugLevel},
	fault.Denied:          {codes.PermissionDenied, fault.Denied.String(), zapcore.DebugLevel},
	fault.Unavailable:     {codes.Unavailable, fault.Unavailable.String(), zapcore.WarnLevel},
	fault.Exhausted:       {codes.ResourceExhausted, fault.Exhausted.String(), zapcore.DebugLevel},
	fault.TooLarge:        {codes.ResourceExhausted, fault.TooLarge.String(), zapcore.DebugLevel},
	fault.OutOfRange:      {codes.OutOfRange, fault.OutOfRange.String(), zapcore.DebugLevel},
	fault.Unimplemented:   {codes.Unimplemented, fault.Unimplemented.String(), zapcore.DebugLevel},

	kindOK:       {codes.OK, "ok", zapcore.DebugLevel},
	kindCanceled: {codes.Canceled, "canceled", zapcore.DebugLevel},
	kindDeadline: {codes.DeadlineExceeded, "deadline", zapcore.DebugLevel},
	kindStopping: {codes.Unavailable, "stopping", zapcore.DebugLevel},
	kindPanic:    {codes.Internal, "panic", zapcore.ErrorLevel},
	kindUnknown:  {codes.Internal, "internal", zapcore.ErrorLevel},
}

// The kinds of what is no fault: below zero, so that they never meet fault's own.
const (
	kindOK fault.Kind = -1 - iota
	kindCanceled
	kindDeadline
	kindStopping
	kindPanic
	kindUnknown
)

// translate returns what err is, and the status that the caller gets for it. ctx is the
// call's. The order of the questions:
//
//  1. A status that a handler returned as it is, or a forwarded call's: kept.
//  2. A fault: its row, its text, its violations.
//  3. A call that is over anyway (its caller left, its time is up, the server stops):
//     whatever else err says came of that.
//  4. All else: "internal error". A status inside a wrapped error is another server's
//     answer to us, not ours to the caller; so is a timeout of our own.
func translate(ctx context.Context, requestID string, err error) (row, error) {
	if err == nil {
		return table[kindOK], nil
	}
	if own, ok := err.(interface{ GRPCStatus() *status.Status }); ok { // not a wrapped one, see 1
		st := own.GRPCStatus()
		if !endedCall(ctx, st.Code()) {
			return rowOfStatus(st.Code()), withID(requestID, st).Err()
		}
	}
	if f, ok := fault.As(err); ok {
		r := table[f.Kind()]
		return r, fits(newStatus(requestID, r.code, f.Text()), f).Err()
	}
	if r, text := rowOfContext(ctx); text != "" {
		return r, newStatus(requestID, r.code, text).Err()
	}
	r := table[kindUnknown]
	if _, ok := errors.AsType[*panicError](err); ok {
		r = table[kindPanic]
	}
	return r, newStatus(requestID, r.code, "internal error").Err()
}

// endedCall reports whether a status of this code is only what gRPC makes of writing to
// a call that is over.
func endedCall(ctx context.Context, code codes.Code) bool {
	return ctx.Err() != nil && (code == codes.Canceled || code == codes.DeadlineExceeded || code == codes.Unavailable)
}

// rowOfContext says why the call of ctx is over; an empty text when it is not.
func rowOfContext(ctx context.Context) (row, string) {
	switch {
	case ctx.Err() == nil:
		return row{}, ""
	case errors.Is(context.Cause(ctx), ErrStopping):
		return table[kindStopping], ErrStopping.Error() + "; call again"
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return table[kindDeadline], "deadline exceeded"
	default:
		return table[kindCanceled], "canceled"
	}
}

// rowOfStatus is for statuses that handlers and backends made themselves.
func rowOfStatus(code codes.Code) row {
	r := row{code, "status_" + strings.ToLower(code.String()), zapcore.DebugLevel}
	if code > codes.Unauthenticated { // a backend's own invention; labels are bounded
		r.label = "status_other"
	}
	switch code {
	case codes.Internal, codes.Unknown, codes.DataLoss:
		r.level = zapcore.ErrorLevel
	case codes.Unavailable:
		r.level = zapcore.WarnLevel
	default: // the caller's
	}
	return r
}

// withID puts the request id before the text of st, unless a server behind us has.
func withID(requestID string, st *status.Status) *status.Status {
	if strings.HasPrefix(st.Message(), idPrefix) {
		return st
	}
	p := st.Proto() // a copy
	p.Message = text(requestID, p.GetMessage())
	return status.FromProto(p)
}

func newStatus(requestID string, code codes.Code, message string) *status.Status {
	return status.New(code, text(requestID, message))
}

func text(requestID, message string) string {
	return fmt.Sprintf("%s%q] %s", idPrefix, requestID, cut(message, messageBytesMax))
}

// cut returns s, or its first n bytes less what would be a part of a rune.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// fits adds to st what programs read: the kind as errdetails.ErrorInfo and as many
// violations as the trailer holds; the text names them for people.
func fits(st *status.Status, f *fault.Error) *status.Status {
	// Twice the message: as grpc-message, percent-encoded, and inside the details, which
	// are base64.
	room := (trailerBytesMax-encodedLen(st.Message()))*3/4 - len(st.Message())
	info := &errdetails.ErrorInfo{Reason: strings.ToUpper(f.Kind().String()), Domain: errorDomain}
	bad := &errdetails.BadRequest{}
	for _, v := range f.Violations() {
		bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{Field: v.Field, Description: v.String()})
		if proto.Size(bad)+2*detailOverhead+proto.Size(info) > room {
			bad.FieldViolations = bad.FieldViolations[:len(bad.FieldViolations)-1]
			break
		}
	}
	if proto.Size(info)+detailOverhead > room {
		return st
	}
	full, err := st.WithDetails(info)
	if err == nil && len(bad.FieldViolations) > 0 {
		full, err = full.WithDetails(bad)
	}
	if err != nil {
		return st // unreachable: both messages marshal
	}
	return full
}

// detailOverhead is what a detail costs beside its own bytes: the type's URL and tags.
const detailOverhead = 64

// encodedLen is the length of s as a grpc-message header: bytes that are not printable
// ASCII, and the percent sign, take three.
func encodedLen(s string) int {
	n := len(s)
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || s[i] == '%' {
			n += 2
		}
	}
	return n
}
