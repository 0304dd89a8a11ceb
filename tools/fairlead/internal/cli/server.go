package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/fairlead-batch/fairlead/client"
	"github.com/fairlead-batch/fairlead/tools/fairlead/internal/endpoint"
)

const timeoutDefault = 30 * time.Second

// server is the one that the user means.
type server struct {
	sys     System
	ask     endpoint.Ask
	config  string
	timeout time.Duration

	end endpoint.Endpoint // set by open
	// answered is called with each answer to a call that is no stream; nil: nobody asks.
	answered func(answer any)
}

// open makes a client of it; the caller closes it. Nothing is sent yet.
func (s *server) open() (*client.Client, error) {
	if s.timeout <= 0 {
		return nil, usage("--timeout is %v, must be above zero", s.timeout)
	}
	s.ask.EnvURL = s.sys.Getenv("FAIRLEAD_URL")
	s.ask.File, s.ask.FileNamed = s.sys.Config, false
	if s.config != "" {
		s.ask.File, s.ask.FileNamed = s.config, true
	}
	end, err := endpoint.Resolve(s.ask)
	if err != nil {
		return nil, usage("%v", err)
	}
	s.end = end
	creds := insecure.NewCredentials()
	if end.TLS {
		if creds, err = secure(end); err != nil {
			return nil, err
		}
	}
	return client.New("passthrough:///"+end.Address, grpc.WithTransportCredentials(creds), grpc.WithUnaryInterceptor(s.bound))
}

func secure(end endpoint.Endpoint) (credentials.TransportCredentials, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if end.CAFile != "" {
		pem, err := os.ReadFile(end.CAFile)
		if err != nil {
			return nil, usage("read caFile of %s: %v", end.From, err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, usage("caFile %s of %s holds no certificate in PEM", end.CAFile, end.From)
		}
	}
	return credentials.NewTLS(cfg), nil
}

// bound is around every call that is no stream: it limits its time and passes the answer on.
//
//nolint:revive // as many arguments as gRPC has
func (s *server) bound(ctx context.Context, method string, req, answer any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if err := invoke(ctx, method, req, answer, conn, options...); err != nil {
		return err
	}
	if s.answered != nil {
		s.answered(answer)
	}
	return nil
}

// with hands a client to do, and closes it after.
func (s *server) with(do func(*client.Client) error) error {
	c, err := s.open()
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // all calls are over
	if err := do(c); err != nil {
		return err
	}
	return nil
}

// jobs is so many jobs: 1 job, 2 jobs.
func jobs(n int) string {
	if n == 1 {
		return "1 job"
	}
	return fmt.Sprintf("%d jobs", n)
}
