package jobfile

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/fairlead-batch/fairlead/proto/gen/api"
)

// file is a document as people write it.
type file struct {
	Queue    string `json:"queue"`
	JobSetID string `json:"jobSetId"`
	Jobs     []job  `json:"jobs"`
}

// job has the keys of Armada's JobSubmitRequestItem, in its JSON names.
type job struct {
	Priority           float64           `json:"priority"`
	Namespace          string            `json:"namespace"`
	ClientID           string            `json:"clientId"`
	Labels             map[string]string `json:"labels"`
	Annotations        map[string]string `json:"annotations"`
	RequiredNodeLabels map[string]string `json:"requiredNodeLabels"`
	PodSpec            *corev1.PodSpec   `json:"podSpec"`
	PodSpecs           []corev1.PodSpec  `json:"podSpecs"`
	Ingress            []ingress         `json:"ingress"`
	Services           []service         `json:"services"`
	Scheduler          string            `json:"scheduler"`
	ExternalJobURI     string            `json:"externalJobUri"`
}

type ingress struct {
	Type         ingressType       `json:"type"`
	Ports        []uint32          `json:"ports"`
	Annotations  map[string]string `json:"annotations"`
	TLSEnabled   bool              `json:"tlsEnabled"`
	CertName     string            `json:"certName"`
	UseClusterIP bool              `json:"useClusterIP"`
}

type service struct {
	Type  serviceType `json:"type"`
	Ports []uint32    `json:"ports"`
	Name  string      `json:"name"`
}

// The enums, which are written by name or, in older files, by number.
type (
	ingressType int32
	serviceType int32
)

// UnmarshalJSON takes Ingress, the only type there is.
func (t *ingressType) UnmarshalJSON(raw []byte) error {
	return enum((*int32)(t), raw, api.IngressType_value)
}

// UnmarshalJSON takes NodePort or Headless.
func (t *serviceType) UnmarshalJSON(raw []byte) error {
	return enum((*int32)(t), raw, api.ServiceType_value)
}

// enum reads one of the names, or its number.
func enum(into *int32, raw []byte, numbers map[string]int32) error {
	var name string
	if json.Unmarshal(raw, &name) == nil {
		if number, ok := numbers[name]; ok {
			*into = number
			return nil
		}
	}
	var given int32
	if json.Unmarshal(raw, &given) == nil {
		for _, number := range numbers {
			if number == given {
				*into = given
				return nil
			}
		}
	}
	var names []string
	for name := range numbers {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return int(numbers[a] - numbers[b]) })
	return fmt.Errorf("must be %s", strings.Join(names, " or "))
}
