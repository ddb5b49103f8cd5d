package redact

import (
	"cmp"
	"encoding/json"
	"io"
	"net/url"
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
}

// Know makes Text mask some secrets from now on. Safe for concurrent use.
func Know(secrets ...string) {
	known.Lock()
	defer known.Unlock()
	before := len(known.forms)
	for _, s := range secrets {
		if len(s) < MinLength || strings.Contains(Mask, s) || slices.Contains(notSecret, strings.ToLower(s)) {
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
		return r.Replace(text)
	}
	return text
}

// Text masks the secrets that are known, and the credentials of URIs. Redacting twice changes
// nothing.
func Text(text string) string { return URIs(Known(text)) }

// Writer returns a writer that masks what is written with mask: Text or Known. A secret is found
// within one Write.
func Writer(w io.Writer, mask func(string) string) io.Writer { return &writer{w, mask} }

type writer struct {
	w    io.Writer
	mask func(string) string
}

// Write implements io.Writer. It counts the bytes that it was given.
func (w *writer) Write(p []byte) (int, error) {
	text := string(p)
	masked := w.mask(text)
	if masked == text {
		return w.w.Write(p)
	}
	if _, err := io.WriteString(w.w, masked); err != nil {
		return 0, err
	}
	return len(p), nil
}
