package topology

import (
	"fmt"
	"slices"

	"github.com/msgctl/msgctl/internal/redact"
)

// Redacted is what stands where a secret would.
const Redacted = "********"

// Secret is text that is never printed: every formatting verb, JSON and YAML show Redacted. Convert
// with string(s) where it goes to the broker, and nowhere else.
type Secret string

// Format implements fmt.Formatter for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// String returns Redacted, or "" for no secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return Redacted
}

// MarshalText makes encoders print the redacted form.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// SecretURI is a URI that is printed without its password. Convert with string(u) where it goes to
// the broker.
type SecretURI string

// String returns the URI with Redacted in place of the password, and of parameters that are secrets.
func (u SecretURI) String() string { return redact.URI(string(u), Redacted) }

// Format implements fmt.Formatter for every verb.
func (u SecretURI) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(u.String())) }

// MarshalText makes encoders print the redacted form.
func (u SecretURI) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// Secrets lists the credentials that the objects of a state hold: passwords and hashes of users, and
// what parameters have under a telling name or in URIs. Of arguments and definitions, it takes those
// in URIs. They are for a redactor, which masks them in what is shown.
func (s *State) Secrets() []string {
	var list []string
	for _, o := range s.All() {
		switch o := o.(type) {
		case *User:
			list = append(list, string(o.Password), string(o.PasswordHash))
		case *Parameter:
			list = append(list, secretsIn(wrapSecrets("", o.Value))...)
		case *GlobalParameter:
			list = append(list, secretsIn(wrapSecrets("", o.Value))...)
		case *Policy:
			list = append(list, secretsIn(wrapURIs(map[string]any(o.Definition)))...)
		case *Exchange:
			list = append(list, secretsIn(wrapURIs(map[string]any(o.Arguments)))...)
		case *Queue:
			list = append(list, secretsIn(wrapURIs(map[string]any(o.Arguments)))...)
		case *Binding:
			list = append(list, secretsIn(wrapURIs(map[string]any(o.Arguments)))...)
		}
	}
	return slices.DeleteFunc(list, func(s string) bool { return s == "" })
}

func secretsIn(v any) []string {
	var list []string
	switch x := v.(type) {
	case Secret:
		list = append(list, string(x))
	case SecretURI:
		list = redact.Secrets(string(x))
	case []any:
		for _, e := range x {
			list = append(list, secretsIn(e)...)
		}
	case map[string]any:
		for _, e := range x {
			list = append(list, secretsIn(e)...)
		}
	}
	return list
}
