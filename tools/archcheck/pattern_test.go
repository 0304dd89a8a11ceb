package archcheck_test

import (
	"testing"

	"github.com/fairlead-batch/fairlead/tools/archcheck"
)

func TestPattern(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		pattern archcheck.Pattern
		path    string
		want    bool
	}{
		"itself":                    {"services/internal/job", "services/internal/job", true},
		"not what is below":         {"services/internal/job", "services/internal/job/jobtest", false},
		"not what begins alike":     {"net/...", "network", false},
		"a tree holds its root":     {"net/...", "net", true},
		"and what is below":         {"net/...", "net/http/httptest", true},
		"a star is one element":     {"services/*/app", "services/submit/app", true},
		"and not two":               {"services/*/app", "services/submit/x/app", false},
		"dots in the middle":        {"services/.../gen/...", "services/lookout/internal/store/gen/queue", true},
		"dots may be nothing":       {"services/.../gen", "services/gen", true},
		"a part of an element":      {".../*test", "services/internal/eventlog/logtest", true},
		"the end is the end":        {".../*test", "services/internal/eventlog/logtest/x", false},
		"longer than the path":      {"services/internal/job/x", "services/internal/job", false},
		"the zero matches nothing":  {"", "", false},
		"outside std is no pattern": {archcheck.OutsideStd, "k8s.io/api", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := test.pattern.Match(test.path); got != test.want {
				t.Errorf("%q matches %q: %v, want %v", test.pattern, test.path, got, test.want)
			}
		})
	}
}
