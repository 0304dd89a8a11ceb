package pgembed

import (
	"fmt"
	"os"
	"strings"
	"sync"
)

// logTailBytes is how much of the server's newest output an error carries.
const logTailBytes = 2 << 10

// logFile is where the server's output goes: a file that is renamed to <path>.1
// when it is full, and the newest bytes in memory for error messages. Safe for
// concurrent use.
type logFile struct {
	path     string
	bytesMax int64

	mu   sync.Mutex
	file *os.File // nil after close, or when it could not be opened again
	size int64
	tail []byte
}

// openLog opens path for appending, so that the run before can still be read.
func openLog(path string, bytesMax int64) (*logFile, error) {
	l := &logFile{path: path, bytesMax: bytesMax}
	if err := l.open(); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *logFile) open() error {
	file, err := os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open server log: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return fmt.Errorf("size server log: %w", err)
	}
	l.file, l.size = file, info.Size()
	return nil
}

// Write never fails: a full disk must not break the pipe that the server's
// output comes through.
func (l *logFile) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tail = append(l.tail, b...)
	if extra := len(l.tail) - logTailBytes; extra > 0 {
		l.tail = append(l.tail[:0], l.tail[extra:]...)
	}
	if l.file == nil {
		return len(b), nil
	}
	if l.size > 0 && l.size+int64(len(b)) > l.bytesMax {
		l.rotate()
	}
	if l.file != nil {
		n, _ := l.file.Write(b)
		l.size += int64(n)
	}
	return len(b), nil
}

func (l *logFile) rotate() {
	_ = l.file.Close()
	l.file = nil
	if err := os.Rename(l.path, l.path+".1"); err != nil {
		return // no place to write to any more: the tail in memory is what is left
	}
	_ = l.open() // the same
}

// lastLines returns the newest output, at most logTailBytes of it.
func (l *logFile) lastLines() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.TrimSpace(string(l.tail))
}

func (l *logFile) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		_ = l.file.Close()
		l.file = nil
	}
}
