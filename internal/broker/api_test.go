package broker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/internal/refusal"
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
	rabbittest.OneLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		amqpProxy, amqpFiles := rabbittest.NewTLSProxy(t, b.URL, tls.RequireAndVerifyClientCert)
		apiProxy, apiFiles := rabbittest.NewTLSProxy(t, b.API, tls.NoClientCert)
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

// A cut may overtake the reason why a server rejects a client. What the server asked for is said.
func TestCutWithoutClientCertificate(t *testing.T) {
	rabbittest.OneLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		amqpProxy, amqpFiles := rabbittest.NewTLSProxy(t, b.URL, tls.RequestClientCert)
		apiProxy, apiFiles := rabbittest.NewTLSProxy(t, b.API, tls.RequestClientCert)
		for _, certified := range []bool{false, true} {
			c := newClient(t, v.User, once, func(o *Options) {
				o.Port, o.AMQPTLS = portOf(t, amqpProxy.Through(b.URL)), trust(t, amqpFiles)
				o.API, o.APITLS = fmt.Sprintf("https://localhost:%d", portOf(t, apiProxy.Through(b.API)+"/")), trust(t, apiFiles)
				if !certified {
					o.AMQPTLS.Certificates, o.APITLS.Certificates = nil, nil
				}
			})
			amqpProxy.CutAfter(rabbittest.ToBroker, 0) // after the handshake
			apiProxy.CutAfter(rabbittest.ToBroker, 0)
			amqpErr := c.connection(v.Name).Ready(t.Context())
			_, apiErr := c.ReadLive(t.Context(), Scope{VHosts: []string{v.Name}})
			for _, err := range []error{amqpErr, apiErr} {
				mustWrap(t, err, topology.ErrUnreachable, "cut")
				if named := refusal.RemedyOf(err) == refusal.ClientCertificate; named == certified {
					t.Errorf("with a certificate: %v; %v", certified, err)
				}
			}
		}
	})
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
	if !errors.Is(err, context.Canceled) || time.Since(start) > 45*time.Second { // its own timeout is a minute
		t.Errorf("after %s: %v", time.Since(start), err)
	}
}
