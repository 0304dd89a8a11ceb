package pulsarlog

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"github.com/fairlead-batch/fairlead/services/internal/config"
)

// security is how brokers and we know each other.
type security struct {
	// tls is that of the admin API, never nil; it is used where the URL says so.
	tls *tls.Config
	// token reads the token; nil: there is none.
	token func() (string, error)
}

// security reads the files, so that what is wrong with them is said at the start.
func (c Config) security() (security, error) {
	s := security{tls: &tls.Config{MinVersion: tls.VersionTLS12}}
	if c.TLS.CAFile != "" {
		text, err := os.ReadFile(c.TLS.CAFile)
		if err != nil {
			return security{}, fmt.Errorf("read tls.caFile: %w", err)
		}
		s.tls.RootCAs = x509.NewCertPool()
		if !s.tls.RootCAs.AppendCertsFromPEM(text) {
			return security{}, fmt.Errorf("read tls.caFile: %s holds no certificate in PEM", c.TLS.CAFile)
		}
	}
	if c.TLS.CertFile != "" {
		if _, err := c.TLS.pair(); err != nil {
			return security{}, err
		}
		// Read for each connection: a renewed certificate needs no restart.
		s.tls.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return c.TLS.pair() }
	}
	if c.TokenFile != "" {
		s.token = func() (string, error) { return config.ReadSecret(c.TokenFile) }
		if _, err := s.token(); err != nil {
			return security{}, fmt.Errorf("read tokenFile: %w", err)
		}
	}
	return s, nil
}

func (t TLS) pair() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("read tls.certFile and tls.keyFile: %w", err)
	}
	return &pair, nil
}
