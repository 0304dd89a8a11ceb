package document

import (
	"errors"
	"fmt"
	"strings"
)

// upgrade returns an OpenAPI 2.0 document as OpenAPI 3.0, which can say two things more:
// that a value is of either of two types, and, in words of its own, that it may be null.
// It knows what stands in our document and refuses all else. It leaves root as it is.
func upgrade(root *object) (*object, error) {
	media := list(root.get("produces"))
	out := newObject(member{"openapi", "3.0.3"}, member{"info", root.get("info")})
	// The 2.0 document says nothing of where it is served either: at the root of whoever serves it.
	out.set("servers", []any{newObject(member{"url", "/"})})
	out.set("tags", root.get("tags"))
	paths := newObject()
	for _, path := range root.object("paths").members {
		verbs := newObject()
		for _, verb := range path.value.(*object).members {
			call, err := upgradeCall(verb.value.(*object), media)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", verb.key, path.key, err)
			}
			verbs.set(verb.key, call)
		}
		paths.set(path.key, verbs)
	}
	out.set("paths", paths)
	schemas := newObject()
	for _, definition := range root.object("definitions").members {
		schemas.set(definition.key, upgradeSchema(definition.value))
	}
	out.set("components", newObject(member{"schemas", schemas}))
	return out, nil
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

func upgradeCall(call *object, media []any) (*object, error) {
	if own := list(call.get("produces")); own != nil {
		media = own
	}
	out := newObject()
	for _, m := range call.members {
		switch m.key {
		case "summary", "description", "operationId", "tags", "deprecated":
			out.set(m.key, m.value)
		case "produces": // stands at the answers
		case "parameters":
			if err := upgradeParameters(out, list(m.value)); err != nil {
				return nil, err
			}
		case "responses":
			answers := newObject()
			for _, answer := range m.value.(*object).members {
				answers.set(answer.key, upgradeAnswer(answer.value.(*object), media))
			}
			out.set(m.key, answers)
		default:
			return nil, fmt.Errorf("%s of an operation has no place in OpenAPI 3 that is known here", m.key)
		}
	}
	return out, nil
}

// upgradeParameters gives a call its parameters, and its body where one of them is that.
func upgradeParameters(call *object, parameters []any) error {
	var kept []any
	for _, p := range parameters {
		p := p.(*object)
		if p.text("in") == "body" {
			call.set("requestBody", newObject(
				member{"required", p.get("required")},
				member{"content", content(p.get("schema"), []any{"application/json"})}))
			continue
		}
		out, schema := newObject(), newObject()
		for _, m := range p.members {
			switch m.key {
			case "name", "in", "required", "description", "deprecated":
				out.set(m.key, m.value)
			case "type", "format", "enum", "default":
				schema.set(m.key, m.value)
			default:
				return errors.New("a parameter's " + m.key + " has no place in OpenAPI 3 that is known here")
			}
		}
		out.set("schema", schema)
		kept = append(kept, out)
	}
	if kept != nil {
		call.set("parameters", kept)
	}
	return nil
}

func upgradeAnswer(answer *object, media []any) *object {
	out := newObject(member{"description", answer.get("description")})
	if schema := answer.get("schema"); schema != nil {
		out.set("content", content(schema, media))
	}
	return out
}

// content is a schema for each media type.
func content(schema any, media []any) *object {
	out := newObject()
	for _, mime := range media {
		out.set(mime.(string), newObject(member{"schema", upgradeSchema(schema)}))
	}
	return out
}

// upgradeSchema returns a schema, or what is in one, in the words of OpenAPI 3.
func upgradeSchema(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = upgradeSchema(v[i])
		}
		return out
	case *object:
		out := newObject()
		for _, m := range v.members {
			switch value, isText := m.value.(string); {
			case m.key == "$ref" && isText:
				out.set(m.key, strings.Replace(value, "#/definitions/", "#/components/schemas/", 1))
			case m.key == "x-nullable" && m.value == true:
				out.set("nullable", true)
			default:
				out.set(m.key, upgradeSchema(m.value))
			}
		}
		if v.get("x-kubernetes-int-or-string") == true {
			out.set("oneOf", []any{
				newObject(member{"type", "integer"}, member{"format", "int32"}),
				newObject(member{"type", "string"}),
			})
		}
		return out
	default:
		return v
	}
}
