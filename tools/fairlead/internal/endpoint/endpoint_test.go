package endpoint_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairlead-batch/fairlead/tools/fairlead/internal/endpoint"
)

const contexts = `
currentContext: lab
contexts:
  lab:  {url: lab.example.com, noTLS: true}
  prod: {url: "https://prod.example.com", caFile: /ca.pem}
`

// write returns the path of a file of contexts.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestResolve(t *testing.T) {
	t.Parallel()
	file := write(t, contexts)
	for name, tc := range map[string]struct {
		ask  endpoint.Ask
		want endpoint.Endpoint
	}{
		"nothing said":       {endpoint.Ask{File: "/nowhere"}, endpoint.Endpoint{Address: "localhost:50051", From: "the default"}},
		"current context":    {endpoint.Ask{File: file}, endpoint.Endpoint{Address: "lab.example.com:50051", From: "context lab of " + file}},
		"variable over file": {endpoint.Ask{File: file, EnvURL: "a:1"}, endpoint.Endpoint{Address: "a:1", TLS: true, From: "FAIRLEAD_URL"}},
		"context over variable": {
			endpoint.Ask{File: file, EnvURL: "a:1", Context: "prod"},
			endpoint.Endpoint{Address: "prod.example.com:443", TLS: true, CAFile: "/ca.pem", From: "context prod of " + file},
		},
		"flag over all": {
			endpoint.Ask{File: file, EnvURL: "a:1", Context: "lab", URL: "b:2"},
			endpoint.Endpoint{Address: "b:2", From: "--url"},
		},
		"flag alone": {endpoint.Ask{File: file, URL: "b:2"}, endpoint.Endpoint{Address: "b:2", TLS: true, From: "--url"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := endpoint.Resolve(tc.ask)
			if err != nil {
				t.Fatal(err)
			}
			if got != tc.want {
				t.Errorf("got %+v\nwant %+v", got, tc.want)
			}
		})
	}
}

func TestAddress(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]endpoint.Endpoint{
		"localhost":         {Address: "localhost:50051"},
		"localhost:7":       {Address: "localhost:7"},
		"127.0.0.2:7":       {Address: "127.0.0.2:7"},
		"[::1]":             {Address: "[::1]:50051"},
		"[::1]:7":           {Address: "[::1]:7"},
		"10.0.0.1:7":        {Address: "10.0.0.1:7", TLS: true},
		"example.com":       {Address: "example.com:50051", TLS: true},
		"http://a.b:7/":     {Address: "a.b:7"},
		"http://a.b":        {Address: "a.b:50051"},
		"https://a.b":       {Address: "a.b:443", TLS: true},
		"https://localhost": {Address: "localhost:443", TLS: true},
	} {
		t.Run(url, func(t *testing.T) {
			t.Parallel()
			want.From = "--url"
			got, err := endpoint.Resolve(endpoint.Ask{URL: url})
			if err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Errorf("got %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestResolveRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		file string
		ask  endpoint.Ask
		want string // FILE stands for the file's path
	}{
		"scheme":          {contexts, endpoint.Ask{URL: "grpc://a"}, `address "grpc://a" of --url begins with grpc://; write host:port, http:// or https://`},
		"port":            {contexts, endpoint.Ask{URL: "a:b"}, `address "a:b" of --url is no host:port: invalid port ":b" after host`},
		"no port":         {contexts, endpoint.Ask{EnvURL: "a:"}, `address "a:" of FAIRLEAD_URL is no host:port: the port is missing`},
		"no host":         {contexts, endpoint.Ask{URL: ":1"}, `address ":1" of --url is no host:port: the host is missing`},
		"path":            {contexts, endpoint.Ask{URL: "a/b"}, `address "a/b" of --url is no host:port: a path or a user cannot be part of it`},
		"unknown context": {contexts, endpoint.Ask{Context: "test"}, "there is no context test in FILE; it has lab, prod"},
		"no contexts":     {"", endpoint.Ask{Context: "test"}, "there is no context test in FILE; it has none"},
		"unknown current": {"currentContext: a", endpoint.Ask{}, "FILE:1: currentContext: there is no context a; it has none"},
		"unknown key":     {"contexts:\n  a: {urll: b}", endpoint.Ask{URL: "c"}, "FILE:2: contexts.a.urll: unknown key (did you mean url?)"},
		"no address":      {"contexts:\n  b: {}\n  a: {noTLS: true}", endpoint.Ask{}, "FILE:3: contexts.a.url: is missing; write host:port\nFILE:2: contexts.b.url: is missing; write host:port"},
		"two documents":   {"contexts: {}\n---\ncontexts: {}", endpoint.Ask{}, "FILE:3: a second document; write one"},
		"no YAML":         {"a: b: c", endpoint.Ask{}, "FILE: mapping values are not allowed in this context"},
		"bad in context":  {"contexts:\n  a: {url: 'b:c'}", endpoint.Ask{Context: "a"}, `address "b:c" of context a of FILE is no host:port: invalid port ":c" after host`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.ask.File = write(t, tc.file)
			_, err := endpoint.Resolve(tc.ask)
			if want := strings.ReplaceAll(tc.want, "FILE", tc.ask.File); err == nil || err.Error() != want {
				t.Errorf("error:\n%v\nwant:\n%s", err, want)
			}
		})
	}
}

// A file that the user named must be there; the usual one need not.
func TestFileNamed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "none")
	if _, err := endpoint.Resolve(endpoint.Ask{File: path, FileNamed: true}); err == nil {
		t.Error("no error")
	}
	if _, err := endpoint.Resolve(endpoint.Ask{File: path}); err != nil {
		t.Error(err)
	}
}
