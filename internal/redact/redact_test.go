package redact_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/internal/redact"
)

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"dial amqp://guest:guest@localhost:5672/: refused":   "dial amqp://guest:***@localhost:5672/: refused",
		"no secret: amqp://host:5672/v, http://h:15672/api/": "no secret: amqp://host:5672/v, http://h:15672/api/",
		"amqp://user@host":                   "amqp://user@host",
		"amqp://u:p@ss/w#rd@host/v":          "amqp://u:***@host/v",
		"redis://:pw@h":                      "redis://:***@h",
		`["amqp://u:p@h1","amqps://v:q@h2"]`: `["amqp://u:***@h1","amqps://v:***@h2"]`,
		"amqp://u:p@h1,amqp://u:q@h2":        "amqp://u:***@h1,amqp://u:***@h2",
		"AMQP://U:P@H":                       "AMQP://U:***@H",
		"host: amqp://h:5672 is down, write to ops@example.com": "host: amqp://h:5672 is down, write to " +
			"ops@example.com",
		"uri=amqp%3A%2F%2Fbob%3As3cr3t%40host%2Fv":          "uri=amqp%3A%2F%2Fbob%3A***%40host%2Fv",
		"first amqp://a:1@x\nthen amqp://b:2@y":             "first amqp://a:***@x\nthen amqp://b:***@y",
		"user@corp as name: amqp://me@corp.com:secret@host": "user@corp as name: amqp://me@corp.com:***@host",
		`parse "amqp://u:secret@host": invalid`:             `parse "amqp://u:***@host": invalid`,
		"shovel src-uri: <<\"amqp://svc:hunter2@10.0.0.1:5672/%2f\">> bad": "shovel src-uri: " +
			"<<\"amqp://svc:***@10.0.0.1:5672/%2f\">> bad",
		// Blanks, and what else ends a URL, in a password; no colon before it.
		"dial amqp://u:pa ss/w?rd@host/v failed":           "dial amqp://u:***@host/v failed",
		`uri "amqp://u:a b"`:                               `uri "amqp://u:a b"`,
		"amqp://app?Str0ngSECRET@rabbit.example/v":         "amqp://app?***@rabbit.example/v",
		"http://127.0.0.1:15672/api is down on rabbit@h":   "http://127.0.0.1:15672/api is down on rabbit@h",
		"http://127.0.0.1:15672: refused, ask rabbit@h":    "http://127.0.0.1:15672: refused, ask rabbit@h",
		"https://h/t?client_id=a&client_secret=abc123&b=c": "https://h/t?client_id=a&client_secret=***&b=c",
		"Endpoint=sb://h/;SharedAccessKeyName=n;SharedAccessKey=q/w+e=;X=1": "Endpoint=sb://h/;SharedAccessKeyName=***;" +
			"SharedAccessKey=***;X=1",
		`"https://h/?a=1\u0026access_token=xyz\u0026b=2"`: `"https://h/?a=1\u0026access_token=***\u0026b=2"`,
		"amqp://h?cacertfile=/a&password=p%20q&verify=x":  "amqp://h?cacertfile=/a&password=***&verify=x",
		"amqp://h?keyfile=/k.pem&routing_key=a":           "amqp://h?keyfile=/k.pem&routing_key=a",
	} {
		if got := redact.Text(in); got != want {
			t.Errorf("Text(%q)\n got %q\nwant %q", in, got, want)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add("dial ", "user", "pa/ss@w:rd", "host/v: refused")
	f.Add("\"", "", "x", "\"")
	f.Add("amqp://a:b@c,", "u", "p%20", " and amqp://d:e@f")
	f.Fuzz(func(t *testing.T, before, user, password, after string) {
		const mark = "s3cr3tM4rk"
		password = mark + password
		text := before + " amqp://" + url.UserPassword(user, password).String() + "@" + after
		got := redact.Text(text)
		if strings.Contains(got, mark) && !strings.Contains(before+user+after, mark) {
			t.Fatalf("Text(%q) = %q", text, got)
		}
		if again := redact.Text(got); again != got {
			t.Fatalf("not idempotent: %q, then %q", got, again)
		}
		if raw := "amqp://u:" + password + "@h"; !strings.ContainsAny(password, " \t\n\v\f\r") &&
			!strings.Contains(password, "://") {
			if got := redact.Text(raw); strings.Contains(got, mark) {
				t.Fatalf("Text(%q) = %q", raw, got)
			}
		}
	})
}

// TestURI masks what is a URI as a whole: nothing else can be behind its user.
func TestURI(t *testing.T) {
	for in, want := range map[string]string{
		"amqp://u:12 34/5?6@7@h/v":              "amqp://u:X@h/v",
		`amqp://u:a"b<c>@h`:                     "amqp://u:X@h",
		"amqp://u:p@h1 amqp://u:q r@h2":         "amqp://u:X@h1 amqp://u:X@h2",
		"amqp://app/Str0ng@h":                   "amqp://app/X@h",
		"amqp://u@h:5672/v?auth_token=t":        "amqp://u@h:5672/v?auth_token=X",
		"amqp://h:5672/v":                       "amqp://h:5672/v",
		"amqp://u:@h":                           "amqp://u:@h",
		"https://h/?SharedAccessKey=a%2Fb%3D&c": "https://h/?SharedAccessKey=X&c",
	} {
		if got := redact.URI(in, "X"); got != want {
			t.Errorf("URI(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestKnown masks a secret in every form that a text may give it.
func TestKnown(t *testing.T) {
	const secret = `kn0wn/S"cr<t é'&`
	redact.Know(secret, "short", "guest", "")
	asJSON, _ := json.Marshal(secret)
	texts := []string{secret, string(asJSON), fmt.Sprintf("%q", secret), url.QueryEscape(secret), url.PathEscape(secret),
		url.UserPassword("u", secret).String(), "'" + strings.ReplaceAll(secret, "'", "''") + "'"}
	for _, text := range texts {
		if got := redact.Known("a " + text + " b"); strings.Contains(got, "kn0wn") || !strings.HasSuffix(got, " b") {
			t.Errorf("%q is shown as %q", text, got)
		}
	}
	if got := redact.Known("short guests"); got != "short guests" {
		t.Errorf("words are masked: %q", got)
	}
	redact.Know("longerS3cret", "longerS3cretTail")
	if got := redact.Known("longerS3cretTail"); got != redact.Mask {
		t.Errorf("of a secret that begins with another, %q is left", got)
	}
	var out strings.Builder
	w := redact.NewWriter(&out)
	if n, err := w.Write([]byte("x longerS3cret y")); n != 16 || err != nil || out.String() != "x *** y" {
		t.Errorf("%d bytes, %v: %q", n, err, out.String())
	}
}

func TestSecrets(t *testing.T) {
	got := redact.Secrets("amqp://u:p%40ss@h, https://h/?client_secret=abc&x=1")
	if want := []string{"p%40ss", "p@ss", "abc"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestShortSecrets masks a secret that is too short to be masked everywhere where a field says what
// it is.
func TestShortSecrets(t *testing.T) {
	redact.Know("q7!", "q7!x", "z")
	for in, want := range map[string]string{
		"password: q7!":                "password: ***",
		`{"password":"q7!x","a":"z"}`:  `{"password":"***","a":"z"}`,
		`{\"client_secret\": \"z\"}`:   `{\"client_secret\": \"***\"}`,
		"MSGCTL_PASSWORD=q7! ./a":      "MSGCTL_PASSWORD=*** ./a",
		"amqp://u:q7!@h":               "amqp://u:***@h",
		"password: zebra, z and q7!":   "password: zebra, z and q7!",
		"the password of z is missing": "the password of z is missing",
	} {
		if got := redact.Text(in); got != want {
			t.Errorf("Text(%q) = %q, want %q", in, got, want)
		}
	}
}

// FuzzWriter splits a text with secrets in it at any bytes. No secret comes out, and nothing else is
// lost or changed.
func FuzzWriter(f *testing.F) {
	secrets := []string{"splitS3cret", "splitS3cretTail", "etTailing", "S3cretS3cr", "aaaaaaab"}
	f.Add("x splitS3cret y splitS3cretTai", []byte{4, 9, 1})
	f.Add("splitS3cretTailing", []byte{1, 1, 1, 12})
	f.Add("aaaaaaaaaaaab\naaaaaaa", []byte{3, 3, 3, 1, 1, 1})
	f.Add("S3cretS3cretS3cretS3cr", []byte{8, 2})
	f.Fuzz(func(t *testing.T, text string, sizes []byte) {
		redact.Know(secrets...)
		var out strings.Builder
		w := redact.NewKnownWriter(&out)
		rest := text
		for _, n := range sizes {
			size := min(int(n), len(rest))
			if m, err := w.Write([]byte(rest[:size])); m != size || err != nil {
				t.Fatal(m, err)
			}
			rest = rest[size:]
		}
		if _, err := w.Write([]byte(rest)); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		for _, s := range secrets {
			if strings.Contains(out.String(), s) {
				t.Fatalf("%q, split into %v, is shown as %q", text, sizes, out.String())
			}
		}
		if !slices.ContainsFunc(secrets, func(s string) bool { return strings.Contains(text, s) }) &&
			redact.Known(text) == text && out.String() != text {
			t.Fatalf("%q is shown as %q", text, out.String())
		}
	})
}

// TestWriterHoldsNoLine writes a line, and a question, at once.
func TestWriterHoldsNoLine(t *testing.T) {
	redact.Know("lineS3cret")
	var out strings.Builder
	w := redact.NewWriter(&out)
	for _, text := range []string{"a line\n", "go on? [y/N] "} {
		out.Reset()
		if _, err := w.Write([]byte(text)); err != nil || out.String() != text {
			t.Errorf("%q is written as %q, %v", text, out.String(), err)
		}
	}
}

// TestWriterJoinsURIs: nobody knows the password, and a URI is split at every byte.
func TestWriterJoinsURIs(t *testing.T) {
	const text, want = "dial amqp://u:un/kn@own@host:5672/v failed, http://h/?token=t0k3n\n",
		"dial amqp://u:***@host:5672/v failed, http://h/?token=***\n"
	for i := range text {
		for j := i; j < len(text); j += 7 {
			var out strings.Builder
			w := redact.NewWriter(&out)
			for _, part := range []string{text[:i], text[i:j], text[j:]} {
				if _, err := w.Write([]byte(part)); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
			if out.String() != want {
				t.Fatalf("split at %d and %d: %q", i, j, out.String())
			}
		}
	}
}
