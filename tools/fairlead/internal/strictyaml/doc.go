// Package strictyaml reads what people write, YAML or JSON, into Go types that are made
// for JSON (Kubernetes' are), and refuses whatever it does not understand: with the
// file, the line, the path of the key, what is wrong there and what was probably meant,
// all of it at once.
//
// # Model
//
//	bytes -- Parse --> documents -- Decode --> a value of a Go type
//
// A document is plain data that remembers its lines. [Document.Decode] compares it with
// the type first: every key must be a field's JSON name, in its very case, and every
// value must fit without conversion ("1" is not a number, 1 is not text). Types that
// decode themselves (UnmarshalJSON, as quantities and int-or-string do) are asked. Only
// what passed is decoded, by encoding/json.
//
// It is YAML 1.2 in what people trip over: yes, no, on and off are text, and so are
// dates. Anchors, aliases and merge keys (<<) work. JSON is read as the YAML it is.
//
// # Limits
//
// A document nests at most 64 levels, and a source holds at most two million values,
// aliases counted where they are used; so that no few lines can fill the memory.
package strictyaml
