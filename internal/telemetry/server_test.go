package telemetry

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener for connections in memory, whose deadlines follow the clock of a bubble.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if c, ok := <-p; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (pipes) Close() error   { return nil }
func (pipes) Addr() net.Addr { return &net.TCPAddr{} }

// pipe is the server's end of a connection. It tells when the server closes it.
type pipe struct {
	net.Conn
	once   sync.Once
	closed chan struct{}
}

func (p *pipe) Close() error {
	p.once.Do(func() { close(p.closed) })
	return p.Conn.Close()
}

// TestClientsAreCut: a client that sends, reads or asks nothing holds its connection for a limited
// time.
func TestClientsAreCut(t *testing.T) {
	const get = "GET /healthz HTTP/1.1\r\nHost: x\r\n"
	for what, c := range map[string]struct {
		client func(net.Conn)
		after  time.Duration
	}{
		"sends nothing":          {func(net.Conn) {}, readHeaderTimeout},
		"begins a header":        {func(c net.Conn) { _, _ = io.WriteString(c, get) }, readHeaderTimeout},
		"begins a body":          {func(c net.Conn) { send(c, get+"Content-Length: 9\r\n\r\nbody") }, readTimeout},
		"does not read":          {func(c net.Conn) { _, _ = io.WriteString(c, get+"\r\n") }, writeTimeout},
		"is idle after a scrape": {func(c net.Conn) { send(c, get+"\r\n") }, idleTimeout},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newHTTPServer(NewConsumerMetrics("q"), func() error { return nil })
				l := make(pipes)
				go func() { _ = s.Serve(l) }() // until Close
				client, server := net.Pipe()
				end := &pipe{Conn: server, closed: make(chan struct{})}
				l <- end
				begin := time.Now()
				c.client(client)
				<-end.closed
				if took := time.Since(begin); took < c.after || took > c.after+time.Second {
					t.Errorf("it is cut after %s, not after %s", took, c.after)
				}
				close(l)
				_ = s.Close()
				_ = client.Close()
			})
		})
	}
}

// send sends a request and reads the answer.
func send(c net.Conn, request string) {
	go func() { _, _ = io.WriteString(c, request) }()
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err == nil {
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
	}
}
