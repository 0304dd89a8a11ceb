package meter

import (
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text string
		want process
		ok   bool
	}{
		"a name with a space and a bracket": {
			text: "42 (a ) b) S 7 0 0 0 0 0 0 0 0 0 10 5 300 20 20 0 1 0",
			want: process{pid: 42, parent: 7, comm: "a ) b", cpu: 150 * time.Millisecond, waited: 3200 * time.Millisecond}, ok: true,
		},
		"cut short":  {text: "42 (a) S 7"},
		"no command": {text: "42 S 7"},
		"no number":  {text: "42 (a) S x 0 0 0 0 0 0 0 0 0 10 5 300 20 20 0 1 0"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := parse(test.text)
			if (err == nil) != test.ok || got != test.want {
				t.Errorf("parse: %+v, %v; want %+v", got, err, test.want)
			}
		})
	}
}

func TestPostgresRole(t *testing.T) {
	t.Parallel()
	for title, want := range map[string]string{
		"/cache/bin/postgres\x00-D\x00/data\x00":           postmaster,
		"postgres: walwriter \x00":                         "postgres walwriter",
		"postgres: autovacuum worker fairlead":             "postgres autovacuum",
		"postgres: fairlead fairlead 127.0.0.1(5000) idle": backends,
	} {
		if got := postgresRole(title); got != want {
			t.Errorf("%q is %q, want %q", title, got, want)
		}
	}
}
