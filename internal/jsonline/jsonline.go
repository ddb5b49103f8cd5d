// Package jsonline writes values as encoding/json does, on one line and with nothing in it that a
// terminal would obey.
package jsonline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// Append appends v to dst and returns the longer slice, dst itself with an error. <, > and & stay
// as they are. DEL and the C1 controls, which JSON allows in strings, are escaped like the other
// control characters.
func Append(dst []byte, v any) ([]byte, error) {
	b := bytes.NewBuffer(dst)
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return dst, err
	}
	return escapeControls(b.Bytes()[:b.Len()-1], len(dst)), nil // without the newline
}

// escapeControls escapes from an index on. Outside of strings JSON has no such characters.
func escapeControls(text []byte, from int) []byte {
	at := bytes.IndexFunc(text[from:], isControl)
	if at < 0 {
		return text
	}
	rest := string(text[from+at:])
	text = text[:from+at]
	for _, r := range rest {
		if isControl(r) {
			text = fmt.Appendf(text, `\u%04x`, r)
		} else {
			text = utf8.AppendRune(text, r)
		}
	}
	return text
}

func isControl(r rune) bool { return r >= 0x7f && r < 0xa0 }
