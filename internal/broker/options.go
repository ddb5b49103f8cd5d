package broker

import (
	"cmp"
	"crypto/tls"
	"time"

	"github.com/msgctl/msgctl/internal/amqp"
	"github.com/msgctl/msgctl/internal/management"
	"github.com/msgctl/msgctl/internal/pipeline/reconnect"
	"github.com/msgctl/msgctl/pkg/topology"
)

const (
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
	// VHost is where Lock without a vhost connects to; objects name their own vhost. Default "/".
	VHost string
	User  string
	// Password is never printed.
	Password topology.Secret
	// LoginFrom says in errors where User and Password come from; "" says nothing.
	LoginFrom string

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

	// MaxMessage is the maximum size of a received body, in bytes. A larger one ends the
	// connection. 0 means no limit.
	MaxMessage int64
	// Name is what the broker's connection list and the HTTP user agent show: "msgctl apply".
	// Default "msgctl".
	Name string
}

func (o Options) withDefaults() Options {
	o.VHost = cmp.Or(o.VHost, "/")
	o.Timeout = cmp.Or(o.Timeout, forever)
	o.ReconnectDelay = cmp.Or(o.ReconnectDelay, defaultReconnectDelay)
	o.Name = cmp.Or(o.Name, "msgctl")
	return o
}

// reconnect counts the first attempt too.
func (o Options) reconnect() reconnect.Policy {
	return reconnect.Policy{Delay: o.ReconnectDelay, Attempts: max(o.ReconnectAttempts, 0) + 1}
}

func (o Options) amqp() amqp.Options {
	return amqp.Options{Host: o.Host, Port: o.Port, TLS: o.AMQPTLS, User: o.User, Password: o.Password,
		LoginFrom: o.LoginFrom, Timeout: o.Timeout, Heartbeat: o.Heartbeat, Reconnect: o.reconnect(),
		MaxMessage: o.MaxMessage, Name: o.Name}
}

func (o Options) management() management.Options {
	return management.Options{URL: o.API, TLS: o.APITLS, User: o.User, Password: o.Password, LoginFrom: o.LoginFrom,
		Timeout: o.Timeout, Reconnect: o.reconnect(), Name: o.Name}
}
