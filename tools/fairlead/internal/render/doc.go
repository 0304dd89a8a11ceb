// Package render writes what the CLI shows: tables that fit the terminal, and JSON or
// YAML that programs read.
//
// # Model
//
// A [Table] aligns its columns; where it is wider than the terminal its widest columns
// are cut, the first one (the id or name that people copy) never. [Plain] makes plain
// data of a message of the public API, as the REST gateway shows it: camelCase names,
// zero values left out, times as RFC 3339, and whatever is Kubernetes' own in
// Kubernetes' own JSON ("cpu": "100m"). [Write] encodes plain data, keys sorted, so the
// same answer gives the same bytes.
//
// # What it guarantees
//
// Text from elsewhere (reasons, names, labels) cannot speak to the terminal: [Clean]
// takes out control characters, and tables clean their cells.
package render
