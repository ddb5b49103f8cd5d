// Package jsonline writes values as encoding/json does, on one line and with nothing in it that a
// terminal would obey.
package jsonline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"
)

// Append appends v to dst and returns the longer slice, dst itself with an error. <, > and & stay
// as they are. Escaped characters, which JSON allows in strings, are escaped like the other control
// characters.
func Append(dst []byte, v any) ([]byte, error) {
	b := bytes.NewBuffer(dst)
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return dst, err
	}
	return escapeControls(b.Bytes()[:b.Len()-1], len(dst)), nil // without the newline
}

// EncodeIndent writes v as indented JSON with a final newline, escaped as Append does.
func EncodeIndent(w io.Writer, v any, prefix, indent string) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent(prefix, indent)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(Escape(b.Bytes()))
	return err
}

// Escape returns JSON in which the characters that Append escapes are escaped. text may be changed.
func Escape(text []byte) []byte { return escapeControls(text, 0) }

// escapeControls escapes from an index on. Outside of strings JSON has no such characters.
func escapeControls(text []byte, from int) []byte {
	at := bytes.IndexFunc(text[from:], Escaped)
	if at < 0 {
		return text
	}
	rest := string(text[from+at:])
	text = text[:from+at]
	for _, r := range rest {
		if Escaped(r) {
			text = fmt.Appendf(text, `\u%04x`, r)
		} else {
			text = utf8.AppendRune(text, r)
		}
	}
	return text
}

// Escaped reports whether a character that JSON allows in strings is escaped nevertheless. A
// terminal would obey it (DEL, C1) or turn the text around it (bidirectional marks, embeddings,
// overrides and isolates). Or YAML may not contain it: JSON is read as YAML, too.
func Escaped(r rune) bool {
	switch {
	case r < 0x7f:
		return false
	case r < 0xa0, r == 0x061c, r == 0x200e, r == 0x200f:
		return true
	}
	return r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0xfeff || r == 0xfffe || r == 0xffff
}
