// Package fault is the one place for errors that are the caller's to understand: each
// has a [Kind], a text that may be shown to the caller, and, where input was refused,
// every violation at once.
//
// # Model
//
// An error of this package crosses the API with its text; package rpc holds the one
// table from Kind to gRPC code and metric label. Every other error is "internal error"
// to the caller, and whole only in the log. So the text of a fault names the caller's
// things (a queue, a field, a limit), never ours (a table, a host, a SQL state); what
// caused it goes into the cause ([Error.Because]), which the caller does not see.
//
//	the caller's fault    Invalid NotFound Exists Conflict Unauthenticated Denied
//	                      Exhausted TooLarge OutOfRange Unimplemented
//	the world's           Unavailable: try the same call again
//	our bug               no kind: a plain error, or a panic
//
// Faults may be wrapped on their way up (fmt.Errorf with %w): kind and violations stay
// theirs, and the caller sees the fault's own text without the wrapping, which is for
// the log.
//
// # What is guaranteed
//
// The package imports the standard library alone, so domain packages may use it. A
// *Error is not changed after it was made and is safe for concurrent use.
package fault

import (
	"errors"
	"fmt"
	"strings"
)

// Kind says what sort of trouble it is. The zero value is no kind.
type Kind int

// The kinds. What the caller should do is part of the meaning.
const (
	Invalid         Kind = iota + 1 // the input breaks rules; change it
	NotFound                        // no such thing
	Exists                          // a thing of that name is there already
	Conflict                        // the thing is in a state that forbids this; change that state first
	Unauthenticated                 // no valid credentials; present some
	Denied                          // known, and not allowed
	Unavailable                     // not now; the same call may work later
	Exhausted                       // a rate or quota is used up; later, or less
	TooLarge                        // over a size limit; split it
	OutOfRange                      // asks for what is no longer, or not yet, kept
	Unimplemented                   // this server does not do that
)

// Kinds returns all kinds, for tables that must cover each.
func Kinds() []Kind {
	kinds := make([]Kind, 0, len(names))
	for k := Invalid; int(k) <= len(names); k++ {
		kinds = append(kinds, k)
	}
	return kinds
}

var names = [...]string{
	"invalid", "not_found", "exists", "conflict", "unauthenticated", "denied",
	"unavailable", "exhausted", "too_large", "out_of_range", "unimplemented",
}

// String returns the kind in lower case with underscores, fit for a metric label.
func (k Kind) String() string {
	if k < Invalid || int(k) > len(names) {
		return fmt.Sprintf("fault.Kind(%d)", int(k))
	}
	return names[k-1]
}

// Violation is one rule that one field of the input breaks.
type Violation struct {
	// Field is the path of the field as the caller wrote it:
	// job_request_items[3].pod_spec.containers[0].resources.
	Field string
	// Value is what the field held, as text, cut if it is long; empty when it is absent
	// or is a secret.
	Value string
	// Rule is what the value had to be, in words, the limit included: "at most 100 MiB".
	Rule string
}

// String returns the violation as a sentence.
func (v Violation) String() string {
	return fmt.Sprintf("value %q is invalid for field %q: %s", v.Value, v.Field, v.Rule)
}

// Error is a coded error. Make it with the functions below; read it with [As] or
// [KindOf].
type Error struct {
	kind       Kind
	text       string
	violations []Violation
	cause      error
}

// Error returns the text for the caller, and the cause after a colon if there is one:
// it is what the log shows. [Error.Text] is without the cause.
func (e *Error) Error() string {
	if e.cause == nil {
		return e.text
	}
	return e.text + ": " + e.cause.Error()
}

// Unwrap returns the cause, or nil.
func (e *Error) Unwrap() error { return e.cause }

// Kind returns the kind, never zero.
func (e *Error) Kind() Kind { return e.kind }

// Text returns what the caller may read.
func (e *Error) Text() string { return e.text }

// Violations returns the broken rules, in the order in which they were found; empty
// for all kinds but [Invalid]. The caller must not change the slice.
func (e *Error) Violations() []Violation { return e.violations }

// Because returns a copy of e with cause behind it, for the log and for errors.Is;
// the text for the caller stays.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// NewInvalid returns a refusal of input with all its violations; its text is theirs,
// joined by "; ". Use [Check] to collect them.
func NewInvalid(first Violation, more ...Violation) *Error {
	all := append([]Violation{first}, more...)
	texts := make([]string, len(all))
	for i, v := range all {
		texts[i] = v.String()
	}
	return &Error{kind: Invalid, text: strings.Join(texts, "; "), violations: all}
}

// NewNotFound says that something does not exist: NewNotFound("could not find queue %q", name).
func NewNotFound(format string, args ...any) *Error { return newError(NotFound, format, args) }

// NewExists says that a thing of that name is there already.
func NewExists(format string, args ...any) *Error { return newError(Exists, format, args) }

// NewConflict says which state forbids it: a queue that still has jobs, a newer generation.
func NewConflict(format string, args ...any) *Error { return newError(Conflict, format, args) }

// NewUnauthenticated says that the credentials are missing or not valid.
func NewUnauthenticated(format string, args ...any) *Error {
	return newError(Unauthenticated, format, args)
}

// NewDenied says who lacks which permission.
func NewDenied(format string, args ...any) *Error { return newError(Denied, format, args) }

// NewUnavailable says that the same call may work later, and what is missing now.
func NewUnavailable(format string, args ...any) *Error { return newError(Unavailable, format, args) }

// NewExhausted names the rate or quota that is used up, and its limit.
func NewExhausted(format string, args ...any) *Error { return newError(Exhausted, format, args) }

// NewTooLarge names the size, the limit and the unit.
func NewTooLarge(format string, args ...any) *Error { return newError(TooLarge, format, args) }

// NewOutOfRange says what was asked for and from where on things are kept.
func NewOutOfRange(format string, args ...any) *Error { return newError(OutOfRange, format, args) }

// NewUnimplemented says that this server does not do what was asked.
func NewUnimplemented(format string, args ...any) *Error {
	return newError(Unimplemented, format, args)
}

func newError(kind Kind, format string, args []any) *Error {
	return &Error{kind: kind, text: fmt.Sprintf(format, args...)}
}

// As returns the outermost fault in err's tree, and whether there is one.
func As(err error) (*Error, bool) { return errors.AsType[*Error](err) }

// KindOf returns the kind of the outermost fault in err's tree, or zero.
func KindOf(err error) Kind {
	if e, ok := As(err); ok {
		return e.kind
	}
	return 0
}
