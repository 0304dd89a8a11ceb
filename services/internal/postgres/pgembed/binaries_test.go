package pgembed_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgembed"
)

// repository is a Maven repository with one version, 98.7.0, of scripts that
// claim to be Postgres.
type repository struct {
	url       string
	downloads atomic.Int32
	checksum  string // sent instead of the right one, if it is not empty
}

func newRepository(t *testing.T) *repository {
	t.Helper()
	archive, err := os.ReadFile("testdata/fake-98.7.txz")
	if err != nil {
		t.Fatal(err)
	}
	var jar bytes.Buffer
	writer := zip.NewWriter(&jar)
	file, err := writer.Create("postgres.txz")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write(archive); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(jar.Bytes())
	r := &repository{checksum: hex.EncodeToString(sum[:])}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch {
		case !strings.Contains(req.URL.Path, "98.7.0"):
			http.NotFound(w, req)
		case strings.HasSuffix(req.URL.Path, ".sha256"):
			_, _ = w.Write([]byte(r.checksum))
		default:
			r.downloads.Add(1)
			_, _ = w.Write(jar.Bytes())
		}
	}))
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

func (r *repository) config(t *testing.T) pgembed.Config {
	t.Helper()
	return pgembed.Config{DataDir: "unused", CacheDir: filepath.Join(t.TempDir(), "cache"), Version: "98.7.0", RepositoryURL: r.url}
}

func TestBinariesAreFetchedOnce(t *testing.T) {
	t.Parallel()
	repo := newRepository(t)
	cfg := repo.config(t)
	// What a process that was killed in a fetch leaves behind.
	if err := os.MkdirAll(filepath.Join(cfg.CacheDir, "postgres-98.7.0-linux-amd64.partial", "unpacked", "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 4 { // flock is between open files, so goroutines stand for processes
		all.Go(func() {
			dir, err := pgembed.Locate(t.Context(), cfg, 0)
			if err != nil {
				t.Error(err)
				return
			}
			if !strings.HasPrefix(dir, cfg.CacheDir) {
				t.Errorf("Locate() = %s, want a folder in %s", dir, cfg.CacheDir)
			}
			info, err := os.Stat(filepath.Join(dir, "postgres"))
			if err != nil {
				t.Error(err)
			} else if info.Mode().Perm()&0o055 != 0o055 {
				t.Errorf("postgres has mode %04o: another user cannot run it", info.Mode().Perm())
			}
		})
	}
	all.Wait()
	if got := repo.downloads.Load(); got != 1 {
		t.Errorf("downloaded %d times, want once", got)
	}
	left, err := filepath.Glob(filepath.Join(cfg.CacheDir, "*.partial"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestAFetchThatFailsSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(r *repository, cfg *pgembed.Config)
		major  int // of the data folder: that it is 98 or 99 keeps installed ones out
		want   []string
	}{
		"wrong checksum": {
			change: func(r *repository, _ *pgembed.Config) { r.checksum = strings.Repeat("0", 64) },
			major:  98, want: []string{"checksums do not match"},
		},
		"unknown version": {
			change: func(_ *repository, cfg *pgembed.Config) { cfg.Version = "99.1.0" },
			major:  99, want: []string{"no version found matching 99.1.0"},
		},
		"no network": {
			change: func(_ *repository, cfg *pgembed.Config) { cfg.RepositoryURL = "http://127.0.0.1:1" },
			major:  98, want: []string{"unable to connect to http://127.0.0.1:1"},
		},
		"no cache folder": {
			change: func(_ *repository, cfg *pgembed.Config) { cfg.CacheDir = "/dev/null/cache" },
			major:  98, want: []string{"make cache folder"},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			repo := newRepository(t)
			cfg := repo.config(t)
			tc.change(repo, &cfg)
			_, err := pgembed.Locate(t.Context(), cfg, tc.major)
			if !errors.Is(err, pgembed.ErrNoBinaries) {
				t.Fatalf("Locate() = %v, want ErrNoBinaries", err)
			}
			for _, want := range append(tc.want, "/usr/lib/postgresql/*/bin", pgembed.BinariesEnv) {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q: %v", want, err)
				}
			}
			whole, err := filepath.Glob(filepath.Join(cfg.CacheDir, "postgres-*", "bin"))
			if err != nil || len(whole) != 0 {
				t.Errorf("the cache has %v, %v", whole, err)
			}
		})
	}
}

func TestAFetchIsBounded(t *testing.T) {
	t.Parallel()
	let := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-let }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(let) })
	cfg := pgembed.Config{CacheDir: enterableDir(t), Version: "98.7.0", RepositoryURL: server.URL, FetchTimeout: 100 * time.Millisecond}
	for range 2 { // the second waits for the lock of the first, which is still at it
		_, err := pgembed.Locate(t.Context(), cfg, 98)
		if !errors.Is(err, pgembed.ErrNoBinaries) || !strings.Contains(err.Error(), "fetchTimeout, 100ms") {
			t.Errorf("Locate() = %v, want an error that names fetchTimeout", err)
		}
	}
}

func TestBinariesThatAreNamedComeFirst(t *testing.T) {
	repo := newRepository(t)
	cfg := repo.config(t)
	byEnv, byConfig := fakeBinaries(t, "96.1"), fakeBinaries(t, "95.1")
	t.Setenv(pgembed.BinariesEnv, byEnv)
	if dir, err := pgembed.Locate(t.Context(), cfg, 0); err != nil || dir != byEnv {
		t.Errorf("Locate() = %s, %v, want that of %s", dir, err, pgembed.BinariesEnv)
	}
	cfg.BinariesDir = byConfig
	if dir, err := pgembed.Locate(t.Context(), cfg, 0); err != nil || dir != byConfig {
		t.Errorf("Locate() = %s, %v, want that of BinariesDir", dir, err)
	}
	cfg.BinariesDir = t.TempDir()
	if _, err := pgembed.Locate(t.Context(), cfg, 0); !errors.Is(err, pgembed.ErrNoBinaries) {
		t.Errorf("Locate() with an empty BinariesDir = %v, want ErrNoBinaries", err)
	}
	if got := repo.downloads.Load(); got != 0 {
		t.Errorf("downloaded %d times, want never", got)
	}
}

func TestInstalledBinariesServeWhereThereIsNoNetwork(t *testing.T) {
	newer := fakeBinaries(t, "97.1 (Debian 97.1-0+deb12u1)")
	link := filepath.Join(t.TempDir(), "postgres") // initdb is not beside it, as in /usr/local/bin
	if err := os.Symlink(filepath.Join(newer, "postgres"), link); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Dir(link)+":"+os.Getenv("PATH"))
	cfg := pgembed.Config{CacheDir: filepath.Join(t.TempDir(), "cache"), RepositoryURL: "http://127.0.0.1:1"}
	for _, major := range []int{0, 97} { // a new folder takes the newest, one that exists its own
		if dir, err := pgembed.Locate(t.Context(), cfg, major); err != nil || dir != newer {
			t.Errorf("Locate() for a folder of %d = %s, %v, want %s", major, dir, err, newer)
		}
	}
	var wrong *pgembed.VersionError
	if _, err := pgembed.Locate(t.Context(), cfg, 94); !errors.As(err, &wrong) {
		t.Errorf("Locate() for a folder of 94 = %v, want a VersionError", err)
	}
}
