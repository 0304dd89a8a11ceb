// Package openapitest holds the OpenAPI document against what is really sent and
// answered: an untruth of the document fails the test that meets it.
//
// It is for tests only. The document is read more strictly than clients read it: an
// object has the properties that are written down and no others.
package openapitest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// Document is the OpenAPI document, ready to judge. It is safe for concurrent use.
type Document struct {
	doc    *openapi3.T
	router routers.Router
}

// New returns a document in OpenAPI 2.0 or 3.0.
func New(text []byte) (*Document, error) {
	var tree map[string]any
	if err := json.Unmarshal(text, &tree); err != nil {
		return nil, fmt.Errorf("read the document: %w", err)
	}
	closeObjects(tree)
	closed, err := json.Marshal(tree)
	if err != nil {
		return nil, fmt.Errorf("write the document: %w", err)
	}
	load := loadV3
	if tree["swagger"] == "2.0" {
		load = loadV2
	}
	doc, err := load(closed)
	if err != nil {
		return nil, err
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		return nil, fmt.Errorf("find the paths of the document: %w", err)
	}
	return &Document{doc: doc, router: router}, nil
}

func loadV2(text []byte) (*openapi3.T, error) {
	var v2 openapi2.T
	if err := json.Unmarshal(text, &v2); err != nil {
		return nil, fmt.Errorf("read the document as OpenAPI 2.0: %w", err)
	}
	doc, err := openapi2conv.ToV3(&v2)
	if err != nil {
		return nil, fmt.Errorf("turn the document into OpenAPI 3: %w", err)
	}
	return doc, nil
}

func loadV3(text []byte) (*openapi3.T, error) {
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData(text)
	if err != nil {
		return nil, fmt.Errorf("read the document as OpenAPI 3: %w", err)
	}
	if err := doc.Validate(loader.Context); err != nil {
		return nil, fmt.Errorf("the document is not valid OpenAPI 3: %w", err)
	}
	return doc, nil
}

// closeObjects forbids, in every schema that lists properties, all others.
func closeObjects(v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, inner := range v {
			closeObjects(inner)
		}
		_, lists := v["properties"].(map[string]any)
		if _, open := v["additionalProperties"]; lists && v["type"] == "object" && !open {
			v["additionalProperties"] = false
		}
	case []any:
		for _, inner := range v {
			closeObjects(inner)
		}
	}
}

// Check judges one JSON value by a definition of the document.
func (d *Document) Check(definition string, value []byte) error {
	schema := d.doc.Components.Schemas[definition]
	if schema == nil {
		return fmt.Errorf("there is no definition %s", definition)
	}
	return check(schema.Value, value)
}

func check(schema *openapi3.Schema, value []byte) error {
	dec := json.NewDecoder(bytes.NewReader(value))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return fmt.Errorf("read JSON: %w", err)
	}
	err := schema.VisitJSON(v, openapi3.MultiErrors(), openapi3.VisitAsResponse())
	if all, ok := errors.AsType[openapi3.MultiError](err); ok {
		return errors.New(brief(all))
	}
	return err
}

// brief is what was wrong and where, without the schemas.
func brief(all openapi3.MultiError) string {
	var lines []string
	for _, err := range all {
		if one, ok := errors.AsType[*openapi3.SchemaError](err); ok {
			lines = append(lines, fmt.Sprintf("at %s: %s", strings.Join(one.JSONPointer(), "."), one.Reason))
		} else if inner, ok := errors.AsType[openapi3.MultiError](err); ok {
			lines = append(lines, brief(inner))
		} else {
			lines = append(lines, err.Error())
		}
	}
	return strings.Join(lines, "\n")
}
