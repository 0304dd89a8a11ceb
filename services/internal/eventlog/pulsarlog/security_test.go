package pulsarlog_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/pulsar-client-go/pulsar"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog/pulsarlog"
)

// pair is a certificate of 127.0.0.1 that signed itself, for both ends.
type pair struct {
	files pulsarlog.TLS
	tls   *tls.Config
}

func newPair(t *testing.T) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "pulsar"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files := pulsarlog.TLS{
		CAFile: filepath.Join(dir, "ca.pem"), CertFile: filepath.Join(dir, "ca.pem"), KeyFile: filepath.Join(dir, "key.pem"),
	}
	write(t, files.CAFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	write(t, files.KeyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
	both, err := tls.LoadX509KeyPair(files.CertFile, files.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(both.Leaf)
	return pair{files, &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{both}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
	}}
}

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestAdminIsSecured: the admin API is asked over TLS with our certificate and the
// token of the moment, and a refusal ends the start with what was said.
func TestAdminIsSecured(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	token := filepath.Join(t.TempDir(), "token")
	write(t, token, []byte("first\n"))
	var asked []string
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.Header.Get("Authorization"))
		write(t, token, []byte("second\n"))
		http.Error(w, `{"reason":"you may not"}`, http.StatusForbidden)
	}))
	server.TLS = p.tls
	server.StartTLS()
	defer server.Close()
	config := pulsarlog.Config{ServiceURL: "pulsar+ssl://127.0.0.1:1", AdminURL: server.URL, Partitions: 1, TLS: p.files, TokenFile: token}
	_, err := pulsarlog.Open(t.Context(), config, pulsarlog.Deps{})
	if err == nil || !strings.Contains(err.Error(), "HTTP 403: you may not") {
		t.Errorf("error %v, want what the broker said", err)
	}
	if got := strings.Join(asked, ", "); got != "PUT Bearer first, GET Bearer second" {
		t.Errorf("asked %s", got)
	}
}

// TestBrokerIsSecured: a broker is given our certificate, and the token when the
// connection is made.
func TestBrokerIsSecured(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	token := filepath.Join(t.TempDir(), "token")
	write(t, token, []byte("a token to connect with\n"))
	listener, err := tls.Listen("tcp", "127.0.0.1:0", p.tls)
	if err != nil {
		t.Fatal(err)
	}
	greeting := make(chan string, 1)
	go func() { // ends with the one connection
		conn, err := listener.Accept()
		if err != nil {
			greeting <- err.Error()
			return
		}
		defer conn.Close()
		first := make([]byte, 1<<10)
		n, err := conn.Read(first)
		if err != nil {
			greeting <- err.Error()
			return
		}
		greeting <- string(first[:n])
	}()
	client, err := pulsarlog.NewClient(pulsarlog.Config{
		ServiceURL: "pulsar+ssl://" + listener.Addr().String(), TLS: p.files, TokenFile: token,
	})
	if err != nil {
		t.Fatal(err)
	}
	made := make(chan error, 1)
	go func() {
		_, err := client.CreateProducer(pulsar.ProducerOptions{Topic: "x"})
		made <- err
	}()
	if got := <-greeting; !strings.Contains(got, "a token to connect with") {
		t.Errorf("it was greeted with %q, want the token in it", got)
	}
	_ = listener.Close()
	client.Close()
	if <-made == nil {
		t.Error("a producer was made at a listener that is no broker")
	}
}

// TestFilesThatAreWrong refuse the start with the key.
func TestFilesThatAreWrong(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	empty := filepath.Join(t.TempDir(), "empty")
	write(t, empty, nil)
	for want, change := range map[string]func(*pulsarlog.Config){
		"read tls.caFile: open /not/there":             func(c *pulsarlog.Config) { c.TLS.CAFile = "/not/there" },
		"holds no certificate in PEM":                  func(c *pulsarlog.Config) { c.TLS.CAFile = empty },
		"read tls.certFile and tls.keyFile":            func(c *pulsarlog.Config) { c.TLS.KeyFile = empty },
		"tls.certFile: must be set together":           func(c *pulsarlog.Config) { c.TLS.KeyFile = "" },
		"read tokenFile: read secret " + empty + ": f": func(c *pulsarlog.Config) { c.TokenFile = empty },
	} {
		config := pulsarlog.Config{ServiceURL: "pulsar+ssl://127.0.0.1:1", AdminURL: "https://127.0.0.1:1", Partitions: 1, TLS: p.files}
		change(&config)
		if _, err := pulsarlog.Open(t.Context(), config, pulsarlog.Deps{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
}
