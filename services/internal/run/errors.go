package run

import (
	"errors"
	"fmt"
	"time"
)

// errGoexit stands for a part whose goroutine ended without a return or a panic.
var errGoexit = errors.New("goroutine ended by runtime.Goexit")

// PanicError is a panic of a part, caught at its boundary: a bug of ours.
type PanicError struct {
	// Value is what was given to panic.
	Value any
	// Stack is the stack of the goroutine that panicked, as text, from the recovery down.
	Stack []byte
}

// Error returns the value and the stack: it goes to the operator, who needs both.
func (e *PanicError) Error() string {
	return fmt.Sprintf("panic: %v\n%s", e.Value, e.Stack)
}

// Unwrap returns the value when it was an error, else nil.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// StuckError says that a part had not ended when the grace was over. Its goroutine is
// still there.
type StuckError struct {
	Part  string
	After time.Duration
}

// Error names the part and the grace.
func (e *StuckError) Error() string {
	return fmt.Sprintf("%s: did not stop within %s", e.Part, e.After)
}
