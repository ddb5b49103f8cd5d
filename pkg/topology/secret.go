package topology

import "fmt"

// Redacted is what stands where a secret would.
const Redacted = "********"

// Secret is text that is never printed: every formatting verb, JSON and YAML show Redacted. Convert with string(s) where
// it goes to the broker, and nowhere else.
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
