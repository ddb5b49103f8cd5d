package cmdtest

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
)

// Endpoint is the address at which a running msgctl serves its metrics.
type Endpoint struct {
	*Fixture
	Run     *Running // nil if msgctl serves none
	Address string
}

var servedAt = regexp.MustCompile(`"address":"([^"]+)"`)

// NewEndpoint waits until a program that logs JSON serves its metrics.
func NewEndpoint(f *Fixture, r *Running) *Endpoint {
	f.T.Helper()
	f.Await(func() bool { return servedAt.MatchString(r.Stderr.String()) || r.Ended() }, "no address")
	found := servedAt.FindStringSubmatch(r.Stderr.String())
	if found == nil {
		f.T.Fatal(r.Stderr.String())
	}
	return &Endpoint{Fixture: f, Run: r, Address: found[1]}
}

// Get requests a path and returns the status and the body.
func (e *Endpoint) Get(path string) (int, string) {
	e.T.Helper()
	req, err := http.NewRequestWithContext(e.T.Context(), http.MethodGet, "http://"+e.Address+path, nil)
	e.Check(err)
	res, err := http.DefaultClient.Do(req)
	e.Check(err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	e.Check(err)
	return res.StatusCode, string(text)
}

// Burden connects clients that behave badly until the test ends: some begin a request and go silent,
// some are idle, and some ask again and again and read nothing.
func (e *Endpoint) Burden() {
	e.T.Helper()
	const get = "GET /metrics HTTP/1.1\r\nHost: x\r\n"
	for _, sends := range []string{"", get, get + "Content-Length: 9\r\n\r\n", strings.Repeat(get+"\r\n", 1000)} {
		for range 3 {
			c, err := (&net.Dialer{}).DialContext(e.T.Context(), "tcp", e.Address)
			e.Check(err)
			e.T.Cleanup(func() { _ = c.Close() })
			e.Check(c.(*net.TCPConn).SetReadBuffer(2048))
			_, err = io.WriteString(c, sends)
			e.Check(err)
		}
	}
}

// Shows waits until the metrics contain a line.
func (e *Endpoint) Shows(line string) {
	e.T.Helper()
	text := ""
	e.Await(func() bool { _, text = e.Get("/metrics"); return strings.Contains(text, line+"\n") || e.gone() },
		"not in the metrics: "+line)
	if e.gone() {
		e.T.Fatal(e.Run.Stderr.String())
	}
}

// AwaitReady waits until /readyz returns a status.
func (e *Endpoint) AwaitReady(want int) {
	e.T.Helper()
	e.Await(func() bool { status, _ := e.Get("/readyz"); return status == want },
		fmt.Sprintf("/readyz does not become %d", want))
}

func (e *Endpoint) gone() bool { return e.Run != nil && e.Run.Ended() }
