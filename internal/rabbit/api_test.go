package rabbit

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/topology"
)

// trust returns TLS settings that know the proxy's authority, and show its client certificate.
func trust(t *testing.T, files rabbittest.TLS) *tls.Config {
	t.Helper()
	pem, err := os.ReadFile(files.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(files.CertFile, files.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{RootCAs: x509.NewCertPool(), Certificates: []tls.Certificate{pair}}
	config.RootCAs.AppendCertsFromPEM(pem)
	return config
}

func TestTLS(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		amqpProxy, amqpFiles := rabbittest.NewTLSProxy(t, b.URL, true)
		apiProxy, apiFiles := rabbittest.NewTLSProxy(t, b.API, false)
		secured := func(o *Options) {
			o.Port, o.AMQPTLS = portOf(t, amqpProxy.Through(b.URL)), trust(t, amqpFiles)
			o.API, o.APITLS = fmt.Sprintf("https://localhost:%d", portOf(t, apiProxy.Through(b.API)+"/")), trust(t, apiFiles)
		}
		c := newClient(t, v.User, secured)
		q := &topology.Queue{VHost: v.Name, Name: "q", Type: topology.Classic, Durable: true}
		create(t, c, q)
		if c.AMQPUnavailable() != nil || !readLive(t, c, Scope{VHosts: []string{v.Name}}).Has(q.Ref()) {
			t.Error("not over TLS", c.AMQPUnavailable())
		}
		anonymous := newClient(t, v.User, secured, noAPI, func(o *Options) { o.AMQPTLS.Certificates = nil })
		mustWrap(t, anonymous.Create(t.Context(), q), topology.ErrUnreachable, "client certificate")
		elsewhere := newClient(t, v.User, secured, noAPI, func(o *Options) { o.AMQPTLS.ServerName = "rabbit.example.org" })
		mustWrap(t, elsewhere.Create(t.Context(), q), topology.ErrUnreachable, `not for "rabbit.example.org"`)
	})
}

// A server that is no broker, or a hostile one, must not hang the client, exhaust it or be
// believed.
func TestHostileServers(t *testing.T) {
	text := func(status int, kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	endless := func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `[{"name":"`)
		block := strings.Repeat("x", 1<<20)
		for range 1000 {
			if _, err := io.WriteString(w, block); err != nil {
				return
			}
		}
	}
	cases := map[string]struct {
		handler http.HandlerFunc
		words   []string
	}{
		"web page":    {text(200, "text/html", "<html>Welcome to nginx</html>"), []string{"text/html", "--api"}},
		"error page":  {text(404, "text/html", "<html>Not Found</html>"), []string{"--api"}},
		"forbidden":   {text(403, "text/html", "<html>Forbidden</html>"), []string{"refused the login"}},
		"bad gateway": {text(502, "text/html", "<html>Bad gateway</html>"), nil},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://sso.example.org/", http.StatusFound)
		}, []string{"redirect", "sso.example.org"}},
		"empty":         {text(200, "application/json", ""), nil},
		"a number":      {text(200, "application/json", "7"), []string{"not what RabbitMQ"}},
		"wrong types":   {text(200, "application/json", `[{"name":7,"tags":{}}]`), []string{"not what RabbitMQ"}},
		"cut":           {text(200, "application/json", `[{"name":"a"},{"na`), nil},
		"deep":          {text(200, "application/json", strings.Repeat("[", 100000)), []string{"not what RabbitMQ"}},
		"escape codes":  {text(400, "application/json", `{"error":"\u001b[2J","reason":["\u001b[31m",{"a":1}]}`), nil},
		"never answers": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, []string{"no answer in"}},
		"endless":       {endless, []string{"longer than 8 MiB"}},
		"slow": {func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "[")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, []string{"no answer in"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(tc.handler)
			defer server.Close()
			defer server.CloseClientConnections()
			timeout := 2 * time.Second
			if name == "endless" { // it is its length that ends it, however slow the machine
				timeout = time.Minute
			}
			c, err := New(Options{API: server.URL, User: "u", Password: "pa55", Timeout: timeout})
			if err != nil {
				t.Fatal(err)
			}
			c.api.limit = 8 << 20
			defer c.Close()
			_, err = c.ReadLive(t.Context(), Scope{VHosts: []string{"v"}})
			if err == nil {
				t.Fatal("no error")
			}
			for _, w := range tc.words {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q does not say %q", err, w)
				}
			}
			if strings.ContainsAny(err.Error(), "\x1b<") || strings.Contains(err.Error(), "pa55") {
				t.Errorf("%q", err)
			}
		})
	}
}

func TestInterruptedRead(t *testing.T) {
	b := rabbittest.Any(t)
	v := b.VHost(t)
	proxy := rabbittest.NewProxy(t, b.API)
	proxy.Stall()
	c := newClient(t, v.User, func(o *Options) {
		o.API = fmt.Sprintf("http://127.0.0.1:%d",
			portOf(t, proxy.Through(b.API)+"/"))
	})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	start := time.Now()
	_, err := c.ReadLive(ctx, Scope{VHosts: []string{v.Name}})
	if !errors.Is(err, context.Canceled) || time.Since(start) > 5*time.Second {
		t.Errorf("after %s: %v", time.Since(start), err)
	}
}
