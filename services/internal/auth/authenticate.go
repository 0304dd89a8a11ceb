package auth

import (
	"context"
	"crypto/x509"
	"errors"

	"github.com/fairlead-batch/fairlead/services/internal/fault"
)

// ErrMissing says that the request has no credentials of an authenticator's sort, so
// that the next in the chain may look. Credentials of its sort that are wrong are
// another error.
var ErrMissing = errors.New("no credentials of this kind")

// Credentials are what a call brought along, whatever transport it came by.
type Credentials struct {
	// Authorization are the values of that header, as sent: "Bearer …", "Basic …".
	Authorization []string
	// Certificates is the client's verified chain, leaf first; empty without mutual TLS.
	Certificates []*x509.Certificate
}

// Authenticator finds out who is calling. Implementations are safe for concurrent use.
type Authenticator interface {
	// Authenticate returns the principal, [ErrMissing] when there is nothing for it to
	// look at, an Unauthenticated fault when what it looked at is not valid, and any
	// other error when it could not find out.
	Authenticate(ctx context.Context, c Credentials) (Principal, error)
}

// Chain asks authenticators in order, until one does not answer [ErrMissing]. When all
// do, the call is refused as Unauthenticated. It is safe for concurrent use.
type Chain []Authenticator

// Authenticate implements Authenticator.
func (chain Chain) Authenticate(ctx context.Context, c Credentials) (Principal, error) {
	for _, a := range chain {
		p, err := a.Authenticate(ctx, c)
		if !errors.Is(err, ErrMissing) {
			return p, err
		}
	}
	return Principal{}, fault.NewUnauthenticated("Request could not be authenticated with any of the supported schemes.")
}

// Anonymous is an authenticator for which everyone is "anonymous", whatever they bring.
// It belongs at the end of a chain.
type Anonymous struct{}

// Authenticate implements Authenticator; it never fails.
func (Anonymous) Authenticate(context.Context, Credentials) (Principal, error) {
	return Principal{Name: "anonymous"}, nil
}
