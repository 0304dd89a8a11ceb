package api

import (
	"fmt"

	"github.com/fairlead-batch/fairlead/services/internal/fault"
)

// asked are the ids of a request: as they were written, and the distinct ones that
// they mean.
type asked[ID comparable] struct {
	texts map[ID][]string
	ids   []ID
}

// ask reads the ids of a field. What is no id is left out: nothing has it.
func ask[ID comparable](s *Server, field string, texts []string, parse func(string) (ID, error)) (a asked[ID], err error) {
	if len(texts) > s.deps.IDsMax {
		var check fault.Check
		check.Violate(field, fmt.Sprintf("%d ids", len(texts)), fmt.Sprintf("must have at most %d ids", s.deps.IDsMax))
		return a, check.Err()
	}
	a.texts = make(map[ID][]string, len(texts))
	for _, text := range texts {
		id, err := parse(text)
		if err != nil {
			continue
		}
		if a.texts[id] == nil {
			a.ids = append(a.ids, id)
		}
		a.texts[id] = append(a.texts[id], text)
	}
	return a, nil
}

// answer puts what was found under the ids as they were written.
func answer[ID comparable, T any](a asked[ID], into map[string]T, id ID, found T) {
	for _, text := range a.texts[id] {
		into[text] = found
	}
}
