package redact

import (
	"cmp"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// Mask stands where a secret was.
const Mask = "***"

// MinLength is the length, in bytes, from which a secret that is known is masked in any text.
const MinLength = 6

// notSecret are words that serve as passwords, and that texts are full of.
var notSecret = []string{"guest", "password", "passwd", "rabbitmq", "secret", "msgctl", "default", "localhost"}

// known are the secrets that this process has read. They are the process's, not one command's: a
// text may leave it through any of its parts.
var known struct {
	sync.Mutex
	forms    []string
	replacer atomic.Pointer[strings.Replacer]
	// begun are the forms, for texts that end within one.
	begun atomic.Pointer[[]string]
	// short finds secrets of fewer than MinLength bytes as the values of fields that say secret.
	shorts []string
	short  atomic.Pointer[regexp.Regexp]
}

// Know makes Text mask some secrets from now on. Safe for concurrent use.
func Know(secrets ...string) {
	known.Lock()
	defer known.Unlock()
	before := len(known.forms)
	for _, s := range secrets {
		if s == "" || strings.Contains(Mask, s) || slices.Contains(notSecret, strings.ToLower(s)) {
			continue
		}
		if len(s) < MinLength {
			knowShort(s)
			continue
		}
		for _, form := range forms(s) {
			if !slices.Contains(known.forms, form) {
				known.forms = append(known.forms, form)
			}
		}
	}
	if len(known.forms) == before {
		return
	}
	// The longest first: one secret may begin with another.
	slices.SortFunc(known.forms, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	pairs := make([]string, 0, 2*len(known.forms))
	for _, form := range known.forms {
		pairs = append(pairs, form, Mask)
	}
	known.replacer.Store(strings.NewReplacer(pairs...))
	begun := slices.Clone(known.forms)
	known.begun.Store(&begun)
}

// knowShort is called with the lock.
func knowShort(s string) {
	before := len(known.shorts)
	for _, form := range forms(s) {
		if quoted := regexp.QuoteMeta(form); !slices.Contains(known.shorts, quoted) {
			known.shorts = append(known.shorts, quoted)
		}
	}
	if len(known.shorts) == before {
		return
	}
	slices.SortFunc(known.shorts, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	known.short.Store(regexp.MustCompile(`(?i:(\b[\w.\-]*(?:` + telling + `)\\?["']?\s*[:=]\s*\\?["']?))(?:` +
		strings.Join(known.shorts, "|") + `)($|[\s"'\\,;}\])&])`))
}

// forms are how a secret may be written: as it is, escaped for a URL, for JSON, by Go.
func forms(s string) []string {
	list := []string{s, url.QueryEscape(s), url.PathEscape(s)}
	if info := url.UserPassword("", s).String(); len(info) > 1 {
		list = append(list, info[1:])
	}
	quoted := strconv.Quote(s)
	list = append(list, quoted[1:len(quoted)-1], strings.ReplaceAll(s, "'", "''"))
	if text, err := json.Marshal(s); err == nil {
		list = append(list, string(text[1:len(text)-1]))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Known masks the secrets that are known, and nothing else.
func Known(text string) string {
	if r := known.replacer.Load(); r != nil {
		text = r.Replace(text)
	}
	if short := known.short.Load(); short != nil {
		text = short.ReplaceAllString(text, "${1}"+Mask+"${2}")
	}
	return text
}

// Text masks the secrets that are known, and the credentials of URIs. Redacting twice changes
// nothing.
func Text(text string) string { return URIs(Known(text)) }
