package topology

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/msgctl/msgctl/internal/units"
)

// HashingPrefix begins the broker's names of the algorithms that hash passwords; sha256, sha512 or
// md5 follows.
const HashingPrefix = "rabbit_password_hashing_"

// HashFault says what is wrong with the hash of a password: it is not base64, or has not the length of
// a 4-byte salt and a digest of the algorithm. "" means nothing, and so does an empty hash or an
// algorithm that is not known.
func HashFault(hash Secret, algorithm string) string {
	size := 0
	switch strings.TrimPrefix(algorithm, HashingPrefix) {
	case "", "sha256":
		size = sha256.Size
	case "sha512":
		size = sha512.Size
	case "md5":
		size = md5.Size
	}
	if hash == "" || size == 0 {
		return ""
	}
	raw, err := base64.StdEncoding.DecodeString(string(hash))
	switch {
	case err != nil:
		return "not base64"
	case len(raw) != saltSize+size:
		return fmt.Sprintf("%s long: a salt and a digest of its algorithm have %d",
			units.FormatCount(int64(len(raw)), "byte"), saltSize+size)
	}
	return ""
}

// saltSize is how many bytes of salt a hash begins with.
const saltSize = 4

// PasswordMatches reports whether a live user's hash is that of the password: base64 of a 4-byte
// salt and the digest of salt and password. algorithm is what the broker calls it
// (rabbit_password_hashing_sha256, which "" means too, rabbit_password_hashing_sha512,
// rabbit_password_hashing_md5). It is false for an algorithm or a hash it does not know.
func PasswordMatches(password, hash Secret, algorithm string) bool {
	raw, err := base64.StdEncoding.DecodeString(string(hash))
	if err != nil || len(raw) < 4 {
		return false
	}
	salted := append(raw[:4:4], password...)
	var digest []byte
	switch strings.TrimPrefix(algorithm, HashingPrefix) {
	case "", "sha256":
		d := sha256.Sum256(salted)
		digest = d[:]
	case "sha512":
		d := sha512.Sum512(salted)
		digest = d[:]
	case "md5":
		d := md5.Sum(salted)
		digest = d[:]
	default:
		return false
	}
	return subtle.ConstantTimeCompare(raw[4:], digest) == 1
}
