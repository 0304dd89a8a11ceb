// Restdoc makes the OpenAPI document of the REST API: see package document. proto/generate.sh
// runs it.
//
//	restdoc GENERATED DESCRIPTORS > swagger.json
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/fairlead-batch/fairlead/tools/restdoc/internal/document"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "restdoc:", err)
		os.Exit(1) //nolint:forbidigo // main is where a program ends
	}
}

func run(args []string, out io.Writer) error {
	if len(args) != 2 {
		return fmt.Errorf("it takes the generator's document and the protos' descriptors, not %d arguments", len(args))
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
	if _, err := out.Write(made); err != nil {
		return fmt.Errorf("write the document: %w", err)
	}
	return nil
}
