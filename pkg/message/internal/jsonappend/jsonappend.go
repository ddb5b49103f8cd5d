// Package jsonappend writes JSON strings into a caller's buffer without allocating.
package jsonappend

import "unicode/utf8"

const hex = "0123456789abcdef"

// String appends s, which must be valid UTF-8, to dst as a JSON string with its quotes. Control
// characters, C1 and DEL included, are escaped, so that a file of such strings does no harm when it
// is shown on a terminal.
func String[S ~string | ~[]byte](dst []byte, s S) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		if width := escapeAt(s, i); width > 0 {
			dst = append(dst, s[start:i]...)
			dst = appendEscape(dst, s, i, width)
			i += width - 1
			start = i + 1
		}
	}
	return append(append(dst, s[start:]...), '"')
}

// Len returns how many bytes String appends for s.
func Len[S ~string | ~[]byte](s S) int {
	n := len(s) + 2
	for i := 0; i < len(s); i++ {
		width := escapeAt(s, i)
		if width == 0 {
			continue
		}
		n += len(appendEscape(make([]byte, 0, 8), s, i, width)) - width
		i += width - 1
	}
	return n
}

// escapeAt returns how many bytes at i must be replaced: 0 for none, 2 for a C1 control (U+0080 to
// U+009F).
func escapeAt[S ~string | ~[]byte](s S, i int) int {
	switch c := s[i]; {
	case c < 0x20, c == '"', c == '\\', c == 0x7f:
		return 1
	case c == 0xc2 && i+1 < len(s) && s[i+1] < 0xa0:
		return 2
	}
	return 0
}

func appendEscape[S ~string | ~[]byte](dst []byte, s S, i, width int) []byte {
	c := s[i]
	if width == 2 {
		c = s[i+1]
	}
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}

// Valid appends s as String does, with invalid UTF-8 replaced by U+FFFD.
func Valid(dst []byte, s string) []byte {
	if utf8.ValidString(s) {
		return String(dst, s)
	}
	return String(dst, string([]rune(s)))
}
