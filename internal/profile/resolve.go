package profile

import (
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// chosen is the context in use and by whose word, which decides how strong it is.
type chosen struct {
	name string
	flag bool // named by --context
	env  bool // named by MSGCTL_CONTEXT; else the file's current one
}

// Resolve decides on a connection. Strongest first: flags, the context named by --context, MSGCTL_*
// variables, the context named by MSGCTL_CONTEXT, RABBITMQ_* variables, the context file's current
// context, defaults. file may be nil. An error is an *Error. Nothing is dialled, no password file
// read, no command run.
func Resolve(flags *Flags, env LookupEnv, file *File) (*Connection, error) {
	r, err := merge(flags, env, file)
	if err != nil {
		return nil, err
	}
	c := r.connection(file)
	if err := r.checkAPI(); err != nil {
		return nil, err.in(c.Sources["api"])
	}
	return c, nil
}

type resolution struct {
	settings
	name    string  // the context in use
	context Context // its settings
	// maxMessage is the flag's value. It does not belong to a broker.
	maxMessage int64
}

func merge(flags *Flags, env LookupEnv, file *File) (*resolution, *Error) {
	r := &resolution{}
	fromFlags, err := flags.settings()
	if err != nil {
		return nil, err
	}
	r.settings, r.maxMessage = fromFlags, flags.maxMessage()
	pick := pickContext(flags, env, file)
	for _, step := range []func() *Error{
		func() *Error { return r.addContext(pick.flag, pick, file) },
		func() *Error { return r.add(env.settings) },
		func() *Error { return r.addContext(pick.env, pick, file) },
		func() *Error { return r.add(env.serviceSettings) },
		func() *Error { return r.addContext(pick.name != "" && !pick.flag && !pick.env, pick, file) },
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func pickContext(flags *Flags, env LookupEnv, file *File) chosen {
	if name, ok := flags.get("context"); ok {
		return chosen{name: name, flag: true}
	}
	if name := env.get("MSGCTL_CONTEXT"); name != "" {
		return chosen{name: name, env: true}
	}
	if file != nil {
		return chosen{name: file.Current}
	}
	return chosen{}
}

func (r *resolution) add(read func() (settings, *Error)) *Error {
	weaker, err := read()
	if err != nil {
		return err
	}
	r.fill(weaker)
	return nil
}

func (r *resolution) addContext(now bool, pick chosen, file *File) *Error {
	if !now {
		return nil
	}
	c, weaker, err := file.settings(pick.name)
	if err != nil {
		return err
	}
	if !r.sameBroker(weaker) {
		if pick.flag {
			return problem("remove one of the two", "--url names another broker than the context %q of --context",
				pick.name).in("flag --context")
		}
		return nil // a source whose broker is overruled contributes nothing else
	}
	r.fill(weaker)
	r.name, r.context = pick.name, c
	return nil
}

const byDefault = "default"

func (r *resolution) connection(file *File) *Connection {
	r.setDefaults()
	b := r.broker.value
	c := &Connection{
		Secure: b.secure, Host: b.host, Port: b.port,
		VHost: r.vhost.value, User: r.user.value, API: r.api.value,
		TLS: TLS{CA: r.ca.value, Cert: r.cert.value, Key: r.key.value, ServerName: r.serverName.value,
			Insecure: r.insecure.value},

		Timeout: r.timeout.value, Heartbeat: r.heartbeat.value,
		ReconnectDelay: r.delay.value, ReconnectAttempts: r.attempts.value,
		MaxMessage: r.maxMessage,

		Context: r.name, ProtectedBy: r.protector(file), File: r.context.File,
		Sources: r.sources(),
	}
	c.password = r.password.value
	c.password.from, c.password.cache = r.password.from, &passwordCache{}
	c.Warnings = c.warnings()
	return c
}

// protector names the context that protects the broker: the one in use, or another one about it.
func (r *resolution) protector(file *File) string {
	if r.context.Protected {
		return r.name
	}
	return file.protector(r.broker.value)
}

func (r *resolution) setDefaults() {
	if !r.broker.isSet() {
		r.broker.set(brokerOfAPI(r.api.value))
	}
	r.user.fill(option[string]{defaultUser, byDefault})
	if guest := NewSecret(defaultUser); r.user.value == defaultUser {
		r.password.fill(option[passwordSource]{passwordSource{secret: &guest}, byDefault})
	}
	r.vhost.fill(option[string]{defaultVHost, byDefault})
	r.api.fill(option[string]{derivedAPI(r.broker.value), "derived from the broker's URL"})
	r.timeout.fill(option[time.Duration]{DefaultTimeout, byDefault})
	r.heartbeat.fill(option[time.Duration]{DefaultHeartbeat, byDefault})
	r.delay.fill(option[time.Duration]{DefaultReconnectDelay, byDefault})
	r.attempts.fill(option[int]{DefaultReconnectAttempts, byDefault})
}

// brokerOfAPI is on the API's host if only the API is named. Without an API it is the default.
func brokerOfAPI(api string) (endpoint, string) {
	u, err := url.Parse(api)
	switch {
	case err != nil || u.Hostname() == "":
		return endpoint{false, defaultHost, portAMQP}, byDefault
	case u.Scheme == "https":
		return endpoint{true, u.Hostname(), portAMQPS}, "derived from the API's URL"
	}
	return endpoint{false, u.Hostname(), portAMQP}, "derived from the API's URL"
}

func derivedAPI(b endpoint) string {
	if b.secure {
		return "https://" + net.JoinHostPort(b.host, strconv.Itoa(portAPIS))
	}
	return "http://" + net.JoinHostPort(b.host, strconv.Itoa(portAPI))
}

// checkAPI refuses to send a password in plain text to the management API of a broker with an amqps
// URL. It allows that for an API on this machine, and with --insecure.
func (s *settings) checkAPI() *Error {
	u, err := url.Parse(s.api.value)
	if err != nil || u.Scheme != "http" || !s.broker.value.secure || s.insecure.value || isLoopback(u.Hostname()) {
		return nil //nolint:nilerr // the address was parsed when it was set
	}
	return problem("use https:// (port 15671 by default), or leave it out: it is derived from the broker's URL; "+
		"--insecure allows http://", "the broker is reached over TLS (amqps), and %s would send the password in plain text",
		s.api.value)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

func (r *resolution) sources() map[string]string {
	all := map[string]string{
		"url": r.broker.from, "api": r.api.from, "vhost": r.vhost.from, "user": r.user.from, "password": r.password.from,
		"tls-ca": r.ca.from, "tls-cert": r.cert.from, "tls-key": r.key.from, "tls-server-name": r.serverName.from,
		"insecure": r.insecure.from, "timeout": r.timeout.from, "heartbeat": r.heartbeat.from,
		"reconnect-delay": r.delay.from, "reconnect-attempts": r.attempts.from,
	}
	for name, from := range all {
		if from == "" {
			delete(all, name)
		}
	}
	return all
}

func (c *Connection) warnings() []string {
	var w []string
	if from, flag := strings.CutPrefix(c.Sources["password"], "flag --"); flag && c.password.secret != nil &&
		c.password.secret.Reveal() != defaultUser {
		w = append(w, "the password in --"+from+" is visible to everybody on this machine (ps) and stays in the shell's "+
			"history: use MSGCTL_PASSWORD, --password-file or a context")
	}
	if c.TLS.Insecure {
		w = append(w, "the broker's certificate is not verified ("+c.Sources["insecure"]+"): "+
			"anybody in between can read the password")
	}
	if !c.TLS.empty() && !c.Secure && !strings.HasPrefix(c.API, "https:") {
		w = append(w, "TLS settings are given, but neither amqps:// nor https:// is used: the connection is not encrypted")
	}
	if c.password.file != "" && othersCanRead(c.password.file) {
		w = append(w, c.password.file+" can be read by other users: chmod 600 "+c.password.file)
	}
	return w
}
