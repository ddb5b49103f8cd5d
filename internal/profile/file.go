package profile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/msgctl/msgctl/internal/redact"
	"github.com/msgctl/msgctl/internal/suggest"
)

// Context is a named broker in the context file. Relative paths of TLS and password files are
// relative to that file; ~/ is the home directory.
type Context struct {
	URL             string  `yaml:"url,omitempty"` // without a password
	API             string  `yaml:"api,omitempty"`
	VHost           string  `yaml:"vhost,omitempty"`
	PasswordCommand Command `yaml:"passwordCommand,omitempty,flow"`
	PasswordFile    string  `yaml:"passwordFile,omitempty"`
	TLS             *TLS    `yaml:"tls,omitempty"`
	Protected       bool    `yaml:"protected,omitempty"` // destructive commands need the vhost's name typed
	File            string  `yaml:"file,omitempty"`      // default topology; relative to the working directory

	Timeout           *time.Duration `yaml:"timeout,omitempty"`
	Heartbeat         *time.Duration `yaml:"heartbeat,omitempty"`
	ReconnectDelay    *time.Duration `yaml:"reconnectDelay,omitempty"`
	ReconnectAttempts *int           `yaml:"reconnectAttempts,omitempty"`
}

// File is the context file. Changes are in memory until Save. Not safe for concurrent use.
type File struct {
	Path     string
	Current  string             // "" when none is
	Contexts map[string]Context // by name
	Warnings []string           // for stderr

	env  LookupEnv
	root *yaml.Node // the mapping as written, so that Save keeps comments and order
}

type fileContent struct {
	Current  string             `yaml:"current"`
	Contexts map[string]Context `yaml:"contexts"`
}

// DefaultPath is where the context file is: $MSGCTL_CONFIG, $XDG_CONFIG_HOME/msgctl/config.yaml, on
// Windows %AppData%\msgctl\config.yaml, else ~/.config/msgctl/config.yaml; "" when not even a home
// directory is known.
func DefaultPath(env LookupEnv) string {
	if p := env.get("MSGCTL_CONFIG"); p != "" {
		return p
	}
	for _, base := range []string{env.get("XDG_CONFIG_HOME"), env.get("APPDATA")} {
		if base != "" && filepath.IsAbs(base) {
			return filepath.Join(base, "msgctl", "config.yaml")
		}
	}
	if home := home(env); home != "" {
		return filepath.Join(home, ".config", "msgctl", "config.yaml")
	}
	return ""
}

func home(env LookupEnv) string {
	if h := env.get("HOME"); h != "" {
		return h
	}
	return env.get("USERPROFILE")
}

// Load reads the context file at path. One that does not exist is an empty one. One that holds a
// password and that other users can read is refused.
func Load(path string, env LookupEnv) (*File, error) {
	f := &File{Path: path, Contexts: map[string]Context{}, env: env}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || path == "" {
		return f, nil
	}
	if err != nil {
		return nil, problem("", "read the context file: %v", err)
	}
	if err := f.parse(b); err != nil {
		return nil, err.in(path)
	}
	if err := f.checkSecrets(); err != nil {
		return nil, err.in(path)
	}
	return f, nil
}

func (f *File) parse(b []byte) *Error {
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return problem("", "%s", strings.TrimPrefix(redact.Text(err.Error()), "yaml: "))
	}
	if len(doc.Content) == 0 {
		return nil
	}
	f.root = doc.Content[0]
	if err := checkKeys(f.root); err != nil {
		return err
	}
	var content fileContent
	if err := f.root.Decode(&content); err != nil {
		return problem("", "%s", strings.TrimPrefix(redact.Text(err.Error()), "yaml: "))
	}
	f.Current = content.Current
	if content.Contexts != nil {
		f.Contexts = content.Contexts
	}
	return nil
}

func (f *File) checkSecrets() *Error {
	for _, name := range f.Names() {
		if !f.Contexts[name].holdsPassword() {
			continue
		}
		if othersCanRead(f.Path) {
			return problem("chmod 600 "+f.Path+", and better put passwordCommand or passwordFile in its place",
				"a URL of context %q holds a password, and other users can read the file", name)
		}
		f.Warnings = append(f.Warnings,
			"a URL of context "+name+" holds a password in plain text: use passwordCommand or passwordFile")
	}
	return nil
}

// holdsPassword ignores a wrong URL: that is reported when the context is used.
func (c Context) holdsPassword() bool {
	u, err := parseURL(c.URL)
	if err == nil && u.Password != nil {
		return true
	}
	api, err := parseAPI(c.API)
	return err == nil && api.password != nil
}

// othersCanRead is always false on Windows, where mode bits say nothing.
func othersCanRead(path string) bool {
	info, err := os.Stat(path)
	return err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0
}

// Names returns the names of all contexts in order.
func (f *File) Names() []string {
	names := make([]string, 0, len(f.Contexts))
	for name := range f.Contexts {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// get returns a context; the error for an unknown name suggests a near one or lists what there is.
func (f *File) get(name string) (Context, *Error) {
	if f != nil {
		if c, ok := f.Contexts[name]; ok {
			return c, nil
		}
	}
	if f == nil || len(f.Contexts) == 0 {
		return Context{}, problem("add it: msgctl context add "+quoteIfOdd(name)+" --url amqp://USER@HOST:5672/VHOST",
			"there is no context %q: the context file has none", name)
	}
	if near := suggest.Nearest(name, f.Names()); near != "" {
		return Context{}, problem("did you mean "+near+"?", "context %q does not exist", name)
	}
	return Context{}, problem("existing contexts: "+strings.Join(f.Names(), ", "), "context %q does not exist", name)
}

var contextName = lazily(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

func quoteIfOdd(name string) string {
	if contextName().MatchString(name) {
		return name
	}
	return "NAME"
}

// settings turns a context into settings.
func (f *File) settings(name string) (Context, settings, *Error) {
	var s settings
	c, err := f.get(name)
	if err != nil {
		return c, s, err
	}
	from := "context " + name
	if c.PasswordFile != "" && len(c.PasswordCommand) > 0 {
		return c, s, problem("keep one of them", "both passwordCommand and passwordFile are given").in(from)
	}
	if c.PasswordFile != "" {
		s.password.set(passwordSource{file: f.resolvePath(c.PasswordFile)}, from)
	}
	if len(c.PasswordCommand) > 0 {
		s.password.set(passwordSource{command: c.PasswordCommand, untrusted: f.untrusted()}, from)
	}
	for _, x := range []struct {
		key, value string
		set        func(*settings, string, string) *Error
	}{{"vhost", c.VHost, setVHost}, {"url", c.URL, setURL}, {"api", c.API, setAPI}} {
		if x.value == "" {
			continue
		}
		if err := x.set(&s, x.value, from); err != nil {
			return c, s, err.in(from + ": " + x.key)
		}
	}
	if c.URL == "" && c.API == "" {
		return c, s, problem("give it a url: amqp://USER@HOST:5672/VHOST", "it names no broker").in(from)
	}
	if !s.broker.isSet() {
		b, _ := brokerOfAPI(s.api.value)
		s.broker.set(b, from)
	}
	f.takeTLS(&s, c.TLS, from)
	fillPointer(&s.timeout, c.Timeout, from)
	fillPointer(&s.heartbeat, c.Heartbeat, from)
	fillPointer(&s.delay, c.ReconnectDelay, from)
	fillPointer(&s.attempts, c.ReconnectAttempts, from)
	c.File = f.expandHome(c.File)
	return c, s, nil
}

func (f *File) takeTLS(s *settings, t *TLS, from string) {
	if t == nil {
		return
	}
	for _, x := range []struct {
		to    *option[string]
		value string
	}{{&s.ca, f.resolvePath(t.CA)}, {&s.cert, f.resolvePath(t.Cert)}, {&s.key, f.resolvePath(t.Key)}, {&s.serverName,
		t.ServerName}} {
		if x.value != "" {
			x.to.set(x.value, from)
		}
	}
	if t.Insecure {
		s.insecure.set(true, from)
	}
}

func (f *File) expandHome(p string) string {
	if rest, ok := strings.CutPrefix(p, "~/"); ok {
		return filepath.Join(home(f.env), rest)
	}
	return p
}

func (f *File) resolvePath(p string) string {
	p = f.expandHome(p)
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(filepath.Dir(f.Path), p)
}

// protector returns the first context that is marked protected and about this broker, whatever way
// the broker was named; "" when there is none.
func (f *File) protector(b endpoint) string {
	if f == nil {
		return ""
	}
	for _, name := range f.Names() {
		u, err := parseURL(f.Contexts[name].URL)
		if err == nil && f.Contexts[name].Protected && u.Host == b.host && u.Port == b.port {
			return name
		}
	}
	return ""
}
