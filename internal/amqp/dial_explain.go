package amqp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/guarded"
	"github.com/msgctl/msgctl/internal/refusal"
	"github.com/msgctl/msgctl/pkg/topology"
)

// explainDial returns an error that says why a connection could not be opened. heard is nil if the
// TCP connection failed. ctx is caller with the timeout of the dial.
func explainDial(caller, ctx context.Context, o Options, vhost string, err error, heard *sniffer) error {
	op := "connect to " + o.URL()
	if heard == nil {
		return refusal.Unreachable(op, refusal.NetworkReason(ctx, err, o.Timeout)+hintAMQP(err, o), err)
	}
	if text := wrongProtocol(caller, ctx, o, heard, err); text != "" {
		return refusal.Unreachable(op, text, err)
	}
	timedOut := heard.timedOut.Load() || ctx.Err() != nil
	text, remedy := refusal.TLSReason(err)
	if text == "" && heard.uncertified.Load() && !timedOut {
		text, remedy = refusal.NoCertificate, refusal.ClientCertificate
	}
	if text != "" {
		return &refusal.Error{Op: op, Text: text, Remedy: remedy, Sentinel: topology.ErrUnreachable, Cause: err}
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return refusal.Unreachable(op, "interrupted", ctx.Err())
	}
	var x *amqp091.Error
	errors.As(err, &x)
	switch {
	case timedOut && x == amqp091.ErrCredentials:
		return refusal.Unreachable(op, fmt.Sprintf("the broker did not answer the login in %s", o.Timeout), err)
	case x == amqp091.ErrCredentials:
		return refusal.Unreachable(op, fmt.Sprintf("the connection was cut during the login of user %q, without the answer "+
			"that RabbitMQ gives when it refuses one: the broker is stopping or starting, or something on the way cuts "+
			"connections", o.User), err)
	case timedOut:
		return refusal.Unreachable(op, fmt.Sprintf("no answer in %s: something accepts connections there but does not "+
			"speak AMQP, "+
			"or the broker is overloaded", o.Timeout), err)
	case x != nil:
		return explainHandshake(op, o, vhost, x)
	}
	return refusal.Unreachable(op, refusal.NetworkReason(ctx, err, o.Timeout), err)
}

// identify returns the protocol of a port that did not answer the AMQP protocol header, or "" if it
// cannot tell. An HTTP server waits for the rest of a request; some TLS servers hang up. identify
// sends no credentials.
//
// A peer that hung up answers in the end, however busy the machine is, so identify waits longer for
// it. A silent peer may stay silent. The end of caller ends identify, unless its deadline was over
// before: the dial then used it up.
func identify(caller context.Context, o Options, silent bool) string {
	patience := 10 * time.Second
	if silent {
		patience = time.Second
	}
	if errors.Is(caller.Err(), context.DeadlineExceeded) {
		caller = context.WithoutCancel(caller)
	}
	ctx, cancel := context.WithTimeout(caller, 2*patience)
	defer cancel()
	dialer := &net.Dialer{Timeout: patience}
	conn, err := dialer.DialContext(ctx, "tcp", o.address())
	if err != nil {
		return ""
	}
	defer context.AfterFunc(ctx, guarded.Func(func() { _ = conn.Close() }))()
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	answer := &sniffer{Conn: conn}
	if _, err := conn.Write([]byte("GET / HTTP/1.0\r\n\r\n")); err != nil {
		return ""
	}
	_, _ = answer.Read(make([]byte, 8))
	if spoken := answer.speaks(); spoken == "HTTP" || spoken == "TLS" || o.TLS != nil {
		if strings.Contains(spoken, "another") {
			return ""
		}
		return spoken
	}
	// No verification: the handshake only shows whether the port speaks TLS.
	secured, err := (&tls.Dialer{NetDialer: dialer, Config: &tls.Config{InsecureSkipVerify: true}}).DialContext(ctx, "tcp",
		o.address())
	if err != nil {
		return ""
	}
	_ = secured.Close()
	return "TLS"
}

func wrongProtocol(caller, ctx context.Context, o Options, heard *sniffer, err error) string {
	spoken := heard.speaks()
	if heard.count.Load() == 0 {
		spoken = identify(caller, o, heard.timedOut.Load() || ctx.Err() != nil)
	}
	if o.TLS != nil {
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

// explainHandshake returns an error that explains a refusal of the login or of the vhost.
func explainHandshake(op string, o Options, vhost string, x *amqp091.Error) error {
	r := refusal.Parse(x.Reason)
	switch {
	case r.Kind == refusal.LoginRefused:
		return &refusal.Error{Op: op, Text: refusal.LoginRefusedText(o.User, o.Host, o.LoginFrom),
			Sentinel: topology.ErrNotPermitted, Cause: x}
	case r.Kind == refusal.NoVHost:
		return refusal.VHostMissing(op, vhost)
	case r.Kind == refusal.VHostRefused:
		return refusal.NoVHostAccess(op, o.User, vhost)
	case r.Kind == refusal.ConnectionLimit:
		return &refusal.Error{Op: op, Text: "the broker allows no further connection: " + r.Detail,
			Sentinel: errors.Join(topology.ErrNotPermitted, topology.ErrLimit), Cause: x}
	case x == amqp091.ErrVhost || errors.Is(x, io.EOF) || !x.Server:
		return refusal.Unreachable(op, "the connection was cut during the AMQP handshake", x)
	}
	return refusal.Unreachable(op, "the broker ended the connection: "+r.Detail, x)
}

func hintAMQP(err error, o Options) string {
	if !refusal.IsConnectionRefused(err) {
		return ""
	}
	if o.Port == 15672 || o.Port == 15671 {
		return fmt.Sprintf(": port %d is usually the management API's, AMQP is on 5672 or 5671", o.Port)
	}
	return ": is the broker running there, and is the port right?"
}
