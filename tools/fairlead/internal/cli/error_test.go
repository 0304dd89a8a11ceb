package cli_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
)

// What the server says becomes an exit code and words that say what to do.
func TestAnswers(t *testing.T) {
	t.Parallel()
	const id = `[x-request-id: "r-1"] `
	golden(t, map[string]check{
		"internal":        {peer: refuseAll(codes.Internal, id+"internal error"), args: words("queue create q")},
		"unknown":         {peer: refuseAll(codes.Unknown, "oh"), args: words("queue create q")},
		"unavailable":     {peer: refuseAll(codes.Unavailable, id+"the database is away"), args: words("queue create q")},
		"exhausted":       {peer: refuseAll(codes.ResourceExhausted, id+"10 calls a second, at most"), args: words("queue create q")},
		"unauthenticated": {peer: refuseAll(codes.Unauthenticated, id+"no credentials"), args: words("queue create q")},
		"precondition":    {peer: refuseAll(codes.FailedPrecondition, id+"queue q has jobs"), args: words("queue delete q")},
		"control":         {peer: refuseAll(codes.InvalidArgument, "\x1b[2Jgone"), args: words("queue create q")},
	})
}

func TestUsage(t *testing.T) {
	t.Parallel()
	golden(t, map[string]check{
		"help":            {args: words("--help")},
		"help of a verb":  {args: words("watch --help")},
		"nothing":         {args: nil},
		"a group alone":   {args: words("queue")},
		"unknown verb":    {args: words("subnit x")},
		"unknown subverb": {args: words("queue lst")},
		"unknown flag":    {args: words("queue list --foo")},
		"wrong format":    {args: words("queue list -o xml")},
		"wrong value":     {args: words("queue create q --priority-factor x")},
		"no timeout":      {args: words("queue list --timeout 0s")},
		"too many":        {args: words("watch a b c")},
		"too few":         {args: words("watch a")},
		"version":         {args: words("--version")},
		"wrong address":   {args: words("queue list --url ftp://x")},
		"unknown context": {args: words("queue list --context x")},
		"no such file":    {args: words("queue list --config /nowhere/c.yaml")},
		"complete queues": {peer: some(), args: words("__complete watch r")},
		"complete flag":   {args: words("__complete queue list -o y")},
	})
}

// Each way of not reaching a server says which address, who said so, and what to do.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	plain := (&peer{}).start(t)
	secured, _ := secure(t)
	free := unused(t)
	for name, tc := range map[string]struct{ url, want string }{
		"nobody there": {
			free, "error: list queues: nobody answers at URL (--url): connection refused\n" +
				"  Is the server running there?\n" +
				"  Another address: --url HOST:PORT, FAIRLEAD_URL, or a context (see fairlead --help).\n",
		},
		"TLS to one without": {
			"https://" + plain, "error: list queues: cannot connect securely to URL (--url): tls: first record does not look like a TLS handshake\n" +
				"  If it speaks no TLS: http://URL, or noTLS: true in the context.\n" +
				"  If its certificate is from an authority of your own: caFile in the context.\n",
		},
		"not trusted": {
			"https://" + secured, "error: list queues: cannot connect securely to URL (--url): tls: failed to verify certificate: x509: certificate signed by unknown authority\n" +
				"  If it speaks no TLS: http://URL, or noTLS: true in the context.\n" +
				"  If its certificate is from an authority of your own: caFile in the context.\n",
		},
		"without TLS to one with": {
			secured, "error: list queues: URL (--url) does not speak gRPC without TLS: EOF\n" +
				"  If it speaks TLS: https://URL.\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &shell{}
			s.run(t.Context(), "queue", "list", "--url", tc.url)
			address := strings.TrimPrefix(tc.url, "https://")
			if got := strings.ReplaceAll(s.err.String(), address, "URL"); got != tc.want || s.code != 1 {
				t.Errorf("code %d, err:\n%s\nwant:\n%s", s.code, got, tc.want)
			}
		})
	}
}

// unused is an address where nobody listens.
func unused(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// A server that takes a call and does not answer is not waited for longer than asked.
func TestTimeout(t *testing.T) {
	t.Parallel()
	over := make(chan struct{})
	p := &peer{refuse: func(string, any) error { <-over; return nil }}
	addr := p.start(t)
	t.Cleanup(func() { close(over) }) // before the server's own
	s := &shell{env: map[string]string{"FAIRLEAD_URL": addr}}
	s.run(t.Context(), "queue", "create", "q", "--timeout", "50ms")
	want := fmt.Sprintf("error: create queue q: no answer from %s in time\n  It may still be done. --timeout sets how long to wait.\n", addr)
	if s.err.String() != want || s.code != 1 {
		t.Errorf("code %d, err:\n%s\nwant:\n%s", s.code, &s.err, want)
	}
}

// A context of the file names the server and the authority to trust.
func TestContext(t *testing.T) {
	t.Parallel()
	addr, ca := secure(t)
	file := filepath.Join(t.TempDir(), "config.yaml")
	text := fmt.Sprintf("currentContext: nobody\ncontexts:\n  nobody: {url: %q}\n  secure: {url: %q, caFile: %q}\n  noca: {url: %q, caFile: %q}\n",
		unused(t), "https://"+addr, ca, "https://"+addr, file)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for context, want := range map[string]struct {
		code int
		text string
	}{
		"secure": {0, "queue q created\n"},
		"nobody": {1, "(context nobody of " + file + ")"},
		"noca":   {2, "error: caFile " + file + " of context noca of " + file + " holds no certificate in PEM\n"},
	} {
		t.Run(context, func(t *testing.T) {
			t.Parallel()
			s := &shell{config: file}
			args := []string{"queue", "create", "q"}
			if context != "nobody" { // the current one
				args = append(args, "--context", context)
			}
			s.run(t.Context(), args...)
			if got := s.out.String() + s.err.String(); s.code != want.code || !strings.Contains(got, want.text) {
				t.Errorf("code %d, want %d: %s", s.code, want.code, got)
			}
		})
	}
	s := &shell{config: file}
	s.run(t.Context(), "__complete", "queue", "list", "--context", "")
	if got := s.out.String(); got != "nobody\nnoca\nsecure\n:4\n" {
		t.Errorf("contexts complete to %q", got)
	}
}

// secure starts a server with TLS and returns its address and its authority's file.
func secure(t *testing.T) (addr, caFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &peer{creds: credentials.NewServerTLSFromCert(&tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key})}
	return p.start(t), caFile
}
