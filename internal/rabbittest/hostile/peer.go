// Package hostile provides a broker that breaks AMQP 0-9-1 on purpose: a proxy in front of a real
// broker that passes frames on until a Fault takes over.
//
// The real broker makes the conversation genuine up to the fault: handshake, declarations and
// counts are RabbitMQ's own.
package hostile

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// The kinds of frames.
const (
	MethodFrame    = 1
	HeaderFrame    = 2
	BodyFrame      = 3
	HeartbeatFrame = 8

	frameEnd = 0xCE
)

// Frame is an AMQP frame.
type Frame struct {
	Kind    byte
	Channel uint16
	Payload []byte
}

// Bytes returns the frame as it is sent.
func (f Frame) Bytes() []byte {
	out := binary.BigEndian.AppendUint16([]byte{f.Kind}, f.Channel)
	out = binary.BigEndian.AppendUint32(out, uint32(len(f.Payload)))
	return append(append(out, f.Payload...), frameEnd)
}

// Is reports whether the frame carries this method.
func (f Frame) Is(m Method) bool {
	return f.Kind == MethodFrame && len(f.Payload) >= 4 &&
		binary.BigEndian.Uint16(f.Payload) == m.Class && binary.BigEndian.Uint16(f.Payload[2:]) == m.ID
}

// Fault is what a Peer does wrong.
type Fault struct {
	// On is the method of the broker's at which Do is called, on each connection. Its zero value
	// stands for the beginning of the connection.
	On Method
	// Do is called instead of passing the frame on. It gets the zero Frame at the beginning of a
	// connection. If it returns nil, the Peer goes on passing frames; after an error it closes the
	// connection.
	Do func(*Conn, Frame) error
}

// Peer is a listener that behaves like a broker with a Fault. It is safe for concurrent use.
type Peer struct {
	target   string
	fault    Fault
	listener net.Listener
	running  sync.WaitGroup
	struck   atomic.Int64
	written  atomic.Int64

	mu    sync.Mutex
	shut  bool
	conns map[net.Conn]struct{}
}

// New starts a Peer in front of the AMQP listener that the URL target names. It ends with the test.
func New(tb testing.TB, target string, fault Fault) *Peer {
	tb.Helper()
	u, err := url.Parse(target)
	if err != nil || u.Port() == "" {
		tb.Fatal("the target of a peer must be a URL with a port")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a local listener
	if err != nil {
		tb.Fatal(err)
	}
	p := &Peer{target: u.Host, fault: fault, listener: ln, conns: map[net.Conn]struct{}{}}
	p.running.Go(p.accept)
	tb.Cleanup(p.close)
	return p
}

// Through returns the URL with its host and port replaced by the peer's. An invalid URL is returned
// unchanged.
func (p *Peer) Through(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return raw
	}
	u.Host = p.listener.Addr().String()
	return u.String()
}

// Struck returns how often the fault has begun.
func (p *Peer) Struck() int64 { return p.struck.Load() }

// Written returns how many bytes the clients have taken: what they can have in memory at most.
func (p *Peer) Written() int64 { return p.written.Load() }

func (p *Peer) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.serve(client) })
	}
}

// keep registers a connection, which close then ends. It returns false if the Peer is closed.
func (p *Peer) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shut {
		_ = c.Close()
		return false
	}
	p.conns[c] = struct{}{}
	return true
}

func (p *Peer) forget(c net.Conn) {
	_ = c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

func (p *Peer) close() {
	_ = p.listener.Close()
	p.mu.Lock()
	p.shut = true
	for c := range p.conns {
		_ = c.Close()
	}
	p.mu.Unlock()
	p.running.Wait()
}

func (p *Peer) serve(client net.Conn) {
	if !p.keep(client) {
		return
	}
	defer p.forget(client)
	broker, err := net.Dial("tcp", p.target) //nolint:noctx // a local broker
	if err != nil || !p.keep(broker) {
		return
	}
	defer p.forget(broker)
	c := &Conn{peer: p, client: client, gone: make(chan struct{})}
	p.running.Go(func() { c.receive(broker) })
	_ = c.pass(bufio.NewReader(broker)) // the end of either side
}

// Conn is one client's connection to a Peer.
type Conn struct {
	peer   *Peer
	client net.Conn
	gone   chan struct{} // closed when the client has hung up
}

// receive passes on what the client sends, and that it has hung up: the broker returns what it held.
// It reads until then, even if the broker is gone.
func (c *Conn) receive(broker net.Conn) {
	defer close(c.gone)
	buffer := make([]byte, 64<<10)
	for {
		n, err := c.client.Read(buffer)
		if n > 0 {
			_, _ = broker.Write(buffer[:n])
		}
		if err != nil {
			_ = broker.(*net.TCPConn).CloseWrite()
			return
		}
	}
}

// pass passes on the broker's frames.
func (c *Conn) pass(broker io.Reader) error {
	struck := false
	strike := func(f Frame) error {
		struck = true
		c.peer.struck.Add(1)
		return c.peer.fault.Do(c, f)
	}
	if c.peer.fault.On == (Method{}) {
		if err := strike(Frame{}); err != nil {
			return err
		}
	}
	for {
		f, err := readFrame(broker)
		if err != nil {
			return err
		}
		if !struck && f.Is(c.peer.fault.On) {
			err = strike(f)
		} else {
			err = c.Send(f.Bytes())
		}
		if err != nil {
			return err
		}
	}
}

func readFrame(r io.Reader) (f Frame, err error) {
	var head [7]byte
	if _, err = io.ReadFull(r, head[:]); err != nil {
		return f, err
	}
	f = Frame{Kind: head[0], Channel: binary.BigEndian.Uint16(head[1:])}
	rest := make([]byte, binary.BigEndian.Uint32(head[3:])+1)
	if _, err = io.ReadFull(r, rest); err != nil {
		return f, err
	}
	f.Payload = rest[:len(rest)-1]
	return f, nil
}

// Send sends bytes to the client.
func (c *Conn) Send(bytes []byte) error {
	n, err := c.client.Write(bytes)
	c.peer.written.Add(int64(n))
	return err
}

// errCut closes a connection on purpose.
var errCut = errors.New("cut")

// errHungUp is what Silence returns.
var errHungUp = errors.New("the client has hung up")

// Silence sends nothing more, and waits until the client hangs up.
func (c *Conn) Silence() error {
	<-c.gone
	return errHungUp
}
