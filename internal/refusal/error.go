package refusal

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/msgctl/msgctl/internal/shell"
	"github.com/msgctl/msgctl/pkg/topology"
)

// Error is what went wrong, for people. It wraps a sentinel where a caller may want to branch,
// those of package topology above all, and the error underneath.
type Error struct {
	// Op is what was tried: declare queue "orders".
	Op string
	// Text is the reason and what to do.
	Text string
	// Remedy is a setting that may help; "" for none.
	Remedy Remedy
	// Sentinel is the error that callers test for with errors.Is, or nil.
	Sentinel error
	// Cause is the error underneath, whose text Text does not repeat; or nil.
	Cause error
}

// Error returns "Op: Text".
func (e *Error) Error() string {
	if e.Op == "" {
		return e.Text
	}
	return e.Op + ": " + e.Text
}

// Remedy is a setting of the program that may make possible what failed. The library does not know
// how its user sets it: a command line adds its flag.
type Remedy string

// The remedies.
const (
	// TrustAuthority: name the certificate of the authority that signed the broker's.
	TrustAuthority Remedy = "trust authority"
	// ExpectName: say which name the broker's certificate is made for.
	ExpectName Remedy = "expect name"
	// ClientCertificate: present a client certificate.
	ClientCertificate Remedy = "client certificate"
	// APIAddress: correct the address of the management API.
	APIAddress Remedy = "management API address"
	// WithoutAPI: declare over AMQP alone.
	WithoutAPI Remedy = "without management API"
	// ReplaceEmpty: allow an unused and empty object to be deleted and created anew.
	ReplaceEmpty Remedy = "replace empty"
)

// RemedyOf returns a setting that may avoid an error, or "".
func RemedyOf(err error) Remedy {
	var e *Error
	for errors.As(err, &e) {
		if e.Remedy != "" {
			return e.Remedy
		}
		err = e.Cause
	}
	return ""
}

// Unwrap returns the sentinel and the cause.
func (e *Error) Unwrap() []error {
	var list []error
	if e.Sentinel != nil {
		list = append(list, e.Sentinel)
	}
	if e.Cause != nil {
		list = append(list, e.Cause)
	}
	return list
}

// Unreachable returns an error that wraps topology.ErrUnreachable.
func Unreachable(op, text string, cause error) error {
	return &Error{Op: op, Text: text, Sentinel: topology.ErrUnreachable, Cause: cause}
}

// VHostMissing returns an error that wraps topology.ErrVHostMissing.
func VHostMissing(op, vhost string) error {
	return &Error{Op: op, Sentinel: topology.ErrVHostMissing,
		Text: fmt.Sprintf("vhost %q does not exist: check the name, or create it: rabbitmqctl add_vhost %s", vhost,
			shell.Quote(vhost))}
}

// NoVHostAccess returns an error that wraps topology.ErrNotPermitted.
func NoVHostAccess(op, user, vhost string) error {
	return &Error{Op: op, Sentinel: topology.ErrNotPermitted,
		Text: fmt.Sprintf("user %q has no access to vhost %q: an administrator grants it with %s", user, vhost,
			GiveAccess(user, shell.Quote(vhost)))}
}

// GiveAccess returns the command that lets a user into a vhost, without permissions to configure,
// write or read anything there.
func GiveAccess(user, vhost string) string {
	return fmt.Sprintf("rabbitmqctl set_permissions -p %s %s '^$' '^$' '^$' (that is to look; the three match what it "+
		"may configure, write and read)", vhost, shell.Quote(user))
}

// GiveTag returns the command that gives a user one more tag: set_user_tags replaces those that it
// has. known is false when it is not known which those are.
func GiveTag(user string, has []string, known bool, tag string) string {
	if !known {
		return fmt.Sprintf("rabbitmqctl set_user_tags %s %s, with the tags that it has already (rabbitmqctl list_users): "+
			"they "+
			"are replaced", shell.Quote(user), tag)
	}
	words := []string{"rabbitmqctl set_user_tags", shell.Quote(user)}
	for _, t := range has {
		words = append(words, shell.Quote(t))
	}
	return strings.Join(append(words, tag), " ")
}

// NetworkReason says in words why a peer could not be reached.
func NetworkReason(ctx context.Context, err error, timeout time.Duration) string {
	var dns *net.DNSError
	var timedOut net.Error
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return "interrupted"
	case IsConnectionRefused(err):
		return "connection refused"
	case errors.As(err, &dns):
		return fmt.Sprintf("the host name %q is unknown", dns.Name)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timedOut) && timedOut.Timeout():
		return fmt.Sprintf("no answer in %s", timeout)
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "there is no network route to the host"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), IsReset(err), errors.Is(err, net.ErrClosed):
		return "the connection was cut"
	}
	return Innermost(err)
}

// Innermost drops what the standard library puts around a network error (method, URL, addresses).
func Innermost(err error) string {
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

// IsConnectionRefused reports whether nothing listened at the address.
func IsConnectionRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// TLSReason explains a failed TLS handshake and says what may help. It returns "" for other errors.
func TLSReason(err error) (string, Remedy) {
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var header tls.RecordHeaderError
	var alert *net.OpError
	switch {
	case errors.As(err, &authority):
		return "the server's certificate is signed by an authority that this machine does not know" +
			issuer(authority.Cert), TrustAuthority
	case errors.As(err, &host):
		return fmt.Sprintf("the server's certificate is not for %q but for %s", host.Host, names(host.Certificate)),
			ExpectName
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the server's certificate has expired or is not valid yet", ""
	case errors.As(err, &invalid):
		return "the server's certificate is not valid: " + invalid.Error(), ""
	case errors.As(err, &header):
		return "the port does not speak TLS", ""
	case errors.As(err, &alert) && alert.Op == "remote error":
		return fmt.Sprintf("the server ended the TLS handshake (%s): it may want a client certificate",
			strings.TrimPrefix(alert.Err.Error(), "tls: ")), ClientCertificate
	}
	return "", ""
}

// NoCertificate explains a connection that was cut after the server had asked for a client
// certificate and got none. With TLS 1.3 the server rejects that only after the handshake: the cut
// may overtake its reason, the alert that TLSReason explains.
const NoCertificate = "the server asked for a client certificate, got none and cut the connection"

// WatchCertificate returns a copy of c that calls none each time a server asks for a client
// certificate and c has none that the server accepts. It calls none concurrently. c may be nil.
func WatchCertificate(c *tls.Config, none func()) *tls.Config {
	if c == nil {
		return nil
	}
	c = c.Clone()
	c.GetClientCertificate = func(asked *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		for i := range c.Certificates {
			if asked.SupportsCertificate(&c.Certificates[i]) == nil {
				return &c.Certificates[i], nil
			}
		}
		none()
		return &tls.Certificate{}, nil
	}
	return c
}

func issuer(c *x509.Certificate) string {
	if c == nil || c.Issuer.String() == "" {
		return ""
	}
	return " (" + Printable(c.Issuer.String()) + ")"
}

func names(c *x509.Certificate) string {
	if c == nil {
		return "another name"
	}
	list := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		list = append(list, ip.String())
	}
	if len(list) == 0 {
		return "no host name at all (it has no subject alternative name)"
	}
	return Printable(strings.Join(list, ", "))
}

// IsReset reports whether the peer cut the connection. net/http exports no error for one that was cut
// before the first request used it.
func IsReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		err != nil && strings.HasSuffix(err.Error(), "http: server closed idle connection")
}

// IsNetwork reports whether a request failed on its way, or its answer on the way back.
func IsNetwork(err error) bool {
	var u *url.Error
	var n net.Error
	return errors.As(err, &u) || errors.As(err, &n) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// Printable drops control characters, which a server or another client may have sent to harm a
// terminal.
func Printable(s string) string {
	clean := []rune{}
	for _, r := range s {
		if r == '\n' || r == '\t' {
			r = ' '
		}
		if r >= ' ' && r != 0x7f && (r < 0x80 || r > 0x9f) {
			clean = append(clean, r)
		}
	}
	return string(clean)
}

// LoginRefusedText says that the broker refused a login. from says where user and password come
// from, "" when that is not known. The user guest may log in from the broker's own machine only
// (loopback_users), and is refused elsewhere like one with a wrong password.
func LoginRefusedText(user, host, from string) string {
	text := fmt.Sprintf("the broker refused the login of user %q: wrong user or password", user)
	if from != "" {
		text += " (" + from + ")"
	}
	if user == "guest" && host != "localhost" && host != "127.0.0.1" && host != "::1" {
		text += "; RabbitMQ lets the user guest in from its own machine only"
	}
	return text
}
