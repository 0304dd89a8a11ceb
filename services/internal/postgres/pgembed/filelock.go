package pgembed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// lockPollInterval is how often a wait for another process is looked after:
// flock itself cannot be given up when a context ends.
const lockPollInterval = 50 * time.Millisecond

// fileLock is an exclusive lock between processes. The kernel lets go of it when
// the process ends, however it ends, so there is no stale lock.
type fileLock struct{ file *os.File }

// tryLock takes the lock at path or returns errLocked. The file stays behind.
func tryLock(path string) (*fileLock, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open lock file: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errLocked
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return &fileLock{file: file}, nil
}

// waitLock takes the lock at path as soon as it is free.
func waitLock(ctx context.Context, path string) (*fileLock, error) {
	ticker := time.NewTicker(lockPollInterval)
	defer ticker.Stop()
	for {
		lock, err := tryLock(path)
		if !errors.Is(err, errLocked) {
			return lock, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for lock %s: %w", path, context.Cause(ctx))
		case <-ticker.C:
		}
	}
}

// unlock lets go of the lock. Closing the file would do so too, but for a child that
// another goroutine has forked and that has not yet begun its program: it holds a
// copy of the file until then, and the lock with it.
func (l *fileLock) unlock() {
	_ = syscall.Flock(int(l.file.Fd()), syscall.LOCK_UN)
	_ = l.file.Close()
}

var errLocked = errors.New("locked by another process")
