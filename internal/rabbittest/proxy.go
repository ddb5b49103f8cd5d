package rabbittest

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// Direction is a direction of data flow through a Proxy.
type Direction int

// ToBroker is from client to broker, ToClient from broker to client.
const (
	ToBroker Direction = iota
	ToClient
)

// Proxy is a TCP proxy in front of an AMQP or management port that breaks connections on demand.
// Every fault except Cut applies to existing and future connections until Heal. Refuse affects new
// connections only. A Proxy is safe for concurrent use.
type Proxy struct {
	target   string
	secure   bool // speaks TLS to clients
	listener net.Listener
	running  sync.WaitGroup

	mu     sync.Mutex
	wake   *sync.Cond // signalled when a fault changes or a connection ends
	closed bool
	refuse bool
	stall  bool
	rate   int    // bytes per second, each direction of each connection; 0 is unlimited
	budget [2]int // bytes until the cut, -1 is unlimited
	hold   [2]int // bytes until the hold, -1 is unlimited
	passed [2]int // bytes so far
	conns  map[net.Conn]struct{}
}

// NewProxy starts a proxy for the host and port of the URL target. It closes the proxy when the
// test ends.
func NewProxy(tb testing.TB, target string) *Proxy {
	tb.Helper()
	u, err := url.Parse(target)
	if err != nil || u.Port() == "" {
		tb.Fatal("a proxy's target must be a URL with a port")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a local listener
	if err != nil {
		tb.Fatal(err)
	}
	return serveProxy(tb, ln, u)
}

func serveProxy(tb testing.TB, ln net.Listener, u *url.URL) *Proxy {
	tb.Helper()
	p := &Proxy{target: u.Host, listener: ln, budget: [2]int{-1, -1}, hold: [2]int{-1, -1},
		conns: map[net.Conn]struct{}{}}
	p.wake = sync.NewCond(&p.mu)
	p.running.Add(1)
	go p.accept()
	tb.Cleanup(p.close)
	return p
}

// Through returns the URL with its host and port replaced by the proxy's. If the proxy speaks TLS,
// amqp becomes amqps and http becomes https. An invalid URL is returned unchanged.
func (p *Proxy) Through(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return raw
	}
	u.Host = p.listener.Addr().String()
	if p.secure && !strings.HasSuffix(u.Scheme, "s") {
		u.Scheme += "s"
	}
	return u.String()
}

// Refuse closes every new connection at once. Existing connections stay open.
func (p *Proxy) Refuse() { p.set(func() { p.refuse = true }) }

// Stall holds back all bytes in both directions without closing a connection, like a network that
// drops packets.
func (p *Proxy) Stall() { p.set(func() { p.stall = true }) }

// Slow limits each direction of each connection to a number of bytes per second.
func (p *Proxy) Slow(bytesPerSecond int) { p.set(func() { p.rate = bytesPerSecond }) }

// HoldAfter lets at most n more bytes pass in direction d, over all connections together, and then
// holds that direction back as Stall does. Use it to interrupt a program in the middle of its work:
// the program cannot finish first, whatever the speed of the program or the test. With n = 0 it
// stops at once.
func (p *Proxy) HoldAfter(d Direction, n int) { p.set(func() { p.hold[d] = n }) }

// CutAfter lets at most n more bytes pass in direction d, over all connections together, and then
// resets all connections. Later connections are reset at their first byte in that direction. A
// negative n removes the limit.
func (p *Proxy) CutAfter(d Direction, n int) { p.set(func() { p.budget[d] = n }) }

// Cut resets all existing connections. New connections work.
func (p *Proxy) Cut() { p.set(p.reset) }

// Heal ends Refuse, Stall, Slow, HoldAfter and CutAfter.
func (p *Proxy) Heal() {
	p.set(func() {
		p.refuse, p.stall, p.rate = false, false, 0
		p.budget, p.hold = [2]int{-1, -1}, [2]int{-1, -1}
	})
}

// Held reports whether HoldAfter is holding back direction d.
func (p *Proxy) Held(d Direction) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hold[d] == 0
}

// Passed returns the number of bytes that have passed in direction d since the proxy started.
func (p *Proxy) Passed(d Direction) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.passed[d]
}

// Connections returns the number of clients that are connected through the proxy.
func (p *Proxy) Connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns) / 2
}

// HasCut reports whether the bytes in direction d have used up the limit of the last CutAfter.
func (p *Proxy) HasCut(d Direction) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.budget[d] == 0
}

func (p *Proxy) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	p.wake.Broadcast()
}

// reset closes all connections with RST instead of FIN, because a cut cable or a dead host does not
// close a connection in an orderly way.
func (p *Proxy) reset() {
	for c := range p.conns {
		raw := c
		if t, ok := c.(*tls.Conn); ok {
			raw = t.NetConn()
		}
		if tcp, ok := raw.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = raw.Close()
	}
	clear(p.conns)
}

func (p *Proxy) close() {
	_ = p.listener.Close()
	p.set(func() { p.closed = true; p.reset() })
	p.running.Wait()
}

func (p *Proxy) accept() {
	defer p.running.Done()
	for {
		client, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			p.running.Go(func() { p.serve(client) })
		}
	}
}

func (p *Proxy) serve(client net.Conn) {
	broker, err := net.DialTimeout("tcp", p.target, 5*time.Second) //nolint:noctx // has its own timeout
	if err != nil {
		_ = client.Close()
		return
	}
	defer p.forget(client, broker)
	if !p.keep(client, broker) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { p.pump(broker, client, ToBroker) })
	both.Go(func() { p.pump(client, broker, ToClient) })
	both.Wait()
}

func (p *Proxy) keep(client, broker net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse || p.closed {
		return false
	}
	p.conns[client], p.conns[broker] = struct{}{}, struct{}{}
	return true
}

func (p *Proxy) forget(client, broker net.Conn) {
	_, _ = client.Close(), broker.Close()
	p.set(func() { delete(p.conns, client); delete(p.conns, broker) })
}

// pump copies one direction. It passes on the end of the stream, so that a half-closed connection
// stays half-closed.
func (p *Proxy) pump(dst, src net.Conn, d Direction) {
	buf := make([]byte, 4096)
	for {
		n, err := src.Read(buf)
		if n > 0 && !p.forward(dst, buf[:n], d) {
			return
		}
		if err != nil {
			p.halfClose(dst, err)
			return
		}
	}
}

func (*Proxy) halfClose(dst net.Conn, err error) {
	if half, ok := dst.(interface{ CloseWrite() error }); ok && errors.Is(err, io.EOF) {
		_ = half.CloseWrite()
		return
	}
	_ = dst.Close()
}

// forward writes b to dst as the faults allow. It reports whether the connection is still alive.
func (p *Proxy) forward(dst net.Conn, b []byte, d Direction) bool {
	for len(b) > 0 {
		n, pause, ok := p.allow(dst, len(b), d)
		if !ok {
			return false
		}
		if _, err := dst.Write(b[:n]); err != nil {
			return false
		}
		b = b[n:]
		if !p.charge(n, d) {
			return false
		}
		time.Sleep(pause)
	}
	return true
}

// allow waits while the proxy stalls. It returns how many bytes may pass now, how long to pause
// after them, and whether the connection is still alive.
func (p *Proxy) allow(dst net.Conn, n int, d Direction) (now int, pause time.Duration, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, alive := p.conns[dst]
	for (p.stall || p.hold[d] == 0) && alive && !p.closed {
		p.wake.Wait()
		_, alive = p.conns[dst]
	}
	if p.budget[d] == 0 {
		p.reset()
		p.wake.Broadcast()
		return 0, 0, false
	}
	if p.rate > 0 {
		n = min(n, max(1, p.rate/20))
		pause = time.Duration(n) * time.Second / time.Duration(p.rate)
	}
	if p.hold[d] > 0 {
		n = min(n, p.hold[d])
		p.hold[d] -= n
	}
	if p.budget[d] > 0 {
		n = min(n, p.budget[d])
		p.budget[d] -= n // taken before the write, so that two connections cannot both spend it
	}
	return n, pause, alive && !p.closed
}

// charge counts n bytes that have passed. If they used up the budget, it resets all connections and
// returns false.
func (p *Proxy) charge(n int, d Direction) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.passed[d] += n
	if p.budget[d] == 0 {
		p.reset()
		p.wake.Broadcast()
		return false
	}
	return true
}
