package rabbit

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/msgctl/msgctl/internal/shell"
	"github.com/msgctl/msgctl/pkg/topology"
)

var (
	// ErrLocked and ErrAPI are those of package topology.
	ErrLocked = topology.ErrLocked
	ErrAPI    = topology.ErrAPI
)

// Error is what went wrong, for people. It wraps one of the sentinels of package topology, or
// ErrLocked, where a caller may want to branch, and the client library's error, whose text it does
// not repeat.
type Error struct {
	// Op is what was tried: declare queue "orders".
	Op string
	// Text is the reason and what to do.
	Text string
	// Kind is a sentinel, or nil.
	Kind  error
	cause error
}

// Error returns "Op: Text".
func (e *Error) Error() string {
	if e.Op == "" {
		return e.Text
	}
	return e.Op + ": " + e.Text
}

// Unwrap returns the sentinel and the cause.
func (e *Error) Unwrap() []error {
	var list []error
	if e.Kind != nil {
		list = append(list, e.Kind)
	}
	if e.cause != nil {
		list = append(list, e.cause)
	}
	return list
}

func unreachable(op, text string, cause error) error {
	return &Error{Op: op, Text: text, Kind: topology.ErrUnreachable, cause: cause}
}

func vhostMissing(op, vhost string) error {
	return &Error{Op: op, Kind: topology.ErrVHostMissing,
		Text: fmt.Sprintf("vhost %q does not exist: check the name, or declare it in the file (vhosts: { %s: {} })", vhost,
			vhost)}
}

func noVHostAccess(op, user, vhost string) error {
	return &Error{Op: op, Kind: topology.ErrNotPermitted,
		Text: fmt.Sprintf("user %q has no access to vhost %q: an administrator grants it with rabbitmqctl set_permissions "+
			"-p %s %s '.*' '.*' '.*'",
			user, vhost, shell.Quote(vhost), shell.Quote(user))}
}

// networkReason says in words why a peer could not be reached.
func networkReason(ctx context.Context, err error, timeout time.Duration) string {
	var dns *net.DNSError
	var timedOut net.Error
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return "interrupted"
	case isRefused(err):
		return "connection refused"
	case errors.As(err, &dns):
		return fmt.Sprintf("the host name %q is unknown", dns.Name)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timedOut) && timedOut.Timeout():
		return fmt.Sprintf("no answer in %s", timeout)
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "there is no network route to the host"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err,
		syscall.EPIPE), errors.Is(err, net.ErrClosed):
		return "the connection was cut"
	}
	return innermost(err)
}

// innermost drops what the standard library puts around a network error (method, URL, addresses).
func innermost(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return err.Error()
}

func isRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// tlsReason explains a failed TLS handshake, "" when err is none.
func tlsReason(err error) string {
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var header tls.RecordHeaderError
	var alert *net.OpError
	switch {
	case errors.As(err, &authority):
		return "the server's certificate is signed by an authority that this machine does not know: name its CA " +
			"certificate with --tls-ca FILE"
	case errors.As(err, &host):
		return fmt.Sprintf("the server's certificate is not for %q: use the name it is made for, or --tls-server-name",
			host.Host)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the server's certificate has expired or is not valid yet"
	case errors.As(err, &invalid):
		return "the server's certificate is not valid: " + invalid.Error()
	case errors.As(err, &header):
		return "the port does not speak TLS"
	case errors.As(err, &alert) && alert.Op == "remote error":
		return fmt.Sprintf("the server ended the TLS handshake (%s): it may want a client certificate (--tls-cert, "+
			"--tls-key)", strings.TrimPrefix(alert.Err.Error(), "tls: "))
	}
	return ""
}

// apiReason says why a management request got no answer.
func (a *api) unreachable(ctx context.Context, err error) error {
	op := "reach the management API at " + a.base
	text := tlsReason(err)
	switch message := innermost(err); {
	case strings.Contains(message, "server gave HTTP response to HTTPS client"):
		text = "the port speaks plain HTTP: use http:// instead of https://"
	case strings.Contains(message, "malformed HTTP response \"AMQP"), strings.Contains(message, `malformed HTTP`) &&
		strings.Contains(message, "AMQP"):
		text = "the port speaks AMQP: the management API is on 15672 by default"
	case strings.Contains(message, "malformed HTTP"):
		text = "the port does not speak HTTP (it may want https://): the management API is on 15672 by default"
	case text == "":
		text = networkReason(ctx, err, a.timeout)
		if isRefused(err) {
			text += ": is the management plugin enabled (rabbitmq-plugins enable rabbitmq_management), and is the address " +
				"right (--api)?"
		}
	}
	return &Error{Op: op, Text: text, Kind: errors.Join(topology.ErrUnreachable, ErrAPI), cause: err}
}

// refused explains a management API's refusal that has nothing to do with one object: login, tags.
// It returns nil for others.
func (a *api) refused(e *apiError) error {
	op := "log in to the management API at " + a.base
	permitted := func(text string) error {
		return &Error{Op: op, Text: text, Kind: errors.Join(topology.ErrNotPermitted, ErrAPI), cause: e}
	}
	reason := strings.ToLower(e.reason)
	switch {
	case e.status != http.StatusUnauthorized && e.status != http.StatusForbidden:
		return nil
	case strings.Contains(reason, "login failed"), e.code == "not_authorized", e.reason == "":
		return permitted(fmt.Sprintf("the broker refused the login of user %q: wrong user or password%s", a.user,
			a.guestHint))
	case strings.Contains(reason, "not management user"):
		return permitted(fmt.Sprintf("user %q may not use it: an administrator gives the tag with rabbitmqctl "+
			"set_user_tags %s management (or policymaker, administrator); --no-api declares exchanges, queues and bindings "+
			"over AMQP alone",
			a.user, shell.Quote(a.user)))
	}
	return nil
}

func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// isNetwork reports whether a request failed on its way, or its answer on the way back.
func isNetwork(err error) bool {
	var u *url.Error
	var n net.Error
	return errors.As(err, &u) || errors.As(err, &n) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
