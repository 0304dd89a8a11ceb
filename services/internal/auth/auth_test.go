package auth_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-batch/fairlead/services/internal/auth"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
)

// answer is an authenticator that always says the same.
type answer struct {
	p   auth.Principal
	err error
}

func (a answer) Authenticate(context.Context, auth.Credentials) (auth.Principal, error) {
	return a.p, a.err
}

func TestChain(t *testing.T) {
	t.Parallel()
	ann := auth.Principal{Name: "ann", Groups: []string{"quants"}}
	down := errors.New("provider is down")
	missing := answer{err: fmt.Errorf("basic: %w", auth.ErrMissing)}
	for name, tc := range map[string]struct {
		chain auth.Chain
		want  auth.Principal
		is    error
		kind  fault.Kind
	}{
		"the first that knows":     {chain: auth.Chain{missing, answer{p: ann}, auth.Anonymous{}}, want: ann},
		"nobody becomes anonymous": {chain: auth.Chain{answer{err: down}, auth.Anonymous{}}, is: down},
		"wrong credentials are the end": {
			chain: auth.Chain{answer{err: fault.NewUnauthenticated("bad password")}, auth.Anonymous{}}, kind: fault.Unauthenticated,
		},
		"anonymous at the end": {chain: auth.Chain{missing, auth.Anonymous{}}, want: auth.Principal{Name: "anonymous"}},
		"none that knows":      {chain: auth.Chain{missing, missing}, kind: fault.Unauthenticated},
		"empty":                {chain: auth.Chain{}, kind: fault.Unauthenticated},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := tc.chain.Authenticate(t.Context(), auth.Credentials{})
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("principal (-want +got):\n%s", diff)
			}
			refused := tc.kind != 0 || tc.is != nil
			if (err != nil) != refused || fault.KindOf(err) != tc.kind || tc.is != nil && !errors.Is(err, tc.is) {
				t.Errorf("err = %v, want kind %v, is %v", err, tc.kind, tc.is)
			}
		})
	}
}

func TestPrincipalTravelsInTheContext(t *testing.T) {
	t.Parallel()
	ann := auth.Principal{Name: "ann", Groups: []string{"quants"}}
	if diff := cmp.Diff(ann, auth.From(auth.With(t.Context(), ann))); diff != "" {
		t.Error(diff)
	}
	defer func() {
		if recover() == nil {
			t.Error("a context without a principal must not give one")
		}
	}()
	auth.From(t.Context())
}

func TestGroups(t *testing.T) {
	t.Parallel()
	p := auth.Principal{Name: "ann", Groups: []string{"quants"}}
	for group, want := range map[string]bool{"quants": true, auth.Everyone: true, "ops": false, "": false} {
		if got := p.InGroup(group); got != want {
			t.Errorf("InGroup(%q) = %v, want %v", group, got, want)
		}
	}
}
