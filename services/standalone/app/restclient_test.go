package app_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// missingExit is how tools/restclient/generate.sh says that the machine lacks what it needs.
const missingExit = 3

// TestGeneratedClient: a client that was generated from the OpenAPI document, by others'
// generator and in another language, makes a queue, submits, watches, asks, cancels and is
// refused. What TestREST and kubejson's TestDocumentIsTrue prove on every run, this proves
// of the document as a generator reads it; it is slow (Java), so it runs when asked for.
func TestGeneratedClient(t *testing.T) {
	t.Parallel()
	if os.Getenv("FAIRLEAD_OPENAPI") == "" {
		t.Skip("it generates a client, with Java and Maven: make test-openapi runs it")
	}
	root := filepath.Join("..", "..", "..")
	made, err := exec.CommandContext(t.Context(), filepath.Join(root, "tools", "restclient", "generate.sh")).Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == missingExit {
		t.Skip(strings.TrimSpace(string(exit.Stderr)))
	} else if ok {
		t.Fatalf("generate the client: %v\n%s", err, exit.Stderr)
	} else if err != nil {
		t.Fatal(err)
	}
	python := filepath.Join(strings.TrimSpace(string(made)), "bin", "python")
	user := exec.CommandContext(t.Context(), python, filepath.Join("..", "testdata", "rest_user.py"), "http://"+start(t).HTTP.String())
	if out, err := user.CombinedOutput(); err != nil || string(out) != "ok\n" {
		t.Fatalf("%v\n%s", err, out)
	}
}
