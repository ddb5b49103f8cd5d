package profile

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func tlsServer(t *testing.T) (addr, caFile string) {
	t.Helper()
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = nil
	srv.StartTLS()
	t.Cleanup(srv.Close)
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	if err := os.WriteFile(caFile, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return srv.Listener.Addr().String(), caFile
}

func handshake(t *testing.T, addr string, settings TLS) error {
	t.Helper()
	host, _, _ := net.SplitHostPort(addr)
	c, err := settings.Config(t.Context(), host)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := tls.Dial("tcp", addr, c)
	if err == nil {
		_ = conn.Close()
	}
	return err
}

func TestTLSHandshakes(t *testing.T) {
	addr, ca := tlsServer(t)
	for name, good := range map[string]TLS{
		"own authority": {CA: ca},
		"server name":   {CA: ca, ServerName: "example.com"}, // a name of httptest's certificate
		"insecure":      {Insecure: true},
	} {
		if err := handshake(t, addr, good); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTLSFiles(t *testing.T) {
	noPEM := filepath.Join(t.TempDir(), "x.der")
	if err := os.WriteFile(noPEM, []byte{0x30, 0x82}, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		settings TLS
		want     string
	}{
		{TLS{CA: "nowhere.pem"}, "--tls-ca: read the certificate authority"},
		{TLS{CA: noPEM}, "holds no PEM certificate"},
		{TLS{Cert: "a.pem"}, "needs its key"},
		{TLS{Key: "a.pem"}, "needs its key"},
		{TLS{Cert: noPEM, Key: noPEM}, "--tls-cert: read the client certificate"},
	} {
		if _, err := c.settings.Config(t.Context(), "h"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.settings, err)
		}
	}
}

// TestTLSFilesThatNobodyWrites: a FIFO is given up with the context.
func TestTLSFilesThatNobodyWrites(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, settings := range []TLS{{CA: fifo}, {Cert: fifo, Key: fifo}} {
		if _, err := settings.Config(ctx, "h"); !errors.Is(err, context.Canceled) {
			t.Errorf("%+v: %v", settings, err)
		}
	}
}

func TestTLSOnlyWhereItIsUsed(t *testing.T) {
	plain := Connection{Host: "h", API: "https://api.test:15671/x"}
	if a, h, err := plain.TLSConfigs(t.Context()); err != nil || a != nil || h == nil || h.ServerName != "api.test" {
		t.Errorf("plain AMQP and https got %v, %v, %v", a, h, err)
	}
	secure := Connection{Secure: true, Host: "h", API: "http://h"}
	a, h, err := secure.TLSConfigs(t.Context())
	if err != nil || a.ServerName != "h" || a.MinVersion != tls.VersionTLS12 || h != nil {
		t.Errorf("amqps and plain http got %v, %v, %v", a, h, err)
	}
	both := Connection{Secure: true, Host: "h", API: "https://api.test", TLS: TLS{ServerName: "s"}}
	if a, h, err := both.TLSConfigs(t.Context()); err != nil || a.ServerName != "s" || h.ServerName != "s" {
		t.Errorf("amqps and https with a server name got %v, %v, %v", a, h, err)
	}
}
