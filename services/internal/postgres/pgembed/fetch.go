package pgembed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// cachedDir is where binaries of version are unpacked below cacheDir.
func cachedDir(cacheDir, version string) string {
	return filepath.Join(cacheDir, fmt.Sprintf("postgres-%s-%s-%s", version, runtime.GOOS, runtime.GOARCH))
}

// fetched returns the bin folder of cfg.Version in the cache, fetching it if it
// is not there. Processes that want the same at once fetch it once.
func fetched(ctx context.Context, cfg Config) (string, error) {
	dir := cachedDir(cfg.CacheDir, cfg.Version)
	if isDir(dir) { // it came by a rename, so it is whole
		return filepath.Join(dir, "bin"), nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, cfg.FetchTimeout,
		fmt.Errorf("not done within fetchTimeout, %s", cfg.FetchTimeout))
	defer cancel()
	if err := os.MkdirAll(cfg.CacheDir, 0o755); err != nil {
		return "", fmt.Errorf("make cache folder: %w", err)
	}
	lock, err := waitLock(ctx, dir+".lock")
	if err != nil {
		return "", err
	}
	if isDir(dir) { // another process was faster
		lock.unlock()
		return filepath.Join(dir, "bin"), nil
	}
	// The library takes no context. When ours ends the fetch is left to itself,
	// with the lock, so that nobody unpacks beside it.
	result := make(chan error, 1)
	go func() {
		defer lock.unlock()
		result <- fetch(context.WithoutCancel(ctx), cfg, dir)
	}()
	select {
	case err := <-result:
		if err != nil {
			return "", err
		}
		return filepath.Join(dir, "bin"), nil
	case <-ctx.Done():
		return "", fmt.Errorf("fetch Postgres %s: %w", cfg.Version, context.Cause(ctx))
	}
}

// fetch downloads and unpacks into dir, by way of a folder that is renamed when
// it is whole. The caller holds the lock of dir.
func fetch(ctx context.Context, cfg Config, dir string) error {
	stage := dir + ".partial"
	if err := os.RemoveAll(stage); err != nil { // of a process that died in here
		return fmt.Errorf("remove an unfinished fetch: %w", err)
	}
	unpacked := filepath.Join(stage, "unpacked")
	// Start is the library's only door, so the server that it would start is made
	// impossible: initdb refuses an encoding of this name. What counts is whether
	// the binaries are there afterwards.
	library := embeddedpostgres.DefaultConfig()
	if cfg.RepositoryURL != "" {
		library = library.BinaryRepositoryURL(cfg.RepositoryURL)
	}
	started := embeddedpostgres.NewDatabase(library.
		Version(embeddedpostgres.PostgresVersion(cfg.Version)).
		CachePath(filepath.Join(stage, "archive")).
		BinariesPath(unpacked).
		RuntimePath(filepath.Join(stage, "runtime")).
		DataPath(filepath.Join(stage, "runtime", "data")).
		Encoding("fetch-only").
		Port(0).
		Logger(io.Discard)).Start()
	http.DefaultClient.CloseIdleConnections() // the library uses it, and is done with it
	if started == nil {
		started = errors.New("the library started a server, which it was told not to")
	}
	if _, err := inspect(ctx, filepath.Join(unpacked, "bin")); err != nil {
		return fmt.Errorf("fetch Postgres %s from %s: %w", cfg.Version, repository(cfg), errors.Join(started, err))
	}
	if err := makeReadable(unpacked); err != nil {
		return err
	}
	if err := os.Rename(unpacked, dir); err != nil {
		return fmt.Errorf("move fetched binaries into place: %w", err)
	}
	if err := os.RemoveAll(stage); err != nil {
		return fmt.Errorf("remove the fetched archive: %w", err)
	}
	return nil
}

// makeReadable lets everybody read and enter what is below dir, whatever our
// umask is: the server may run as another user than the one who fetched it.
func makeReadable(dir string) error {
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		mode := info.Mode().Perm() | 0o444
		if entry.IsDir() || mode&0o100 != 0 {
			mode |= 0o111
		}
		return os.Chmod(path, mode)
	})
	if err != nil {
		return fmt.Errorf("make fetched binaries readable: %w", err)
	}
	return nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// repository is what errors call the place that binaries come from.
func repository(cfg Config) string {
	if cfg.RepositoryURL == "" {
		return "Maven Central"
	}
	return cfg.RepositoryURL
}
