package config_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-batch/fairlead/services/internal/config"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
)

// server is a configuration with one key of each sort.
type server struct {
	StopWithin time.Duration
	GRPC       grpcSection
	Batch      batch
	Peers      []peer
	Classes    map[string]class
	Labels     map[string]string
	Ratio      float64
	Debug      bool
	Limit      *int
	CPU        quantity
}

type grpcSection struct {
	Port     uint16
	Host     string
	MaxBytes config.Size
	TLS      struct{ CertFile, KeyFile string }
}

func (g grpcSection) Validate() error {
	var c fault.Check
	if g.Port == 0 {
		c.Violate("port", g.Port, "must be from 1 to 65535")
	}
	if g.TLS.CertFile != "" && g.TLS.KeyFile == "" {
		c.Violate("tls.keyFile", nil, "must be set with tls.certFile")
	}
	return c.Err()
}

type batch struct {
	Entries int8
	Names   []string `koanf:"names_of"`
}

type peer struct {
	Name   string
	Weight int
}

func (p *peer) Validate() error {
	if p.Weight < 0 {
		return errors.New("has a weight below zero")
	}
	return nil
}

type class struct {
	Priority    int
	Preemptible bool
}

func (c class) Validate() error {
	var check fault.Check
	if c.Priority < 0 {
		check.Violate("priority", c.Priority, "must not be negative")
	}
	return check.Err()
}

// quantity decodes itself from JSON, as Kubernetes' does.
type quantity struct{ milli int64 }

func (q quantity) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, `"%dm"`, q.milli), nil }

func (q *quantity) UnmarshalJSON(raw []byte) error {
	var whole int64
	if json.Unmarshal(raw, &whole) == nil {
		q.milli = whole * 1000
		return nil
	}
	_, err := fmt.Sscanf(string(raw), `"%dm"`, &q.milli)
	return err
}

func defaults() server {
	return server{
		StopWithin: 30 * time.Second,
		GRPC:       grpcSection{Port: 50051, Host: "0.0.0.0", MaxBytes: 64 * config.MiB},
		Batch:      batch{Entries: 100, Names: []string{"a", "b"}},
		Classes:    map[string]class{"armada-default": {Priority: 1000, Preemptible: true}, "other": {Priority: 5}},
		Labels:     map[string]string{"kubernetes.io/os": "linux"},
		CPU:        quantity{milli: 250},
	}
}

// files writes each text into a file of its own, a.yaml, b.yaml and so on, and returns
// their names.
func files(t *testing.T, texts ...string) []string {
	t.Helper()
	dir := t.TempDir()
	names := make([]string, len(texts))
	for i, text := range texts {
		names[i] = filepath.Join(dir, string(rune('a'+i))+".yaml")
		if err := os.WriteFile(names[i], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return names
}

var same = cmp.AllowUnexported(quantity{})

func TestDefaultsAlone(t *testing.T) {
	t.Parallel()
	got, err := config.Load(defaults(), files(t, "", "# nothing\n", "grpc:\nclasses: \n"), []string{"PATH=/bin", "FAIRLEAD_SUBMIT_PORT=tcp://10.0.0.7:1"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(defaults(), got, same); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLaterLayersWin(t *testing.T) {
	t.Parallel()
	base := `
stopWithin: 1m30s
grpc: {port: 1, maxBytes: 1MiB, tls: {certFile: /c, keyFile: /k}}
batch: {names_of: [x]}
peers: [{name: p, weight: 1}, {name: q}]
classes: {armada-default: {priority: 7}, new: {preemptible: true}}
labels: {a.b/c: "1"}
limit: 3
ratio: 2
`
	over := `
grpc: {port: 2}
peers: [{name: r}]
classes: {new: {priority: 9}}
cpu: 2
`
	env := []string{
		"FAIRLEAD__GRPC__PORT=3", "FAIRLEAD__GRPC__TLS__CERT_FILE=/env", "FAIRLEAD__GRPC__MAXBYTES=4096",
		"FAIRLEAD__BATCH__NAMES_OF=[y, z]", "FAIRLEAD__DEBUG=true", "FAIRLEAD__GRPC__HOST=127", "FAIRLEAD__LABELS={d.e: f}",
	}
	got, err := config.Load(defaults(), files(t, base, over), env)
	if err != nil {
		t.Fatal(err)
	}
	three := 3
	want := server{
		StopWithin: 90 * time.Second,
		GRPC:       grpcSection{Port: 3, Host: "127", MaxBytes: 4 * config.KiB},
		Batch:      batch{Entries: 100, Names: []string{"y", "z"}},
		Peers:      []peer{{Name: "r"}},
		Classes: map[string]class{
			"armada-default": {Priority: 7, Preemptible: true}, "other": {Priority: 5}, "new": {Priority: 9, Preemptible: true},
		},
		Labels: map[string]string{"kubernetes.io/os": "linux", "a.b/c": "1", "d.e": "f"},
		Ratio:  2, Debug: true, Limit: &three, CPU: quantity{milli: 2000},
	}
	want.GRPC.TLS.CertFile, want.GRPC.TLS.KeyFile = "/env", "/k"
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDefaultsAreNotChanged(t *testing.T) {
	t.Parallel()
	given := defaults()
	if _, err := config.Load(given, files(t, "batch: {names_of: [z]}\nclasses: {other: {priority: 1}}"), nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(defaults(), given, same); diff != "" {
		t.Errorf("Load wrote into its argument:\n%s", diff)
	}
}

// Every refusal says where, what, and what to do; DIR stands for the files' folder.
func TestRefusals(t *testing.T) {
	t.Parallel()
	const a = "DIR/a.yaml"
	for name, tc := range map[string]struct {
		file string
		env  string
		want string
	}{
		"near key":              {file: "grpc:\n  prot: 1", want: a + ":2: grpc.prot: unknown key; did you mean port?"},
		"other case":            {file: "grpc: {maxbytes: 1}", want: a + ":1: grpc.maxbytes: unknown key; did you mean maxBytes?"},
		"unknown, few known":    {file: "classes: {x: {colour: red}}", want: a + ":1: classes[x].colour: unknown key; known here: priority, preemptible"},
		"unknown in a list":     {file: "peers:\n- name: a\n- host: b", want: a + ":3: peers[1].host: unknown key; known here: name, weight"},
		"set twice":             {file: "debug: true\ndebug: false", want: a + ":2: debug: is set twice"},
		"merge key":             {file: "grpc: {<<: {port: 1}}", want: a + ":1: grpc: merge keys are not supported; write the values out"},
		"no value":              {file: "stopWithin:", want: a + `:1: stopWithin: has no value; remove the key for the default, or write "", 0, false or []`},
		"not YAML":              {file: "a: [", want: a + ": is not YAML: yaml: line 1: did not find expected node content"},
		"two documents":         {file: "debug: true\n---\ndebug: false", want: a + ": has more than one document; give one file for each"},
		"a list at the top":     {file: "- 1", want: a + ":1: must be a mapping of keys to values"},
		"bare duration":         {file: "\nstopWithin: 30", want: a + ":2: stopWithin: is 30, must be a duration with its unit, such as 30s or 5m"},
		"wrong duration":        {file: "stopWithin: 30 seconds", want: a + `:1: stopWithin: is "30 seconds", must be a duration with its unit, such as 30s or 5m`},
		"wrong size":            {file: "grpc: {maxBytes: many}", want: a + `:1: grpc.maxBytes: is the text "many": must be a size in bytes, such as 64MiB, 500kB or 4096`},
		"list for a size":       {file: "grpc: {maxBytes: [1]}", want: a + ":1: grpc.maxBytes: is a list, must be a single value"},
		"text for a number":     {file: `grpc: {port: "80"}`, want: a + `:1: grpc.port: is the text "80", must be a whole number`},
		"part of a number":      {file: "peers: [{weight: 1.5}]", want: a + ":1: peers[0].weight: is 1.5, must be a whole number"},
		"number too large":      {file: "batch: {entries: 128}", want: a + ":1: batch.entries: is 128, must fit int8"},
		"number far too large":  {file: "batch: {entries: 18446744073709551615}", want: a + ":1: batch.entries: is 18446744073709551615, must fit int8"},
		"negative port":         {file: "grpc: {port: -1}", want: a + ":1: grpc.port: is -1, must fit uint16"},
		"number for text":       {file: "grpc: {host: 127}", want: a + ":1: grpc.host: is 127, must be text (put it in quotes)"},
		"date for text":         {file: "grpc: {host: 2026-01-01}", want: a + ":1: grpc.host: is a date (put it in quotes if text is meant), must be text (put it in quotes)"},
		"text for a bool":       {file: "debug: on", want: a + `:1: debug: is the text "on", must be true or false`},
		"text for a ratio":      {file: "ratio: half", want: a + `:1: ratio: is the text "half", must be a number`},
		"mapping for a list":    {file: "peers: {name: a}", want: a + ":1: peers: is a mapping, must be a list"},
		"text for a section":    {file: "grpc: 50051", want: a + ":1: grpc: is 50051, must be a mapping"},
		"list for a map":        {file: "classes: [a]", want: a + ":1: classes: is a list, must be a mapping"},
		"its own decoding":      {file: "cpu: much", want: a + `:1: cpu: is the text "much": expected integer`},
		"invalid":               {file: "grpc:\n  port: 0", want: a + ":2: grpc.port: is 0, must be from 1 to 65535"},
		"invalid, no value":     {file: "grpc:\n  tls: {certFile: c}", want: a + ":2: grpc.tls.keyFile: must be set with tls.certFile"},
		"invalid list element":  {file: "peers:\n- {name: a}\n- {weight: -1}", want: a + ":3: peers[1]: has a weight below zero"},
		"invalid map entry":     {file: "classes: {x: {priority: -1}}", want: a + ":1: classes[x].priority: is -1, must not be negative"},
		"env: unknown":          {env: "FAIRLEAD__GRPC__PROT=1", want: "FAIRLEAD__GRPC__PROT: grpc.prot: unknown key; did you mean port?"},
		"env: into a value":     {env: "FAIRLEAD__DEBUG__X=1", want: "FAIRLEAD__DEBUG__X: debug: has no keys that a variable can name; set it whole"},
		"env: wrong type":       {env: "FAIRLEAD__GRPC__PORT=http", want: `FAIRLEAD__GRPC__PORT: grpc.port: is the text "http", must be a whole number`},
		"env: empty":            {env: "FAIRLEAD__DEBUG=", want: `FAIRLEAD__DEBUG: debug: has no value; remove the key for the default, or write "", 0, false or []`},
		"env: not YAML":         {env: "FAIRLEAD__PEERS=[", want: "FAIRLEAD__PEERS: peers: is not YAML: yaml: line 1: did not find expected node content"},
		"env: in a section":     {env: "FAIRLEAD__GRPC={port: 1, color: 2}", want: "FAIRLEAD__GRPC: grpc.color: unknown key; known here: port, host, maxBytes, tls"},
		"env: invalid":          {env: "FAIRLEAD__GRPC__PORT=0", want: "FAIRLEAD__GRPC__PORT: grpc.port: is 0, must be from 1 to 65535"},
		"env: wrong in section": {env: "FAIRLEAD__GRPC={port: x}", want: `FAIRLEAD__GRPC: grpc.port: is the text "x", must be a whole number`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			names := files(t, tc.file)
			_, err := config.Load(defaults(), names, []string{tc.env})
			if err == nil {
				t.Fatal("no error")
			}
			got := strings.ReplaceAll(err.Error(), filepath.Dir(names[0]), "DIR")
			if got != tc.want {
				t.Errorf("\n got %s\nwant %s", got, tc.want)
			}
		})
	}
}

// An alias that contains itself would nest for ever.
func TestDepthIsBounded(t *testing.T) {
	t.Parallel()
	_, err := config.Load(struct{ Any map[string]any }{}, files(t, "any: &x {a: *x}"), nil)
	if err == nil || !strings.HasSuffix(err.Error(), "[a]: nests more than 32 levels") && !strings.HasSuffix(err.Error(), ".a: nests more than 32 levels") {
		t.Errorf("err = %v", err)
	}
}

func TestAliases(t *testing.T) {
	t.Parallel()
	got, err := config.Load(defaults(), files(t, "classes: {a: &x {priority: 3}, b: *x}"), nil)
	if err != nil || got.Classes["a"].Priority != 3 || got.Classes["b"].Priority != 3 {
		t.Errorf("classes = %v, %v", got.Classes, err)
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	names := files(t, "debgu: true\nratio: x\nstopWithin: 5", "peers: 1")
	missing := filepath.Join(filepath.Dir(names[0]), "missing.yaml")
	_, err := config.Load(defaults(), append(names, missing), []string{"FAIRLEAD__X=1"})
	e, ok := errors.AsType[*config.Error](err)
	if !ok {
		t.Fatalf("err = %v, want a config.Error", err)
	}
	var got []string
	for _, p := range e.Problems {
		got = append(got, filepath.Base(p.Where)+" "+p.Key)
	}
	want := map[string]bool{"a.yaml:1 debgu": true, "a.yaml:2 ratio": true, "a.yaml:3 stopWithin": true, "b.yaml:1 peers": true, "missing.yaml ": true, "FAIRLEAD__X x": true}
	for _, g := range got {
		if !want[g] {
			t.Errorf("unexpected: %s", g)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d problems, want %d:\n%v", len(got), len(want), err)
	}
}

func TestAllViolationsAtOnceEachWithItsPlace(t *testing.T) {
	t.Parallel()
	bad := defaults()
	bad.Classes["other"] = class{Priority: -5}
	names := files(t, "grpc:\n  port: 0", "grpc: {tls: {certFile: c}}")
	_, err := config.Load(bad, names, []string{"FAIRLEAD__PEERS=[{weight: -1}]"})
	want := names[0] + ":2: grpc.port: is 0, must be from 1 to 65535\n" +
		names[1] + ":1: grpc.tls.keyFile: must be set with tls.certFile\n" +
		"FAIRLEAD__PEERS: peers[0]: has a weight below zero\n" +
		"default: classes[other].priority: is -5, must not be negative"
	if err == nil || err.Error() != want {
		t.Errorf("\n got %v\nwant %s", err, want)
	}
}

func TestVariablesThatMeanTheSameAreRefused(t *testing.T) {
	t.Parallel()
	_, err := config.Load(defaults(), nil, []string{"FAIRLEAD__STOPWITHIN=1s", "FAIRLEAD__STOP_WITHIN=2s", "FAIRLEAD__GRPC={port: 1}", "FAIRLEAD__GRPC__PORT=2"})
	want := "FAIRLEAD__GRPC__PORT: grpc.port: is set by FAIRLEAD__GRPC too\n" +
		"FAIRLEAD__STOP_WITHIN: stopWithin: is set by FAIRLEAD__STOPWITHIN too"
	if err == nil || err.Error() != want {
		t.Errorf("\n got %v\nwant %s", err, want)
	}
}

// What Print shows is a file that gives the same configuration, keys in field order.
func TestPrintRoundTrips(t *testing.T) {
	t.Parallel()
	cfg := defaults()
	seven := 7
	cfg.Limit, cfg.Peers = &seven, []peer{{Name: "p", Weight: 2}}
	var text strings.Builder
	if err := config.Print(&text, cfg); err != nil {
		t.Fatal(err)
	}
	got, err := config.Load(server{}, files(t, text.String()), nil)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text.String())
	}
	if diff := cmp.Diff(cfg, got, same); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(text.String(), "stopWithin: 30s\ngrpc:\n  port: 50051\n  host: 0.0.0.0\n  maxBytes: 64MiB\n") {
		t.Errorf("printed:\n%s", text.String())
	}
}

func TestWhatCannotBeConfiguredIsABug(t *testing.T) {
	t.Parallel()
	for name, load := range map[string]func(){
		"hidden field": func() { _, _ = config.Load(struct{ secret int }{}, nil, nil) },
		"function":     func() { _, _ = config.Load(struct{ Now func() time.Time }{}, nil, nil) },
		"embedded":     func() { _, _ = config.Load(struct{ peer }{}, nil, nil) },
		"key twice": func() {
			_, _ = config.Load(struct {
				Ports `koanf:",squash"`
				GRPC  int
			}{}, nil, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			load()
		})
	}
}

// Ports is what several services have alike.
type Ports struct {
	GRPC  int
	Peers []string
}

func (p Ports) Validate() error {
	var check fault.Check
	if p.GRPC == 0 {
		check.Violate("grpc", p.GRPC, "must be above 0")
	}
	return check.Err()
}

type squashing struct {
	Name  string
	Ports `koanf:",squash"`
	Last  int
}

// TestSquash: the keys of an embedded struct are the section's own, in files, in
// variables, in what is printed and in what is wrong.
func TestSquash(t *testing.T) {
	t.Parallel()
	defaults := squashing{Name: "n", Ports: Ports{GRPC: 1, Peers: []string{"a"}}, Last: 3}
	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, []byte("name: m\npeers: [b, c]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := config.Load(defaults, []string{file}, []string{"FAIRLEAD__GRPC=7"})
	want := squashing{Name: "m", Ports: Ports{GRPC: 7, Peers: []string{"b", "c"}}, Last: 3}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("error %v\n%s", err, diff)
	}
	var printed strings.Builder
	if err := config.Print(&printed, got); err != nil || !strings.HasPrefix(printed.String(), "name: m\ngrpc: 7\npeers:") {
		t.Errorf("printed %q, error %v", printed.String(), err)
	}
	_, err = config.Load(defaults, nil, []string{"FAIRLEAD__GRPC=0"})
	if err == nil || err.Error() != "FAIRLEAD__GRPC: grpc: is 0, must be above 0" {
		t.Errorf("error %v", err)
	}
}
