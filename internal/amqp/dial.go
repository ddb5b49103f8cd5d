package amqp

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync/atomic"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/amqp/wire"
	"github.com/msgctl/msgctl/internal/guarded"
	"github.com/msgctl/msgctl/internal/refusal"
	"github.com/msgctl/msgctl/pkg/consume"
)

// login is SASL PLAIN. It asks the broker to report a refused login. Otherwise RabbitMQ closes the
// connection without an answer after 3 seconds, which something in between may do, too. The library
// overwrites the client's capabilities right before it calls Response.
type login struct {
	amqp091.PlainAuth
	properties amqp091.Table
}

// Response implements amqp091.Authentication.
func (l *login) Response() string {
	if capabilities, ok := l.properties["capabilities"].(amqp091.Table); ok {
		capabilities["authentication_failure_close"] = true
	}
	return l.PlainAuth.Response()
}

// Link is one open AMQP connection to a vhost. It is not restored after a loss.
type Link struct {
	opts Options
	conn *amqp091.Connection
	net  net.Conn
	// frames records how the broker broke the protocol, if it did.
	frames *wire.Frames
	// closed gets the reason when the connection ends, and is then closed.
	closed chan *amqp091.Error
	ended  atomic.Pointer[amqp091.Error] // the reason, once it was received
	// answered says that the broker has answered a method after the handshake.
	answered atomic.Bool
	idle     []*amqp091.Channel // guarded by the RecoveringConnection
}

// reason returns why the connection ended, or nil if it is open or was closed by us.
func (l *Link) reason() *amqp091.Error {
	if x := reason(l.closed); x != nil {
		l.ended.CompareAndSwap(nil, x)
	}
	return l.ended.Load()
}

// broken returns how what the broker sent ended the connection: a text, and consume.ErrProtocol if
// the broker broke the protocol. x is the reason that the library gave. The text is "" if the
// connection ended for another reason, or not at all.
func (l *Link) broken(x *amqp091.Error) (text string, kind error) {
	var v *wire.Violation
	switch {
	case errors.As(l.frames.Violation(), &v):
		return "the connection was ended: " + v.Error(), consume.ErrProtocol
	case x == nil || !unreadable(x):
		return "", nil
	}
	return "the connection was lost: the client cannot read what the broker sent (" + x.Reason + ")", nil
}

// because adds to an error of the library what the broker sent to end the connection. Otherwise it
// returns err.
func (l *Link) because(err error) error {
	if err == nil {
		return nil
	}
	text, kind := l.broken(l.reason())
	if text == "" {
		return err
	}
	return refusal.Unreachable("", text, errors.Join(kind, err))
}

// dial opens an AMQP connection to a vhost. Its errors are worded for users. ctx and the timeout
// bound TCP, TLS and the AMQP handshake; neither bounds the later life of the connection.
func dial(ctx context.Context, o Options, vhost string) (*Link, error) {
	caller := ctx
	ctx, cancel := context.WithTimeout(caller, o.Timeout)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", o.address())
	if err != nil {
		return nil, explainDial(caller, ctx, o, vhost, err, nil)
	}
	heard := &sniffer{Conn: raw}
	stop := context.AfterFunc(ctx, guarded.Func(func() { _ = raw.Close() }))
	defer stop()
	conn, frames, err := handshake(ctx, o, vhost, heard)
	if err != nil {
		_ = raw.Close()
		err = errors.Join(err, heard.failure())
		return nil, explainDial(caller, ctx, o, vhost, err, heard)
	}
	l := &Link{opts: o, conn: conn, net: raw, frames: frames, closed: make(chan *amqp091.Error, 1)}
	conn.NotifyClose(l.closed)
	return l, nil
}

func handshake(ctx context.Context, o Options, vhost string, heard *sniffer) (*amqp091.Connection, *wire.Frames,
	error) {
	// amqp091.Open takes no context: the deadline ends it if the peer is silent. The library
	// removes the deadline afterwards.
	if deadline, ok := ctx.Deadline(); ok {
		_ = heard.SetDeadline(deadline)
	}
	var stream net.Conn = heard
	if o.TLS != nil {
		config := refusal.WatchCertificate(o.TLS, func() { heard.uncertified.Store(true) })
		if config.ServerName == "" {
			config.ServerName = o.Host
		}
		secured := tls.Client(heard, config)
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, nil, err
		}
		// With TLS 1.3, a server that rejects the client's certificate says so only after the
		// client's part of the handshake.
		stream = &sniffer{Conn: secured, outer: heard}
	}
	if o.wrap != nil {
		stream = o.wrap(stream)
	}
	frames := wire.NewFrames(stream, wire.Limits{Message: o.MaxMessage, Frame: o.frameMax})
	properties := amqp091.NewConnectionProperties()
	properties.SetClientConnectionName(o.Name)
	properties["product"] = "msgctl"
	conn, err := amqp091.Open(frames, amqp091.Config{
		SASL: []amqp091.Authentication{&login{amqp091.PlainAuth{Username: o.User, Password: string(o.Password)},
			properties}},
		Vhost:      vhost,
		Heartbeat:  o.Heartbeat,
		FrameSize:  int(o.frameMax),
		Properties: properties,
		Locale:     "en_US",
	})
	if violation := frames.Violation(); violation != nil {
		err = violation
	}
	return conn, frames, err
}

// Dial opens a connection to a vhost. Its errors are worded for users. ctx and the timeout of the
// options bound TCP, TLS and the AMQP handshake; neither bounds the later life of the connection.
func (c *Client) Dial(ctx context.Context, vhost string) (*Link, error) {
	return dial(ctx, c.opts, vhost)
}

// Channel opens a channel. The library takes no context for this: Cut ends a pending call.
func (l *Link) Channel() (*amqp091.Channel, error) { return l.conn.Channel() }

// Do runs f on its own channel. If ctx or the timeout of the options ends first, the connection is
// cut.
func (l *Link) Do(ctx context.Context, f func(*amqp091.Channel) error) error {
	return interruptible(ctx, l.opts, l, func() error {
		ch, err := l.conn.Channel()
		if err != nil {
			return err
		}
		return f(ch)
	})
}

// Cut closes the connection without a handshake and ends every pending call on it.
func (l *Link) Cut() { _ = l.net.Close() }

// Close closes the connection within two seconds.
func (l *Link) Close() { l.close() }

// close closes the connection with a handshake, and cuts it if the broker does not answer within
// two seconds.
func (l *Link) close() {
	const within = 2 * time.Second
	// The library moves its own deadline with each heartbeat of the broker.
	cut := time.AfterFunc(within, guarded.Func(func() { _ = l.net.Close() }))
	defer cut.Stop()
	_ = l.conn.CloseDeadline(time.Now().Add(within)) // gone either way
	_ = l.net.Close()
}

// sniffer records how reading ended, and the first bytes that arrive: they identify the protocol of
// the peer.
type sniffer struct {
	net.Conn
	head  [8]byte
	count atomic.Int32
	// timedOut reports whether a read ended at the deadline, and not because the peer closed.
	timedOut atomic.Bool
	// readError is the error of a failed read. If outer is set, outer keeps it instead.
	readError atomic.Pointer[error]
	outer     *sniffer
	// uncertified reports whether the server asked for a client certificate, got none, and has sent
	// nothing through TLS.
	uncertified atomic.Bool
}

// failure returns the first error of reading through TLS, or nil.
func (s *sniffer) failure() error {
	if err := s.readError.Load(); err != nil {
		return *err
	}
	return nil
}

func (s *sniffer) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	if have := int(s.count.Load()); have < len(s.head) && n > 0 {
		s.count.Add(int32(copy(s.head[have:], p[:n])))
	}
	if n > 0 && s.outer != nil {
		s.outer.uncertified.Store(false)
	}
	if err != nil && s.outer != nil {
		s.outer.readError.CompareAndSwap(nil, &err)
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		s.timedOut.Store(true)
	}
	return n, err
}

// speaks returns the protocol of the first bytes, or "" for AMQP 0-9-1 or silence.
func (s *sniffer) speaks() string {
	head := s.head[:s.count.Load()]
	switch {
	case bytes.HasPrefix(head, []byte("HTTP/")):
		return "HTTP"
	case len(head) >= 2 && head[0] == 0x15 && head[1] == 0x03:
		return "TLS"
	case bytes.HasPrefix(head, []byte("AMQP")):
		return "another version of AMQP"
	case len(head) > 0 && head[0] != 0x01 && head[0] != 0x16: // neither a method frame nor a TLS handshake
		return "another protocol"
	}
	return ""
}

// interruptible runs f, which may block and takes no context. If ctx or the timeout of the options
// ends first, it cuts the connection, which ends f. The error then wraps the error of the context.
func interruptible(ctx context.Context, o Options, l *Link, f func() error) error {
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	stop := context.AfterFunc(ctx, guarded.Func(func() { _ = l.net.Close() }))
	err := l.because(f())
	if !stop() {
		return refusal.Unreachable("", "no answer from "+o.URL()+" in time", errors.Join(ctx.Err(), err))
	}
	return err
}
