package strictyaml_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/fairlead-batch/fairlead/tools/fairlead/internal/strictyaml"
)

// pet has a field of each kind that a key may be for.
type pet struct {
	Name   string            `json:"name"`
	Legs   int32             `json:"legs"`
	Weight float64           `json:"weight"`
	Tame   bool              `json:"tame"`
	Eyes   *uint8            `json:"eyes"`
	Labels map[string]string `json:"labels"`
	Young  []pet             `json:"young"`
	Size   size              `json:"size"`
	Any    any               `json:"any"`
	Secret string            `json:"-"`
	Plain  string
	extra
}

type extra struct {
	HomeTown string `json:"homeTown"`
}

// size decodes itself: small or large.
type size string

func (s *size) UnmarshalJSON(raw []byte) error {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil || text != "small" && text != "large" {
		return errors.New("must be small or large")
	}
	*s = size(text)
	return nil
}

// decode reads one document.
func decode(t *testing.T, text string) (pet, error) {
	t.Helper()
	docs, err := strictyaml.Parse("pet.yaml", []byte(text))
	if err != nil {
		return pet{}, err
	}
	if len(docs) != 1 {
		t.Fatalf("%d documents, want 1", len(docs))
	}
	var p pet
	err = docs[0].Decode(&p)
	return p, err
}

func TestDecode(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text string
		want pet
	}{
		"every kind": {
			"name: Rex\nlegs: 4\nweight: 12.5\ntame: true\neyes: 2\nlabels: {a.b/c: d}\nsize: small\nany: [1, x]\nPlain: x\nhomeTown: Ulm\n",
			pet{
				Name: "Rex", Legs: 4, Weight: 12.5, Tame: true, Eyes: new(uint8(2)), Labels: map[string]string{"a.b/c": "d"}, Size: "small",
				Any: []any{1.0, "x"}, Plain: "x", extra: extra{HomeTown: "Ulm"},
			},
		},
		"JSON, with tabs":              {"{\n\t\"name\": \"Rex\",\n\t\"legs\": 4,\n\t\"young\": [\n\t\t{\"name\": \"Bo\"}\n\t]\n}\n", pet{Name: "Rex", Legs: 4, Young: []pet{{Name: "Bo"}}}},
		"whole number for a fraction":  {"weight: 3", pet{Weight: 3}},
		"yes and dates are text":       {"name: yes\nPlain: 2026-01-02\nlabels: {a: on, b: 1:30}", pet{Name: "yes", Plain: "2026-01-02", Labels: map[string]string{"a": "on", "b": "1:30"}}},
		"a key without a value is not": {"name:\nyoung:\nlegs: 4\nlabels: {a: }", pet{Legs: 4, Labels: map[string]string{}}},
		"anchors": {
			"name: &n Rex\nyoung: [&bo {name: *n, legs: 4}, *bo, {<<: *bo, legs: 3}, {legs: 3, <<: [{legs: 2}, *bo]}]",
			pet{Name: "Rex", Young: []pet{{Name: "Rex", Legs: 4}, {Name: "Rex", Legs: 4}, {Name: "Rex", Legs: 3}, {Name: "Rex", Legs: 3}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := decode(t, tc.text)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got %+v\nwant %+v", got, tc.want)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text, want string
	}{
		"unknown key":          {"name: Rex\nyoung:\n- nam: Bo", "pet.yaml:3: young[0].nam: unknown key (did you mean name?)"},
		"wrong case":           {"hometown: Ulm", "pet.yaml:1: hometown: unknown key (did you mean homeTown?)"},
		"snake case":           {"home_town: Ulm", "pet.yaml:1: home_town: unknown key (did you mean homeTown?)"},
		"nothing near":         {"colour: red", "pet.yaml:1: colour: unknown key"},
		"no field of the file": {"Secret: x", "pet.yaml:1: Secret: unknown key"},
		"no plain word":        {"young:\n- a.b/c: 1", "pet.yaml:2: young[0][a.b/c]: unknown key"},
		"unknown, no value":    {"nam:", "pet.yaml:1: nam: unknown key (did you mean name?)"},
		"all at once": {
			"name: 1\nlegs: four\nweight: .nan\ntame: yes\neyes: 300\nlabels: [a]\nyoung: {}\nsize: huge",
			"pet.yaml:1: name: is the number 1, must be text (put it in quotes)\n" +
				"pet.yaml:2: legs: is the text \"four\", must be a whole number of at most 32 bits\n" +
				"pet.yaml:3: weight: is the number NaN, must be a number\n" +
				"pet.yaml:4: tame: is the text \"yes\", must be true or false\n" +
				"pet.yaml:5: eyes: is the number 300, must be a whole number from 0, of at most 8 bits\n" +
				"pet.yaml:6: labels: is a list, must be a mapping of keys to values\n" +
				"pet.yaml:7: young: is a mapping, must be a list\n" +
				"pet.yaml:8: size: is the text \"huge\": must be small or large",
		},
		"truth for text":      {"labels:\n  a: true", "pet.yaml:2: labels.a: is true, must be text (put it in quotes)"},
		"fraction for whole":  {"legs: 1.5", "pet.yaml:1: legs: is the number 1.5, must be a whole number of at most 32 bits"},
		"negative":            {"eyes: -1", "pet.yaml:1: eyes: is the number -1, must be a whole number from 0, of at most 8 bits"},
		"mapping for text":    {"name: {a: b}", "pet.yaml:1: name: is a mapping, must be text (put it in quotes)"},
		"item without value":  {"young:\n- name: Bo\n-", "pet.yaml:3: young[1]: has no value"},
		"not a mapping":       {"- name: Rex", "pet.yaml:1: is a list, must be a mapping of keys to values"},
		"set twice":           {"name: Rex\nname: Bo", "pet.yaml:2: name: is set twice"},
		"key is a number":     {"labels:\n  1: a", "pet.yaml:2: labels: a key must be text (put it in quotes)"},
		"merge of text":       {"young:\n- <<: Rex", "pet.yaml:2: young[0][<<]: must be a mapping, or a list of mappings"},
		"too large":           {"legs: 99999999999999999999999999", "pet.yaml:1: legs: is the number 1e+26, must be a whole number of at most 32 bits"},
		"no YAML":             {"name: Rex\n  legs: 4", "pet.yaml: line 2: mapping values are not allowed in this context"},
		"alias to itself":     {"young: &a\n- young: *a\n- young: *a", "pet.yaml:1: nests more than 64 levels"},
		"too many by aliases": {laughs(), "pet.yaml:1: holds more than 2000000 values, aliases counted where they are used; split it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := decode(t, tc.text)
			if err == nil || err.Error() != tc.want {
				t.Errorf("error:\n%v\nwant:\n%s", err, tc.want)
			}
		})
	}
}

// laughs is a few lines that stand for a hundred million values.
func laughs() string {
	text := "any: [&a0 [x]"
	for i := range 8 {
		from := "*a" + string(rune('0'+i))
		text += ", &a" + string(rune('1'+i)) + " [" + strings.Repeat(from+", ", 9) + from + "]"
	}
	return text + "]"
}

func TestParse(t *testing.T) {
	t.Parallel()
	docs, err := strictyaml.Parse("x", []byte("# nothing\n---\nname: a\n---\n---\nname: b\nyoung:\n- name: c\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(docs) != 2 {
		t.Fatalf("%d documents, want 2", len(docs))
	}
	for want, path := range map[string][]any{
		"x:6: wrong":                nil,
		"x:8: young[0].name: wrong": {"young", 0, "name"},
		"x:7: young[4].name: wrong": {"young", 4, "name"},
		"x:6: nothing[0]: wrong":    {"nothing", 0},
	} {
		if got := docs[1].Problem("wrong", path...).String(); got != want {
			t.Errorf("problem %q, want %q", got, want)
		}
	}
	if docs, err := strictyaml.Parse("x", nil); len(docs) != 0 || err != nil {
		t.Errorf("an empty source gives %v, %v", docs, err)
	}
}

// What is wrong does not change the target.
func TestDecodeLeaves(t *testing.T) {
	t.Parallel()
	docs, err := strictyaml.Parse("x", []byte("name: a\nlegs: b"))
	if err != nil {
		t.Fatal(err)
	}
	p := pet{Name: "old"}
	if err := docs[0].Decode(&p); err == nil || p.Name != "old" {
		t.Errorf("error %v, name %q", err, p.Name)
	}
}

// Hundreds of mistakes do not fill a terminal.
func TestProblemsList(t *testing.T) {
	t.Parallel()
	_, err := decode(t, "young:\n"+strings.Repeat("- a: 1\n", 25))
	if err == nil || !strings.HasSuffix(err.Error(), "young[19].a: unknown key\nand 5 more") {
		t.Errorf("error %v", err)
	}
	if wrong, ok := errors.AsType[*strictyaml.Error](err); !ok || len(wrong.Problems) != 25 {
		t.Errorf("error %T, want one of 25 problems", err)
	}
}
