package refusal

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestTLSReason(t *testing.T) {
	secured, plain := httptest.NewUnstartedServer(http.NotFoundHandler()), httptest.NewServer(http.NotFoundHandler())
	secured.Config.ErrorLog = nil
	secured.StartTLS()
	t.Cleanup(secured.Close)
	t.Cleanup(plain.Close)
	trusted := x509.NewCertPool()
	trusted.AddCert(secured.Certificate())
	handshake := func(server *httptest.Server, c *tls.Config) error {
		conn, err := tls.Dial("tcp", server.Listener.Addr().String(), c)
		if err == nil {
			_ = conn.Close()
		}
		return err
	}
	for _, c := range []struct {
		err    error
		want   string
		remedy Remedy
	}{
		//nolint:gosec // a test
		{handshake(secured, &tls.Config{ServerName: "example.com"}), "an authority that this machine does not know (",
			TrustAuthority},
		{handshake(secured, &tls.Config{ServerName: "other.test", RootCAs: trusted}), //nolint:gosec // a test
			`not for "other.test" but for example.com`, ExpectName},
		{handshake(plain, &tls.Config{ServerName: "example.com"}), "does not speak TLS", ""}, //nolint:gosec // a test
		{errors.New("something else"), "", ""},
		{nil, "", ""},
	} {
		text, remedy := TLSReason(c.err)
		if !strings.Contains(text, c.want) || remedy != c.remedy || (c.want == "") != (text == "") {
			t.Errorf("%v: %q, remedy %q; want %q, %q", c.err, text, remedy, c.want, c.remedy)
		}
	}
}

func TestRemedyOf(t *testing.T) {
	inner := &Error{Op: "log in", Text: "no", Remedy: WithoutAPI}
	for err, want := range map[error]Remedy{
		nil:                             "",
		errors.New("x"):                 "",
		inner:                           WithoutAPI,
		fmt.Errorf("plan: %w", inner):   WithoutAPI,
		&Error{Text: "y", Cause: inner}: WithoutAPI,
		&Error{Text: "y", Remedy: ExpectName, Cause: inner}: ExpectName,
	} {
		if got := RemedyOf(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}

func TestCutsByAnyName(t *testing.T) {
	for _, err := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed,
		&net.OpError{Op: "read", Err: syscall.ECONNRESET},
		&url.Error{Op: "Get", URL: "https://h", Err: errors.New("http: server closed idle connection")}} {
		if got := NetworkReason(t.Context(), err, time.Second); got != "the connection was cut" {
			t.Errorf("%v: %q", err, got)
		}
	}
}
