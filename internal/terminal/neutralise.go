package terminal

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Neutralise makes untrusted text safe to show on a terminal, on one line. It replaces control
// characters (C0, DEL and C1, and so every escape sequence), bidirectional overrides, invisible
// characters and invalid UTF-8. What takes their place are Go escapes: \x1b, \n, \u202e, and \xff
// for a byte that is not valid UTF-8. Other text, including backslashes, is unchanged: the result
// is for reading and cannot be decoded. Neutralise is idempotent.
func Neutralise(s string) string { return neutralise(s, false) }

// NeutraliseBlock is Neutralise for text of several lines, such as a message body: it keeps
// newlines and tabs.
func NeutraliseBlock(s string) string { return neutralise(s, true) }

func neutralise(s string, block bool) string {
	i := firstHarmful(s, block)
	if i < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	b.WriteString(s[:i])
	for i < len(s) {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case harmful(r, block):
			writeEscaped(&b, r)
		default:
			b.WriteString(s[i : i+size])
		}
		i += size
	}
	return b.String()
}

func firstHarmful(s string, block bool) int {
	for i, r := range s {
		if r == utf8.RuneError || harmful(r, block) {
			return i
		}
	}
	return -1
}

func writeEscaped(b *strings.Builder, r rune) {
	switch {
	case r == '\n':
		b.WriteString(`\n`)
	case r == '\t':
		b.WriteString(`\t`)
	case r == '\r':
		b.WriteString(`\r`)
	case r < 0x80:
		fmt.Fprintf(b, `\x%02x`, r)
	case r < 0x10000:
		fmt.Fprintf(b, `\u%04x`, r)
	default:
		fmt.Fprintf(b, `\U%08x`, r)
	}
}

// harmful reports whether a terminal acts on r instead of showing it, or whether r is invisible or
// reorders the characters around it. The zero-width joiner and non-joiner are not harmful: Persian,
// Indic scripts and emoji need them.
func harmful(r rune, block bool) bool {
	switch {
	case r == '\n' || r == '\t':
		return !block
	case r < 0x20, r >= 0x7f && r <= 0x9f:
		return true
	case r < 0x061c:
		return r == 0xad // soft hyphen: invisible
	case r == 0x061c, r == 0x200b, r == 0x200e, r == 0x200f: // bidi marks, zero-width space
		return true
	case r >= 0x2028 && r <= 0x202e: // line and paragraph separators, bidi embeddings and overrides
		return true
	case r >= 0x2060 && r <= 0x206f: // word joiner, invisible operators, bidi isolates, deprecated controls
		return true
	case r == 0xfeff, r >= 0xfff9 && r <= 0xfffb: // byte order mark, interlinear annotations
		return true
	}
	return r >= 0xe0000 && r <= 0xe0fff // tags: invisible text
}
