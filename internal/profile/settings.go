package profile

import (
	"net/url"
	"strconv"
	"time"
)

// option is one setting and where it comes from; from is "" while it is not set.
type option[T any] struct {
	value T
	from  string
}

func (o option[T]) isSet() bool { return o.from != "" }

func (o *option[T]) set(v T, from string) { o.value, o.from = v, from }

func (o *option[T]) fill(weaker option[T]) {
	if !o.isSet() {
		*o = weaker
	}
}

type endpoint struct {
	secure bool
	host   string
	port   int
}

// settings is what one source says, or several merged.
type settings struct {
	broker                    option[endpoint]
	api, vhost, user          option[string]
	password                  option[passwordSource]
	ca, cert, key, serverName option[string]
	insecure                  option[bool]

	timeout, heartbeat, delay option[time.Duration]
	attempts                  option[int]
}

// fill takes from a weaker source what is not set yet. Settings of another broker, and a password
// of another user, are left out.
func (s *settings) fill(weaker settings) {
	if s.sameBroker(weaker) {
		s.fillBroker(weaker)
	}
	s.timeout.fill(weaker.timeout)
	s.heartbeat.fill(weaker.heartbeat)
	s.delay.fill(weaker.delay)
	s.attempts.fill(weaker.attempts)
}

// sameBroker is false only when both name a broker, and different ones.
func (s *settings) sameBroker(o settings) bool {
	a, b := s.broker.value, o.broker.value
	return !s.broker.isSet() || !o.broker.isSet() || a.host == b.host && a.port == b.port
}

func sameHost(api, host string) bool {
	u, err := url.Parse(api)
	return err == nil && u.Hostname() == host
}

func (s *settings) fillBroker(weaker settings) {
	if !s.user.isSet() || !weaker.user.isSet() || s.user.value == weaker.user.value {
		s.password.fill(weaker.password)
	}
	if !s.broker.isSet() || weaker.broker.isSet() || sameHost(weaker.api.value, s.broker.value.host) {
		s.api.fill(weaker.api) // an API alone belongs to the broker on its host
	}
	s.broker.fill(weaker.broker)
	s.vhost.fill(weaker.vhost)
	s.user.fill(weaker.user)
	s.ca.fill(weaker.ca)
	s.cert.fill(weaker.cert)
	s.key.fill(weaker.key)
	s.serverName.fill(weaker.serverName)
	s.insecure.fill(weaker.insecure)
}

// field is a setting that has a flag --name and an environment variable MSGCTL_NAME.
type field struct {
	name, kind, usage string
	set               func(s *settings, value, from string) *Error
}

// fields lists them; what comes first wins over a later one of the same source (--vhost over the
// vhost in --url).
func fields() []field {
	return []field{
		{"vhost", "VHOST", "virtual host (default: the URL's, else /)", setVHost},
		{"user", "NAME", "user name (default: the URL's, else guest)",
			setText(func(s *settings) *option[string] { return &s.user })},
		{"password-file", "FILE", "file whose first line is the password; or set MSGCTL_PASSWORD",
			setPasswordFile},
		{"url", "URL", "broker, amqp[s]://[USER@]HOST[:PORT][/VHOST] (default amqp://guest@localhost:5672)", setURL},
		{"api", "URL", "management API, http[s]://HOST:PORT (default: the host of --url, port 15672 or with TLS 15671)",
			setAPI},
		{"tls-ca", "FILE", "PEM file of the CA certificates to trust, instead of the system's",
			setText(func(s *settings) *option[string] { return &s.ca })},
		{"tls-cert", "FILE", "PEM file of the client certificate",
			setText(func(s *settings) *option[string] { return &s.cert })},
		{"tls-key", "FILE", "PEM file of the client certificate's key",
			setText(func(s *settings) *option[string] { return &s.key })},
		{"tls-server-name", "NAME", "name to expect in the broker's certificate",
			setText(func(s *settings) *option[string] { return &s.serverName })},
		{"insecure", "", "do not verify the broker's certificate; allow http:// for the API of an amqps:// broker",
			setInsecure},
		{"timeout", "", "timeout for connecting, each request, and confirms of messages; 0 is no timeout (default 30s)",
			setDuration(func(s *settings) *option[time.Duration] { return &s.timeout })},
		{"heartbeat", "", "AMQP heartbeat interval; 0 disables heartbeats (default 1m)",
			setDuration(func(s *settings) *option[time.Duration] { return &s.heartbeat })},
		{"reconnect-delay", "", "delay before reconnecting, multiplied by the number of the attempt (default 5s)",
			setDuration(func(s *settings) *option[time.Duration] { return &s.delay })},
		{"reconnect-attempts", "", "reconnection attempts before giving up (default 10)", setAttempts},
	}
}

func setText(of func(*settings) *option[string]) func(*settings, string, string) *Error {
	return func(s *settings, value, from string) *Error {
		of(s).set(value, from)
		return nil
	}
}

func setVHost(s *settings, value, from string) *Error {
	if value == "" {
		return problem("the default vhost is called /", "the vhost has no name")
	}
	s.vhost.set(value, from)
	return nil
}

func setPasswordFile(s *settings, value, from string) *Error {
	s.password.set(passwordSource{file: value}, from)
	return nil
}

func setURL(s *settings, value, from string) *Error {
	u, err := parseURL(value)
	if err != nil {
		return err
	}
	s.takeURL(u, from)
	return nil
}

func (s *settings) takeURL(u URL, from string) {
	s.broker.set(endpoint{u.Secure, u.Host, u.Port}, from)
	fillPointer(&s.user, u.User, from)
	fillPointer(&s.vhost, u.VHost, from)
	fillPointer(&s.heartbeat, u.Heartbeat, from)
	fillPointer(&s.timeout, u.Timeout, from)
	if u.Password != nil {
		s.password.fill(option[passwordSource]{passwordSource{secret: u.Password}, from})
	}
	for _, t := range []struct {
		to    *option[string]
		value string
	}{{&s.ca, u.TLS.CA}, {&s.cert, u.TLS.Cert}, {&s.key, u.TLS.Key}, {&s.serverName, u.TLS.ServerName}} {
		if t.value != "" {
			t.to.set(t.value, from)
		}
	}
	if u.TLS.Insecure {
		s.insecure.set(true, from)
	}
}

func fillPointer[T any](o *option[T], v *T, from string) {
	if v != nil {
		o.fill(option[T]{*v, from})
	}
}

func setAPI(s *settings, value, from string) *Error {
	api, err := parseAPI(value)
	if err != nil {
		return err
	}
	s.api.set(api.base, from)
	if s.user.isSet() && api.user != nil && s.user.value != *api.user {
		return nil // one login serves both, and the broker's URL was first
	}
	fillPointer(&s.user, api.user, from)
	if api.password != nil {
		s.password.fill(option[passwordSource]{passwordSource{secret: api.password}, from})
	}
	return nil
}

func setInsecure(s *settings, value, from string) *Error {
	on, err := strconv.ParseBool(value)
	if err != nil {
		return problem("write true or false", "%q is neither true nor false", value)
	}
	s.insecure.set(on, from)
	return nil
}

func setDuration(of func(*settings) *option[time.Duration]) func(*settings, string, string) *Error {
	return func(s *settings, value, from string) *Error {
		d, err := time.ParseDuration(value)
		if err != nil || d < 0 {
			return problem("write it with a unit: 500ms, 30s, 2m", "%q is not a duration", value)
		}
		of(s).set(d, from)
		return nil
	}
}

func setAttempts(s *settings, value, from string) *Error {
	n, err := strconv.ParseUint(value, 10, 31)
	if err != nil {
		return problem("write a whole number; 0 never reconnects", "%q is not a number of attempts", value)
	}
	s.attempts.set(int(n), from)
	return nil
}
