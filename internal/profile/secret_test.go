package profile

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

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
