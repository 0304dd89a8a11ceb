package processtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/freeport"
)

const (
	// askEvery is how often a service is asked whether it is ready.
	askEvery = 20 * time.Millisecond
	// answerWithin bounds a question to a service's port for operators.
	answerWithin = 5 * time.Second
	// saidBytes is how much of what a service said is shown.
	saidBytes = 16 << 10
)

// Build builds the five programs and gives their folder.
func Build(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	args := []string{"build", "-o", dir}
	for _, name := range []string{"submit", "scheduler", "executor", "eventapi", "lookout"} {
		args = append(args, "github.com/fairlead-batch/fairlead/services/"+name+"/cmd/"+name)
	}
	if out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput(); err != nil {
		t.Fatalf("build the programs: %v\n%s", err, out)
	}
	return dir
}

// Installation is what the processes of a Fairlead have in common.
type Installation struct {
	// Bin has the programs, and Dir gets configurations and what was said.
	Bin, Dir string
	// Postgres is the URL of the database.
	Postgres string
	// Log is the section log of the configuration, as YAML in one line.
	Log string
}

// Service is a program with its configuration, and the process that it is now. Its
// methods are for one goroutine, but for Get, Shows and Said.
type Service struct {
	Name      string
	GRPC, Ops string
	// HTTP is where submit serves REST.
	HTTP string

	program, config, output string

	mu      sync.Mutex
	process *exec.Cmd
	ended   chan struct{}
	err     error // how it ended
}

// Start starts a program with ports of its own; extra is YAML that is its alone. name
// may have a dash and more behind that of the program: scheduler-2. The caller ends it.
func (in Installation) Start(ctx context.Context, name, extra string) (*Service, error) {
	program, _, _ := strings.Cut(name, "-")
	s := &Service{
		Name: name, program: filepath.Join(in.Bin, program),
		config: filepath.Join(in.Dir, name+".yaml"), output: filepath.Join(in.Dir, name+".log"),
	}
	for _, address := range []*string{&s.GRPC, &s.Ops, &s.HTTP} {
		var err error
		if *address, err = freeport.Address(ctx); err != nil {
			return nil, err
		}
	}
	text := fmt.Sprintf("log: %s\npostgres: {url: %q}\ngrpc: {address: %q}\nops: {address: %q}\n%s", in.Log, in.Postgres, s.GRPC, s.Ops, extra)
	if program == "submit" {
		text += fmt.Sprintf("\nhttp: {address: %q}\n", s.HTTP)
	}
	if program == "executor" { // it stands on no database and is called by nobody
		text = fmt.Sprintf("http: {address: %q}\n%s", s.Ops, extra)
	}
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("write configuration: %w", err)
	}
	return s, s.Restart(ctx)
}

// Restart starts a service that is not there, at its ports. ctx does not bound its life.
func (s *Service) Restart(ctx context.Context) error {
	output, err := os.OpenFile(s.output, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open the output of %s: %w", s.Name, err)
	}
	defer output.Close() //nolint:errcheck // the process has its own
	process := exec.CommandContext(context.WithoutCancel(ctx), s.program, "serve", "--config", s.config)
	process.Stdout, process.Stderr = output, output
	if err := process.Start(); err != nil {
		return fmt.Errorf("start %s: %w", s.Name, err)
	}
	ended := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.process, s.ended = process, ended
	go func() { // ends with the process
		err := process.Wait()
		s.mu.Lock()
		s.err = err
		s.mu.Unlock()
		close(ended)
	}()
	return nil
}

// Ended is closed when the process of now has ended.
func (s *Service) Ended() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// signal sends a signal to the process of now.
func (s *Service) signal(what os.Signal) error {
	s.mu.Lock()
	process := s.process
	s.mu.Unlock()
	if err := process.Process.Signal(what); err != nil {
		return fmt.Errorf("%s to %s: %w", what, s.Name, err)
	}
	return nil
}

// how is how the process of now ended, once it has.
func (s *Service) how() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Kill ends the service as a crash does. It fails where the service had ended before.
func (s *Service) Kill() error {
	err := s.signal(syscall.SIGKILL)
	<-s.Ended()
	if err == nil && s.how() == nil {
		err = fmt.Errorf("%s had ended before it was killed", s.Name)
	}
	return err
}

// Pause stops the service where it is, until Resume.
func (s *Service) Pause() error { return s.signal(syscall.SIGSTOP) }

// Resume lets a service that was paused go on.
func (s *Service) Resume() error { return s.signal(syscall.SIGCONT) }

// Stop tells the service to end, which it does without an error.
func (s *Service) Stop(ctx context.Context) error {
	if err := s.signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-s.Ended():
		if err := s.how(); err != nil {
			return fmt.Errorf("%s ended with %w", s.Name, err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s has not ended: %w", s.Name, context.Cause(ctx))
	}
}

// Close ends the service in any case.
func (s *Service) Close() {
	_ = s.signal(syscall.SIGKILL) // unless it has ended
	<-s.Ended()
}

// AwaitReady waits until the service says that it is ready. It fails where the service
// ends first.
func (s *Service) AwaitReady(ctx context.Context) error {
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	why := "it does not answer"
	for {
		code, text := s.Get(ctx, "/readyz")
		if code == http.StatusNoContent {
			return nil
		}
		if text != "" {
			why = text
		}
		select {
		case <-s.Ended():
			return fmt.Errorf("%s ended: %w\n%s", s.Name, errors.Join(s.how()), s.Said())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %s: %w", s.Name, strings.TrimSpace(why), context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// Get asks the port for operators; code 0: it does not answer.
func (s *Service) Get(ctx context.Context, path string) (code int, text string) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Ops+path, http.NoBody)
	if err != nil {
		return 0, ""
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	var body bytes.Buffer
	if _, err := body.ReadFrom(resp.Body); err != nil {
		return 0, ""
	}
	return resp.StatusCode, body.String()
}

// Shows says whether a line stands in the metrics.
func (s *Service) Shows(ctx context.Context, line string) bool {
	_, text := s.Get(ctx, "/metrics")
	return strings.Contains(text, "\n"+line+"\n")
}

// Said is the end of what the service said, in all its processes.
func (s *Service) Said() string {
	file, err := os.Open(s.output)
	if err != nil {
		return err.Error()
	}
	defer file.Close() //nolint:errcheck // read only
	if end, err := file.Seek(0, io.SeekEnd); err == nil {
		_, err = file.Seek(max(0, end-saidBytes), io.SeekStart)
		if err != nil {
			return err.Error()
		}
	}
	text, err := io.ReadAll(file)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
