package pgembed_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgembed"
)

// snapshot is every file below dir but the lock, with its size.
func snapshot(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	files := map[string]int64{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		files[path] = info.Size()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestAFolderThatIsNotOursToChangeIsLeftAsItIs(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		version string // what PG_VERSION holds; empty: there is no such file
		check   func(t *testing.T, err error)
	}{
		"of another major version": {version: "12\n", check: func(t *testing.T, err error) {
			t.Helper()
			var wrong *pgembed.VersionError
			if !errors.As(err, &wrong) || wrong.DataMajor != 12 || wrong.BinariesMajor < pgembed.MajorMin {
				t.Fatalf("Start() = %v, want a VersionError of 12 and a newer one", err)
			}
			for _, want := range []string{"Postgres 12", "Postgres " + strconv.Itoa(wrong.BinariesMajor), wrong.DataDir} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q: %v", want, err)
				}
			}
		}},
		"of an unknown version": {version: "a dozen\n", check: func(t *testing.T, err error) {
			t.Helper()
			if err == nil || !strings.Contains(err.Error(), "it was left as it is") {
				t.Errorf("Start() = %v, want an error", err)
			}
		}},
		"without a version": {check: func(t *testing.T, err error) {
			t.Helper()
			if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("Start() = %v, want that PG_VERSION is not there", err)
			}
		}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config(t)
			if err := os.MkdirAll(filepath.Join(cfg.DataDir, "data", "base"), 0o700); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(cfg.DataDir, "data", "base", "precious"), "jobs")
			write(t, filepath.Join(cfg.DataDir, "lock"), "")
			if tc.version != "" {
				write(t, filepath.Join(cfg.DataDir, "data", "PG_VERSION"), tc.version)
			}
			before := snapshot(t, cfg.DataDir)
			_, err := pgembed.Start(t.Context(), cfg, zap.NewNop())
			tc.check(t, err)
			if diff := cmp.Diff(before, snapshot(t, cfg.DataDir)); diff != "" {
				t.Errorf("the folder changed (-before +after):\n%s", diff)
			}
		})
	}
}

func TestBinariesOfAnotherMajorThatWereAskedForAreRefused(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	made := start(t, cfg)
	stop(t, made)
	cfg.BinariesDir = fakeBinaries(t, "97.1")
	_, err := pgembed.Start(t.Context(), cfg, zap.NewNop())
	var wrong *pgembed.VersionError
	if !errors.As(err, &wrong) || wrong.DataMajor != made.Major() || wrong.BinariesMajor != 97 || wrong.BinariesFrom != cfg.BinariesDir {
		t.Errorf("Start() = %v, want a VersionError of %d and 97", err, made.Major())
	}
	cfg.BinariesDir = namedBinaries
	start(t, cfg) // nothing was changed
}

// A start that died in initdb has left a password and a half-made folder.
func TestAHalfMadeFolderIsMadeAgain(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	half := filepath.Join(cfg.DataDir, "unfinished-initdb-1")
	if err := os.MkdirAll(half, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(cfg.DataDir, 0o711); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(half, "PG_VERSION"), "18\n")
	write(t, filepath.Join(cfg.DataDir, "password"), "of the start that died\n")
	server := start(t, cfg)
	if got := query[int](t, server.URL(), "SELECT 1"); got != 1 {
		t.Errorf("SELECT 1 = %d", got)
	}
	if _, err := os.Stat(half); !os.IsNotExist(err) {
		t.Errorf("the half-made folder is still there: %v", err)
	}
}

func TestAFolderThatTheServersUserCannotEnterIsNamed(t *testing.T) {
	t.Parallel()
	private := filepath.Join(enterableDir(t), "private")
	if err := os.MkdirAll(filepath.Join(private, "data"), 0o755); err != nil {
		t.Fatal(err)
	}
	const stranger = 54321
	path := filepath.Join(private, "data")
	if err := pgembed.MayEnter(path, stranger); err != nil {
		t.Errorf("MayEnter() = %v, want nil while all may", err)
	}
	if err := os.Chmod(private, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := pgembed.MayEnter(path, stranger); err == nil || !strings.Contains(err.Error(), "cannot enter "+private+" (mode 0700)") {
		t.Errorf("MayEnter() = %v, want an error that names %s", err, private)
	}
}

func TestTheServersLogIsBounded(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "postgres.log")
	write(t, path, "of the run before\n")
	log, err := pgembed.OpenLog(path, 100)
	if err != nil {
		t.Fatal(err)
	}
	line := strings.Repeat("x", 29) + "\n"
	for range 20 {
		if n, err := log.Write([]byte(line)); n != len(line) || err != nil {
			t.Fatalf("Write() = %d, %v", n, err)
		}
	}
	if _, err := log.Write([]byte("the end\n")); err != nil {
		t.Fatal(err)
	}
	log.Close()
	for name, size := range snapshot(t, filepath.Dir(path)) {
		if size > 100 {
			t.Errorf("%s has %d bytes, want at most 100", name, size)
		}
	}
	if got := len(snapshot(t, filepath.Dir(path))); got != 2 {
		t.Errorf("there are %d log files, want 2", got)
	}
	if !strings.HasSuffix(log.LastLines(), "x\nthe end") {
		t.Errorf("LastLines() = %q", log.LastLines())
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// fakeBinaries is a folder of scripts that claim to be of a version.
func fakeBinaries(t *testing.T, version string) string {
	t.Helper()
	dir := enterableDir(t)
	for name, script := range map[string]string{"postgres": "echo 'postgres (PostgreSQL) " + version + "'", "initdb": "exit 1"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
