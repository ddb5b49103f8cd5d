package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// jsonType names the type of a valid JSON text, for people.
func jsonType(text []byte) string {
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return "nothing"
	}
	switch text[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}

// position returns the line and the column (in characters) of a byte, both from 1.
func position(text []byte, at int) (line, column int) {
	at = min(max(at, 0), len(text))
	before := text[:at]
	return bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
}

// clip shortens untrusted text for a message.
func clip(s string) string {
	const most = 100
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

var (
	pointerEscapes   = strings.NewReplacer("~", "~0", "/", "~1")
	pointerUnescapes = strings.NewReplacer("~1", "/", "~0", "~")
)

func escapePointer(token string) string { return pointerEscapes.Replace(token) }

// splitPointer returns the tokens of a JSON Pointer (RFC 6901).
func splitPointer(pointer string) ([]string, error) {
	if pointer == "" {
		return nil, nil
	}
	if pointer[0] != '/' {
		return nil, fmt.Errorf("%q is no JSON Pointer: it begins with /", clip(pointer))
	}
	tokens := strings.Split(pointer[1:], "/")
	if !strings.Contains(pointer, "~") { // true of most pointers; the replacer is slow
		return tokens, nil
	}
	for i, t := range tokens {
		tokens[i] = pointerUnescapes.Replace(t)
	}
	return tokens, nil
}

func joinPointer(tokens []string) string {
	var b strings.Builder
	for _, t := range tokens {
		b.WriteByte('/')
		b.WriteString(escapePointer(t))
	}
	return b.String()
}

// find returns the value at the path tokens in a valid JSON text.
func find(text []byte, tokens []string) (gjson.Result, bool) {
	v := gjson.ParseBytes(text)
	for _, token := range tokens {
		next, ok := child(v, token)
		if !ok {
			return gjson.Result{}, false
		}
		v = next
	}
	return v, true
}

func child(v gjson.Result, token string) (found gjson.Result, ok bool) {
	if !v.IsObject() && !v.IsArray() {
		return found, false
	}
	isArray, i := v.IsArray(), 0
	v.ForEach(func(k, e gjson.Result) bool {
		if ok = isArray && token == strconv.Itoa(i) || !isArray && k.Str == token; ok {
			found = e
		}
		i++
		return !ok
	})
	return found, ok
}

// Locate returns the line and column, from 1, of the value at a JSON Pointer in a JSON text. If
// there is no such value, it returns the position of the nearest enclosing value.
func Locate(text []byte, pointer string) (line, column int) {
	tokens, err := splitPointer(pointer)
	if err != nil {
		tokens = nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	for i := 0; ; i++ {
		at := skipSpace(text, int(d.InputOffset()))
		if i == len(tokens) || !descend(d, tokens[i]) {
			return position(text, at)
		}
	}
}

// descend moves the decoder to the member or item that token names within the next value.
func descend(d *json.Decoder, token string) bool {
	open, err := d.Token()
	delimiter, ok := open.(json.Delim)
	if err != nil || !ok {
		return false
	}
	for i := 0; d.More(); i++ {
		name := strconv.Itoa(i)
		if delimiter == '{' {
			key, err := d.Token()
			if err != nil {
				return false
			}
			name, _ = key.(string)
		}
		if name == token {
			return true
		}
		var skipped json.RawMessage
		if d.Decode(&skipped) != nil {
			return false
		}
	}
	return false
}

// skipSpace also skips the punctuation before a value.
func skipSpace(text []byte, at int) int {
	for at < len(text) && strings.IndexByte(" \t\r\n:,", text[at]) >= 0 {
		at++
	}
	return at
}
