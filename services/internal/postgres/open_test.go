package postgres_test

import (
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgtest"
)

// open opens cfg and closes it with the test.
func open(t *testing.T, cfg postgres.Config, deps postgres.Deps) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.Open(t.Context(), cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// exec runs sql, which must succeed.
func exec(t *testing.T, pool *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	if _, err := pool.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// scan reads the one value that sql gives.
func scan[T any](t *testing.T, pool *pgxpool.Pool, sql string, args ...any) (value T) {
	t.Helper()
	if err := pool.QueryRow(t.Context(), sql, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

func TestOpenGivesConnectionsThatSeeTheirSchemaAlone(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	table := fstest.MapFS{"0001_t.sql": {Data: []byte("CREATE TABLE secret (a int)")}}
	ours := open(t, postgres.Config{URL: database, Schema: "ours"}, postgres.Deps{})
	theirs := open(t, postgres.Config{URL: database, Schema: "theirs"}, postgres.Deps{})
	migrate(t, theirs, table)
	exec(t, theirs, "CREATE TABLE public.common (a int)")
	for _, name := range []string{"secret", "common"} {
		_, err := ours.Exec(t.Context(), "SELECT FROM "+name)
		var said *pgconn.PgError
		if !errors.As(err, &said) || said.Code != "42P01" {
			t.Errorf("select from %s of another schema: %v, want undefined_table", name, err)
		}
	}
	exec(t, theirs, "SELECT FROM secret")
}

func TestOpenSetsTheSessionUp(t *testing.T) {
	t.Parallel()
	pool := open(t, postgres.Config{URL: pgtest.URL(t), Schema: "submit", LockTimeout: -1, StatementTimeout: 1500 * time.Millisecond}, postgres.Deps{})
	for setting, want := range map[string]string{
		"TimeZone": "UTC", "statement_timeout": "1500ms", "lock_timeout": "0",
		"idle_in_transaction_session_timeout": "30s", "application_name": "fairlead submit",
	} {
		if got := scan[string](t, pool, "SELECT current_setting($1)", setting); got != want {
			t.Errorf("%s = %q, want %q", setting, got, want)
		}
	}
}

func TestOpenByFieldsWithAPasswordFile(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(pgtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	pool := open(t, postgres.Config{
		Host: u.Hostname(), Port: uint16(port), Database: u.Path[1:], User: u.User.Username(),
		SSLMode: "disable", PasswordFile: file, Schema: "submit",
	}, postgres.Deps{})
	if got, want := scan[string](t, pool, "SELECT current_database()"), u.Path[1:]; got != want {
		t.Errorf("connected to database %q, want %q", got, want)
	}
}

func TestOpenWaitsForAServerThatIsNotThereYet(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(pgtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	proxy := newProxy(t, u.Host) // refuses every connection until it is told otherwise
	proxy.refuse.Store(true)
	u.Host = proxy.addr
	go func() {
		<-proxy.refused
		proxy.refuse.Store(false)
	}()
	pool, err := postgres.Open(t.Context(), postgres.Config{URL: u.String(), Schema: "submit"}, postgres.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	pool.Close()
}

func TestOpenGivesUpAfterStartWithin(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close() // nobody listens there now
	_, err = postgres.Open(t.Context(), postgres.Config{
		URL: "postgres://me:hunter2@" + listener.Addr().String() + "/db?sslmode=disable", Schema: "submit", StartWithin: 200 * time.Millisecond,
	}, postgres.Deps{})
	if err == nil || !strings.Contains(err.Error(), "startWithin, 200ms") {
		t.Fatalf("Open() = %v, want an error that names startWithin", err)
	}
	if !postgres.Unavailable(err) {
		t.Errorf("Unavailable(%v) = false, want true", err)
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error shows the password: %v", err)
	}
}

func TestOpenReturnsAtOnceWhatTimeCannotMend(t *testing.T) {
	t.Parallel()
	good, err := url.Parse(pgtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	wrongPassword, wrongDatabase := *good, *good
	wrongPassword.User = url.UserPassword(good.User.Username(), "hunter2")
	wrongDatabase.Path = "/nowhere"
	tests := map[string]struct {
		cfg  postgres.Config
		want string
	}{
		"wrong password":     {cfg: postgres.Config{URL: wrongPassword.String(), Schema: "submit"}, want: "28P01"},
		"unknown database":   {cfg: postgres.Config{URL: wrongDatabase.String(), Schema: "submit"}, want: "3D000"},
		"no password file":   {cfg: postgres.Config{URL: good.String(), Schema: "submit", PasswordFile: "/nowhere"}, want: "read password"},
		"no connection text": {cfg: postgres.Config{URL: "postgres://:hunter2@db:port", Schema: "submit"}, want: "parse connection string"},
		"bad configuration":  {cfg: postgres.Config{URL: good.String()}, want: "schema: "},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // less than the 30 seconds of StartWithin
			defer cancel()
			_, err := postgres.Open(ctx, tc.cfg, postgres.Deps{})
			if err == nil || !strings.Contains(err.Error(), tc.want) || ctx.Err() != nil {
				t.Fatalf("Open() = %v, want at once an error with %q", err, tc.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}
