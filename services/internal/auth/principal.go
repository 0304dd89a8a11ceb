package auth

import (
	"context"
	"slices"
)

// Everyone is the group that every principal is in.
const Everyone = "everyone"

// Principal is who is calling. The zero value is nobody. It is not changed once made,
// and safe for concurrent use.
type Principal struct {
	// Name is the user or service, as its authenticator names it.
	Name string
	// Groups are those the authenticator told of; [Everyone] need not be among them.
	Groups []string
}

// InGroup reports whether p is in group.
func (p Principal) InGroup(group string) bool {
	return group == Everyone || slices.Contains(p.Groups, group)
}

type contextKey struct{}

// With returns ctx that carries p. It is for the interceptor of package rpc, and for
// tests that call a handler directly.
func With(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, contextKey{}, p)
}

// From returns the principal of the call that ctx belongs to. A context that never went
// through the interceptor has none: that is a bug of ours, and it panics rather than
// let somebody act as nobody.
func From(ctx context.Context) Principal {
	p, ok := ctx.Value(contextKey{}).(Principal)
	if !ok {
		panic("auth: context carries no principal: the call did not go through the interceptor")
	}
	return p
}
