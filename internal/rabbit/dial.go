package rabbit

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/pkg/topology"
)

// frameMax is RabbitMQ's default, proposed to the broker; without a limit a hostile one could send
// endless frames.
const frameMax = 131072

// refusalDelay is how long RabbitMQ waits before it hangs up on a wrong password, without a word
// (rabbit_reader's SILENT_CLOSE_DELAY on every line). The AMQP library takes any end of the
// connection in that phase for such a refusal, also that of a broker that stops (3.10.8, 4.0.5 and
// 4.3.6 cut some seven logins of twelve clients in each stop, all within a second).
const refusalDelay = 3 * time.Second

// link is one open AMQP connection.
type link struct {
	conn *amqp.Connection
	net  net.Conn
	// closed has the reason when the connection is gone; it is closed then.
	closed chan *amqp.Error
	idle   []*amqp.Channel // guarded by the session
}

// dial opens an AMQP connection to a vhost. Its errors are translated. ctx and the timeout bound
// all of it: TCP, TLS and the AMQP handshake; neither bounds the connection's later life.
func dial(ctx context.Context, o Options, vhost string) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", o.address())
	if err != nil {
		return nil, explainDial(ctx, o, vhost, err, nil)
	}
	wire := &sniffer{Conn: raw}
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	conn, err := handshake(ctx, o, vhost, wire)
	if err != nil {
		_ = raw.Close()
		err = errors.Join(err, wire.failure())
		return nil, explainDial(ctx, o, vhost, err, wire)
	}
	l := &link{conn: conn, net: raw, closed: make(chan *amqp.Error, 1)}
	conn.NotifyClose(l.closed)
	return l, nil
}

func handshake(ctx context.Context, o Options, vhost string, wire *sniffer) (*amqp.Connection, error) {
	// amqp.Open knows no context: the deadline ends it when the peer says nothing. The library
	// lifts it afterwards.
	if deadline, ok := ctx.Deadline(); ok {
		_ = wire.SetDeadline(deadline)
	}
	var stream net.Conn = wire
	if o.AMQPTLS != nil {
		config := o.AMQPTLS.Clone()
		if config.ServerName == "" {
			config.ServerName = o.Host
		}
		secured := tls.Client(wire, config)
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		// A server that wants another certificate says so only after the client's part of the
		// handshake (TLS 1.3).
		stream = &sniffer{Conn: secured, outer: wire}
	}
	if o.wrap != nil {
		stream = o.wrap(stream)
	}
	properties := amqp.NewConnectionProperties()
	properties.SetClientConnectionName(o.Name)
	properties["product"] = "msgctl"
	return amqp.Open(stream, amqp.Config{
		SASL:       []amqp.Authentication{&amqp.PlainAuth{Username: o.User, Password: string(o.Password)}},
		Vhost:      vhost,
		FrameSize:  frameMax,
		Heartbeat:  o.Heartbeat,
		Properties: properties,
		Locale:     "en_US",
	})
}

// close says goodbye to the broker, and cuts the line if the broker does not answer within two
// seconds.
func (l *link) close() {
	_ = l.conn.CloseDeadline(time.Now().Add(2 * time.Second)) // gone either way
	_ = l.net.Close()
}

// sniffer remembers the first bytes that arrive, which tell what speaks on the other side, and how
// reading ended.
type sniffer struct {
	net.Conn
	head  [8]byte
	count atomic.Int32
	// greeted is when the first bytes came.
	greeted time.Time
	// timedOut says that a read ended at the deadline and not because the peer hung up.
	timedOut atomic.Bool
	// readError is how reading failed; outer keeps it instead when it is set.
	readError atomic.Pointer[error]
	outer     *sniffer
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
		if have == 0 {
			s.greeted = time.Now()
		}
		s.count.Add(int32(copy(s.head[have:], p[:n])))
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

// speaks names the protocol of the first bytes, "" for AMQP 0-9-1 or silence.
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

// explainDial says why a connection could not be opened. wire is nil when not even TCP worked.
func explainDial(ctx context.Context, o Options, vhost string, err error, wire *sniffer) error {
	op := "connect to " + o.amqpURL()
	if wire == nil {
		return unreachable(op, networkReason(ctx, err, o.Timeout)+hintAMQP(err, o), err)
	}
	if text := wrongProtocol(ctx, o, wire, err); text != "" {
		return unreachable(op, text, err)
	}
	if text := tlsReason(err); text != "" {
		return unreachable(op, text, err)
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return unreachable(op, "interrupted", ctx.Err())
	}
	timedOut := wire.timedOut.Load() || ctx.Err() != nil
	var refusal *amqp.Error
	errors.As(err, &refusal)
	switch {
	case timedOut && refusal == amqp.ErrCredentials:
		return unreachable(op, fmt.Sprintf("the broker did not answer the login in %s (it waits 3 s before it refuses a "+
			"wrong password)", o.Timeout), err)
	case refusal == amqp.ErrCredentials && time.Since(wire.greeted) < refusalDelay:
		return unreachable(op, "the connection was cut during the login, sooner than RabbitMQ refuses one (3 s): the "+
			"broker is stopping or starting, or something on the way cuts connections", err)
	case timedOut:
		return unreachable(op, fmt.Sprintf("no answer in %s: something accepts connections there but does not speak AMQP, "+
			"or the broker is overloaded", o.Timeout), err)
	case refusal != nil:
		return explainHandshake(op, o, vhost, refusal)
	}
	return unreachable(op, networkReason(ctx, err, o.Timeout), err)
}

// identify finds out what listens on a port that did not answer an AMQP greeting: an HTTP server
// waits for the rest of a request, some TLS servers hang up. It sends no credentials.
func identify(ctx context.Context, o Options) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	dialer := &net.Dialer{Timeout: time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", o.address())
	if err != nil {
		return ""
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	answer := &sniffer{Conn: conn}
	if _, err := conn.Write([]byte("GET / HTTP/1.0\r\n\r\n")); err != nil {
		return ""
	}
	_, _ = answer.Read(make([]byte, 8))
	if spoken := answer.speaks(); spoken == "HTTP" || spoken == "TLS" || o.AMQPTLS != nil {
		if strings.Contains(spoken, "another") {
			return ""
		}
		return spoken
	}
	// Without verification: only to see whether it is TLS.
	secured, err := (&tls.Dialer{NetDialer: dialer, Config: &tls.Config{InsecureSkipVerify: true}}).DialContext(ctx, "tcp",
		o.address())
	if err != nil {
		return ""
	}
	_ = secured.Close()
	return "TLS"
}

func wrongProtocol(ctx context.Context, o Options, wire *sniffer, err error) string {
	spoken := wire.speaks()
	if wire.count.Load() == 0 {
		spoken = identify(ctx, o)
	}
	if o.AMQPTLS != nil {
		var header tls.RecordHeaderError
		if !errors.As(err, &header) {
			return ""
		}
		if spoken == "" {
			spoken = "plain AMQP or something else, not TLS"
		}
		return fmt.Sprintf("the port speaks %s: use amqp:// for a port without TLS (5672 by default), amqps:// for one "+
			"with it (5671)", spoken)
	}
	switch spoken {
	case "HTTP":
		return "the port speaks HTTP: it may be the management API's; AMQP is on 5672 by default"
	case "TLS":
		return "the port wants TLS: use amqps:// for it"
	case "":
		return ""
	}
	return fmt.Sprintf("the port speaks %s, not AMQP 0-9-1: RabbitMQ's AMQP port is 5672 by default", spoken)
}

// explainHandshake translates a refusal of the login or of the vhost.
func explainHandshake(op string, o Options, vhost string, refusal *amqp.Error) error {
	r := parseReply(refusal.Reason)
	switch {
	case refusal == amqp.ErrCredentials, r.kind == replyLoginRefused:
		return &Error{Op: op, Text: fmt.Sprintf("the broker refused the login of user %q: wrong user or password%s", o.User,
			guestHint(o)), Kind: topology.ErrNotPermitted, cause: refusal}
	case r.kind == replyNoVHost:
		return vhostMissing(op, vhost)
	case r.kind == replyVHostRefused:
		return noVHostAccess(op, o.User, vhost)
	case r.kind == replyConnectionLimit:
		return &Error{Op: op, Text: "the broker allows no further connection: " + r.detail, Kind: topology.ErrNotPermitted,
			cause: refusal}
	case refusal == amqp.ErrVhost || errors.Is(refusal, io.EOF) || !refusal.Server:
		return unreachable(op, "the connection was cut during the AMQP handshake", refusal)
	}
	return unreachable(op, "the broker ended the connection: "+r.detail, refusal)
}

// guestHint: the user guest may log in from the broker's own machine only (loopback_users), and is
// refused like one with a wrong password.
func guestHint(o Options) string {
	if o.User != "guest" || o.Host == "localhost" || o.Host == "127.0.0.1" || o.Host == "::1" {
		return ""
	}
	return "; RabbitMQ lets the user guest in from its own machine only"
}

func hintAMQP(err error, o Options) string {
	if !isRefused(err) {
		return ""
	}
	if o.Port == 15672 || o.Port == 15671 {
		return fmt.Sprintf(": port %d is usually the management API's, AMQP is on 5672 or 5671", o.Port)
	}
	return ": is the broker running there, and is the port right?"
}
