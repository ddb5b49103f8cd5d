package profile

import (
	"crypto/tls"
	"crypto/x509"
	"os"
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
// accepts.
func (t TLS) Config(host string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host, InsecureSkipVerify: t.Insecure} //nolint:gosec // asked for by --insecure
	if t.ServerName != "" {
		c.ServerName = t.ServerName
	}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, problem("", "read the certificate authority: %v", err).in("--tls-ca")
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, problem("it must hold lines like -----BEGIN CERTIFICATE-----; convert DER with: openssl x509 -inform "+
				"der -in FILE",
				"%s holds no PEM certificate", t.CA).in("--tls-ca")
		}
	}
	if (t.Cert == "") != (t.Key == "") {
		return nil, problem("give both --tls-cert and --tls-key; they may name the same file",
			"a client certificate needs its key, and a key its certificate")
	}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, problem("", "read the client certificate: %v", err).in("--tls-cert")
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

func (t TLS) empty() bool { return t == TLS{} }
