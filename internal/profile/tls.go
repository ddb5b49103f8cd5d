package profile

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"github.com/msgctl/msgctl/internal/guarded"
)

// TLS are the settings of a TLS connection. The zero value verifies the broker against the system's
// authorities.
type TLS struct {
	CA         string `yaml:"ca,omitempty"`         // PEM file: trust these authorities instead of the system's
	Cert       string `yaml:"cert,omitempty"`       // PEM file: client certificate
	Key        string `yaml:"key,omitempty"`        // PEM file: its key
	ServerName string `yaml:"serverName,omitempty"` // the name to expect in the broker's certificate; default: the host
	Insecure   bool   `yaml:"insecure,omitempty"`   // verify nothing
}

// Config reads the files and returns settings for a connection to host. TLS 1.2 is the least it
// accepts. It gives up with ctx, because a file may be a FIFO into which nobody writes.
func (t TLS) Config(ctx context.Context, host string) (*tls.Config, error) {
	//nolint:gosec // asked for by --insecure
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: t.Insecure}
	if t.CA != "" {
		pem, err := readFile(ctx, t.CA)
		if err != nil {
			return nil, cannotRead(ctx, "--tls-ca", "certificate authority", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, problem("it must hold lines like -----BEGIN CERTIFICATE-----; convert DER with: openssl x509 -inform "+
				"der -in FILE",
				"%s holds no PEM certificate", t.CA).in("--tls-ca")
		}
	}
	if err := t.clientCertificate(ctx, c); err != nil {
		return nil, err
	}
	return t.named(c, host), nil
}

// clientCertificate reads the certificate and the key, which may be in the same file.
func (t TLS) clientCertificate(ctx context.Context, c *tls.Config) error {
	switch {
	case t.Cert == "" && t.Key == "":
		return nil
	case t.Cert == "" || t.Key == "":
		return problem("give both --tls-cert and --tls-key; they may name the same file",
			"a client certificate needs its key, and a key its certificate")
	}
	cert, err := readFile(ctx, t.Cert)
	if err != nil {
		return cannotRead(ctx, "--tls-cert", "client certificate", err)
	}
	key := cert
	if t.Key != t.Cert {
		if key, err = readFile(ctx, t.Key); err != nil {
			return cannotRead(ctx, "--tls-key", "key of the client certificate", err)
		}
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return problem("", "read the client certificate: %v", err).in("--tls-cert")
	}
	c.Certificates = []tls.Certificate{pair}
	return nil
}

// named returns a copy of c for a connection to host.
func (t TLS) named(c *tls.Config, host string) *tls.Config {
	c = c.Clone()
	if c.ServerName = host; t.ServerName != "" {
		c.ServerName = t.ServerName
	}
	return c
}

// cannotRead returns the error of a file that cannot be read, or that of ctx.
func cannotRead(ctx context.Context, from, what string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: read the %s: %w", from, what, ctx.Err())
	}
	return problem("", "read the %s: %v", what, err).in(from)
}

// readFile is os.ReadFile, but ends with ctx.
func readFile(ctx context.Context, name string) ([]byte, error) {
	var text []byte
	done := make(chan error, 1)
	guarded.Go(func() {
		b, err := os.ReadFile(name)
		text = b
		done <- err
	})
	select {
	case err := <-done:
		return text, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (t TLS) empty() bool { return t == TLS{} }
