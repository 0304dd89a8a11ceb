package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

const (
	modulePath = "github.com/fairlead-batch/fairlead/tools/kube"
	// kubeVersion is that of k8s.io/kubernetes in go.mod; the server says it.
	kubeVersion = "v1.36.3"
	kubeMinor   = "36"
	// progressEvery is the time between signs of life of a build.
	progressEvery = 15 * time.Second
)

// programs are the commands that a cluster consists of, with their first arguments.
type programs struct{ etcd, apiserver, kwok []string }

// build finds the programs, or builds those that are not there.
func build(ctx context.Context) (programs, error) {
	var p programs
	if assets := os.Getenv("KUBEBUILDER_ASSETS"); assets != "" {
		p.etcd, p.apiserver = []string{filepath.Join(assets, "etcd")}, []string{filepath.Join(assets, "kube-apiserver")}
		if kwok := filepath.Join(assets, "kwok"); isFile(kwok) {
			p.kwok = []string{kwok}
			return p, nil
		}
	}
	cache, err := cacheFolder()
	if err != nil {
		return programs{}, err
	}
	var targets []string
	if p.etcd == nil {
		box := filepath.Join(cache, "kubebox")
		p.etcd, p.apiserver = []string{box, "etcd"}, []string{box, "kube-apiserver"}
		targets = append(targets, "./kubebox")
	}
	p.kwok = []string{filepath.Join(cache, "kwok")}
	return p, buildInto(ctx, cache, append(targets, "sigs.k8s.io/kwok/cmd/kwok"))
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// cacheFolder is where the programs of this version are kept. It is named by what they
// are built from.
func cacheFolder() (string, error) {
	gomod, err := os.ReadFile("go.mod")
	if err != nil || !bytes.HasPrefix(gomod, []byte("module "+modulePath+"\n")) {
		return "", errors.New("find the module to build from: run this in the folder tools/kube, go.mod of " + modulePath + " is not here")
	}
	hash := sha256.New()
	for _, name := range []string{"go.mod", "go.sum", filepath.Join("kubebox", "main.go")} {
		content, err := os.ReadFile(name)
		if err != nil {
			return "", fmt.Errorf("hash what is built: %w", err)
		}
		hash.Write(content)
	}
	hash.Write([]byte(runtime.Version() + runtime.GOOS + runtime.GOARCH))
	user, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find cache folder: %w", err)
	}
	return filepath.Join(user, "fairlead", "kube-"+hex.EncodeToString(hash.Sum(nil))[:16]), nil
}

// buildInto builds the targets whose programs the folder lacks. A program appears under
// its name only when it is whole.
func buildInto(ctx context.Context, folder string, targets []string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("make cache folder: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(folder, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open build lock: %w", err)
	}
	defer lock.Close() //nolint:errcheck // releases the lock, holds nothing
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock cache folder: %w", err)
	}
	var missing []string
	for _, t := range targets {
		if !isFile(filepath.Join(folder, filepath.Base(t))) {
			missing = append(missing, t)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	fresh, err := os.MkdirTemp(folder, "building-")
	if err != nil {
		return fmt.Errorf("make folder to build in: %w", err)
	}
	defer os.RemoveAll(fresh) //nolint:errcheck // the next build does not look at it
	if err := compile(ctx, fresh, missing); err != nil {
		return err
	}
	for _, t := range missing {
		name := filepath.Base(t)
		if err := os.Rename(filepath.Join(fresh, name), filepath.Join(folder, name)); err != nil {
			return fmt.Errorf("keep %s: %w", name, err)
		}
	}
	return nil
}

// compile runs go build and says from time to time that it still does.
func compile(ctx context.Context, into string, targets []string) error {
	const version = "k8s.io/component-base/version"
	// Without a version the server says one that clients cannot parse.
	flags := fmt.Sprintf("-s -w -X %[1]s.gitVersion=%[2]s -X %[1]s.gitMajor=1 -X %[1]s.gitMinor=%[3]s "+
		"-X %[1]s.gitTreeState=clean -X %[1]s.buildDate=1970-01-01T00:00:00Z", version, kubeVersion, kubeMinor)
	args := append([]string{"build", "-trimpath", "-ldflags", flags, "-o", into + string(filepath.Separator)}, targets...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	cmd.SysProcAttr = dieWithParent()
	begun := time.Now()
	progress("building Kubernetes %s (etcd, kube-apiserver, kwok) once, for this version: some 5 minutes on two idle cores, 100 MB of downloads", kubeVersion)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start go build: %w", err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			if err != nil {
				return fmt.Errorf("build Kubernetes %s from the modules of tools/kube/go.mod: %w; go build says why, above", kubeVersion, err)
			}
			progress("built in %s", time.Since(begun).Round(time.Second))
			return nil
		case <-tick.C:
			progress("still building, since %s", time.Since(begun).Round(time.Second))
		}
	}
}
