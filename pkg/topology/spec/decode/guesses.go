package decode

import "slices"

// oftenGuessed returns what to write instead of a field that many expect, and that is spelt too
// differently for a suggestion; known are the fields that there are. "" when nothing is known.
func oftenGuessed(key string, known []string) string {
	for _, g := range []struct{ key, field, fix string }{
		{"bind", "bindings", "did you mean bindings? It is a list: bindings: [{ exchange: X, key: K }]"},
		{"binding", "bindings", "did you mean bindings? It is a list: bindings: [{ exchange: X, key: K }]"},
		{"retries", "retry", "did you mean retry? For example: retry: { backoff: [5s, 30s, 5m] }"},
		{"permissions", "passwordHash", "permissions belong to a vhost, beside users: " +
			"permissions: { USER: { configure: '^$', write: .*, read: .* } }"},
	} {
		if g.key == key && slices.Contains(known, g.field) {
			return g.fix
		}
	}
	return ""
}
