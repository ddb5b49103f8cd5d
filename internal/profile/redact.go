package profile

import (
	"regexp"
	"sync"
)

// lazily compiles an expression when it is first used, so that --help does not pay for it.
func lazily(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

// userinfo finds scheme://user:password@ up to the last @ of the stretch, because people paste
// passwords that hold @ and / without encoding them. Losing a host name to a stray @ is the lesser
// evil.
var userinfo = lazily(`(?i)([a-z][a-z0-9+.\-]*://[^\s:]*:)\S*@`)

// encodedUserinfo is the same inside another URL's query, as in a management API's error about a
// shovel.
var encodedUserinfo = lazily(`(?i)([a-z][a-z0-9+.\-]*%3A%2F%2F[^\s%]*%3A)\S*?(%40)`)

// nextURL finds where another URL begins in a list: after a delimiter.
var nextURL = lazily(`(?i)[\s"'` + "`" + `,;|=(\[{<>][a-z][a-z0-9+.\-]*://`)

// Redact replaces the password of every URL in text by ***, also where it was not percent-encoded
// as it should be. A password with a blank in it, or with a delimiter followed by something like
// x://, is beyond it: no URL is parsed from such text. Redacting twice changes nothing.
func Redact(text string) string {
	var out []byte
	for len(text) > 0 {
		n := len(text)
		if next := nextURL().FindStringIndex(text); next != nil {
			n = next[0] + 1
		}
		part := userinfo().ReplaceAllString(text[:n], "${1}"+hidden+"@")
		out = append(out, encodedUserinfo().ReplaceAllString(part, "${1}"+hidden+"${2}")...)
		text = text[n:]
	}
	return string(out)
}
