package pgembed

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"go.uber.org/zap"
)

const (
	superuser = "postgres"

	unfinishedPrefix = "unfinished-initdb-"

	// passwordBytes of randomness make the superuser's password.
	passwordBytes = 24
)

// folder is a data folder that we hold the lock of.
type folder struct {
	dir    string
	pgData string
	lock   *fileLock
}

// lockFolder makes dir if there is none and takes its lock, or gives ErrInUse.
func lockFolder(dir string) (folder, error) {
	mode := os.FileMode(0o700)
	if os.Geteuid() == 0 {
		mode = 0o711 // another user's server must get through to what is its own
	}
	if err := os.MkdirAll(dir, mode); err != nil {
		return folder{}, fmt.Errorf("make data folder: %w", err)
	}
	lock, err := tryLock(filepath.Join(dir, "lock"))
	if errors.Is(err, errLocked) {
		return folder{}, fmt.Errorf("%w: %s", ErrInUse, dir)
	}
	if err != nil {
		return folder{}, fmt.Errorf("take data folder: %w", err)
	}
	return folder{dir: dir, pgData: filepath.Join(dir, "data"), lock: lock}, nil
}

// major returns the version that made the folder's data, 0 if there is none yet.
// What is there and cannot be read is an error, never a new folder.
func (f folder) major() (int, error) {
	if _, err := os.Lstat(f.pgData); os.IsNotExist(err) {
		return 0, nil
	}
	content, err := os.ReadFile(filepath.Join(f.pgData, "PG_VERSION"))
	if err != nil {
		return 0, fmt.Errorf("read the version of data folder %s (it was left as it is): %w", f.dir, err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return 0, fmt.Errorf("read the version of data folder %s (it was left as it is): %w", f.dir, err)
	}
	return major, nil
}

// prepare initialises the folder if it is new, and returns the password.
func (f folder) prepare(ctx context.Context, b binaries, as account, cfg Config, log *zap.Logger) (password string, err error) {
	if err := as.mayEnter(f.dir); err != nil {
		return "", err
	}
	if err := as.mayEnter(b.dir); err != nil {
		return "", err
	}
	if isDir(f.pgData) {
		return f.password()
	}
	log.Info("making a new postgres data folder", zap.String("data_dir", f.dir), zap.Int("postgres_major", b.major), zap.String("binaries", b.dir))
	if err := f.writePassword(as); err != nil {
		return "", err
	}
	if err := f.initialise(ctx, b, as, cfg); err != nil {
		return "", err
	}
	return f.password()
}

func (f folder) passwordPath() string { return filepath.Join(f.dir, "password") }

func (f folder) password() (string, error) {
	content, err := os.ReadFile(f.passwordPath())
	if err != nil {
		return "", fmt.Errorf("read the password of data folder %s: %w", f.dir, err)
	}
	return strings.TrimSpace(string(content)), nil
}

// writePassword comes before initdb, which reads it, and may so be of an earlier
// start that did not get further; then it is only replaced.
func (f folder) writePassword(as account) error {
	random := make([]byte, passwordBytes)
	_, _ = rand.Read(random) // documented never to fail
	path := f.passwordPath()
	if err := os.WriteFile(path, []byte(hex.EncodeToString(random)+"\n"), 0o600); err != nil {
		return fmt.Errorf("write the password of a new data folder: %w", err)
	}
	return as.own(path)
}

// initialise runs initdb in a folder beside, which becomes the data folder by a
// rename: so a data folder is whole or not there.
func (f folder) initialise(ctx context.Context, b binaries, as account, cfg Config) error {
	// What starts before this one left unfinished never had a server: there is no
	// data in it. A worker of such an initdb may still be dying in there, so failing
	// to remove it is no error, and the name is a new one each time.
	leftover, _ := filepath.Glob(filepath.Join(f.dir, unfinishedPrefix+"*")) // fails on a bad pattern alone
	for _, path := range leftover {
		_ = os.RemoveAll(path)
	}
	unfinished, err := os.MkdirTemp(f.dir, unfinishedPrefix)
	if err != nil {
		return fmt.Errorf("make a new data folder: %w", err)
	}
	if err := as.own(unfinished); err != nil {
		return err
	}
	// Locale C orders text by its bytes, everywhere and for ever: an index must not
	// break because a system's locale definitions were updated.
	args := []string{
		"-D", unfinished, "-U", superuser, "--auth=scram-sha-256", "--pwfile=" + f.passwordPath(),
		"--encoding=UTF8", "--locale=C", "--data-checksums",
	}
	if cfg.FsyncOff {
		args = append(args, "--no-sync")
	}
	// initdb would otherwise be at work in here after our end, beside the next start.
	cmd := exec.CommandContext(ctx, b.path("initdb"), args...)
	cmd.Env, cmd.SysProcAttr = serverEnv(unfinished), as.attributes(syscall.SIGKILL)
	cmd.Dir = f.dir
	output := &strings.Builder{}
	cmd.Stdout, cmd.Stderr = output, output
	p, err := startProcess(cmd)
	if err != nil {
		return fmt.Errorf("make a new data folder: %w", err)
	}
	<-p.done // the context kills it
	if p.err != nil {
		return fmt.Errorf("make a new data folder with %s: %w: %s", cmd.Path, errors.Join(p.err, context.Cause(ctx)), strings.TrimSpace(output.String()))
	}
	if err := os.Rename(unfinished, f.pgData); err != nil {
		return fmt.Errorf("move the new data folder into place: %w", err)
	}
	if cfg.FsyncOff {
		return nil
	}
	return syncDir(f.dir)
}

// serverEnv is our environment without what would change the server: PGDATA,
// PGPORT and their like of the user, and locales that the machine may not have.
func serverEnv(home string) []string {
	env := []string{"HOME=" + home, "LC_ALL=C", "TZ=UTC"}
	for _, name := range []string{"PATH", "LD_LIBRARY_PATH", "TMPDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

func syncDir(dir string) error {
	file, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync data folder: %w", err)
	}
	defer func() { _ = file.Close() }() // only read from
	if err := file.Sync(); err != nil {
		return fmt.Errorf("sync data folder: %w", err)
	}
	return nil
}
