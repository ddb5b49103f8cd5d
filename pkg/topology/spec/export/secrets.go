package export

import (
	"net/url"
	"strings"

	"github.com/msgctl/msgctl/internal/redact"
	"github.com/msgctl/msgctl/pkg/topology"
)

// HasSecrets lists the objects whose credentials a definitions file would hold: users with a
// password, and parameters with one in a URI or under a telling name. Exchanges, queues, bindings and
// policies count if they have one in a URI.
func HasSecrets(s *topology.State, o Options) []topology.Ref {
	var refs []topology.Ref
	for _, object := range s.Objects() {
		held := false
		switch x := object.(type) {
		case *topology.User:
			held = x.Password != "" || x.PasswordHash != ""
		case *topology.Parameter:
			held = holds("", x.Value)
		case *topology.GlobalParameter:
			held = holds("", x.Value)
		case *topology.Policy:
			held = argumentsHold(x.Definition)
		case *topology.Exchange:
			held = argumentsHold(x.Arguments)
		case *topology.Queue:
			held = argumentsHold(x.Arguments)
		case *topology.Binding:
			held = argumentsHold(x.Arguments)
		}
		if held && exportable(object, o) {
			refs = append(refs, object.Ref())
		}
	}
	return refs
}

// argumentsHold looks into URIs only: names of arguments say "key" and mean no secret.
func argumentsHold(a topology.Arguments) bool {
	for _, v := range a {
		if holds("", v) {
			return true
		}
	}
	return false
}

func holds(name string, v any) bool {
	switch x := v.(type) {
	case string:
		return x != "" && isSecret(name, x)
	case []any:
		for _, e := range x {
			if holds(name, e) {
				return true
			}
		}
	case map[string]any:
		for k, e := range x {
			if holds(k, e) {
				return true
			}
		}
	}
	return false
}

// shown is a parameter's value as it is written: with masks, where they are asked for.
func (o Options) shown(name string, v any) any {
	if !o.Mask {
		return v
	}
	switch x := v.(type) {
	case string:
		return masked(name, x)
	case []any:
		list := make([]any, len(x))
		for i, e := range x {
			list[i] = o.shown(name, e)
		}
		return list
	case map[string]any:
		m := make(map[string]any, len(x))
		for k, e := range x {
			m[k] = o.shown(k, e)
		}
		return m
	}
	return v
}

// arguments are a table's values as they are written: with masks in URIs, where they are asked for.
func (o Options) arguments(a topology.Arguments) topology.Arguments {
	if !o.Mask || !argumentsHold(a) {
		return a
	}
	shown := make(topology.Arguments, len(a))
	for k, v := range a {
		shown[k] = o.shown("", v)
	}
	return shown
}

// masked hides the credential in a text, and keeps the rest of a URI.
func masked(name, text string) string {
	switch {
	case text == "" || !isSecret(name, text):
		return text
	case redact.Says(name):
		return topology.Redacted
	}
	return topology.SecretURI(text).String()
}

// isSecret reports whether a value of a parameter holds a credential.
func isSecret(key, value string) bool {
	if redact.Says(key) || strings.Contains(value, "://") && len(redact.Secrets(value)) > 0 {
		return true
	}
	u, err := url.Parse(value)
	if err != nil {
		return strings.Contains(value, "://") && strings.Contains(value, "@")
	}
	return u.User != nil
}
