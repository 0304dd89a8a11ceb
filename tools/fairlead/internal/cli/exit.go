package cli

import (
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/fairlead-batch/fairlead/tools/fairlead/internal/strictyaml"
)

// The exit codes, as the package's doc has them.
const (
	codeDone        = 0
	codeFailed      = 1
	codeUsage       = 2
	codeNotFound    = 3
	codePart        = 4
	codeRefused     = 5
	codeInterrupted = 130
)

// errInterrupted ends a call that the user broke off.
var errInterrupted = errors.New("interrupted")

// usageError is something wrong with what was typed; nothing was tried.
type usageError struct {
	text string
	verb string // whose help tells more; empty: none would
}

func (e *usageError) Error() string { return e.text }

// usage makes an error about arguments that fit their flags and not each other, or
// about a file.
func usage(format string, args ...any) error {
	return &usageError{text: fmt.Sprintf(format, args...)}
}

// partError says that some of several failed; each was told already.
type partError struct{ text string }

func (e *partError) Error() string { return e.text }

// missingError names what a server knows nothing of, without an error of its own.
type missingError struct{ text string }

func (e *missingError) Error() string { return e.text }

// exitCode is the one place that chooses a code.
func exitCode(err error) int {
	if errors.Is(err, errInterrupted) {
		return codeInterrupted
	}
	if _, ok := errors.AsType[*usageError](err); ok {
		return codeUsage
	}
	if _, ok := errors.AsType[*strictyaml.Error](err); ok {
		return codeUsage
	}
	if _, ok := errors.AsType[*partError](err); ok {
		return codePart
	}
	if _, ok := errors.AsType[*missingError](err); ok {
		return codeNotFound
	}
	said := answered(err)
	if said == nil {
		return codeFailed
	}
	if _, unknown := unknownQueue(said); unknown {
		return codeNotFound
	}
	switch said.Code() {
	case codes.NotFound:
		return codeNotFound
	case codes.InvalidArgument, codes.AlreadyExists, codes.PermissionDenied, codes.Unauthenticated,
		codes.FailedPrecondition, codes.OutOfRange, codes.Unimplemented:
		return codeRefused
	default:
		return codeFailed
	}
}

// answered is the status inside an error, as the server sent it; nil: there is none.
func answered(err error) *status.Status {
	own, ok := errors.AsType[interface {
		error
		GRPCStatus() *status.Status
	}](err)
	if !ok {
		return nil
	}
	return own.GRPCStatus()
}
