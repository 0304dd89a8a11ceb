package rpc_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/fairlead-batch/fairlead/services/internal/auth"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/rpc"
	"github.com/fairlead-batch/fairlead/services/internal/rpc/rpctest"
)

// fields returns the keys that err says are violated.
func fields(err error) []string {
	f, ok := fault.As(err)
	if !ok {
		return nil
	}
	var keys []string
	for _, v := range f.Violations() {
		keys = append(keys, v.Field)
	}
	return keys
}

// authority signs certificates into a folder.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir()}
	a.key = newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.write(t, "ca.pem", "CERTIFICATE", der)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *authority) path(name string) string { return filepath.Join(a.dir, name) }

func (a *authority) write(t *testing.T, name, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(a.path(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// sign writes name.pem and name.key, a pair for 127.0.0.1 with that common name.
func (a *authority) sign(t *testing.T, file, name string) {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	a.write(t, file+".pem", "CERTIFICATE", der)
	a.write(t, file+".key", "EC PRIVATE KEY", keyDER)
}

// tlsServer runs a server with the pair "server" and returns its address.
func (a *authority) tlsServer(t *testing.T, clientCA string, who auth.Authenticator) (*rpc.Server, string) {
	t.Helper()
	cfg := rpc.DefaultConfig()
	cfg.Address = "127.0.0.1:0"
	cfg.TLS = rpc.TLS{CertFile: a.path("server.pem"), KeyFile: a.path("server.key"), ClientCAFile: clientCA}
	d := deps()
	d.Auth = who
	server, err := rpc.NewServer(cfg, d)
	if err != nil {
		t.Fatal(err)
	}
	(&service{unary: func(ctx context.Context) error {
		if name := auth.From(ctx).Name; name != "anonymous" {
			return fault.NewNotFound("%s", name)
		}
		return nil
	}}).register(server)
	return server, start(t, server)
}

// call makes one call on a new connection and returns the server's common name.
func (a *authority) call(t *testing.T, address string, client rpc.ClientTLS) (string, error) {
	t.Helper()
	cfg := rpc.DefaultClientConfig(address)
	cfg.TLS = client
	conn, err := rpc.Dial(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var p peer.Peer
	err = callUnary(t.Context(), &rpctest.Bed{Conn: conn}, grpc.Peer(&p))
	if info, ok := p.AuthInfo.(credentials.TLSInfo); ok {
		return info.State.PeerCertificates[0].Subject.CommonName, err
	}
	return "", err
}

// A pair that changes on disk is used from the next connection on; while it is only
// half there the old one is.
func TestTLSPairIsReadAgain(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	ca.sign(t, "server", "old")
	_, address := ca.tlsServer(t, "", auth.Anonymous{})
	trust := rpc.ClientTLS{Enabled: true, CAFile: ca.path("ca.pem")}
	expect := func(want string) {
		t.Helper()
		if got, err := ca.call(t, address, trust); err != nil || got != want {
			t.Errorf("server is %q, %v; want %q", got, err, want)
		}
	}
	expect("old")
	later := time.Now().Add(time.Minute) // file systems may keep whole seconds
	ca.sign(t, "next", "new")
	move := func(file string) {
		t.Helper()
		if err := os.Rename(ca.path("next."+file), ca.path("server."+file)); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(ca.path("server."+file), later, later); err != nil {
			t.Fatal(err)
		}
	}
	move("pem")
	expect("old") // the key is not there yet
	move("key")
	expect("new")
	if err := os.Remove(ca.path("server.key")); err != nil {
		t.Fatal(err)
	}
	expect("new")
	if _, err := ca.call(t, address, rpc.ClientTLS{}); status.Code(err) != codes.Unavailable {
		t.Errorf("a client without TLS: %v", err)
	}
}

// certName is the name in a client's certificate.
type certName struct{}

func (certName) Authenticate(_ context.Context, c auth.Credentials) (auth.Principal, error) {
	if len(c.Certificates) == 0 {
		return auth.Principal{}, auth.ErrMissing
	}
	return auth.Principal{Name: c.Certificates[0].Subject.CommonName}, nil
}

func TestMutualTLS(t *testing.T) {
	t.Parallel()
	ca, stranger := newAuthority(t), newAuthority(t)
	ca.sign(t, "server", "server")
	ca.sign(t, "client", "executor-7")
	stranger.sign(t, "client", "executor-7")
	_, address := ca.tlsServer(t, ca.path("ca.pem"), auth.Chain{certName{}, auth.Anonymous{}})
	trust := rpc.ClientTLS{Enabled: true, CAFile: ca.path("ca.pem")}

	trust.CertFile, trust.KeyFile = ca.path("client.pem"), ca.path("client.key")
	if _, err := ca.call(t, address, trust); status.Code(err) != codes.NotFound || status.Convert(err).Message() != `[x-request-id: "id-1"] executor-7` {
		t.Errorf("with a certificate: %v, want its name", err)
	}
	trust.CertFile, trust.KeyFile = stranger.path("client.pem"), stranger.path("client.key")
	if _, err := ca.call(t, address, trust); status.Code(err) != codes.Unavailable {
		t.Errorf("with a stranger's certificate: %v", err)
	}
	trust.CertFile, trust.KeyFile = "", ""
	if _, err := ca.call(t, address, trust); status.Code(err) != codes.Unavailable {
		t.Errorf("without a certificate: %v", err)
	}
}

// Inside the process nobody needs a certificate, and the boundary is the same.
func TestLoopback(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	ca.sign(t, "server", "server")
	server, _ := ca.tlsServer(t, ca.path("ca.pem"), scheme(func(c auth.Credentials) (auth.Principal, error) {
		if len(c.Certificates) > 0 {
			return auth.Principal{}, fault.NewDenied("a certificate from nowhere")
		}
		return auth.Principal{Name: "gateway"}, nil
	}))
	conn, err := server.Loopback(rpc.DefaultClientConfig(""))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	st := status.Convert(callUnary(t.Context(), &rpctest.Bed{Conn: conn}))
	if st.Code() != codes.NotFound || st.Message() != `[x-request-id: "id-1"] gateway` {
		t.Errorf("got %v, want the handler's answer to the gateway", st)
	}
}

func TestTLSFilesMustBeThereAtStart(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	ca.sign(t, "server", "server")
	if err := os.WriteFile(ca.path("empty"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, files := range map[string]rpc.TLS{
		"no certificate": {CertFile: ca.path("none"), KeyFile: ca.path("server.key")},
		"no key":         {CertFile: ca.path("server.pem"), KeyFile: ca.path("none")},
		"not a pair":     {CertFile: ca.path("ca.pem"), KeyFile: ca.path("server.key")},
		"no authority":   {CertFile: ca.path("server.pem"), KeyFile: ca.path("server.key"), ClientCAFile: ca.path("none")},
		"an empty one":   {CertFile: ca.path("server.pem"), KeyFile: ca.path("server.key"), ClientCAFile: ca.path("empty")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := rpc.DefaultConfig()
			cfg.TLS = files
			if _, err := rpc.NewServer(cfg, deps()); err == nil {
				t.Error("NewServer took it")
			}
		})
	}
}
