// Package config loads what an operator may set: defaults in code, then YAML files in
// the order given, then environment variables. It is strict: whatever it does not
// understand is an error that says where, what, and what was probably meant, and all
// errors are reported at once.
//
// # Model
//
// A configuration is a struct of plain values; the caller's default is a value of it.
// Each exported field is a key: the field's name in camelCase (StopWithin is
// stopWithin, GRPC is grpc, TLSFile is tlsFile), or the name in its `koanf` tag. Fields
// that are structs are sections; the keys of an embedded struct with the tag
// `koanf:",squash"` are those of the section that embeds it, and so is its Validate
// where the section has none. Keys are case-sensitive.
//
//	defaults  <-  file 1  <-  file 2  <-  environment        what is to the right wins
//
// Sections and maps merge key by key, also inside map entries; lists and single values
// replace what was there. A section or map without content ("grpc:") changes nothing;
// a single value without content is an error, for nobody can tell what was meant.
//
//   - Durations carry a unit: 30s, 5m, 1h30m. A bare number is refused.
//   - Sizes are [Size]: 64MiB, 4Mi, 500kB, or a number of bytes.
//   - Any type with UnmarshalText or UnmarshalJSON decodes itself (quantities do).
//   - Nothing is converted silently: "8080" is not a number, 1.5 is not 1, and a number
//     out of its type's range is refused.
//
// # Environment
//
// FAIRLEAD, then each level of the path after two underscores, words in upper case with
// one underscore between them or none: grpc.tls.certFile is
// FAIRLEAD__GRPC__TLS__CERT_FILE. Two underscores also stand before the first level
// because Kubernetes puts variables like FAIRLEAD_SUBMIT_PORT=tcp://10.0.0.7:50051 into
// every pod beside a Service of that name: with one, these would be ours and wrong.
//
// The value of a text, duration or size is taken as it is; any other value is read as
// YAML, so lists and whole sections can be set: FAIRLEAD__PEERS='[a:1, b:2]'. Map keys
// keep their case and so cannot be part of a variable's name; set the map.
//
// # Secrets
//
// No key holds a secret. A key that ends in File (passwordFile) names a file that does,
// and whoever needs it reads it with [ReadSecret]. So a configuration can be printed,
// logged and kept in version control ([Print]).
//
// # Validation
//
// After decoding, Validate() error is called on the configuration and on every section,
// list element and map entry that has it; each checks its own fields and leaves its
// sections to themselves. Violations from [fault.Check] are reported by their full key
// path and where the value came from; so Violate's field is a key relative to the
// section.
//
// # Guarantees and failures
//
// Load has no state and reads nothing but the files named and the environment given: a
// file that is missing or unreadable is an error, never skipped. It never changes the
// defaults it was given.
package config
