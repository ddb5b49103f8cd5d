package rabbittest

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
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TLS holds the paths of the PEM files that a client of NewTLSProxy needs.
type TLS struct {
	// CAFile contains the CA certificate that signed the proxy's certificate, which is valid for
	// 127.0.0.1 and localhost. No system trusts this CA.
	CAFile string
	// CertFile and KeyFile contain a client certificate from the same CA and its private key.
	CertFile, KeyFile string
}

// NewTLSProxy is NewProxy with TLS on the client side and plain TCP on the broker side. It makes a
// broker without certificates available as amqps:// or https://; Proxy.Through changes the scheme
// too. clients says whether the proxy asks for a client certificate, and whether it rejects clients
// without one from its CA.
func NewTLSProxy(tb testing.TB, target string, clients tls.ClientAuthType) (*Proxy, TLS) {
	tb.Helper()
	u, err := url.Parse(target)
	if err != nil || u.Port() == "" {
		tb.Fatal("a proxy's target must be a URL with a port")
	}
	ca := newAuthority(tb)
	files := TLS{CAFile: ca.write(tb, "ca.pem", "CERTIFICATE", ca.cert.Raw)}
	client := ca.sign(tb, "client", x509.ExtKeyUsageClientAuth)
	files.CertFile = ca.write(tb, "client.pem", "CERTIFICATE", client.Certificate[0])
	key, err := x509.MarshalPKCS8PrivateKey(client.PrivateKey)
	if err != nil {
		tb.Fatal(err)
	}
	files.KeyFile = ca.write(tb, "client-key.pem", "PRIVATE KEY", key)
	config := &tls.Config{
		Certificates: []tls.Certificate{ca.sign(tb, "server", x509.ExtKeyUsageServerAuth)},
		ClientCAs:    x509.NewCertPool(), ClientAuth: clients, MinVersion: tls.VersionTLS12,
	}
	config.ClientCAs.AddCert(ca.cert)
	ln, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		tb.Fatal(err)
	}
	p := serveProxy(tb, ln, u)
	p.secure = true
	return p, files
}

// authority is a certificate authority for one test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	dir  string
}

func newAuthority(tb testing.TB) authority {
	tb.Helper()
	a := authority{key: newKey(tb), dir: tb.TempDir()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "msgctl test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		tb.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(raw); err != nil {
		tb.Fatal(err)
	}
	return a
}

func (a authority) sign(tb testing.TB, name string, use x509.ExtKeyUsage) tls.Certificate {
	tb.Helper()
	key := newKey(tb)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{use},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		tb.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}
}

func (a authority) write(tb testing.TB, name, kind string, der []byte) string {
	tb.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

func newKey(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}
