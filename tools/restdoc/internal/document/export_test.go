package document

import "reflect"

// MakeKubernetes gives the definitions of Kubernetes' types, as JSON.
func MakeKubernetes(roots ...reflect.Type) ([]byte, error) {
	made, err := makeKubernetes(roots)
	if err != nil {
		return nil, err
	}
	return made.MarshalJSON()
}
