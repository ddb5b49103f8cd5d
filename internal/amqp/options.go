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
	// forever is the timeout that replaces 0.
	forever = 100 * 365 * 24 * time.Hour
)

// Options say where the AMQP listener is and which user logs in. New copies them.
type Options struct {
	// Host may be an IPv6 address without brackets. Default "localhost".
	Host string
	// Port 0 means 5672, or 5671 with TLS.
	Port int
	// TLS is the configuration for amqps; nil means plain TCP. Its ServerName defaults to Host.
	TLS  *tls.Config
	User string
	// Password is never printed.
	Password topology.Secret
	// LoginFrom says, in errors, where User and Password come from; "" omits it.
	LoginFrom string
	// Timeout bounds one dial and one AMQP method. 0 means no limit.
	Timeout time.Duration
	// Heartbeat is the interval that the client proposes; a smaller one from the broker wins.
	// Default 60 seconds.
	Heartbeat time.Duration
	// Reconnect is the policy for connections that were established and then lost. Its Transient
	// and Refused are ignored. It does not apply to subscriptions and publishing channels, which
	// end with their connection.
	Reconnect reconnect.Policy
	// MaxMessage is the maximum size of a message body in bytes. The announcement of a larger one
	// ends the connection. 0 means no limit.
	MaxMessage int64
	// Name is the connection name in the broker's list of connections, such as "msgctl apply".
	// Default "msgctl".
	Name string

	// wrap wraps the network connection for the AMQP library; nil leaves it as it is.
	wrap func(net.Conn) net.Conn
	// frameMax is the largest frame, in bytes, that a connection without publishers reads; 0 means
	// the broker's frame_max.
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

// address returns host:port of the listener.
func (o Options) address() string { return net.JoinHostPort(o.Host, strconv.Itoa(o.Port)) }

// URL returns the URL of the listener, without credentials and vhost.
func (o Options) URL() string {
	if o.TLS != nil {
		return "amqps://" + o.address()
	}
	return "amqp://" + o.address()
}
