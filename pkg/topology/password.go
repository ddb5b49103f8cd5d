package topology

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"strings"
)

// HashingPrefix begins the broker's names of the algorithms that hash passwords; sha256, sha512 or
// md5 follows.
const HashingPrefix = "rabbit_password_hashing_"

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
