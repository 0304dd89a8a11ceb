package app_test

import (
	"strings"
	"testing"
	"time"

	"github.com/fairlead-batch/fairlead/services/scheduler/app"
)

// TestRetryBackoff: each mistake is named by its field; none is a wait too.
func TestRetryBackoff(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		app.Backoff
		want string
	}{
		{app.DefaultConfig().RetryBackoff, ""},
		{app.Backoff{}, ""},
		{app.Backoff{Initial: time.Minute, Max: time.Second}, "retryBackoff.initial"},
		{app.Backoff{Initial: -1, Max: time.Second}, "retryBackoff.initial"},
		{app.Backoff{Initial: time.Second, Max: 25 * time.Hour}, "retryBackoff.max"},
	} {
		cfg := app.DefaultConfig()
		cfg.RetryBackoff = test.Backoff
		err := cfg.Validate()
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%+v: %v, want %q", test.Backoff, err, test.want)
		}
	}
}
