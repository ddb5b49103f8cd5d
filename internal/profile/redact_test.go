package profile

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

func TestRedact(t *testing.T) {
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
		"uri=amqp%3A%2F%2Fbob%3As3cr3t%40host%2Fv":                         "uri=amqp%3A%2F%2Fbob%3A***%40host%2Fv",
		"first amqp://a:1@x\nthen amqp://b:2@y":                            "first amqp://a:***@x\nthen amqp://b:***@y",
		"user@corp as name: amqp://me@corp.com:secret@host":                "user@corp as name: amqp://me@corp.com:***@host",
		`parse "amqp://u:secret@host": invalid`:                            `parse "amqp://u:***@host": invalid`,
		"shovel src-uri: <<\"amqp://svc:hunter2@10.0.0.1:5672/%2f\">> bad": "shovel src-uri: <<\"amqp://svc:***@10.0.0.1:5672/%2f\">> bad",
	} {
		if got := Redact(in); got != want {
			t.Errorf("Redact(%q)\n got %q\nwant %q", in, got, want)
		}
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("dial ", "user", "pa/ss@w:rd", "host/v: refused")
	f.Add("\"", "", "x", "\"")
	f.Add("amqp://a:b@c,", "u", "p%20", " and amqp://d:e@f")
	f.Fuzz(func(t *testing.T, before, user, password, after string) {
		const mark = "s3cr3tM4rk"
		password = mark + password
		text := before + " amqp://" + url.UserPassword(user, password).String() + "@" + after
		got := Redact(text)
		if strings.Contains(got, mark) && !strings.Contains(before+user+after, mark) {
			t.Fatalf("Redact(%q) = %q", text, got)
		}
		if again := Redact(got); again != got {
			t.Fatalf("not idempotent: %q, then %q", got, again)
		}
		if raw := "amqp://u:" + password + "@h"; !strings.ContainsAny(password, " \t\n\v\f\r") &&
			!strings.Contains(password, "://") {
			if got := Redact(raw); strings.Contains(got, mark) {
				t.Fatalf("Redact(%q) = %q", raw, got)
			}
		}
	})
}

func TestSecretNeverShows(t *testing.T) {
	s := NewSecret("hunter2")
	c := Connection{password: passwordSource{secret: &s, cache: &passwordCache{known: true, secret: s}}}
	asJSON, _ := json.Marshal(map[string]any{"s": s, "c": c})
	asYAML, _ := yaml.Marshal(map[string]any{"s": s, "p": &s})
	shown := []string{string(asJSON), string(asYAML)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, x := range []any{s, &s, []Secret{s}, struct{ S Secret }{s}, struct{ s Secret }{s}, c, &c} {
			shown = append(shown, fmt.Sprintf(verb, x))
		}
	}
	for _, text := range shown {
		if strings.Contains(text, "hunter2") || strings.Contains(text, "68756e74657232") {
			t.Errorf("the secret shows in %q", text)
		}
	}
	if s.Reveal() != "hunter2" || (Secret{}).Reveal() != "" {
		t.Error("Reveal does not return the secret")
	}
}
