package postgres_test

import (
	"strings"
	"testing"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/postgres"
)

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(c *postgres.Config)
		want   []string // begin of each violation; none: valid
	}{
		"url alone":        {change: func(*postgres.Config) {}},
		"host alone":       {change: func(c *postgres.Config) { c.URL, c.Host = "", "db" }},
		"no timeouts":      {change: func(c *postgres.Config) { c.StatementTimeout, c.LockTimeout, c.SlowQuery = -1, -1, -1 }},
		"nothing":          {change: func(c *postgres.Config) { *c = postgres.Config{} }, want: []string{"url: ", "schema: "}},
		"url and host":     {change: func(c *postgres.Config) { c.Host = "db" }, want: []string{"url: excludes"}},
		"url and user":     {change: func(c *postgres.Config) { c.User = "me" }, want: []string{"url: excludes"}},
		"quoted schema":    {change: func(c *postgres.Config) { c.Schema = `a"b` }, want: []string{"schema: "}},
		"two schemas":      {change: func(c *postgres.Config) { c.Schema = "a,public" }, want: []string{"schema: "}},
		"system schema":    {change: func(c *postgres.Config) { c.Schema = "pg_catalog" }, want: []string{"schema: "}},
		"long schema":      {change: func(c *postgres.Config) { c.Schema = strings.Repeat("a", 64) }, want: []string{"schema: "}},
		"negative pool":    {change: func(c *postgres.Config) { c.ConnectionsMax = -1 }, want: []string{"connectionsMax: "}},
		"negative timeout": {change: func(c *postgres.Config) { c.ConnectTimeout = -1 }, want: []string{"connectTimeout: "}},
		"all at once": {
			change: func(c *postgres.Config) { c.Schema, c.StartWithin, c.LockTimeout = "", -1, -time.Second },
			want:   []string{"schema: ", "startWithin: ", "lockTimeout: "},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := postgres.Config{URL: "postgres://db/x", Schema: "submit"}
			tc.change(&cfg)
			err := cfg.Validate()
			if len(tc.want) == 0 {
				if err != nil {
					t.Fatalf("Validate() = %v, want nil", err)
				}
				return
			}
			if err == nil {
				t.Fatalf("Validate() = nil, want %q", tc.want)
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(tc.want) {
				t.Fatalf("Validate() = %q, want %d violations", lines, len(tc.want))
			}
			for i, want := range tc.want {
				if !strings.HasPrefix(lines[i], want) {
					t.Errorf("violation %d = %q, want it to begin with %q", i, lines[i], want)
				}
			}
		})
	}
}

func TestConfigWithDefaultsKeepsWhatIsSet(t *testing.T) {
	t.Parallel()
	cfg := postgres.Config{Host: "db", Schema: "submit", ConnectionsMax: 3, StatementTimeout: -1}.WithDefaults()
	if cfg.ConnectionsMax != 3 || cfg.StatementTimeout != -1 {
		t.Errorf("WithDefaults() changed ConnectionsMax to %d or StatementTimeout to %s", cfg.ConnectionsMax, cfg.StatementTimeout)
	}
	if cfg.Port != 5432 || cfg.LockTimeout != 30*time.Second {
		t.Errorf("WithDefaults() left Port at %d or LockTimeout at %s", cfg.Port, cfg.LockTimeout)
	}
}
