package profile

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

func flagsOf(t *testing.T, args ...string) *Flags {
	t.Helper()
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	f := RegisterFlags(fs)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	return f
}

func envOf(kv ...string) LookupEnv {
	m := map[string]string{}
	for i := 0; i < len(kv); i += 2 {
		m[kv[i]] = kv[i+1]
	}
	return func(k string) (string, bool) { v, ok := m[k]; return v, ok }
}

const contexts = `# my brokers
current: dev
contexts:
  dev:
    url: amqp://dev@devhost/dev # the shared one
    passwordCommand: [echo, devpass]
    file: dev.yaml
  prod:
    url: amqps://deploy@prodhost/orders
    passwordFile: prod.password
    protected: true
    tls: { ca: ca.pem }
    timeout: 7s
`

func loadContexts(t *testing.T, content string) *File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "prod.password"), []byte("prodpass\nnotes\n"),
		0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Load(path, envOf("HOME", "/home/me"))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestResolve(t *testing.T) {
	for _, c := range []struct {
		name     string
		flags    []string
		env      []string
		file     string
		want     string // URL
		api      string
		password string // "" means: none is known
		context  string
	}{
		{"defaults", nil, nil, "", "amqp://guest@localhost:5672", "http://localhost:15672", "guest", ""},
		{"flag", []string{"--url", "amqps://u:p@h/v"}, nil, "", "amqps://u@h:5671/v", "https://h:15671", "p", ""},
		{"flag over env", []string{"--vhost", "x"}, []string{"MSGCTL_URL", "amqp://a:b@h/v", "MSGCTL_VHOST", "y"}, "",
			"amqp://a@h:5672/x", "http://h:15672", "b", ""},
		{"vhost variable over the URL's", nil, []string{"MSGCTL_URL", "amqp://a:b@h/v", "MSGCTL_VHOST", "y"}, "",
			"amqp://a@h:5672/y", "http://h:15672", "b", ""},
		{"MSGCTL over RABBITMQ", nil, []string{"MSGCTL_URL", "amqp://a:b@h", "RABBITMQ_HOST", "other", "RABBITMQ_USER", "svc",
			"RABBITMQ_PASS", "x", "RABBITMQ_VHOST", "w"}, "",
			"amqp://a@h:5672", "http://h:15672", "b", ""},
		{"service variables", nil, []string{"RABBITMQ_HOST", "r", "RABBITMQ_PORT", "5673", "RABBITMQ_USER", "svc",
			"RABBITMQ_PASS", "x", "RABBITMQ_VHOST", "w"}, "",
			"amqp://svc@r:5673/w", "http://r:15672", "x", ""},
		{"Kubernetes' port", nil, []string{"RABBITMQ_PORT", "tcp://10.0.0.1:5672"}, "", "amqp://guest@localhost:5672",
			"http://localhost:15672", "guest", ""},
		{"service password for the URL's broker", nil, []string{"MSGCTL_URL", "amqp://svc@h", "RABBITMQ_USER", "svc",
			"RABBITMQ_PASS", "x"}, "",
			"amqp://svc@h:5672", "http://h:15672", "x", ""},
		{"another user's password", []string{"--user", "bob"}, []string{"RABBITMQ_USER", "svc", "RABBITMQ_PASS", "x"}, "",
			"amqp://bob@localhost:5672", "http://localhost:15672", "", ""},
		{"password by environment for the flag's URL", []string{"--url", "amqp://bob@h"}, []string{"MSGCTL_PASSWORD", "m"},
			"", "amqp://bob@h:5672", "http://h:15672", "m", ""},
		{"another broker's password", []string{"--url", "amqp://bob@h"},
			[]string{"MSGCTL_URL", "amqp://prod", "MSGCTL_PASSWORD", "m", "MSGCTL_API", "http://prod:1"}, "",
			"amqp://bob@h:5672", "http://h:15672", "", ""},
		{"another broker's API", []string{"--url", "amqp://h"}, []string{"MSGCTL_API", "http://prod:1"}, "",
			"amqp://guest@h:5672", "http://h:15672", "guest", ""},
		{"API of the same host", []string{"--url", "amqp://h"}, []string{"MSGCTL_API", "http://h:1"}, "",
			"amqp://guest@h:5672", "http://h:1", "guest", ""},
		{"login in the API's URL", nil, []string{"MSGCTL_API", "http://u:p@h:1"}, "", "amqp://u@h:5672", "http://h:1", "p",
			""},
		{"login in both URLs", []string{"--api", "http://u:p@h:1", "--url", "amqp://bob@h"}, nil, "", "amqp://bob@h:5672",
			"http://h:1", "", ""},
		{"API alone", []string{"--api", "https://h:1/prefix/api/"}, nil, "", "amqps://guest@h:5671", "https://h:1/prefix",
			"guest", ""},
		{"current context", nil, nil, contexts, "amqp://dev@devhost:5672/dev", "http://devhost:15672", "devpass", "dev"},
		{"context by flag", []string{"--context", "prod"}, nil, contexts, "amqps://deploy@prodhost:5671/orders",
			"https://prodhost:15671", "prodpass", "prod"},
		{"context by flag over the environment's URL", []string{"--context", "prod"},
			[]string{"MSGCTL_URL", "amqp://x:y@z", "MSGCTL_PASSWORD", "m"}, contexts,
			"amqps://deploy@prodhost:5671/orders", "https://prodhost:15671", "prodpass", "prod"},
		{"context by environment", nil, []string{"MSGCTL_CONTEXT", "prod", "RABBITMQ_HOST", "r", "RABBITMQ_PASS", "x"},
			contexts,
			"amqps://deploy@prodhost:5671/orders", "https://prodhost:15671", "prodpass", "prod"},
		{"URL over the current context, and nothing of it", []string{"--url", "amqp://h"}, nil, contexts,
			"amqp://guest@h:5672", "http://h:15672", "guest", ""},
		{"service variables over the current context", nil, []string{"RABBITMQ_HOST", "r"}, contexts, "amqp://guest@r:5672",
			"http://r:15672", "guest", ""},
		{"vhost flag with a context", []string{"--vhost", "/"}, nil, contexts, "amqp://dev@devhost:5672",
			"http://devhost:15672", "devpass", "dev"},
		{"other user than the context's", []string{"--user", "eve"}, nil, contexts, "amqp://eve@devhost:5672/dev",
			"http://devhost:15672", "", "dev"},
		{"the context's broker by URL", []string{"--url", "amqp://dev@devhost"}, nil, contexts, "amqp://dev@devhost:5672/dev",
			"http://devhost:15672", "devpass", "dev"},
		{"IPv6", []string{"--url", "amqp://[::1]"}, nil, "", "amqp://guest@[::1]:5672", "http://[::1]:15672", "guest", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Resolve(flagsOf(t, c.flags...), envOf(c.env...), loadContexts(t, c.file))
			if err != nil {
				t.Fatal(err)
			}
			if got.URL() != c.want || got.API != c.api || got.Context != c.context {
				t.Errorf("got %s, API %s, context %q", got.URL(), got.API, got.Context)
			}
			secret, err := got.Password(context.Background())
			if secret.Reveal() != c.password || (err == nil) != (c.password != "") {
				t.Errorf("password %q, %v", secret.Reveal(), err)
			}
		})
	}
}

func TestResolveDetails(t *testing.T) {
	f := loadContexts(t, contexts)
	c, err := Resolve(flagsOf(t, "--context", "prod", "--heartbeat", "0"), envOf("MSGCTL_RECONNECT_ATTEMPTS", "3"), f)
	if err != nil {
		t.Fatal(err)
	}
	if c.Timeout != 7*time.Second || c.Heartbeat != 0 || c.ReconnectAttempts != 3 ||
		c.ReconnectDelay != DefaultReconnectDelay || !c.Protected() {
		t.Errorf("got %+v", c)
	}
	if c.TLS.CA != filepath.Join(filepath.Dir(f.Path), "ca.pem") {
		t.Errorf("CA = %s", c.TLS.CA)
	}
	for name, want := range map[string]string{"url": "context prod", "timeout": "context prod",
		"heartbeat":          "flag --heartbeat",
		"reconnect-attempts": "environment MSGCTL_RECONNECT_ATTEMPTS", "reconnect-delay": "default",
		"password": "context prod"} {
		if c.Sources[name] != want {
			t.Errorf("source of %s = %q, want %q", name, c.Sources[name], want)
		}
	}
}

func TestProtectionFollowsTheBroker(t *testing.T) {
	c, err := Resolve(flagsOf(t, "--url", "amqps://someone@prodhost/other"), nil, loadContexts(t, contexts))
	if err != nil || !c.Protected() || c.Protection() != `the broker at prodhost:5671 is protected by context "prod"` {
		t.Errorf("a protected broker reached by --url is not protected: %v", err)
	}
	if c, _ := Resolve(flagsOf(t, "--url", "amqp://devhost"), nil, loadContexts(t, contexts)); c.Protected() {
		t.Error("an unprotected broker is protected")
	}
}

func TestResolveErrors(t *testing.T) {
	for _, c := range []struct {
		flags, env []string
		want       string
	}{
		{[]string{"--url", "rabbit"}, nil, "flag --url: the URL does not begin"},
		{nil, []string{"MSGCTL_URL", "amqp://u:pw/x@h"},
			"environment MSGCTL_URL: the user name or password contains an unencoded"},
		{nil, []string{"MSGCTL_TIMEOUT", "30"}, `environment MSGCTL_TIMEOUT: "30" is not a duration`},
		{[]string{"--timeout", "-1s"}, nil, "flag --timeout:"},
		{[]string{"--vhost", ""}, nil, "flag --vhost: the vhost has no name"},
		{[]string{"--api", "amqp://u:pw@h"}, nil, "amqp:// is the broker's scheme"},
		{[]string{"--api", "h:15672"}, nil, "flag --api: not the URL"},
		{nil, []string{"RABBITMQ_HOST", "amqp://x"}, "environment RABBITMQ_HOST: this is not a host name"},
		{nil, []string{"RABBITMQ_PORT", "x"}, "environment RABBITMQ_PORT: the port is not a number"},
		{[]string{"--context", "prd"}, nil, `context "prd" does not exist`},
		{nil, []string{"MSGCTL_CONTEXT", "nowhere"}, `context "nowhere" does not exist`},
		{[]string{"--context", "prod", "--url", "amqp://elsewhere"}, nil, "names another broker than the context"},
	} {
		_, err := Resolve(flagsOf(t, c.flags...), envOf(c.env...), loadContexts(t, contexts))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v %v: %v, want %q", c.flags, c.env, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "pw") {
			t.Errorf("the error gives the password away: %v", err)
		}
	}
}

func TestPasswordFailures(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ context, want, hint string }{
		"file missing":   {"passwordFile: nowhere", "context x: read the password", ""},
		"file empty":     {"passwordFile: " + empty, "is empty", "first line"},
		"command fails":  {"passwordCommand: 'echo locked >&2; exit 3'", "exit status 3", "locked"},
		"command absent": {"passwordCommand: [no-such-program, x]", "the password command failed", "no-such-program"},
		"prints nothing": {"passwordCommand: 'true'", "is empty", ""},
		"none":           {"", `no password is known for user "u"`, "MSGCTL_PASSWORD"},
	} {
		f := loadContexts(t, "contexts:\n  x:\n    url: amqp://u@h\n    "+c.context+"\n")
		conn, err := Resolve(flagsOf(t, "--context", "x"), nil, f)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_, err = conn.Password(context.Background())
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(e.Error(), c.want) || !strings.Contains(e.Hint(), c.hint) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPasswordCommandRunsOnceAndEndsWithItsContext(t *testing.T) {
	count := filepath.Join(t.TempDir(), "count")
	f := loadContexts(t, "contexts: {x: {url: 'amqp://u@h', passwordCommand: 'echo >>"+count+"; echo pw'}, "+
		"slow: {url: 'amqp://u@h', passwordCommand: 'sleep 60'}}")
	conn, err := Resolve(flagsOf(t, "--context", "x"), nil, f)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if s, err := conn.Password(context.Background()); err != nil || s.Reveal() != "pw" {
			t.Fatalf("%q %v", s.Reveal(), err)
		}
	}
	if b, _ := os.ReadFile(count); len(b) != 1 {
		t.Errorf("the command ran %d times", len(b))
	}
	slow, _ := Resolve(flagsOf(t, "--context", "slow"), nil, f)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := slow.Password(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("err = %v", err)
	}
}

func TestWarnings(t *testing.T) {
	c, err := Resolve(flagsOf(t, "--url", "amqp://u:pw@h", "--insecure"), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(c.Warnings, "\n")
	for _, want := range []string{"--url is visible", "not verified", "not encrypted"} {
		if !strings.Contains(all, want) {
			t.Errorf("no warning %q in %q", want, all)
		}
	}
}

func TestLoginFrom(t *testing.T) {
	for want, from := range map[string][2]string{
		"both from environment MSGCTL_URL":                  {"environment MSGCTL_URL", "environment MSGCTL_URL"},
		"the user from context a, the password from flag b": {"context a", "flag b"},
		"the user from context a, and no password":          {"context a", ""},
	} {
		c := &Connection{Sources: map[string]string{"user": from[0], "password": from[1]}}
		if got := c.LoginFrom(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// A password that TLS protects on its way to the broker is not sent to its API in plain text,
// whoever names the two.
func TestPlainAPIOfSecureBroker(t *testing.T) {
	const contexts = "contexts: {x: {url: 'amqps://h', api: 'http://h:15672'}, y: {url: 'amqps://h'}}"
	for name, c := range map[string]struct {
		flags, env []string
		refused    string
	}{
		"flags":        {[]string{"--url", "amqps://h", "--api", "http://h:1"}, nil, "flag --api"},
		"another host": {[]string{"--url", "amqps://localhost", "--api", "http://h:1"}, nil, "flag --api"},
		"variables": {nil, []string{"MSGCTL_URL", "amqps://h", "MSGCTL_API", "http://h:1"},
			"environment MSGCTL_API"},
		"variable and flag": {[]string{"--url", "amqps://h"}, []string{"MSGCTL_API", "http://h:1"},
			"environment MSGCTL_API"},
		"a context": {[]string{"--context", "x"}, nil, "context x"},
		"a context and variable": {nil, []string{"MSGCTL_CONTEXT", "y", "MSGCTL_API", "http://h:1"},
			"environment MSGCTL_API"},
		"not only by name":     {[]string{"--url", "amqps://h", "--api", "http://localhost.h:1"}, nil, "flag --api"},
		"allowed":              {[]string{"--url", "amqps://h", "--api", "http://h:1", "--insecure"}, nil, ""},
		"this machine":         {[]string{"--url", "amqps://h", "--api", "http://127.0.0.2:1"}, nil, ""},
		"this machine's name":  {[]string{"--url", "amqps://h", "--api", "http://LocalHost:1"}, nil, ""},
		"this machine, IPv6":   {[]string{"--url", "amqps://h", "--api", "http://[::1]:1"}, nil, ""},
		"derived":              {[]string{"--url", "amqps://h"}, nil, ""},
		"derived from the API": {[]string{"--api", "http://h:1"}, nil, ""},
		"neither":              {[]string{"--url", "amqp://h", "--api", "http://h:1"}, nil, ""},
		"another broker's API": {[]string{"--url", "amqps://h"},
			[]string{"MSGCTL_URL", "amqp://g", "MSGCTL_API", "http://g:1"}, ""},
	} {
		_, err := Resolve(flagsOf(t, c.flags...), envOf(c.env...), loadContexts(t, contexts))
		switch {
		case c.refused == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.refused != "" && (err == nil || !strings.HasPrefix(err.Error(), c.refused) ||
			!strings.Contains(err.Error(), "plain text")):
			t.Errorf("%s: %v, want %s", name, err, c.refused)
		}
	}
	f := loadContexts(t, "contexts: {}")
	if err := f.Add("x", Context{URL: "amqps://h", API: "http://h:1"}, false); err == nil ||
		!strings.Contains(err.Error(), "plain text") {
		t.Errorf("a context with such an API is added: %v", err)
	}
}
