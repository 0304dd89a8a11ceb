package pgembed

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	// VersionDefault is the server that is fetched for new data folders. Raising
	// its major part strands the data folders that exist (see [VersionError]).
	VersionDefault = "18.6.0"

	// BinariesEnv names the environment variable that stands in for
	// Config.BinariesDir where that is empty.
	BinariesEnv = "FAIRLEAD_POSTGRES_BIN"

	// MajorMin is the oldest major version of Postgres that we run and test.
	MajorMin = 15

	// LogBytesMax is the size in bytes at which postgres.log is renamed to
	// postgres.log.1, replacing the one before: the log takes at most twice this.
	LogBytesMax = 10 << 20

	startTimeoutDefault = 2 * time.Minute // a crash recovery is part of a start
	stopTimeoutDefault  = 30 * time.Second
	fetchTimeoutDefault = 5 * time.Minute
)

// Config says which server to run, where and how. Only DataDir is required, and
// CacheDir unless BinariesDir is given.
type Config struct {
	// DataDir is the folder that holds everything the server keeps. It is made if
	// it does not exist and is never deleted. One process at a time may use it.
	// Where we are root, the user the server runs as must be able to enter it:
	// a folder below a home directory usually does not do.
	DataDir string

	// CacheDir is where fetched binaries are unpacked, 60 MB a version. Any number
	// of processes may share it. It may be deleted while no server runs from it.
	CacheDir string

	// BinariesDir is a folder that holds postgres and initdb. If set, nothing else
	// is looked at. Empty: the environment variable BinariesEnv, then CacheDir.
	BinariesDir string

	// Version is the version that is fetched, in the repository's form
	// major.minor.patch. Empty: VersionDefault.
	Version string

	// RepositoryURL is the Maven repository that binaries are fetched from. Empty:
	// that of the library, Maven Central.
	RepositoryURL string

	// Port is the TCP port on 127.0.0.1. 0: any free one, another at every start.
	Port uint16

	// FsyncOff trades durability for speed: after a crash of the machine the data
	// folder is worthless; a crash of the server alone loses nothing that was
	// committed. For tests only. It also makes the server die at once and without
	// a checkpoint when this process dies.
	FsyncOff bool

	// Settings are further server settings by name, such as max_connections. They
	// win over what this package sets.
	Settings map[string]string

	// RunAs is the user that a new data folder's server runs as, where we are
	// root; otherwise it is not looked at. Empty: "postgres" if there is such a
	// user, else "nobody". An existing data folder keeps its owner.
	RunAs string

	// StartTimeout bounds a start from the lock to the first connection, with
	// initdb and crash recovery but without the fetch. 0: 2 minutes.
	StartTimeout time.Duration

	// StopTimeout bounds a clean stop, of a server that was left behind too; then
	// the server is made to quit at once, which costs a recovery at the next
	// start and no data. 0: 30 seconds.
	StopTimeout time.Duration

	// FetchTimeout bounds the fetch and unpacking of binaries, and the wait for
	// another process that is doing the same. 0: 5 minutes.
	FetchTimeout time.Duration
}

// Validate returns every violation of c at once, or nil. Zero values are valid
// but for DataDir and CacheDir.
func (c Config) Validate() error {
	var errs []error
	if c.DataDir == "" {
		errs = append(errs, errors.New("dataDir: must be set"))
	}
	if c.CacheDir == "" && c.BinariesDir == "" {
		errs = append(errs, errors.New("cacheDir: must be set unless binariesDir is"))
	}
	if c.Version != "" {
		if parts := strings.Split(c.Version, "."); len(parts) != 3 {
			errs = append(errs, fmt.Errorf("version: %q must be major.minor.patch, such as %s", c.Version, VersionDefault))
		} else if major, err := strconv.Atoi(parts[0]); err != nil || major < MajorMin {
			errs = append(errs, fmt.Errorf("version: %q must be of major version %d or newer", c.Version, MajorMin))
		}
	}
	for name := range c.Settings {
		if name == "" || strings.ContainsAny(name, "= \t\n") {
			errs = append(errs, fmt.Errorf("settings: %q is no name of a setting", name))
		}
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"startTimeout", c.StartTimeout}, {"stopTimeout", c.StopTimeout}, {"fetchTimeout", c.FetchTimeout}} {
		if d.value < 0 {
			errs = append(errs, fmt.Errorf("%s: %s must not be negative", d.name, d.value))
		}
	}
	return errors.Join(errs...)
}

// withDefaults returns c with every zero value replaced and every path absolute,
// since the server has another working directory than we have.
func (c Config) withDefaults() (Config, error) {
	if c.Version == "" {
		c.Version = VersionDefault
	}
	if c.StartTimeout == 0 {
		c.StartTimeout = startTimeoutDefault
	}
	if c.StopTimeout == 0 {
		c.StopTimeout = stopTimeoutDefault
	}
	if c.FetchTimeout == 0 {
		c.FetchTimeout = fetchTimeoutDefault
	}
	for _, path := range []*string{&c.DataDir, &c.CacheDir, &c.BinariesDir} {
		if *path == "" {
			continue
		}
		absolute, err := filepath.Abs(*path)
		if err != nil {
			return Config{}, fmt.Errorf("make %s absolute: %w", *path, err)
		}
		*path = absolute
	}
	return c, nil
}
