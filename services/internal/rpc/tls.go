package rpc

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/fault"
)

// TLS names a server's files. All hold PEM.
type TLS struct {
	// CertFile is the server's certificate, with the chain above it. Empty: no TLS.
	CertFile string
	// KeyFile is the certificate's private key.
	KeyFile string
	// ClientCAFile holds the authorities whose client certificates are taken; a client
	// without one is refused. Empty: clients are not asked.
	ClientCAFile string
}

// Validate implements [config.Validator].
func (t TLS) Validate() error {
	var check fault.Check
	if t.CertFile != "" && t.KeyFile == "" {
		check.Violate("keyFile", nil, "must be set with certFile")
	}
	if t.CertFile == "" && t.KeyFile+t.ClientCAFile != "" {
		check.Violate("certFile", nil, "must be set with keyFile or clientCAFile")
	}
	return check.Err()
}

// server returns the server's TLS configuration, nil when TLS is off. The files must be
// readable now; later the pair is read again whenever it changes on disk.
func (t TLS) server() (*tls.Config, error) {
	if t.CertFile == "" {
		return nil, nil //nolint:nilnil // no TLS is no error
	}
	pair := &keyPair{certFile: t.CertFile, keyFile: t.KeyFile}
	if _, err := pair.current(); err != nil {
		return nil, err
	}
	cfg := &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return pair.current() },
	}
	if t.ClientCAFile != "" {
		pool, err := readPool(t.ClientCAFile)
		if err != nil {
			return nil, err
		}
		cfg.ClientCAs, cfg.ClientAuth = pool, tls.RequireAndVerifyClientCert
	}
	return cfg, nil
}

// keyPair is a certificate and its key, read again when a file's time changes, so that
// a renewed certificate needs no restart. Looking costs two stat calls a handshake.
// Safe for concurrent use.
type keyPair struct {
	certFile, keyFile string

	mu            sync.Mutex
	cert          *tls.Certificate
	certAt, keyAt time.Time // the files' times when cert was read
}

// current returns the pair as it is on disk, or the last good one while the files are
// unreadable or do not fit each other: they are replaced one after the other.
func (p *keyPair) current() (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	certAt, keyAt, err := p.times()
	if err == nil && p.cert != nil && certAt.Equal(p.certAt) && keyAt.Equal(p.keyAt) {
		return p.cert, nil
	}
	if err == nil {
		var cert tls.Certificate
		if cert, err = tls.LoadX509KeyPair(p.certFile, p.keyFile); err == nil {
			p.cert, p.certAt, p.keyAt = &cert, certAt, keyAt
		}
	}
	if p.cert == nil {
		return nil, fmt.Errorf("read TLS key pair: %w", err)
	}
	return p.cert, nil
}

func (p *keyPair) times() (certAt, keyAt time.Time, err error) {
	cert, err := os.Stat(p.certFile)
	if err != nil {
		return time.Time{}, time.Time{}, err
	}
	key, err := os.Stat(p.keyFile)
	if err != nil {
		return time.Time{}, time.Time{}, err
	}
	return cert.ModTime(), key.ModTime(), nil
}

func readPool(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read certificate authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read certificate authorities: %s holds no certificate in PEM", file)
	}
	return pool, nil
}
