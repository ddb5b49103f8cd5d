package profile

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"strings"
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

// ExplainTLS says in plain words why a TLS handshake failed, as an *Error with advice that wraps
// nothing; nil when err is of another kind. The broker's certificate is untrusted input: neutralise
// before showing.
func ExplainTLS(err error) error {
	var (
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		record    tls.RecordHeaderError
		alert     tls.AlertError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &authority):
		return problem("name the authority's certificate with --tls-ca FILE (or tls.ca in the context); --insecure "+
			"switches the check off",
			"the broker's certificate is signed by an authority this machine does not trust%s", issuer(authority.Cert))
	case errors.As(err, &name):
		return problem("connect by a name of the certificate, or say which to expect with --tls-server-name NAME",
			"the broker's certificate is not for %q but for %s", name.Host, certNames(name.Certificate))
	case errors.As(err, &invalid):
		return problem("the broker's certificate must be renewed or replaced; compare the clocks of both machines",
			"the broker's certificate is not valid: %v", invalid)
	case errors.As(err, &record):
		return problem("this port may speak without TLS: try amqp:// (5672) or http:// (15672); TLS is on 5671 and 15671 "+
			"by default",
			"the other side does not speak TLS")
	case errors.As(err, &alert):
		return problem("it may ask for a client certificate: --tls-cert FILE --tls-key FILE",
			"the broker refused the TLS handshake: %v", alert)
	}
	return nil
}

func issuer(c *x509.Certificate) string {
	if c == nil || c.Issuer.String() == "" {
		return ""
	}
	return " (" + c.Issuer.String() + ")"
}

func certNames(c *x509.Certificate) string {
	if c == nil {
		return "another name"
	}
	names := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return "no host name at all (it has no subject alternative name)"
	}
	return strings.Join(names, ", ")
}
