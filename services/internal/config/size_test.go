package config_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairlead-batch/fairlead/services/internal/config"
)

func TestSize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]config.Size{
		"0": 0, "4096": 4096, "64MiB": 64 << 20, "64Mi": 64 << 20, "500kB": 500_000, "500k": 500_000, "1.5GiB": 3 << 29,
		"2 TiB": 2 << 40, "1G": 1e9, "12B": 12, "0.5k": 500, "9223372036854775807": 1<<63 - 1,
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			var got config.Size
			if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
				t.Fatalf("= %d, %v; want %d", got, err, want)
			}
			var again config.Size
			if err := again.UnmarshalText([]byte(got.String())); err != nil || again != got {
				t.Errorf("String %q reads back as %d, %v", got, again, err)
			}
		})
	}
	for _, text := range []string{"", "B", "-1", "1.5", "0.1KiB", "9223372036854775808", "8388608TiB", "1e3", "0x10", "1/2", "1_000", "MiB", "64mib", "NaN"} {
		t.Run("refuses "+text, func(t *testing.T) {
			t.Parallel()
			var got config.Size
			if err := got.UnmarshalText([]byte(text)); err == nil {
				t.Errorf("%q = %d, want an error", text, got)
			}
		})
	}
}

func TestSizeString(t *testing.T) {
	t.Parallel()
	for size, want := range map[config.Size]string{0: "0B", 1: "1B", 1024: "1KiB", 1536: "1536B", 64 * config.MiB: "64MiB", 3 * config.TiB: "3TiB"} {
		if got := size.String(); got != want {
			t.Errorf("String(%d) = %q, want %q", int64(size), got, want)
		}
	}
}

func TestReadSecret(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for text, want := range map[string]string{"s3cret": "s3cret", "s3cret\n": "s3cret", "s3cret\r\n": "s3cret", " two \n\n": " two \n"} {
		got, err := config.ReadSecret(write("secret", text))
		if err != nil || got != want {
			t.Errorf("%q = %q, %v; want %q", text, got, err, want)
		}
	}
	if _, err := config.ReadSecret(write("empty", "\n")); !errors.Is(err, config.ErrNoSecret) {
		t.Errorf("empty: %v, want %v", err, config.ErrNoSecret)
	}
	if _, err := config.ReadSecret(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v, want %v", err, fs.ErrNotExist)
	}
	big := strings.Repeat("k", 64<<10)
	if _, err := config.ReadSecret(write("large", big+"k")); err == nil || strings.Contains(err.Error(), "kkk") {
		t.Errorf("too large: %v, want an error without the content", err)
	}
	if _, err := config.ReadSecret(write("fits", big)); err != nil {
		t.Errorf("64 KiB: %v", err)
	}
}
