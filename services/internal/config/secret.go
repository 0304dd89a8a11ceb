package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// secretMax is the longest secret that ReadSecret takes, in bytes: room for a bundle of
// certificates; more is a wrong path.
const secretMax = 64 << 10

// ErrNoSecret says that a secret's file is empty.
var ErrNoSecret = errors.New("file is empty")

// ReadSecret returns what the file at path holds, without the line end that editors put
// there. It is what keys that end in File are for. An empty file, or one above 64 KiB,
// is refused; the content is in no error.
func ReadSecret(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("open secret: %w", err)
	}
	defer f.Close() //nolint:errcheck // read only
	raw, err := io.ReadAll(io.LimitReader(f, secretMax+1))
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	if len(raw) > secretMax {
		return "", fmt.Errorf("read secret %s: over %d bytes", path, secretMax)
	}
	secret := strings.TrimSuffix(strings.TrimSuffix(string(raw), "\n"), "\r")
	if secret == "" {
		return "", fmt.Errorf("read secret %s: %w", path, ErrNoSecret)
	}
	return secret, nil
}
