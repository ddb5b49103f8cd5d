package profile

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
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

const encodeAdvice = "in a user name, password or vhost write %2F for /, %40 for @, %3A for :, %23 for #, %3F for " +
	"?, %25 for %"

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
		return u, problem("write it as amqp://USER@HOST:5672/VHOST, or amqps:// for TLS",
			"the URL does not begin with amqp:// or amqps://")
	}
	if control().MatchString(rest) {
		return u, problem("write %20 for a blank", "the URL holds a blank or a control character")
	}
	authority, path, query, err := split(rest)
	if err != nil {
		return u, err
	}
	for _, step := range []func() *Error{
		func() *Error { return u.setAuthority(authority) },
		func() *Error { return u.setVHost(path) },
		func() *Error { return u.setQuery(query) },
	} {
		if err := step(); err != nil {
			return u, err
		}
	}
	return u, nil
}

// split cuts what follows amqp://. An @ behind the authority, which has none, gives away a password
// with a / in it.
func split(rest string) (authority, path, query string, err *Error) {
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		return rest, "", "", nil
	}
	authority, rest = rest[:end], rest[end:]
	_, port, _ := strings.Cut(authority, ":")
	_, notPort := strconv.Atoi(port)
	if strings.Contains(rest, "@") && !strings.Contains(authority, "@") && port != "" && notPort != nil {
		return "", "", "", problem(encodeAdvice, "the user name or password holds an unencoded /, ? or #")
	}
	if strings.Contains(rest, "#") {
		return "", "", "", problem(encodeAdvice, "the URL holds an unencoded #")
	}
	path, query, _ = strings.Cut(rest, "?")
	return authority, path, query, nil
}

func (u *URL) setAuthority(authority string) *Error {
	host := authority
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		host = authority[i+1:]
		if err := u.setUser(authority[:i]); err != nil {
			return err
		}
	}
	var port string
	if strings.HasPrefix(host, "[") {
		inner, after, ok := strings.Cut(host[1:], "]")
		addr, err := netip.ParseAddr(inner)
		if !ok || err != nil || !addr.Is6() || after != "" && after[0] != ':' {
			return problem("write an IPv6 address as amqp://[::1]:5672", "the brackets do not hold an IPv6 address")
		}
		u.Host, port = inner, strings.TrimPrefix(after, ":")
	} else {
		u.Host, port, _ = strings.Cut(host, ":")
		if u.Host == "" {
			u.Host = defaultHost
		}
		if !hostName().MatchString(u.Host) {
			return problem(encodeAdvice, "the host name holds characters that no host name has")
		}
	}
	return u.setPort(port)
}

func (u *URL) setUser(info string) *Error {
	name, pass, hasPass := strings.Cut(info, ":")
	user, err := url.PathUnescape(name)
	if err != nil {
		return problem(encodeAdvice, "the user name holds a %% that begins no %%XX code")
	}
	if user != "" {
		u.User = &user
	}
	if !hasPass {
		return nil
	}
	if pass, err = url.PathUnescape(pass); err != nil {
		return problem(encodeAdvice, "the password holds a %% that begins no %%XX code")
	}
	secret := NewSecret(pass)
	u.Password = &secret
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
		return problem("write it as amqp://USER@HOST:5672/VHOST", "the port is not a number between 1 and 65535")
	}
	u.Port = int(n)
	return nil
}

func (u *URL) setVHost(path string) *Error {
	name := strings.TrimPrefix(path, "/")
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
		return problem(encodeAdvice, "the vhost holds a %% that begins no %%XX code")
	}
	u.VHost = &vhost
	return nil
}

func (u *URL) setQuery(query string) *Error {
	values, err := url.ParseQuery(query)
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
		return problem("known are cacertfile, certfile, keyfile, server_name_indication, verify, heartbeat and "+
			"connection_timeout",
			"unknown parameter %q after the ?", key)
	}
	return nil
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
