package body

import (
	"strings"
	"unicode/utf8"
)

// maxIndent is the depth beyond which lines are not indented further. Otherwise a deeply nested
// body would grow with the square of its depth.
const maxIndent = 40

// indenter spreads valid JSON over lines. Unlike json.Indent it stops at a limit, so a body of
// megabytes costs no more than the part that is shown. Numbers and strings stay as they are
// written.
type indenter struct {
	out   strings.Builder
	depth int
}

// indent returns at most maximum bytes of the indented text (all of it if maximum is negative), and
// how many bytes of the source it leaves out.
func indent(src []byte, maximum int) (string, int) {
	var x indenter
	for i := 0; i < len(src); {
		if maximum >= 0 && x.out.Len() >= maximum {
			return x.stop(maximum), len(src) - i
		}
		if src[i] != '"' {
			x.punctuation(src, i)
			i++
			continue
		}
		end := stringEnd(src, i)
		if maximum >= 0 && end-i > maximum-x.out.Len() {
			room := maximum - x.out.Len()
			x.out.Write(src[i : i+room])
			return x.stop(maximum), len(src) - i - room
		}
		x.out.Write(src[i:end])
		i = end
	}
	if text := x.out.String(); maximum < 0 || len(text) <= maximum {
		return text, 0
	}
	return x.stop(maximum), 1
}

// stop removes the excess of the last step, and a character that was cut in two.
func (x *indenter) stop(maximum int) string {
	text := x.out.String()
	end := min(len(text), maximum)
	for end > 0 && end < len(text) && !utf8.RuneStart(text[end]) {
		end--
	}
	return strings.ToValidUTF8(text[:end], "")
}

func (x *indenter) punctuation(src []byte, i int) {
	switch c := src[i]; c {
	case ' ', '\t', '\r', '\n':
	case '{', '[':
		x.out.WriteByte(c)
		x.depth++
		if next := nextByte(src, i+1); next != '}' && next != ']' {
			x.newline()
		}
	case '}', ']':
		x.depth--
		if last := lastByte(src, i-1); last != '{' && last != '[' {
			x.newline()
		}
		x.out.WriteByte(c)
	case ',':
		x.out.WriteByte(c)
		x.newline()
	case ':':
		x.out.WriteString(": ")
	default:
		x.out.WriteByte(c)
	}
}

func (x *indenter) newline() {
	x.out.WriteByte('\n')
	for range min(x.depth, maxIndent) {
		x.out.WriteString("  ")
	}
}

func stringEnd(src []byte, i int) int {
	for i++; i < len(src); i++ {
		switch src[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(src)
}

// nextByte and lastByte return the nearest byte that is not white space, or 0 if there is none.
func nextByte(src []byte, i int) byte {
	for ; i < len(src); i++ {
		if src[i] > ' ' {
			return src[i]
		}
	}
	return 0
}

func lastByte(src []byte, i int) byte {
	for ; i >= 0; i-- {
		if src[i] > ' ' {
			return src[i]
		}
	}
	return 0
}
