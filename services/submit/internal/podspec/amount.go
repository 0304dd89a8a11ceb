package podspec

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/fairlead-batch/fairlead/services/submit/podrequest"
)

// ParseAmount reads a quantity as people write it in pod specs, 500m or 2Gi, in the units of
// job.Amount.
func ParseAmount(name, text string) (int64, error) {
	q, err := resource.ParseQuantity(text)
	if err != nil {
		return 0, fmt.Errorf("parse quantity %q: %w", text, err)
	}
	return podrequest.Amount(corev1.ResourceName(name), q), nil
}
