// Package openapi holds the OpenAPI 2.0 document of the public REST API, generated from the protos by
// generate.sh. It depends on nothing and cannot fail.
package openapi

import _ "embed"

//go:embed swagger.json
var document []byte

// Document returns the document as JSON. The bytes are shared: the caller must not change them. Safe for
// concurrent use.
func Document() []byte { return document }
