package journal

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/fairlead-batch/fairlead/services/executor/internal/lease"
	"github.com/fairlead-batch/fairlead/services/executor/internal/simulated"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// ErrOther: the file is that of a cluster that is made of something else.
var ErrOther = errors.New("the journal is of another cluster")

// errFull: the file has reached its limit.
var errFull = errors.New("the journal of the simulated cluster is full")

// Config says where the file is.
type Config struct {
	Path string
	// Cluster says what the cluster is made of; a file that says something else is
	// refused.
	Cluster string
	// BytesMax is the size that the file may have.
	BytesMax int64
}

// Cluster is a simulated cluster with its orders on disk. One goroutine. The caller
// closes it.
type Cluster struct {
	inner *simulated.Cluster
	cfg   Config
	file  *os.File
	// size is that of the whole lines.
	size int64
	// last is the time of the newest line, in the file's time.
	last lease.Time
	// ahead is what the file's time is ahead of the process'; it is known from the
	// first step on.
	ahead   time.Duration
	stepped bool
}

// Open opens the file, or makes it, takes its steps again on a cluster that is new,
// and lets time pass to now. Errors: ErrOther.
func Open(cfg Config, inner *simulated.Cluster, now time.Time) (*Cluster, error) {
	c := &Cluster{inner: inner, cfg: cfg}
	if err := c.open(); err != nil {
		return nil, fmt.Errorf("open journal %s: %w", cfg.Path, err)
	}
	passTo(inner, c.last, now)
	return c, nil
}

// passTo lets the time since the last step pass, by the wall's clock.
func passTo(inner *simulated.Cluster, last lease.Time, now time.Time) {
	if last.Wall != 0 {
		inner.Step(last.Add(since(last, job.Time(now.UnixNano()))))
	}
}

// since is how long ago the last step was; it is never before it.
func since(last lease.Time, now job.Time) time.Duration { return max(0, time.Duration(now-last.Wall)) }

func (c *Cluster) open() (err error) {
	if c.file, err = os.OpenFile(c.cfg.Path, os.O_RDWR|os.O_CREATE, 0o644); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = c.file.Close() // it says nothing new
		}
	}()
	if err := syscall.Flock(int(c.file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("another process has it: %w", err)
	}
	if c.size, c.last, err = replay(c.file, c.cfg.Cluster, c.inner); err != nil {
		return err
	}
	if err := c.cut(); err != nil {
		return err
	}
	if c.size > 0 {
		return nil
	}
	first, err := line(head{Version: version, Cluster: c.cfg.Cluster})
	if err != nil {
		return err
	}
	return c.put(first)
}

// Replay takes the steps of a file again on a cluster that is new, and lets time pass
// to a moment. It writes nothing, and minds nobody who has the file open. Errors:
// ErrOther.
func Replay(cfg Config, inner *simulated.Cluster, to time.Time) error {
	file, err := os.Open(cfg.Path)
	if err != nil {
		return fmt.Errorf("replay journal: %w", err)
	}
	defer file.Close() //nolint:errcheck // read only
	_, last, err := replay(file, cfg.Cluster, inner)
	if err != nil {
		return fmt.Errorf("replay journal %s: %w", cfg.Path, err)
	}
	passTo(inner, last, to)
	return nil
}

// replay steps a cluster through a file, and gives the size of its whole lines and
// the time of the last. A line without an end is not read.
func replay(file io.Reader, cluster string, inner *simulated.Cluster) (size int64, last lease.Time, err error) {
	lines := bufio.NewReader(file)
	for number := 1; ; number++ {
		text, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return size, last, nil
		}
		if err != nil {
			return 0, last, err
		}
		if number == 1 {
			err = checkHead(text, cluster)
		} else {
			var orders []lease.Order
			if last, orders, err = decode(text); err == nil {
				inner.Step(last, orders...)
			}
		}
		if err != nil {
			return 0, last, fmt.Errorf("line %d: %w", number, err)
		}
		size += int64(len(text))
	}
}

func checkHead(text []byte, cluster string) error {
	var h head
	if err := json.Unmarshal(text, &h); err != nil { //nolint:musttag // read by who wrote it
		return err
	}
	if h.Version != version {
		return fmt.Errorf("it is of version %d, and this program knows %d", h.Version, version)
	}
	if h.Cluster != cluster {
		return fmt.Errorf("%w: it says %s, configured is %s", ErrOther, h.Cluster, cluster)
	}
	return nil
}

// put appends a line. When it fails the file is as before, or the next put mends it.
func (c *Cluster) put(text []byte) error {
	if c.size+int64(len(text)) > c.cfg.BytesMax {
		return fmt.Errorf("%w: %s has %d bytes, at most %d", errFull, c.cfg.Path, c.size, c.cfg.BytesMax)
	}
	if _, err := c.file.WriteAt(text, c.size); err != nil {
		return errors.Join(fmt.Errorf("write journal: %w", err), c.cut())
	}
	c.size += int64(len(text))
	return nil
}

// cut removes what is behind the whole lines: a part of one.
func (c *Cluster) cut() error {
	if err := c.file.Truncate(c.size); err != nil {
		return fmt.Errorf("cut off half a line: %w", err)
	}
	return nil
}

// Close gives the file up.
func (c *Cluster) Close() error { return c.file.Close() }

// List is what the cluster holds, as of the last step, or of Open.
func (c *Cluster) List() lease.Listed { return c.inner.List() }

// Step writes the orders down and has them carried out: simulated.Cluster.Step.
func (c *Cluster) Step(now lease.Time, orders ...lease.Order) []lease.Fact {
	if !c.stepped {
		c.stepped = true
		if c.last.Wall != 0 { // the file's time went on while nobody was there
			c.ahead = c.last.Mono + since(c.last, now.Wall) - now.Mono
		}
	}
	now.Mono += c.ahead
	if len(orders) == 0 {
		return c.inner.Step(now)
	}
	shifted := make([]lease.Order, len(orders))
	for i, o := range orders {
		if create, ok := o.(lease.CreatePod); ok {
			create.Before += c.ahead
			o = create
		}
		shifted[i] = o
	}
	text, err := encode(now, shifted)
	if err == nil {
		err = c.put(text)
	}
	if err != nil {
		return append(refused(orders, err), c.inner.Step(now)...)
	}
	return c.inner.Step(now, shifted...)
}

// Due is when something is to be told next, in the process' time.
func (c *Cluster) Due() (time.Duration, bool) {
	at, more := c.inner.Due()
	if !more {
		return at, false
	}
	return at - c.ahead, true
}
