package kube

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// rightsRetry is the pause before an API server that does not answer is asked again.
const rightsRetry = time.Second

// right is something that the executor does to the cluster.
type right struct {
	verb, group, resource, namespace, name string
}

func (r right) String() string {
	text := r.verb + " " + r.resource
	if r.namespace == "" {
		return text + " in all namespaces"
	}
	return text + " in namespace " + r.namespace
}

// needed are the rights without which it cannot work. deploy/executor/rbac.yaml grants
// them.
func (c *Cluster) needed() []right {
	const leases = "coordination.k8s.io"
	namespace, name := c.cfg.LeaseNamespace, c.cfg.LeaseName
	return []right{
		{verb: "list", resource: "pods"},
		{verb: "watch", resource: "pods"},
		{verb: "list", resource: "nodes"},
		{verb: "watch", resource: "nodes"},
		{verb: "get", group: leases, resource: "leases", namespace: namespace, name: name},
		{verb: "create", group: leases, resource: "leases", namespace: namespace},
		{verb: "update", group: leases, resource: "leases", namespace: namespace, name: name},
	}
}

// wanted are rights that may be granted in the namespaces of jobs alone.
func wanted() []right {
	return []right{{verb: "get", resource: "pods"}, {verb: "create", resource: "pods"}, {verb: "delete", resource: "pods"}}
}

// checkRights fails when a needed right is missing, and names all that are. Without
// it, whoever forgot one would wait for the first lists in vain.
func (c *Cluster) checkRights(ctx context.Context) error {
	missing, err := c.missing(ctx, c.needed())
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		return fmt.Errorf("use Kubernetes: its access control does not let this executor %s", strings.Join(missing, "; "))
	}
	return c.checkWanted(ctx)
}

// checkWanted logs what the executor can do without, or elsewhere.
func (c *Cluster) checkWanted(ctx context.Context) error {
	missing, err := c.missing(ctx, wanted())
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		c.deps.Logger.Warn("pods can be made in some namespaces at most", zap.Strings("missing", missing))
	}
	if missing, err = c.missing(ctx, []right{{verb: "list", resource: "events"}}); err != nil {
		return err
	}
	if len(missing) > 0 {
		c.deps.Logger.Warn("of pods that do not start, events will not be among the reasons", zap.Strings("missing", missing))
	}
	return nil
}

// missing are those of the rights that the executor lacks.
func (c *Cluster) missing(ctx context.Context, rights []right) (missing []string, err error) {
	for _, r := range rights {
		has, err := c.has(ctx, r)
		if err != nil {
			return nil, err
		}
		if !has {
			missing = append(missing, r.String())
		}
	}
	return missing, nil
}

// has asks for one right, until the API server answers or ctx is done. A server that
// does not know the question, or does not let us ask, is taken to let us do the rest:
// calls will show.
func (c *Cluster) has(ctx context.Context, r right) (bool, error) {
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: r.verb, Group: r.group, Resource: r.resource, Namespace: r.namespace, Name: r.name,
		},
	}}
	for {
		answer, err := c.review(ctx, review)
		switch {
		case err == nil:
			return answer.Status.Allowed, nil
		case apierrors.IsUnauthorized(err):
			return false, fmt.Errorf("use Kubernetes: it does not know who we are: %w", err)
		case apierrors.IsForbidden(err), apierrors.IsNotFound(err):
			return true, nil
		}
		pause := time.NewTimer(rightsRetry)
		select {
		case <-ctx.Done():
			pause.Stop()
			return false, fmt.Errorf("reach the API server: not done within %s: %w", c.cfg.SyncTimeout, errors.Join(ctx.Err(), err))
		case <-pause.C:
		}
	}
}

func (c *Cluster) review(ctx context.Context, review *authorizationv1.SelfSubjectAccessReview) (*authorizationv1.SelfSubjectAccessReview, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.CallTimeout)
	defer cancel()
	return c.deps.Client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{}) //nolint:wrapcheck // the caller does
}
