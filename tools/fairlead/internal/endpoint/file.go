package endpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/fairlead-batch/fairlead/tools/fairlead/internal/strictyaml"
)

// file is the file of contexts.
type file struct {
	CurrentContext string           `json:"currentContext"`
	Contexts       map[string]entry `json:"contexts"`
}

// entry is a context.
type entry struct {
	URL    string `json:"url"`
	NoTLS  bool   `json:"noTLS"`
	CAFile string `json:"caFile"`
}

// load reads the file; the zero one where it is absent and need not be there.
func load(ask Ask) (file, error) {
	path := ask.File
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !ask.FileNamed {
		return file{}, nil
	}
	if err != nil {
		return file{}, fmt.Errorf("read contexts: %w", err)
	}
	docs, err := strictyaml.Parse(path, raw)
	if err != nil || len(docs) == 0 {
		return file{}, err
	}
	if len(docs) > 1 {
		return file{}, &strictyaml.Error{Problems: []strictyaml.Problem{docs[1].Problem("a second document; write one")}}
	}
	var f file
	if err := docs[0].Decode(&f); err != nil {
		return file{}, err
	}
	var found []strictyaml.Problem
	for _, name := range f.sorted() {
		if f.Contexts[name].URL == "" {
			found = append(found, docs[0].Problem("is missing; write host:port", "contexts", name, "url"))
		}
	}
	if _, ok := f.Contexts[f.CurrentContext]; !ok && f.CurrentContext != "" {
		found = append(found, docs[0].Problem(fmt.Sprintf("there is no context %s; %s", f.CurrentContext, f.names()), "currentContext"))
	}
	if len(found) > 0 {
		return file{}, &strictyaml.Error{Problems: found}
	}
	return f, nil
}

func (f file) context(path, name string) (entry, error) {
	e, ok := f.Contexts[name]
	if !ok {
		return entry{}, fmt.Errorf("there is no context %s in %s; %s", name, path, f.names())
	}
	return e, nil
}
