// Package profile decides which broker msgctl talks to, as whom and how: from flags, the
// environment, the context file and defaults, in this order. It parses AMQP URLs strictly, keeps
// passwords in a type that does not print itself, and removes passwords from any text. It also
// builds TLS settings, and explains why a TLS handshake was refused.
//
// Settings of one broker are never mixed with those of another, so that the password of one is not
// sent to another. If a stronger source overrules the broker that a source names, all that the
// weaker source says about brokers is ignored: address, API, vhost, user, password and TLS.
package profile

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"
)

// Defaults, where neither flag, environment nor context says otherwise.
const (
	DefaultTimeout           = 30 * time.Second
	DefaultHeartbeat         = 60 * time.Second
	DefaultReconnectDelay    = 5 * time.Second // times the number of the attempt
	DefaultReconnectAttempts = 10

	defaultHost  = "localhost"
	defaultUser  = "guest"
	defaultVHost = "/"

	portAMQP, portAMQPS = 5672, 5671
	portAPI, portAPIS   = 15672, 15671
)

// Connection is where and how to connect. It is a value made by Resolve; nothing has been dialled
// and no password read.
type Connection struct {
	Secure bool   // amqps
	Host   string // a name or an IP address, without brackets
	Port   int
	VHost  string // decoded; "/" by default
	User   string
	API    string // management API: scheme, host, port and path prefix, without a trailing slash
	TLS    TLS    // for amqps and https alike

	Timeout           time.Duration // per dial and per request; 0 waits forever
	Heartbeat         time.Duration // AMQP heartbeat asked for; 0 switches it off
	ReconnectDelay    time.Duration // the first pause; the n-th is n times as long
	ReconnectAttempts int           // 0: do not reconnect

	MaxMessage int64 // bytes of the largest body that is read

	Context string // name of the context in use, "" when none is
	// ProtectedBy is the context because of which destructive commands need the vhost's name typed:
	// the one in use, or another one about the same broker. "" when none protects it.
	ProtectedBy string
	File        string // the context's default topology file, "" when it has none

	// Sources says where each setting comes from, by the names of the flags ("url", "vhost",
	// "user", "password", …): "flag --url", "environment MSGCTL_URL", "context staging", "default".
	Sources map[string]string

	// Warnings are for stderr: readable password files, switched-off verification.
	Warnings []string

	password passwordSource
}

// Address is host:port, with brackets around an IPv6 address.
func (c *Connection) Address() string { return net.JoinHostPort(c.Host, strconv.Itoa(c.Port)) }

// LoginFrom says where the user and the password come from, for errors: "both from environment
// MSGCTL_URL".
func (c *Connection) LoginFrom() string {
	user, password := c.Sources["user"], c.Sources["password"]
	switch {
	case password == "":
		return "the user from " + user + ", and no password"
	case user == password:
		return "both from " + user
	}
	return "the user from " + user + ", the password from " + password
}

// Protected reports whether destructive commands need the vhost's name typed.
func (c *Connection) Protected() bool { return c.ProtectedBy != "" }

// Protection says what is protected, and by what.
func (c *Connection) Protection() string {
	if c.ProtectedBy == c.Context {
		return fmt.Sprintf("context %q is protected", c.Context)
	}
	return fmt.Sprintf("the broker at %s is protected by context %q", c.Address(), c.ProtectedBy)
}

// URL is the AMQP URL without the password: fit to be shown, not to be dialled.
func (c *Connection) URL() string {
	u := url.URL{Scheme: "amqp", User: url.User(c.User), Host: c.Address()}
	if c.Secure {
		u.Scheme = "amqps"
	}
	if c.VHost != defaultVHost {
		u.Path, u.RawPath = "/"+c.VHost, "/"+url.PathEscape(c.VHost)
	}
	return u.String()
}

// Password returns the password; the first call may read a file or run the context's command, later
// calls return the same. ctx bounds the command. An error says what to set where no password is
// known. Safe for concurrent use.
func (c *Connection) Password(ctx context.Context) (Secret, error) {
	return c.password.read(ctx, c.User)
}

// TLSConfigs returns the TLS settings for the AMQP connection and for the management API, nil for
// plain amqp and for plain http. It reads each file once and gives up with ctx, because a file may
// be a FIFO.
func (c *Connection) TLSConfigs(ctx context.Context) (amqp, api *tls.Config, err error) {
	u, err := url.Parse(c.API)
	if err != nil {
		return nil, nil, problem("", "the API's URL cannot be read").in(c.Sources["api"])
	}
	secureAPI := u.Scheme == "https"
	if !c.Secure && !secureAPI {
		return nil, nil, nil
	}
	config, err := c.TLS.Config(ctx, c.Host)
	if err != nil {
		return nil, nil, err
	}
	if secureAPI {
		api = c.TLS.named(config, u.Hostname())
	}
	if c.Secure {
		amqp = config
	}
	return amqp, api, nil
}
