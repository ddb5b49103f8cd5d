// Package jsonsyntax explains to people why a text is not JSON, and what to change. encoding/json
// says what its parser expected, which helps only those who know the grammar.
package jsonsyntax

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Explain returns where a text ceases to be JSON, as a byte offset, and why. It parses the text
// itself, because the offsets in the errors of a json.Decoder do not count all bytes.
func Explain(text []byte) (offset int, message string) {
	var v json.RawMessage
	var syntax *json.SyntaxError
	if !errors.As(json.Unmarshal(text, &v), &syntax) {
		return 0, "not JSON"
	}
	offset = min(max(int(syntax.Offset)-1, 0), len(text))
	switch why := syntax.Error(); {
	case strings.HasPrefix(why, "unexpected end"):
		return len(text), "the JSON ends too early" + missing(text)
	case strings.HasSuffix(why, "exceeded max depth"):
		return offset, "not JSON: it nests deeper than 10,000 levels"
	}
	return offset, "not JSON: " + unexpected(text, offset)
}

// missing names the quotes and brackets that are not closed, in the order in which they are due.
func missing(text []byte) string {
	var due []byte // the last is due first
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{':
			due = append(due, '}')
		case c == '[':
			due = append(due, ']')
		case (c == '}' || c == ']') && len(due) > 0:
			due = due[:len(due)-1]
		}
	}
	if quoted {
		due = append(due, '"')
	}
	if len(due) == 0 {
		return ""
	}
	slices.Reverse(due)
	closers := string(due)
	if len(due) > maxClosers {
		closers = string(due[:maxClosers]) + "…"
	}
	return fmt.Sprintf(": %s is missing at its end", closers)
}

const maxClosers = 10

// unexpected names the word or the character at an offset that JSON does not allow there, with what
// to do about the commonest mistakes.
func unexpected(text []byte, at int) string {
	if at >= len(text) {
		return "it ends too early"
	}
	if word := wordAt(text, at); word != "" {
		return fmt.Sprintf("unexpected %s; put double quotes around text", word)
	}
	r, _ := utf8.DecodeRune(text[at:])
	before := byte(0)
	if s := strings.TrimRight(string(text[:at]), " \t\r\n"); s != "" {
		before = s[len(s)-1]
	}
	name, advice := strconv.QuoteRune(r), ""
	switch {
	case (r == '}' || r == ']') && before == ',':
		advice = "; remove the comma before it"
	case r == '\'':
		name, advice = `"'"`, "; put double quotes around text"
	case (r == '"' || r == '{' || r == '[') && strings.IndexByte(`"}]0123456789el`, before) >= 0:
		advice = "; a comma is missing before it"
	case r < ' ':
		advice = "; in text, it is written with a backslash"
	}
	return "unexpected " + name + advice
}

// wordAt returns the bare word that includes an offset, "" if there is none. The parser stops within
// words that begin like true, false or null.
func wordAt(text []byte, at int) string {
	part := func(b byte) bool { return b < utf8.RuneSelf && (unicode.IsLetter(rune(b)) || b == '_') }
	if !part(text[at]) {
		return ""
	}
	begin, end := at, at
	for begin > 0 && part(text[begin-1]) {
		begin--
	}
	for end < len(text) && part(text[end]) && end-begin < maxWord {
		end++
	}
	if begin > 0 && strings.IndexByte("\"\\-+.0123456789", text[begin-1]) >= 0 { // part of a string or number
		return ""
	}
	return string(text[begin:end])
}

const maxWord = 40
