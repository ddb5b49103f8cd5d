package topology_test

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"testing"

	"github.com/msgctl/msgctl/pkg/topology"
)

// hashed is the hash of "s3cret" with the salt 908DC60A.
func hashed(algorithm string) topology.Secret {
	salted := append([]byte{0x90, 0x8d, 0xc6, 0x0a}, "s3cret"...)
	var digest []byte
	switch algorithm {
	case "sha256":
		d := sha256.Sum256(salted)
		digest = d[:]
	case "sha512":
		d := sha512.Sum512(salted)
		digest = d[:]
	case "md5":
		d := md5.Sum(salted)
		digest = d[:]
	}
	return topology.Secret(base64.StdEncoding.EncodeToString(append(salted[:4:4], digest...)))
}

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
