package profile

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// URL is a parsed AMQP URL. Nil pointers mean "not said", so that a weaker source may fill them.
type URL struct {
	Secure   bool
	Host     string // "localhost" when the URL has none
	Port     int
	User     *string
	Password *Secret
	VHost    *string // amqp://host and amqp://host/ do not name one; amqp://host/%2F names "/"
	TLS      TLS     // from cacertfile, certfile, keyfile, server_name_indication, verify

	Heartbeat, Timeout *time.Duration // from heartbeat (seconds), connection_timeout (milliseconds)
}

const (
	encodeAdvice = "in a user name, password or vhost write %2F for /, %40 for @, %3A for :, %23 for #, %3F for " +
		"?, %25 for %"
	formAdvice = "write it as amqp://USER@HOST:5672/VHOST, or amqps:// for TLS"
)

// lazily compiles an expression when it is first used, so that --help does not pay for it.
func lazily(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

var (
	hostName = lazily(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?$`)
	control  = lazily(`[\x00-\x20\x7f-\x{a0}]`)
)

// ParseURL parses an AMQP URL (rabbitmq.com/docs/uri-spec) strictly, blanks around it aside. An
// error is an *Error and never repeats the URL, which may hold a password. One deviation from the
// specification: amqp://host/ does not mean the vhost with the empty name, which RabbitMQ does not
// create, but no vhost in particular, as most clients take it.
func ParseURL(s string) (URL, error) {
	u, err := parseURL(strings.TrimSpace(s))
	if err != nil {
		return URL{}, err
	}
	return u, nil
}

func parseURL(s string) (URL, *Error) {
	u := URL{Port: portAMQP}
	scheme, rest, ok := strings.Cut(s, "://")
	switch strings.ToLower(scheme) {
	case "amqp":
	case "amqps":
		u.Secure, u.Port = true, portAMQPS
	case "http", "https":
		return u, problem("give the management API as --api, and the broker as --url amqp://HOST:5672",
			"%s:// is the scheme of the management API, not of AMQP", scheme)
	default:
		ok = false
	}
	if !ok {
		return u, problem(formAdvice, "the URL does not begin with amqp:// or amqps://")
	}
	if control().MatchString(rest) {
		return u, problem("write %20 for a space", "the URL contains a space or a control character")
	}
	if err := checkEncoded(rest); err != nil {
		return u, err
	}
	parsed, err := url.Parse(scheme + "://" + encodeOdd(rest))
	if err != nil {
		return u, explain(err, rest)
	}
	u.setUser(parsed.User)
	if err := u.setPort(parsed.Port()); err != nil {
		return u, err
	}
	for _, step := range []func(*url.URL) *Error{u.setHost, u.setVHost, u.setQuery} {
		if err := step(parsed); err != nil {
			return u, err
		}
	}
	return u, nil
}

// authority returns what is before the first /, ? or #.
func authority(rest string) string {
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		return rest[:end]
	}
	return rest
}

// checkEncoded refuses what cuts a password in two: an @ after the authority. A vhost may hold an
// @, but only where the authority ends in a port, or names a user itself.
func checkEncoded(rest string) *Error {
	server := authority(rest)
	path, query, _ := strings.Cut(rest[len(server):], "?")
	host, port, _ := strings.Cut(server, ":")
	_, notPort := strconv.ParseUint(port, 10, 16)
	switch {
	case strings.Contains(path, "#"), strings.Contains(query, "#"):
		return problem(encodeAdvice, "the URL contains an unencoded #")
	case strings.Contains(query, "@"),
		strings.Contains(path, "@") && !strings.ContainsAny(server, "@[") && host != "" && port != "" && notPort != nil:
		return problem(encodeAdvice, "the user name or password contains an unencoded /, ? or #")
	}
	return nil
}

// encodeOdd encodes what net/url does not take, outside the host, but what means nothing else
// there: people paste passwords as they are.
func encodeOdd(rest string) string {
	server := authority(rest)
	at := strings.LastIndexByte(server, '@')
	var b strings.Builder
	for i := range len(rest) {
		if c := rest[i]; (i < at || i >= len(server)) && (c >= 0x80 || strings.IndexByte("\"<>[\\]^`{|}", c) >= 0) {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// explain makes an error of net/url's, which repeats a part of the URL.
func explain(err error, rest string) *Error {
	var (
		escape url.EscapeError
		host   url.InvalidHostError
	)
	switch {
	case errors.As(err, &escape):
		return problem(encodeAdvice, "the URL contains a %% that does not begin a %%XX escape")
	case strings.Contains(authority(rest), "["):
		return problem("write an IPv6 address as amqp://[::1]:5672", "the brackets do not enclose an IPv6 address")
	case errors.As(err, &host):
		return problem(encodeAdvice, "the host name contains invalid characters")
	}
	return problem(formAdvice, "the port is not a number between 1 and 65535")
}

func (u *URL) setHost(from *url.URL) *Error {
	u.Host = from.Hostname()
	switch {
	case strings.HasPrefix(from.Host, "["):
		if addr, err := netip.ParseAddr(u.Host); err != nil || !addr.Is6() {
			return problem("write an IPv6 address as amqp://[::1]:5672", "the brackets do not enclose an IPv6 address")
		}
	case u.Host == "":
		u.Host = defaultHost
	case !hostName().MatchString(u.Host):
		return problem(encodeAdvice, "the host name contains invalid characters")
	}
	return nil
}

// setPort does not repeat the port: in amqp://user:password, where the host is forgotten, it is the
// password.
func (u *URL) setPort(port string) *Error {
	if port == "" {
		return nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return problem(formAdvice, "the port is not a number between 1 and 65535")
	}
	u.Port = int(n)
	return nil
}

func (u *URL) setUser(from *url.Userinfo) {
	if name := from.Username(); name != "" {
		u.User = &name
	}
	if password, ok := from.Password(); ok {
		secret := NewSecret(password)
		u.Password = &secret
	}
}

func (u *URL) setVHost(from *url.URL) *Error {
	name := strings.TrimPrefix(from.EscapedPath(), "/")
	if name == "" {
		return nil
	}
	if strings.Contains(name, "/") {
		return problem("amqp://HOST/%2F is the default vhost, amqp://HOST/a%2Fb the vhost a/b; amqp://HOST alone is the "+
			"default vhost too",
			"the vhost holds an unencoded /")
	}
	vhost, err := url.PathUnescape(name)
	if err != nil {
		return problem(encodeAdvice, "the vhost contains a %% that does not begin a %%XX escape")
	}
	u.VHost = &vhost
	return nil
}

func (u *URL) setQuery(from *url.URL) *Error {
	values, err := url.ParseQuery(from.RawQuery)
	if err != nil {
		return problem(encodeAdvice, "the part after ? is not of the form key=value&key=value")
	}
	for key, v := range values {
		if err := u.setParameter(key, v[len(v)-1]); err != nil {
			return err
		}
	}
	return nil
}

func (u *URL) setParameter(key, value string) *Error {
	switch key {
	case "cacertfile":
		u.TLS.CA = value
	case "certfile":
		u.TLS.Cert = value
	case "keyfile":
		u.TLS.Key = value
	case "server_name_indication":
		u.TLS.ServerName = value
	case "verify":
		if value != "verify_peer" && value != "verify_none" {
			return problem("use verify=verify_peer or verify=verify_none", "verify has an unknown value")
		}
		u.TLS.Insecure = value == "verify_none"
	case "heartbeat":
		return setUnits(&u.Heartbeat, key, value, time.Second, "seconds")
	case "connection_timeout":
		return setUnits(&u.Timeout, key, value, time.Millisecond, "milliseconds")
	default:
		return u.unknownParameter(key)
	}
	return nil
}

// unknownParameter names the parameter only after a user: in amqp://user:12?password, where the
// host is forgotten, it is a part of the password.
func (u *URL) unknownParameter(key string) *Error {
	const advice = "known are cacertfile, certfile, keyfile, server_name_indication, verify, heartbeat and " +
		"connection_timeout; a ? in a password is written %3F"
	if u.User == nil {
		return problem(advice, "unknown parameter after the ?")
	}
	return problem(advice, "unknown parameter %q after the ?", key)
}

func setUnits(to **time.Duration, key, value string, unit time.Duration, name string) *Error {
	n, err := strconv.ParseUint(value, 10, 31)
	if err != nil {
		return problem("", "%s is not a number of %s", key, name)
	}
	d := time.Duration(n) * unit
	*to = &d
	return nil
}
