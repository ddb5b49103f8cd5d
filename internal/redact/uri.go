package redact

import (
	"net/url"
	"regexp"
	"strings"
	"sync"
)

// lazily compiles an expression when it is first used, so that --help does not pay for it.
func lazily(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

const scheme = `[a-z][a-z0-9+.\-]*://`

var (
	// userinfo finds scheme://user:password@ up to the last @ of the stretch, because people paste
	// passwords that hold @ and / without encoding them. Losing a host name to a stray @ is the
	// lesser evil.
	userinfo = lazily(`(?i)(` + scheme + `[^\s:]*:)\S*@`)

	// spaced finds a password with blanks in it. What looks like a host and its port is none: a
	// sentence with an @ in it may follow.
	spaced = lazily(`(?i)(` + scheme + `[^\s:@/?#]*:)([^\s@]*)([^\S\n][^\n"<>]*)@`)
	port   = lazily(`^\d+(?:[/?#,;:.)\]"'][^@]*)?$`)

	// userless finds amqp://user?word@host, where the colon before the password is forgotten.
	userless = lazily(`(?i)(amqps?://[^\s:@/?#"']*[?#])\S*@`)

	// encodedUserinfo is userinfo inside another URL's query, as in a management API's error about
	// a shovel.
	encodedUserinfo = lazily(`(?i)([a-z][a-z0-9+.\-]*%3A%2F%2F[^\s%]*%3A)\S*?(%40)`)

	// parameter finds members of a query, or of a connection string, whose name says secret.
	parameter = lazily(`(?i)((?:[?&;]|\\u0026|%26|%3F)(?:` + telling + `)(?:=|%3D))` + plain + `(?:%[0-9A-F]{2}` + plain + `)*`)

	// nextURL finds where another URL begins in a list: after a delimiter.
	nextURL = lazily(`(?i)[\s"'` + "`" + `,;|=(\[{<>]` + scheme)
)

// plain is the part of a parameter's value up to its end or the next percent-encoded byte.
const plain = `[^&;\s"'<>\\%]*`

// telling are the names of parameters that hold a secret.
const telling = `[\w.\-]*(?:password|passwd|secret|token|credential|signature|access_?key|api[_\-]?key)[\w.\-]*|` +
	`sig|pwd|pass|auth|authorization|code|key`

// URIs masks the credentials of URIs in a text, and the secrets in their queries. It also masks
// passwords with @, /, ?, # or blanks in them, which should have been percent-encoded. It does not
// mask a password with a delimiter in it that is followed by something like x://. Nor does it mask
// one that begins like a port number and has a blank in it. No URI is parsed from such text.
func URIs(text string) string {
	if !strings.Contains(text, "://") && !strings.ContainsAny(text, "?&;%\\") {
		return text
	}
	var out strings.Builder
	for len(text) > 0 {
		n := len(text)
		if next := nextURL().FindStringIndex(text); next != nil {
			n = next[0] + 1
		}
		out.WriteString(stretch(text[:n]))
		text = text[n:]
	}
	return out.String()
}

// stretch masks a text with at most one URI in it, or with several that no delimiter separates.
func stretch(text string) string {
	if strings.Contains(text, "://") && strings.Contains(text, "@") {
		text = userinfo().ReplaceAllString(text, "${1}"+Mask+"@")
		text = userless().ReplaceAllString(text, "${1}"+Mask+"@")
		text = spaced().ReplaceAllStringFunc(text, maskSpaced)
		text = userinfo().ReplaceAllString(text, "${1}"+Mask+"@")
	}
	text = encodedUserinfo().ReplaceAllString(text, "${1}"+Mask+"${2}")
	return parameter().ReplaceAllString(text, "${1}"+Mask)
}

func maskSpaced(match string) string {
	m := spaced().FindStringSubmatch(match)
	if port().MatchString(m[2]) || m[2] == Mask {
		return match
	}
	return m[1] + Mask + "@"
}

// URI masks the credentials of a text that is known to be one URI or a list of URIs. It masks more
// than URIs does: all between the user and the last @.
func URI(text, mask string) string {
	var out strings.Builder
	for len(text) > 0 {
		n := len(text)
		if next := nextURL().FindStringIndex(text); next != nil {
			n = next[0] + 1
		}
		before, password, after := split(text[:n])
		if password != "" {
			password = mask
		}
		out.WriteString(before + password + parameter().ReplaceAllString(after, "${1}"+mask))
		text = text[n:]
	}
	return out.String()
}

// split cuts a URI around its password. The user ends at the first colon; where there is none, a
// password that contains an @ begins at the first /, ? or #.
func split(uri string) (before, password, after string) {
	start := strings.Index(uri, "://")
	if start < 0 {
		return "", "", uri
	}
	start += len("://")
	end := strings.LastIndexByte(uri, '@')
	if end < start {
		return "", "", uri
	}
	cut := strings.IndexByte(uri[start:end], ':')
	if cut < 0 {
		cut = strings.IndexAny(uri[start:end], "/?#")
	}
	if cut < 0 {
		return "", "", uri
	}
	return uri[:start+cut+1], uri[start+cut+1 : end], uri[end:]
}

// Secrets returns the credentials in a text that is one URI or a list of URIs: passwords, as they
// are written and decoded, and parameters whose name says secret.
func Secrets(text string) []string {
	var list []string
	add := func(secret string) {
		if secret == "" {
			return
		}
		list = append(list, secret)
		if plain, err := url.PathUnescape(secret); err == nil && plain != secret {
			list = append(list, plain)
		}
	}
	for len(text) > 0 {
		n := len(text)
		if next := nextURL().FindStringIndex(text); next != nil {
			n = next[0] + 1
		}
		_, password, after := split(text[:n])
		add(password)
		for _, m := range parameter().FindAllStringSubmatch(after, -1) {
			add(strings.TrimPrefix(m[0], m[1]))
		}
		text = text[n:]
	}
	return list
}

// Says reports whether the name of a field or parameter says that its value is a secret.
func Says(name string) bool { return tellingName().MatchString(name) }

var tellingName = lazily(`(?i)(?:password|passwd|secret|token|credential|access_?key|api[_\-]?key|private_?key)`)
