package postgres

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	portDefault             = 5432
	connectionsMaxDefault   = 8
	connectTimeoutDefault   = 5 * time.Second
	startWithinDefault      = 30 * time.Second
	statementTimeoutDefault = time.Minute
	lockTimeoutDefault      = 30 * time.Second
	idleInTxTimeoutDefault  = 30 * time.Second
	slowQueryDefault        = time.Second
)

// Config says where the database is and what a service may take of it. Either URL
// is set, or Host and what belongs to it. Schema is required. It holds no secret
// unless URL does.
type Config struct {
	// URL is a connection string as libpq knows it, postgres://user@host:port/db
	// or key=value pairs. It excludes Host, Port, Database, User and SSLMode.
	URL string

	// Host is a name, an address or the folder of a Unix socket.
	Host string

	// Port is the server's TCP port. 0: 5432.
	Port uint16

	// Database is the database's name. Empty: the user's name.
	Database string

	// User is who to connect as. Empty: the name of this process' user.
	User string

	// SSLMode is libpq's sslmode, from "disable" to "verify-full". Empty: "prefer".
	SSLMode string

	// PasswordFile is a file that holds the password and nothing else but a line
	// end. It wins over a password in URL. It is read once, by Open. Empty: none.
	PasswordFile string

	// Schema is the schema that the service owns: lower case letters, digits and
	// underscores. Required. Migrate makes it.
	Schema string

	// ConnectionsMax is how many connections the pool opens at most. 0: 8.
	ConnectionsMax int

	// ConnectTimeout bounds one attempt to connect. 0: 5 seconds.
	ConnectTimeout time.Duration

	// StartWithin is how long Open waits for a server that is not there yet. 0: 30
	// seconds.
	StartWithin time.Duration

	// StatementTimeout ends a statement that takes longer. 0: 1 minute; -1: none.
	// Migrations have none.
	StatementTimeout time.Duration

	// LockTimeout ends a statement that waits longer for a lock. 0: 30 seconds; -1:
	// none. Migrations have none.
	LockTimeout time.Duration

	// IdleInTxTimeout ends the connection of a transaction in which nothing was
	// asked for that long: a paused process must not keep its locks for ever. 0:
	// 30 seconds; -1: none.
	IdleInTxTimeout time.Duration

	// SlowQuery is how long a query may take without a warning in the log. 0: 1
	// second; -1: no warnings.
	SlowQuery time.Duration
}

// schemaName keeps a schema's name such that no place has to quote it.
var schemaName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

// Validate returns every violation of c at once, or nil.
func (c Config) Validate() error {
	var errs []error
	if c.URL == "" && c.Host == "" {
		errs = append(errs, errors.New("url: must be set, or host"))
	}
	if c.URL != "" && (c.Host != "" || c.Port != 0 || c.Database != "" || c.User != "" || c.SSLMode != "") {
		errs = append(errs, errors.New("url: excludes host, port, database, user and sslMode"))
	}
	if !schemaName.MatchString(c.Schema) || strings.HasPrefix(c.Schema, "pg_") {
		errs = append(errs, fmt.Errorf("schema: %q must be of a-z, 0-9 and _, begin with no digit and not with pg_, and have 1 to 63 characters", c.Schema))
	}
	if c.ConnectionsMax < 0 {
		errs = append(errs, fmt.Errorf("connectionsMax: %d must not be negative", c.ConnectionsMax))
	}
	for _, d := range []struct {
		name  string
		value time.Duration
		min   time.Duration
	}{
		{"connectTimeout", c.ConnectTimeout, 0},
		{"startWithin", c.StartWithin, 0},
		{"statementTimeout", c.StatementTimeout, -1},
		{"lockTimeout", c.LockTimeout, -1},
		{"idleInTxTimeout", c.IdleInTxTimeout, -1},
		{"slowQuery", c.SlowQuery, -1},
	} {
		if d.value < d.min {
			errs = append(errs, fmt.Errorf("%s: %s must not be negative", d.name, d.value))
		}
	}
	return errors.Join(errs...)
}

// WithDefaults returns a copy of c in which every zero value that has a default
// is replaced by it.
func (c Config) WithDefaults() Config {
	c.ConnectionsMax = or(c.ConnectionsMax, connectionsMaxDefault)
	c.ConnectTimeout = or(c.ConnectTimeout, connectTimeoutDefault)
	c.StartWithin = or(c.StartWithin, startWithinDefault)
	c.StatementTimeout = or(c.StatementTimeout, statementTimeoutDefault)
	c.LockTimeout = or(c.LockTimeout, lockTimeoutDefault)
	c.IdleInTxTimeout = or(c.IdleInTxTimeout, idleInTxTimeoutDefault)
	c.SlowQuery = or(c.SlowQuery, slowQueryDefault)
	if c.URL == "" {
		c.Port = or(c.Port, portDefault)
	}
	return c
}

func or[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

// pool turns c, which has its defaults, into pgx' own configuration.
func (c Config) pool() (*pgxpool.Config, error) {
	pool, err := pgxpool.ParseConfig(c.connString())
	if err != nil {
		return nil, fmt.Errorf("parse connection string: %w", err) // pgx leaves the password out
	}
	if c.PasswordFile != "" {
		password, err := os.ReadFile(c.PasswordFile)
		if err != nil {
			return nil, fmt.Errorf("read password: %w", err)
		}
		pool.ConnConfig.Password = strings.TrimRight(string(password), "\r\n")
	}
	pool.MaxConns = int32(c.ConnectionsMax)
	pool.ConnConfig.ConnectTimeout = c.ConnectTimeout
	params := pool.ConnConfig.RuntimeParams
	params["search_path"] = c.Schema
	params["timezone"] = "UTC"
	params["statement_timeout"] = serverTimeout(c.StatementTimeout)
	params["lock_timeout"] = serverTimeout(c.LockTimeout)
	params["idle_in_transaction_session_timeout"] = serverTimeout(c.IdleInTxTimeout)
	if params["application_name"] == "" {
		params["application_name"] = "fairlead " + c.Schema
	}
	return pool, nil
}

func (c Config) connString() string {
	if c.URL != "" {
		return c.URL
	}
	u := url.URL{Scheme: "postgres", Path: "/" + c.Database}
	if c.User != "" {
		u.User = url.User(c.User)
	}
	query := url.Values{}
	if strings.HasPrefix(c.Host, "/") { // a socket's folder has no place in an authority
		query.Set("host", c.Host)
		query.Set("port", strconv.Itoa(int(c.Port)))
	} else {
		u.Host = net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port)))
	}
	if c.SSLMode != "" {
		query.Set("sslmode", c.SSLMode)
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// serverTimeout is d as a server setting in milliseconds, where 0 means none.
func serverTimeout(d time.Duration) string {
	if d < 0 {
		return "0"
	}
	return strconv.FormatInt(max(1, d.Milliseconds()), 10)
}

// schemaOf is the schema that Open gave to the pool's connections.
func schemaOf(pool *pgxpool.Pool) (string, error) {
	schema := pool.Config().ConnConfig.RuntimeParams["search_path"]
	if !schemaName.MatchString(schema) {
		return "", fmt.Errorf("find the pool's schema: search_path is %q: the pool does not come from postgres.Open", schema)
	}
	return schema, nil
}

// unlimited is the configuration of a connection for work that may take its time.
func unlimited(pool *pgxpool.Pool) *pgx.ConnConfig {
	config := pool.Config().ConnConfig.Copy()
	for _, name := range []string{"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"} {
		config.RuntimeParams[name] = "0"
	}
	return config
}
