package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
)

// version is the newest that Maven has as a whole distribution.
const version = "4.0.8"

// javaMin is the oldest Java that this version runs on.
const javaMin = 17

var javaVersion = regexp.MustCompile(`version "(\d+)`)

// findJava gives the java command, of JAVA_HOME or the path. Errors: errMissing.
func findJava(ctx context.Context) (string, error) {
	java := "java"
	if home := os.Getenv("JAVA_HOME"); home != "" {
		java = filepath.Join(home, "bin", "java")
	}
	path, err := exec.LookPath(java)
	if err != nil {
		return "", fmt.Errorf("%w: java %d or newer: %w", errMissing, javaMin, err)
	}
	said, err := exec.CommandContext(ctx, path, "-version").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: java %d or newer: %s -version: %w", errMissing, javaMin, path, err)
	}
	return path, checkJava(string(said))
}

// checkJava judges what java -version says.
func checkJava(said string) error {
	found := javaVersion.FindStringSubmatch(said)
	if found == nil {
		return fmt.Errorf("%w: java %d or newer: it calls itself %q", errMissing, javaMin, said)
	}
	if major, err := strconv.Atoi(found[1]); err != nil || major < javaMin {
		return fmt.Errorf("%w: java %d or newer: it is %s", errMissing, javaMin, found[1])
	}
	return nil
}

// distribution gives the folder of the unpacked distribution, fetched and unpacked
// when it is not there yet. Programs that come at once wait for the first. Errors:
// errMissing where Maven is needed and is not there.
func distribution(ctx context.Context) (string, error) {
	cache, err := cacheFolder()
	if err != nil {
		return "", err
	}
	home := filepath.Join(cache, "apache-pulsar-"+version)
	unlock, err := lock(filepath.Join(cache, "pulsar.lock"), syscall.LOCK_EX)
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(home); err == nil {
		return home, nil
	}
	archive, err := fetch(ctx)
	if err != nil {
		return "", err
	}
	unpacking, err := os.MkdirTemp(cache, "unpacking-")
	if err != nil {
		return "", fmt.Errorf("make folder to unpack in: %w", err)
	}
	defer func() { _ = os.RemoveAll(unpacking) }() // empty by then, or not worth keeping
	if said, err := exec.CommandContext(ctx, "tar", "-xzf", archive, "-C", unpacking).CombinedOutput(); err != nil {
		return "", fmt.Errorf("unpack %s: %w: %s", archive, err, said)
	}
	// Renamed when it is whole, so that a start that was killed leaves no half.
	if err := os.Rename(filepath.Join(unpacking, "apache-pulsar-"+version), home); err != nil {
		return "", fmt.Errorf("keep the unpacked distribution: %w", err)
	}
	return home, nil
}

// fetch lets Maven put the archive into its repository and gives its path there.
func fetch(ctx context.Context) (string, error) {
	maven, err := exec.LookPath("mvn")
	if err != nil {
		return "", fmt.Errorf("%w: Maven, to fetch Pulsar %s: %w", errMissing, version, err)
	}
	artifact := "org.apache.pulsar:pulsar-server-distribution:" + version + ":tar.gz:bin"
	get := exec.CommandContext(ctx, maven, "-q", "-B", "dependency:get", "-Dartifact="+artifact, "-Dtransitive=false")
	if said, err := get.CombinedOutput(); err != nil {
		return "", fmt.Errorf("fetch %s: %w: %s", artifact, err, said)
	}
	where := exec.CommandContext(ctx, maven, "-q", "-B", "help:evaluate", "-Dexpression=settings.localRepository", "-DforceStdout")
	said, err := where.Output()
	if err != nil {
		return "", fmt.Errorf("ask Maven for its repository: %w", err)
	}
	archive := filepath.Join(strings.TrimSpace(stripColour(string(said))), "org", "apache", "pulsar", "pulsar-server-distribution", version, "pulsar-server-distribution-"+version+"-bin.tar.gz")
	if _, err := os.Stat(archive); err != nil {
		return "", fmt.Errorf("find what Maven fetched: %w", err)
	}
	return archive, nil
}

var colour = regexp.MustCompile("\x1b\\[[0-9;]*m")

// stripColour removes what Maven writes for a terminal also where there is none.
func stripColour(said string) string { return colour.ReplaceAllString(said, "") }

// cacheFolder is where distributions are kept; it is made if it is not there.
func cacheFolder() (string, error) {
	cache := os.Getenv("FAIRLEAD_CACHE")
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("find cache folder: %w", err)
		}
		cache = filepath.Join(user, "fairlead")
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", fmt.Errorf("make cache folder: %w", err)
	}
	return cache, nil
}

// lock takes the lock of a file, until unlock is called or the program ends. With
// LOCK_NB in how, a lock that another has is an error at once.
func lock(path string, how int) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), how); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
	}
	return func() { _ = file.Close() }, nil
}
