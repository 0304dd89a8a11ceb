package pgembed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"
)

// inspectTimeout bounds a call of "postgres --version".
const inspectTimeout = 10 * time.Second

// binaries is a folder with a server of a known version.
type binaries struct {
	dir   string // holds postgres and initdb
	major int
}

func (b binaries) path(name string) string { return filepath.Join(b.dir, name) }

// locate finds the binaries for a data folder of version dataMajor, 0 for a new
// one. The order is in the package's doc.
func locate(ctx context.Context, cfg Config, dataMajor int, log *zap.Logger) (binaries, error) {
	if dir := namedDir(cfg); dir != "" {
		found, err := inspect(ctx, dir)
		if err != nil {
			return binaries{}, fmt.Errorf("%w in the folder that binariesDir or %s names: %w", ErrNoBinaries, BinariesEnv, err)
		}
		if dataMajor != 0 && dataMajor != found.major {
			return binaries{}, &VersionError{DataDir: cfg.DataDir, DataMajor: dataMajor, BinariesMajor: found.major, BinariesFrom: dir}
		}
		return found, nil
	}
	pinned, _ := strconv.Atoi(strings.SplitN(cfg.Version, ".", 2)[0]) // Validate has looked at it
	fetchErr := errors.New("not tried: the data folder is of another major version")
	if dataMajor == 0 || dataMajor == pinned {
		dir, err := fetched(ctx, cfg)
		if err == nil {
			return inspect(ctx, dir)
		}
		fetchErr = err
	}
	if found, ok := newest(installed(ctx), dataMajor); ok {
		log.Warn("running an installed postgres instead of the pinned version", zap.String("binaries", found.dir),
			zap.Int("postgres_major", found.major), zap.String("pinned_version", cfg.Version), zap.NamedError("fetch_error", fetchErr))
		return found, nil
	}
	if dataMajor != 0 && dataMajor != pinned {
		return binaries{}, &VersionError{DataDir: cfg.DataDir, DataMajor: dataMajor, BinariesMajor: pinned, BinariesFrom: "version " + cfg.Version}
	}
	return binaries{}, fmt.Errorf("%w: %w; none of version %d or newer in PATH or %s: "+
		"allow access to the repository once, or install PostgreSQL, or name its bin folder in %s",
		ErrNoBinaries, fetchErr, MajorMin, strings.Join(installPatterns(), ", "), BinariesEnv)
}

func namedDir(cfg Config) string {
	if cfg.BinariesDir != "" {
		return cfg.BinariesDir
	}
	return os.Getenv(BinariesEnv)
}

// inspect asks the server in dir for its version.
func inspect(ctx context.Context, dir string) (binaries, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return binaries{}, fmt.Errorf("make %s absolute: %w", dir, err)
	}
	for _, name := range []string{"postgres", "initdb"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return binaries{}, fmt.Errorf("look for %s: %w", name, err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, inspectTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").CombinedOutput()
	if err != nil {
		return binaries{}, fmt.Errorf("ask %s for its version: %w: %s", dir, err, strings.TrimSpace(string(out)))
	}
	major, err := parseMajor(string(out))
	if err != nil {
		return binaries{}, fmt.Errorf("ask %s for its version: %w", dir, err)
	}
	return binaries{dir: dir, major: major}, nil
}

// parseMajor reads "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", and
// "18beta1" in the version's place.
func parseMajor(version string) (int, error) {
	_, rest, found := strings.Cut(version, "(PostgreSQL) ")
	digits := rest
	if end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
		digits = rest[:end]
	}
	major, err := strconv.Atoi(digits)
	if !found || err != nil {
		return 0, fmt.Errorf("%q is no version of Postgres", strings.TrimSpace(version))
	}
	return major, nil
}

// installPatterns is where packages of Debian, the Postgres project and Homebrew
// put their binaries; most of them not in PATH.
func installPatterns() []string {
	return []string{
		"/usr/lib/postgresql/*/bin",
		"/usr/pgsql-*/bin",
		"/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin",
	}
}

// installed lists the servers on this machine. Those that do not run are left out.
func installed(ctx context.Context) []binaries {
	var dirs []string
	if path, err := exec.LookPath("postgres"); err == nil {
		if target, err := filepath.EvalSymlinks(path); err == nil { // initdb lies beside the real one
			dirs = append(dirs, filepath.Dir(target))
		}
	}
	for _, pattern := range installPatterns() {
		found, _ := filepath.Glob(pattern) // fails on a bad pattern alone
		dirs = append(dirs, found...)
	}
	var all []binaries
	for _, dir := range dirs {
		if b, err := inspect(ctx, dir); err == nil {
			all = append(all, b)
		}
	}
	return all
}

// newest picks the newest that we support, of the major version if that is not 0.
func newest(all []binaries, major int) (best binaries, ok bool) {
	for _, b := range all {
		if b.major < MajorMin || major != 0 && b.major != major || ok && b.major <= best.major {
			continue
		}
		best, ok = b, true
	}
	return best, ok
}
