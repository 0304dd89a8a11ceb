// Package openapi holds the OpenAPI document of the public REST API, generated from the protos by
// generate.sh, in two versions of the language. It depends on nothing and cannot fail.
package openapi

import _ "embed"

//go:embed swagger.json
var document []byte

//go:embed openapi.json
var documentV3 []byte

// Document returns the document as JSON, in OpenAPI 2.0. The bytes are shared: the caller must not change
// them. Safe for concurrent use.
func Document() []byte { return document }

// DocumentV3 returns the same in OpenAPI 3.0, which says of an int-or-string what it is: in 2.0 it has no
// type. The bytes are shared: the caller must not change them. Safe for concurrent use.
func DocumentV3() []byte { return documentV3 }
