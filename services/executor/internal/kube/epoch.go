package kube

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// epochAnnotation holds the epoch in decimal. The Lease's own counter has 32 bits.
	epochAnnotation = "fairlead/epoch"
	// epochTries is how often the epoch is compared and set, when somebody else sets it
	// at the same time, before that is reported as a failure.
	epochTries = 5
)

var (
	errEpochBusy = errors.New("somebody else keeps changing it")
	errHeld      = errors.New("it is another executor's, and two of one cluster would take each other's pods for their own")
)

// readEpoch returns the stored epoch, zero where there is none, and its object, nil
// where there is none.
func (c *Cluster) readEpoch(ctx context.Context) (uint64, *coordinationv1.Lease, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.CallTimeout)
	defer cancel()
	object, err := c.deps.Client.CoordinationV1().Leases(c.cfg.LeaseNamespace).Get(ctx, c.cfg.LeaseName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return 0, nil, nil
	}
	if err != nil {
		return 0, nil, fmt.Errorf("read lease %s/%s: %w", c.cfg.LeaseNamespace, c.cfg.LeaseName, err)
	}
	if holder := object.Spec.HolderIdentity; holder != nil && *holder != "" && *holder != c.cfg.Executor {
		return 0, nil, fmt.Errorf("read lease %s/%s: %w: holderIdentity is %s, this is %s",
			c.cfg.LeaseNamespace, c.cfg.LeaseName, errHeld, *holder, c.cfg.Executor)
	}
	text, set := object.Annotations[epochAnnotation]
	if !set {
		return 0, object, nil
	}
	epoch, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, nil, fmt.Errorf("read annotation %s of lease %s/%s: %w", epochAnnotation, c.cfg.LeaseNamespace, c.cfg.LeaseName, err)
	}
	return epoch, object, nil
}

// saveEpoch stores an epoch by compare-and-set unless a higher one is there, and
// returns what is stored then.
func (c *Cluster) saveEpoch(ctx context.Context, epoch uint64) (uint64, error) {
	for range epochTries {
		stored, object, err := c.readEpoch(ctx)
		if err != nil {
			return 0, err
		}
		if object != nil && stored >= epoch {
			return stored, nil
		}
		err = c.writeEpoch(ctx, object, epoch)
		if err == nil {
			return epoch, nil
		}
		if !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) {
			return 0, fmt.Errorf("write lease %s/%s: %w", c.cfg.LeaseNamespace, c.cfg.LeaseName, err)
		}
	}
	return 0, fmt.Errorf("write lease %s/%s: %w", c.cfg.LeaseNamespace, c.cfg.LeaseName, errEpochBusy)
}

// writeEpoch writes the epoch into an object as it was read, or makes the object.
func (c *Cluster) writeEpoch(ctx context.Context, object *coordinationv1.Lease, epoch uint64) error {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.CallTimeout)
	defer cancel()
	leases := c.deps.Client.CoordinationV1().Leases(c.cfg.LeaseNamespace)
	text := strconv.FormatUint(epoch, 10)
	if object == nil {
		_, err := leases.Create(ctx, &coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{
				Name: c.cfg.LeaseName, Namespace: c.cfg.LeaseNamespace, Annotations: map[string]string{epochAnnotation: text},
			},
			Spec: coordinationv1.LeaseSpec{HolderIdentity: &c.cfg.Executor},
		}, metav1.CreateOptions{})
		return err //nolint:wrapcheck // the caller does
	}
	object.Annotations = overlaid(object.Annotations, map[string]string{epochAnnotation: text})
	object.Spec.HolderIdentity = &c.cfg.Executor
	_, err := leases.Update(ctx, object, metav1.UpdateOptions{})
	return err //nolint:wrapcheck // the caller does
}
