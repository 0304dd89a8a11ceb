// Restdoc makes the OpenAPI document of the REST API: see package document. proto/generate.sh
// runs it.
//
//	restdoc GENERATED DESCRIPTORS FOLDER
//
// It writes swagger.json (OpenAPI 2.0) and openapi.json (3.0) into the folder.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/fairlead-batch/fairlead/tools/restdoc/internal/document"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "restdoc:", err)
		os.Exit(1) //nolint:forbidigo // main is where a program ends
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("it takes the generator's document, the protos' descriptors and a folder, not %d arguments", len(args))
	}
	generated, err := os.ReadFile(args[0])
	if err != nil {
		return fmt.Errorf("read the generated document: %w", err)
	}
	descriptors, err := os.ReadFile(args[1])
	if err != nil {
		return fmt.Errorf("read the descriptors: %w", err)
	}
	made, err := document.Make(generated, descriptors)
	if err != nil {
		return err
	}
	for name, text := range map[string][]byte{"swagger.json": made.V2, "openapi.json": made.V3} {
		if err := os.WriteFile(filepath.Join(args[2], name), text, 0o644); err != nil {
			return fmt.Errorf("write the document: %w", err)
		}
	}
	return nil
}
