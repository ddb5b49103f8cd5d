package topology_test

import (
	"testing"

	"github.com/msgctl/msgctl/pkg/topology"
)

// The example of RabbitMQ's documentation (passwords: computing a password hash): "test12" with the
// salt 908DC60A.
func TestPasswordOfTheDocumentation(t *testing.T) {
	const hash = "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR"
	if !topology.PasswordMatches("test12", hash, "rabbit_password_hashing_sha256") ||
		topology.PasswordMatches("test13", hash, "") {
		t.Error("the documentation's example does not match, or another password does")
	}
	for _, broken := range []topology.Secret{"", "x", "AAA=", "\x00"} {
		if topology.PasswordMatches("", broken, "") {
			t.Errorf("%q matches", string(broken))
		}
	}
}
