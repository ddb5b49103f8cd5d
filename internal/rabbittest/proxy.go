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

// Direction is one way through a Proxy.
type Direction int

// The two directions, named after the end that receives.
const (
	ToBroker Direction = iota
	ToClient
)

// Proxy is a TCP proxy in front of a broker's AMQP or management port that breaks connections on
// demand. All faults apply to present and to future connections until Heal. It is safe for use by
// several goroutines.
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

// NewProxy starts a proxy for the host and port of a URL and closes it when the test ends.
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

// Through returns a URL with its host and port replaced by the proxy's, and with amqps or https for
// amqp or http if the proxy speaks TLS.
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

// Refuse closes every new connection at once, while present ones live on.
func (p *Proxy) Refuse() { p.set(func() { p.refuse = true }) }

// Stall holds all bytes back, in both directions, without closing anything, like a network that
// swallows packets.
func (p *Proxy) Stall() { p.set(func() { p.stall = true }) }

// Slow limits each direction of each connection to a number of bytes per second.
func (p *Proxy) Slow(bytesPerSecond int) { p.set(func() { p.rate = bytesPerSecond }) }

// HoldAfter lets at most n more bytes pass in a direction, over all connections together, and then
// holds that direction back as Stall does. A program that is to be met in the middle of its work
// cannot be through by then, however fast it is or slow the test; with n = 0 it stays where it is.
func (p *Proxy) HoldAfter(d Direction, n int) { p.set(func() { p.hold[d] = n }) }

// CutAfter lets at most n more bytes pass in a direction, over all connections together, then
// resets all of them. Connections made after that live until their first byte in that direction. A
// negative n ends it.
func (p *Proxy) CutAfter(d Direction, n int) { p.set(func() { p.budget[d] = n }) }

// Cut resets all present connections; new ones are served.
func (p *Proxy) Cut() { p.set(p.reset) }

// Heal ends Refuse, Stall, Slow, HoldAfter and CutAfter.
func (p *Proxy) Heal() {
	p.set(func() {
		p.refuse, p.stall, p.rate = false, false, 0
		p.budget, p.hold = [2]int{-1, -1}, [2]int{-1, -1}
	})
}

// Held reports whether HoldAfter holds bytes of a direction back.
func (p *Proxy) Held(d Direction) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hold[d] == 0
}

// Passed returns how many bytes have gone through in a direction since the start.
func (p *Proxy) Passed(d Direction) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.passed[d]
}

// Connections returns how many clients are connected now.
func (p *Proxy) Connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns) / 2
}

// HasCut reports whether CutAfter has cut, by bytes of a direction, since it was set.
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

// reset ends connections with RST instead of FIN: a cut cable or a dead host is no orderly close.
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

// pump copies one direction, and passes on the end of the stream so that a half-closed connection
// stays one.
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

// forward writes what the faults allow and reports whether the connection still lives.
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

// allow waits while the proxy stalls, and says how many bytes may pass now and how long to wait
// after them.
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

// charge counts what has passed, and cuts when that was the last byte of the budget.
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
