package pgembed

import (
	"fmt"
	"os"
	"path/filepath"
)

// rootCacheDir is where root's cache is: the user that the server runs as could
// not enter one in root's home.
const rootCacheDir = "/var/cache/fairlead"

// DefaultCacheDir is the machine's folder for what can be fetched again:
// /var/cache/fairlead for root, "fairlead" in the user's own cache folder
// otherwise. It is not made.
func DefaultCacheDir() (string, error) {
	if os.Geteuid() == 0 {
		return rootCacheDir, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a cache folder: %w", err)
	}
	return filepath.Join(dir, "fairlead"), nil
}
