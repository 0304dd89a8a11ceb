package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// ErrOutcomeUnknown says that the connection was lost between a COMMIT and its
// answer: the transaction took effect or it did not. Nothing was retried. Who
// gets it must find out by reading, or do something that is right in both cases.
var ErrOutcomeUnknown = errors.New("outcome of the commit is unknown")

// ConstraintKind is what sort of rule of the schema was broken.
type ConstraintKind string

// The kinds of constraints, and so the values of ConstraintError.Kind.
const (
	Unique     ConstraintKind = "unique"      // also a primary key
	ForeignKey ConstraintKind = "foreign key" // on either side
	Check      ConstraintKind = "check"
	NotNull    ConstraintKind = "not null"
	Exclusion  ConstraintKind = "exclusion"
)

// ConstraintError is a statement that was refused because it would have broken a
// constraint: an invariant of the data, which a caller may have meant to test.
type ConstraintError struct {
	// Kind says what sort of constraint it is.
	Kind ConstraintKind
	// Name is the constraint's, such as "jobs_pkey"; empty for NotNull, which has none
	// before Postgres 18.
	Name string
	// Table is the table's name without its schema.
	Table string
	// Column is set for NotNull alone.
	Column string

	err error
}

// Error names the constraint, and no value of the row.
func (e *ConstraintError) Error() string {
	if e.Kind == NotNull {
		return fmt.Sprintf("column %s of table %s must not be null", e.Column, e.Table)
	}
	return fmt.Sprintf("%s constraint %s of table %s is violated", e.Kind, e.Name, e.Table)
}

// Unwrap gives the error as it came, with the *pgconn.PgError in it.
func (e *ConstraintError) Unwrap() error { return e.err }

// Typed returns err with a *ConstraintError in its chain where it is one, and err
// itself otherwise. The transaction functions have done that already.
func Typed(err error) error {
	var said *pgconn.PgError
	var typed *ConstraintError
	if !errors.As(err, &said) || errors.As(err, &typed) {
		return err
	}
	kind, ok := constraintKind(said.Code)
	if !ok {
		return err
	}
	return &ConstraintError{Kind: kind, Name: said.ConstraintName, Table: said.TableName, Column: said.ColumnName, err: err}
}

// Violates reports whether err comes from the constraint called name.
func Violates(err error, name string) bool {
	var said *pgconn.PgError
	if !errors.As(err, &said) {
		return false
	}
	_, ok := constraintKind(said.Code)
	return ok && said.ConstraintName == name
}

func constraintKind(sqlState string) (ConstraintKind, bool) {
	switch sqlState {
	case "23505":
		return Unique, true
	case "23503", "23001":
		return ForeignKey, true
	case "23514":
		return Check, true
	case "23502":
		return NotNull, true
	case "23P01":
		return Exclusion, true
	}
	return "", false
}

// Unavailable reports whether err means that the server cannot be reached, is
// shutting down or starting, or takes no more connections: the same call may
// succeed later. It is false when the caller's own context ended.
func Unavailable(err error) bool {
	if said, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch said.Code {
		case "57P01", "57P02", "57P03", // shutting down, crashed, starting
			"53300", // too many connections
			"25P03": // we were silent in a transaction for too long, and were cut off
			return true
		}
		return strings.HasPrefix(said.Code, "08")
	}
	if errors.Is(err, context.Canceled) {
		return false
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, pgconn.ErrConnClosed)
}
