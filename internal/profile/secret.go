package profile

import (
	"fmt"
	"io"
)

// hidden is what a secret shows of itself.
const hidden = "***"

// Secret is a password that shows as *** wherever it is printed, logged or marshalled. Only Reveal
// gives it away. The value sits behind a pointer because fmt does not call methods of values in
// unexported fields: it prints an address.
type Secret struct{ value *string }

// NewSecret wraps a password.
func NewSecret(s string) Secret { return Secret{&s} }

// Reveal returns the password, to be handed to a login and nowhere else.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// String returns ***.
func (s Secret) String() string { return hidden }

// GoString returns ***.
func (s Secret) GoString() string { return hidden }

// Format writes *** for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// MarshalText returns ***, for JSON and most other encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// MarshalYAML returns ***.
func (s Secret) MarshalYAML() (any, error) { return hidden, nil }
