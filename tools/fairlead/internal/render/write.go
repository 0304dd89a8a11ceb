package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

// Format is how answers are written.
type Format string

// The formats.
const (
	AsTable Format = "table"
	AsJSON  Format = "json"
	AsYAML  Format = "yaml"
)

// String returns the format's name.
func (f *Format) String() string { return string(*f) }

// Set takes a name, so that a Format can be a flag.
func (f *Format) Set(name string) error {
	switch Format(name) {
	case AsTable, AsJSON, AsYAML:
		*f = Format(name)
		return nil
	default:
		return fmt.Errorf("must be table, json or yaml")
	}
}

// Type names the flag's value in help.
func (f *Format) Type() string { return "format" }

// Write writes plain data (anything that encoding/json takes) as JSON or YAML.
func Write(w io.Writer, format Format, data any) error {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(data); err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	if format == AsJSON {
		_, err := w.Write(b.Bytes())
		return err
	}
	var plain any
	if err := yaml.Unmarshal(b.Bytes(), &plain); err != nil { // JSON is YAML
		return fmt.Errorf("encode answer: %w", err)
	}
	yamlEncoder := yaml.NewEncoder(w)
	yamlEncoder.SetIndent(2)
	if err := yamlEncoder.Encode(plain); err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	return yamlEncoder.Close()
}

// WriteLine writes plain data as JSON on one line.
func WriteLine(w io.Writer, data any) error {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(data); err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	_, err := w.Write(b.Bytes())
	return err
}
