package rabbittest_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/rabbittest"
)

func trusting(t *testing.T, files rabbittest.TLS) *tls.Config {
	t.Helper()
	text, err := os.ReadFile(files.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}

func TestTLSProxy(t *testing.T) {
	v := rabbittest.Any(t).VHost(t)
	p, files := rabbittest.NewTLSProxy(t, v.URL, tls.NoClientCert)
	conn, err := amqp.DialTLS(p.Through(v.URL), trusting(t, files))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Channel(); err != nil {
		t.Error(err)
	}
	var unknown x509.UnknownAuthorityError
	if _, err := amqp.DialTLS(p.Through(v.URL), &tls.Config{MinVersion: tls.VersionTLS12}); !errors.As(err, &unknown) {
		t.Errorf("a client that does not know the authority: %v", err)
	}
}

func TestTLSProxyAsksForACertificate(t *testing.T) {
	v := rabbittest.Any(t).VHost(t)
	p, files := rabbittest.NewTLSProxy(t, v.URL, tls.RequireAndVerifyClientCert)
	config := trusting(t, files)
	if _, err := amqp.DialTLS(p.Through(v.URL), config); err == nil {
		t.Error("a client without a certificate was let in")
	}
	pair, err := tls.LoadX509KeyPair(files.CertFile, files.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	config.Certificates = []tls.Certificate{pair}
	conn, err := amqp.DialTLS(p.Through(v.URL), config)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}
