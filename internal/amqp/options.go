package amqp

import (
	"cmp"
	"crypto/tls"
	"net"
	"strconv"
	"time"

	"github.com/msgctl/msgctl/internal/pipeline/reconnect"
	"github.com/msgctl/msgctl/pkg/topology"
)

const (
	defaultHeartbeat = 60 * time.Second
	// forever stands for a timeout of 0.
	forever = 100 * 365 * 24 * time.Hour
)

// Options say where the AMQP listener is and as whom to log in. They are values: New copies them.
type Options struct {
	// Host may be an IPv6 address without brackets. Default "localhost".
	Host string
	// Port 0 means 5672, or 5671 with TLS.
	Port int
	// TLS is for amqps; nil means plain TCP. ServerName defaults to Host.
	TLS  *tls.Config
	User string
	// Password is never printed.
	Password topology.Secret
	// LoginFrom says in errors where User and Password come from; "" says nothing.
	LoginFrom string
	// Timeout bounds one dial and one AMQP method. 0 waits forever.
	Timeout time.Duration
	// Heartbeat is what the client proposes; the broker's smaller value wins. Default 60 s.
	Heartbeat time.Duration
	// Reconnect is for the connections that were established and lost; which errors are
	// transient is not asked. Subscriptions and publishing channels end when their connection does.
	Reconnect reconnect.Policy
	// MaxMessage is how many bytes the body of a message has at most: the announcement of a larger one
	// ends the connection. 0 is no limit.
	MaxMessage int64
	// Name is what the broker's connection list shows: "msgctl apply". Default "msgctl".
	Name string

	// wrap stands between the AMQP library and the network; nil is nothing.
	wrap func(net.Conn) net.Conn
	// frameMax is what a connection that publishes nothing reads in one frame; 0 is the broker's own.
	frameMax uint32
}

func (o Options) withDefaults() Options {
	o.Host = cmp.Or(o.Host, "localhost")
	o.Timeout = cmp.Or(o.Timeout, forever)
	o.Heartbeat = cmp.Or(o.Heartbeat, defaultHeartbeat)
	o.Name = cmp.Or(o.Name, "msgctl")
	o.Reconnect.Attempts = cmp.Or(o.Reconnect.Attempts, reconnect.DefaultAttempts)
	o.Reconnect.Transient, o.Reconnect.Refused = isUnreachable, loginRefused
	if o.Port == 0 {
		o.Port = 5672
		if o.TLS != nil {
			o.Port = 5671
		}
	}
	return o
}

// address is host:port of the listener.
func (o Options) address() string { return net.JoinHostPort(o.Host, strconv.Itoa(o.Port)) }

// URL names the listener for people, without credentials and vhost.
func (o Options) URL() string {
	if o.TLS != nil {
		return "amqps://" + o.address()
	}
	return "amqp://" + o.address()
}
