package topology

import (
	"fmt"
	"regexp"
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

// uriPassword finds user:password@ in each URI of a text; several may stand in one, with spaces or
// commas between.
var uriPassword = regexp.MustCompile(`(://[^/\s:@]*:)[^\s@]*@`)

// uriSecretParameter finds what a shovel's or upstream's query may carry.
var uriSecretParameter = regexp.MustCompile(`(?i)([?&](?:password|secret|token)=)[^&\s]*`)

// String returns the URI with Redacted in place of the password.
func (u SecretURI) String() string {
	s := uriPassword.ReplaceAllString(string(u), "${1}"+Redacted+"@")
	return uriSecretParameter.ReplaceAllString(s, "${1}"+Redacted)
}

// Format implements fmt.Formatter for every verb.
func (u SecretURI) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(u.String())) }

// MarshalText makes encoders print the redacted form.
func (u SecretURI) MarshalText() ([]byte, error) { return []byte(u.String()), nil }
