package cli

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/fairlead-batch/fairlead/tools/fairlead/internal/endpoint"
	"github.com/fairlead-batch/fairlead/tools/fairlead/internal/render"
)

// explain writes an error for a person: what was being done, what was wrong with it,
// and, indented, the details and what to do.
func explain(w io.Writer, err error, end endpoint.Endpoint) {
	text, more := err.Error(), []string(nil)
	if said := answered(err); said != nil {
		text, more = server2person(said, end)
		if doing, _, wrapped := strings.Cut(err.Error(), "rpc error: "); wrapped {
			text = doing + text
		}
	}
	if fields, ok := errors.AsType[*fieldsError](err); ok {
		more = fields.lines
	}
	if typed, ok := err.(*usageError); ok && typed.verb != "" { //nolint:errorlint // Run made it last
		more = append(more, fmt.Sprintf("See '%s --help'.", typed.verb))
	}
	lines := strings.Split(text, "\n")
	write(w, "error: %s\n", render.Clean(lines[0]))
	for _, line := range append(lines[1:], more...) {
		write(w, "  %s\n", render.Clean(line))
	}
}

// write writes beside the answer. That it may not arrive changes nothing: there is
// nowhere left to say so.
func write(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }

// server2person says what a status means.
func server2person(said *status.Status, end endpoint.Endpoint) (text string, more []string) {
	text, id := withoutID(said.Message())
	if queue, unknown := unknownQueue(said); unknown {
		return fmt.Sprintf("queue %s does not exist", queue), []string{
			"To see the queues: fairlead queue list",
			fmt.Sprintf("To create it: fairlead queue create %s", queue),
		}
	}
	if lines := violations(said); len(lines) > 0 {
		return "refused", lines
	}
	switch said.Code() {
	case codes.Unavailable:
		return unavailable(text, end)
	case codes.DeadlineExceeded:
		return fmt.Sprintf("no answer from %s in time", end.Address), []string{"It may still be done. --timeout sets how long to wait."}
	case codes.PermissionDenied, codes.Unauthenticated:
		return "not allowed: " + text, nil
	case codes.Unimplemented:
		return fmt.Sprintf("the server at %s does not do that: %s", end.Address, text), nil
	case codes.Internal, codes.Unknown:
		if id != "" {
			more = append(more, "Its log has more under request id "+id+".")
		}
		return fmt.Sprintf("the server at %s failed: %s", end.Address, text), more
	default:
		return text, nil
	}
}

// requestID begins the errors of servers.
var requestID = regexp.MustCompile(`^\[x-request-id: "?([^"\]]*)"?\] `)

// withoutID splits the request id from an error's text.
func withoutID(message string) (text, id string) {
	found := requestID.FindStringSubmatch(message)
	if found == nil {
		return message, ""
	}
	return message[len(found[0]):], found[1]
}

// violations are the fields that a server refused, a line for each.
func violations(said *status.Status) []string {
	var lines []string
	for _, v := range fields(said) {
		lines = append(lines, v.GetField()+": "+rule(v))
	}
	return lines
}

// fields are the violations that a status carries.
func fields(said *status.Status) []*errdetails.BadRequest_FieldViolation {
	var all []*errdetails.BadRequest_FieldViolation
	for _, detail := range said.Details() {
		if bad, ok := detail.(*errdetails.BadRequest); ok {
			all = append(all, bad.GetFieldViolations()...)
		}
	}
	return all
}

// rule is what a field had to be, and what it was. Servers of this API say it in
// Armada's form: value "V" is invalid for field "F": RULE.
func rule(v *errdetails.BadRequest_FieldViolation) string {
	before, rule, found := strings.Cut(v.GetDescription(), fmt.Sprintf(" is invalid for field %q: ", v.GetField()))
	if !found {
		return v.GetDescription()
	}
	if value := strings.TrimPrefix(before, "value "); value != `""` {
		return fmt.Sprintf("is %s: %s", value, rule)
	}
	return rule
}

// fieldsError is a refusal whose fields are told as the user wrote them.
type fieldsError struct {
	lines []string
	err   error
}

func (e *fieldsError) Error() string { return e.err.Error() }

// Unwrap returns the server's own.
func (e *fieldsError) Unwrap() error { return e.err }

// queueText is what servers of this API say of a queue that is not there. The text is
// part of the API (Armada's clients retry on it), the code is not: a submission gets
// PermissionDenied.
var queueText = regexp.MustCompile(`could not find queue "([^"]+)"|Queue (\S+) does not exist`)

// unknownQueue is the name of the queue that a server does not know.
func unknownQueue(said *status.Status) (string, bool) {
	found := queueText.FindStringSubmatch(said.Message())
	if found == nil || said.Code() != codes.NotFound && said.Code() != codes.PermissionDenied {
		return "", false
	}
	return found[1] + found[2], true
}

// What gRPC says of connections. Nothing but its words tells a server that cannot be
// reached from one that cannot serve; where they change, the address is told still.
const (
	wordsDial      = "Error while dialing: "
	wordsHandshake = "authentication handshake failed: "
	wordsPreface   = "error reading server preface: "
	wordsBroken    = "connection error: desc = "
)

// neverSent says whether a call did not leave this machine.
func neverSent(text string) bool {
	for _, words := range []string{wordsDial, wordsHandshake, wordsPreface} {
		if strings.Contains(text, words) {
			return true
		}
	}
	return false
}

func unavailable(text string, end endpoint.Endpoint) (string, []string) {
	after := func(words string) (string, bool) {
		_, why, found := strings.Cut(text, words)
		return strings.Trim(strings.ReplaceAll(why, `\"`, `"`), `"`), found
	}
	named := fmt.Sprintf("%s (%s)", end.Address, end.From)
	elsewhere := []string{
		"Is the server running there?",
		"Another address: --url HOST:PORT, FAIRLEAD_URL, or a context (see fairlead --help).",
	}
	if why, ok := after(wordsDial); ok {
		return fmt.Sprintf("nobody answers at %s: %s", named, why[strings.LastIndex(why, ": ")+len(": "):]), elsewhere
	}
	if why, ok := after(wordsHandshake); ok {
		return fmt.Sprintf("cannot connect securely to %s: %s", named, why), []string{
			"If it speaks no TLS: http://" + end.Address + ", or noTLS: true in the context.",
			"If its certificate is from an authority of your own: caFile in the context.",
		}
	}
	if why, ok := after(wordsPreface); ok {
		return fmt.Sprintf("%s does not speak gRPC without TLS: %s", named, why), []string{
			"If it speaks TLS: https://" + end.Address + ".",
		}
	}
	if why, ok := after(wordsBroken); ok {
		return fmt.Sprintf("the connection to %s broke: %s", named, why), []string{"Try again."}
	}
	return fmt.Sprintf("the server at %s cannot do that now: %s", end.Address, text), []string{"Try again."}
}
