package profile

import (
	"net/url"
	"strings"

	"github.com/spf13/pflag"
)

// LookupEnv finds an environment variable; os.LookupEnv is one. A variable that is set but empty
// counts as not set.
type LookupEnv func(name string) (value string, ok bool)

func (l LookupEnv) get(name string) string {
	if l == nil {
		return ""
	}
	v, _ := l(name)
	return v
}

// Flags are the connection's flags, registered on a command. The zero value stands for "none
// given".
type Flags struct {
	set  *pflag.FlagSet
	size sizeFlag // 0 without RegisterMaxMessage
}

// RegisterFlags adds --url, --api, --vhost, --user, --password-file, --context, --tls-ca,
// --tls-cert, --tls-key, --tls-server-name, --insecure, --timeout, --heartbeat, --reconnect-delay
// and --reconnect-attempts to fs.
func RegisterFlags(fs *pflag.FlagSet) *Flags {
	for _, f := range fields() {
		switch f.name {
		case "insecure":
			fs.Bool(f.name, false, f.usage)
		case "timeout", "heartbeat", "reconnect-delay":
			fs.Duration(f.name, 0, f.usage)
		case "reconnect-attempts":
			fs.Int(f.name, 0, f.usage)
		default:
			fs.Var(&text{kind: f.kind}, f.name, f.usage)
		}
	}
	fs.Var(&text{kind: "NAME"}, "context", "name of a broker in the context file (see: msgctl context)")
	return &Flags{set: fs}
}

// text is a string flag whose help says what kind of text it wants.
type text struct{ value, kind string }

func (t *text) String() string { return t.value }

func (t *text) Set(v string) error { t.value = v; return nil }

func (t *text) Type() string { return t.kind }

func (f *Flags) get(name string) (string, bool) {
	if f == nil || f.set == nil || !f.set.Changed(name) {
		return "", false
	}
	return f.set.Lookup(name).Value.String(), true
}

func (f *Flags) settings() (settings, *Error) {
	var s settings
	for _, fd := range fields() {
		value, ok := f.get(fd.name)
		if !ok {
			continue
		}
		if err := fd.set(&s, value, "flag --"+fd.name); err != nil {
			return s, err.in("flag --" + fd.name)
		}
	}
	return s, nil
}

func (l LookupEnv) settings() (settings, *Error) {
	var s settings
	if v := l.get("MSGCTL_PASSWORD"); v != "" {
		secret := NewSecret(v)
		s.password.set(passwordSource{secret: &secret}, "environment MSGCTL_PASSWORD")
	}
	for _, fd := range fields() {
		name := variableName(fd.name)
		value := l.get(name)
		if value == "" || fd.name == "password-file" && s.password.isSet() {
			continue
		}
		if err := fd.set(&s, value, "environment "+name); err != nil {
			return s, err.in("environment " + name)
		}
	}
	return s, nil
}

// serviceSettings reads RABBITMQ_HOST, _PORT, _USER, _PASS and _VHOST as many services do.
func (l LookupEnv) serviceSettings() (settings, *Error) {
	var s settings
	host, port := l.get("RABBITMQ_HOST"), l.get("RABBITMQ_PORT")
	if u, err := url.Parse(port); err == nil && u.Scheme == "tcp" {
		// Kubernetes sets RABBITMQ_PORT=tcp://10.0.0.1:5672 for any service called rabbitmq,
		// although nobody meant it for msgctl.
		port = u.Port()
		if host == "" {
			port = ""
		}
	}
	if host != "" || port != "" {
		u := URL{Port: portAMQP}
		if strings.Contains(host, ":") && !strings.HasPrefix(host, "[") {
			host = "[" + host + "]"
		}
		if err := u.setHost(&url.URL{Host: host}); err != nil {
			return s, problem("want a host name or an IP address only",
				"this is not a host name").in("environment RABBITMQ_HOST")
		}
		if err := u.setPort(port); err != nil {
			return s, err.in("environment RABBITMQ_PORT")
		}
		from := "environment RABBITMQ_HOST"
		if host == "" {
			from = "environment RABBITMQ_PORT"
		}
		s.broker.set(endpoint{false, u.Host, u.Port}, from)
	}
	if v := l.get("RABBITMQ_USER"); v != "" {
		s.user.set(v, "environment RABBITMQ_USER")
	}
	if v := l.get("RABBITMQ_PASS"); v != "" {
		secret := NewSecret(v)
		s.password.set(passwordSource{secret: &secret}, "environment RABBITMQ_PASS")
	}
	if v := l.get("RABBITMQ_VHOST"); v != "" {
		s.vhost.set(v, "environment RABBITMQ_VHOST")
	}
	return s, nil
}

// apiURL is the management API's address without credentials, and the credentials it came with.
type apiURL struct {
	base     string
	user     *string
	password *Secret
}

// parseAPI takes scheme, credentials, host, port and a path prefix, and nothing else.
func parseAPI(value string) (apiURL, *Error) {
	const advice = "write it as http://HOST:15672, or https://HOST:15671 for TLS"
	u, err := url.Parse(strings.TrimSpace(value))
	switch {
	case err != nil:
		return apiURL{}, problem(advice, "not a URL")
	case u.Scheme == "amqp" || u.Scheme == "amqps":
		return apiURL{}, problem(advice, "%s:// is the broker's scheme, not the management API's", u.Scheme)
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "", u.RawQuery != "", u.Fragment != "":
		return apiURL{}, problem(advice, "not the URL of a management API")
	}
	path := strings.TrimSuffix(strings.TrimRight(u.EscapedPath(), "/"), "/api")
	api := apiURL{base: u.Scheme + "://" + u.Host + path}
	if name := u.User.Username(); name != "" {
		api.user = &name
	}
	if pass, ok := u.User.Password(); ok {
		secret := NewSecret(pass)
		api.password = &secret
	}
	return api, nil
}

// Each visits the flags that RegisterFlags added.
func (f *Flags) Each(visit func(*pflag.Flag)) {
	for _, fd := range fields() {
		visit(f.set.Lookup(fd.name))
	}
	visit(f.set.Lookup("context"))
	if flag := f.set.Lookup(maxMessageFlag); flag != nil {
		visit(flag)
	}
}

// Variable is an environment variable that msgctl reads.
type Variable struct{ Name, Usage string }

// Variables lists the environment variables about connections and contexts.
func Variables() []Variable {
	list := []Variable{
		{"MSGCTL_CONFIG", "the context file (default ~/.config/msgctl/config.yaml)"},
		{"MSGCTL_CONTEXT", "name of the context to use"},
		{"MSGCTL_PASSWORD", "the password"},
	}
	for _, fd := range fields() {
		list = append(list, Variable{variableName(fd.name), fd.usage})
	}
	return list
}

func variableName(flag string) string {
	return "MSGCTL_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}
