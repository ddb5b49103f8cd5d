package profile

import (
	"fmt"
	"io"

	"github.com/msgctl/msgctl/internal/redact"
)

// hidden is what a secret shows of itself.
const hidden = "***"

// Secret is a password that shows as *** wherever it is printed, logged or marshalled. Only Reveal
// gives it away. The value sits behind a pointer because fmt does not call methods of values in
// unexported fields: it prints an address.
type Secret struct{ value *string }

// NewSecret wraps a password. From then on it is masked in all that msgctl shows.
func NewSecret(s string) Secret {
	redact.Know(s)
	return Secret{&s}
}

// CredentialVariables are the environment variables that hold msgctl's own credentials, or may.
func CredentialVariables() []string {
	return []string{"MSGCTL_PASSWORD", "MSGCTL_URL", "MSGCTL_API", "MSGCTL_PASSWORD_FILE", "RABBITMQ_PASS",
		"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"}
}

// KnowCredentials masks the credentials of the environment in all that msgctl shows, whether the
// command uses them or not.
func KnowCredentials(env LookupEnv) {
	redact.Know(env.get("MSGCTL_PASSWORD"), env.get("RABBITMQ_PASS"))
	redact.Know(redact.Secrets(env.get("MSGCTL_URL"))...)
	redact.Know(redact.Secrets(env.get("MSGCTL_API"))...)
}

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
