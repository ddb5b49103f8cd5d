package rabbit

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/msgctl/msgctl/pkg/topology"
)

const (
	defaultHeartbeat      = 60 * time.Second
	defaultReconnectDelay = 5 * time.Second
	// forever stands for a timeout of 0.
	forever = 100 * 365 * 24 * time.Hour
)

// Options say where the broker is and as whom to log in. They are values: New copies them.
type Options struct {
	// Host and Port are the AMQP listener. Host may be an IPv6 address without brackets. Port 0
	// means 5672, or 5671 with TLS.
	Host string
	Port int
	// AMQPTLS is for amqps; nil means plain TCP. ServerName defaults to Host.
	AMQPTLS *tls.Config
	// VHost is where LockApply without a vhost and Ping connect to; objects name their own vhost.
	// Default "/".
	VHost string
	User  string
	// Password is never printed.
	Password topology.Secret

	// API is the management API's address: scheme, host, port and path prefix. "" means that there
	// is none: only exchanges, queues and bindings can be written then, and ReadLive refuses.
	API string
	// APITLS is for an https API; nil means the system's defaults.
	APITLS *tls.Config

	// Timeout bounds one dial, one AMQP method and one HTTP request with its answer. 0 waits for
	// ever.
	Timeout time.Duration
	// Heartbeat is what the client proposes; the broker's smaller value wins. Default 60 s.
	Heartbeat time.Duration
	// ReconnectDelay is the pause before the second attempt to restore an established connection
	// that was lost; before the n-th it is n-1 times as long. The first connection of all is tried
	// once. Default 5 s.
	ReconnectDelay time.Duration
	// ReconnectAttempts is how often an established connection that was lost is tried again. 0:
	// never. When the broker refuses a login that it took before, it is tried three more times,
	// seconds apart.
	ReconnectAttempts int

	// Name is what the broker's connection list and the HTTP user agent show: "msgctl apply".
	// Default "msgctl".
	Name string

	// wrap stands between the AMQP library and the network; nil is nothing.
	wrap func(net.Conn) net.Conn
}

func (o Options) withDefaults() (Options, error) {
	o.Host = cmp.Or(o.Host, "localhost")
	o.VHost = cmp.Or(o.VHost, "/")
	o.Timeout = cmp.Or(o.Timeout, forever)
	o.Heartbeat = cmp.Or(o.Heartbeat, defaultHeartbeat)
	o.ReconnectDelay = cmp.Or(o.ReconnectDelay, defaultReconnectDelay)
	o.Name = cmp.Or(o.Name, "msgctl")
	if o.Port == 0 {
		o.Port = 5672
		if o.AMQPTLS != nil {
			o.Port = 5671
		}
	}
	if o.API == "" {
		return o, nil
	}
	u, err := url.Parse(o.API)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil {
		return o, fmt.Errorf("the management API's address must look like http://HOST:15672, without user and password")
	}
	return o, nil
}

// address is host:port of the AMQP listener.
func (o Options) address() string { return net.JoinHostPort(o.Host, strconv.Itoa(o.Port)) }

// amqpURL names the AMQP listener for people, without credentials.
func (o Options) amqpURL() string {
	if o.AMQPTLS != nil {
		return "amqps://" + o.address()
	}
	return "amqp://" + o.address()
}
