package profile

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseURL(t *testing.T) {
	str := func(s string) *string { return &s }
	for in, want := range map[string]struct {
		secure      bool
		host        string
		port        int
		user, vhost *string
		password    string
	}{
		"amqp://localhost":                      {false, "localhost", 5672, nil, nil, ""},
		"amqp://":                               {false, "localhost", 5672, nil, nil, ""},
		"amqp://host/":                          {false, "host", 5672, nil, nil, ""},
		"amqp://host/%2F":                       {false, "host", 5672, nil, str("/"), ""},
		"amqp://host/%2f":                       {false, "host", 5672, nil, str("/"), ""},
		"amqp://host/orders":                    {false, "host", 5672, nil, str("orders"), ""},
		"amqps://host":                          {true, "host", 5671, nil, nil, ""},
		"AMQPS://host:443/a%2Fb":                {true, "host", 443, nil, str("a/b"), ""},
		"amqp://u:p@host:10000/v":               {false, "host", 10000, str("u"), str("v"), "p"},
		"amqp://user%61:%61pass@ho-st.x/v%2fst": {false, "ho-st.x", 5672, str("usera"), str("v/st"), "apass"},
		"amqp://u@host":                         {false, "host", 5672, str("u"), nil, ""},
		"amqp://:p@host":                        {false, "host", 5672, nil, nil, "p"},
		// read as it was surely meant
		"amqp://u@corp:p@host":                  {false, "host", 5672, str("u@corp"), nil, "p"},
		"amqp://[::1]:5673/x":                   {false, "::1", 5673, nil, str("x"), ""},
		"amqp://[::1]":                          {false, "::1", 5672, nil, nil, ""},
		"amqps://u:a[b]^{c}|\"é`<\\>@h/é%2F{v}": {true, "h", 5671, str("u"), str("é/{v}"), "a[b]^{c}|\"é`<\\>"},
		" amqp://host\n":                        {false, "host", 5672, nil, nil, ""},
		"amqp://host:5672/v@h":                  {false, "host", 5672, nil, str("v@h"), ""},
		"amqp://h/?heartbeat=5":                 {false, "h", 5672, nil, nil, ""},
	} {
		u, err := ParseURL(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if u.Secure != want.secure || u.Host != want.host || u.Port != want.port || !same(u.User, want.user) ||
			!same(u.VHost, want.vhost) {
			t.Errorf("%s: %+v user=%v vhost=%v", in, u, deref(u.User), deref(u.VHost))
		}
		got := ""
		if u.Password != nil {
			got = u.Password.Reveal()
		}
		if got != want.password {
			t.Errorf("%s: password %q", in, got)
		}
	}
}

func same(a, b *string) bool { return deref(a) == deref(b) }

func deref(s *string) string {
	if s == nil {
		return "<nil>"
	}
	return *s
}

func TestParseURLErrorsTeachAndKeepTheSecret(t *testing.T) {
	for in, want := range map[string]string{
		"localhost:5672":              "amqp://USER@HOST:5672/VHOST",
		"":                            "does not begin with amqp://",
		"http://host:15672":           "--api",
		"amqp://u:s3cr3t/x@host":      "%2F for /",
		"amqp://u:s3cr3t#x@host/v":    "%23 for #",
		"amqp://u:s3cr3t?x@host":      "%3F for ?",
		"amqp://u:s3cr3t%zz@host":     "%25 for %",
		"amqp://u:s3cr3t":             "port is not a number",
		"amqp://u:s3cr3t @host":       "space",
		"amqp://u:s3cr3t@host:0":      "between 1 and 65535",
		"amqp://u:s3cr3t@host:65536":  "between 1 and 65535",
		"amqp://u:s3cr3t@host/a/b":    "a%2Fb",
		"amqp://u:s3cr3t@host//":      "%2F is the default vhost",
		"amqp://u:s3cr3t@ho st":       "space",
		"amqp://u:s3cr3t@ho{st":       "host name",
		"amqp://[::1":                 "brackets",
		"amqp://u:s3cr3t@h?beat=1":    "unknown parameter \"beat\"",
		"amqp://u:s3cr3t@h?verify=no": "verify_none",
		"amqp://h?heartbeat=s3cr3t":   "seconds",
		// a number before the ? looks like a port, and the rest like a parameter
		"amqp://app:12?s3cr3t@host/v": "%3F for ?",
		"amqp://app:?s3cr3t@host/v":   "%3F for ?",
		"amqp://app?s3cr3t@host/v":    "%3F for ?",
		"amqp://app:12?s3cr3t":        "written %3F",
		"amqp://u:p@h?s3cr3t@host/v":  "%3F for ?",
	} {
		_, err := ParseURL(in)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: accepted", in)
			continue
		}
		text := e.Error() + "\n" + e.Hint()
		if !strings.Contains(text, want) {
			t.Errorf("%s: %q lacks %q", in, text, want)
		}
		if strings.Contains(text, "s3cr3t") {
			t.Errorf("%s: the error gives the password away: %q", in, text)
		}
	}
}

func TestAnyPartsSurviveTheURL(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		user, pass, vhost := rapid.StringN(1, 20, -1).Draw(t, "user"), rapid.String().Draw(t, "pass"), rapid.StringN(1, 20,
			-1).Draw(t, "vhost")
		u, err := ParseURL("amqp://" + url.UserPassword(user, pass).String() + "@h:1/" + url.PathEscape(vhost))
		if err != nil {
			t.Fatalf("%v", err)
		}
		if *u.User != user || u.Password.Reveal() != pass || *u.VHost != vhost || u.Host != "h" || u.Port != 1 {
			t.Fatalf("got %q %q %q", *u.User, u.Password.Reveal(), *u.VHost)
		}
	})
}

func FuzzParseURL(f *testing.F) {
	for _, s := range []string{"amqp://u:p@h:1/v", "amqps://[::1]/%2F?heartbeat=1", "amqp://h", "x", "amqp://a:b/c@d",
		"amqp://%41:%@h"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := ParseURL(s)
		if err != nil {
			if e := (*Error)(nil); !errors.As(err, &e) {
				t.Fatalf("%q: error of type %T", s, err)
			}
			return
		}
		if u.Port < 1 || u.Port > 65535 || u.Host == "" || strings.ContainsAny(u.Host, "@/ \n\x1b") {
			t.Fatalf("%q: accepted as host %q port %d", s, u.Host, u.Port)
		}
		c := Connection{Secure: u.Secure, Host: u.Host, Port: u.Port, User: "u", VHost: "/"}
		if u.User != nil {
			c.User = *u.User
		}
		if u.VHost != nil {
			c.VHost = *u.VHost
		}
		if c.VHost == "" {
			t.Fatalf("%q: a vhost without a name", s)
		}
		again, err := ParseURL(c.URL())
		if err != nil || again.Host != u.Host || again.Port != u.Port || again.Secure != u.Secure || *again.User != c.User {
			t.Fatalf("%q shows as %q, which reads as %+v, %v", s, c.URL(), again, err)
		}
		if again.VHost != nil && *again.VHost != c.VHost {
			t.Fatalf("%q: vhost %q became %q", s, c.VHost, *again.VHost)
		}
	})
}
