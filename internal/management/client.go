// Package management speaks to the management API of a broker: a typed client over rabbit-hole's
// transport, reading of live topologies, counts and health, and writing of what AMQP cannot
// declare.
//
// A request is repeated while the broker cannot be reached and has answered before; each says what
// should be, so that sending it twice does no harm. Errors are in the terms of package refusal. A
// Client is safe for concurrent use.
package management

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/msgctl/msgctl/internal/pipeline/reconnect"
	"github.com/msgctl/msgctl/internal/refusal"
	"github.com/msgctl/msgctl/pkg/topology"
)

const (
	// keepAlive is how many idle HTTP connections are kept: enough for the requests that run in
	// parallel.
	keepAlive = 16
	// maxAnswer bounds an answer of the management API: 100,000 objects take about 40 MB.
	maxAnswer = 512 << 20
	// maxRefusal bounds the part of an error's body that is read.
	maxRefusal = 64 << 10
)

// Client speaks to one broker's management API through rabbit-hole. Where rabbit-hole is wrong or
// slow (it keeps all of a list in memory), Client makes requests of its own over the same
// transport. It keeps idle connections until Close. Its methods may be called by several
// goroutines.
type Client struct {
	opts   Options
	base   string // the address without a slash at the end
	agent  string
	policy reconnect.Policy

	transport *http.Transport
	client    *http.Client
	limit     int64        // bytes of an answer
	requests  atomic.Int64 // answered
	reached   atomic.Bool  // the API took the login once
	// uncertified: the server asked for a client certificate and got none.
	uncertified atomic.Bool
}

// Options say where the management API is and as whom to log in.
type Options struct {
	// URL is scheme, host, port and path prefix, without user and password: http://HOST:15672.
	URL string
	// TLS is for https; nil means the system's defaults.
	TLS  *tls.Config
	User string
	// Password is never printed.
	Password topology.Secret
	// LoginFrom says in errors where User and Password come from; "" says nothing.
	LoginFrom string
	// Timeout bounds one request with its answer. It must be positive.
	Timeout time.Duration
	// Reconnect is for an API that answered before and cannot be reached now. Attempts counts the
	// first request too; which errors are transient is not asked.
	Reconnect reconnect.Policy
	// Name is the HTTP user agent: "msgctl apply".
	Name string
}

// New checks the options and returns a client. It does no I/O.
func New(o Options) (*Client, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil {
		return nil, fmt.Errorf("the management API's address must look like http://HOST:15672, without user and password")
	}
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		MaxIdleConns:        keepAlive,
		MaxIdleConnsPerHost: keepAlive,
		IdleConnTimeout:     30 * time.Second,
		TLSHandshakeTimeout: o.Timeout,
		// A header is never this long; a hostile server's may be.
		MaxResponseHeaderBytes: 1 << 20,
	}
	c := &Client{opts: o, base: strings.TrimSuffix(o.URL, "/"), agent: strings.ReplaceAll(o.Name, " ", "/"),
		policy: o.Reconnect, transport: transport, limit: maxAnswer}
	transport.TLSClientConfig = refusal.WatchCertificate(o.TLS, func() { c.uncertified.Store(true) })
	c.policy.Transient, c.policy.Refused = isUnreachable, isLoginRefused
	c.client = &http.Client{Transport: c,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return c, nil
}

func isUnreachable(err error) bool { return errors.Is(err, topology.ErrUnreachable) }

// Requests returns how many requests were answered.
func (a *Client) Requests() int64 { return a.requests.Load() }

// Close ends the idle connections.
func (a *Client) Close() { a.transport.CloseIdleConnections() }

// RoundTrip implements http.RoundTripper for both clients. It logs in, keeps connections alive
// (rabbit-hole asks to close them), and bounds answers. It turns every status that is not a success
// into an *Refusal.
func (a *Client) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Close = false
	req.Header.Set("User-Agent", a.agent)
	req.SetBasicAuth(a.opts.User, string(a.opts.Password))
	res, err := a.transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	a.requests.Add(1)
	if res.StatusCode != http.StatusUnauthorized {
		a.reached.Store(true)
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		defer func() { _ = res.Body.Close() }()
		return nil, newAPIError(res)
	}
	res.Body = &bounded{ReadCloser: res.Body, left: a.limit}
	return res, nil
}

// bounded is a body that fails when it is too long.
type bounded struct {
	io.ReadCloser
	left int64
}

var errTooLong = errors.New("the answer is too long")

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n, errTooLong
	}
	return n, err
}
