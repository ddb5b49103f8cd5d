package terminal

import (
	"strings"

	"github.com/mattn/go-runewidth"
)

// Width returns the number of columns that s takes on a terminal. Wide characters (CJK, emoji) take
// two, combining characters none, and ambiguous characters one. s must not contain escape
// sequences.
func Width(s string) int { return measure().StringWidth(s) }

// Truncate shortens s to at most width columns. Shortened text ends with "…". A width of 0 or less
// means no limit.
func Truncate(s string, width int) string {
	if width <= 0 {
		return s
	}
	return measure().Truncate(s, width, "…")
}

// Wrap breaks s into lines of at most width columns. It breaks between words, and within a word
// only if the word is longer than a line. Then it breaks at punctuation if there is any in the
// second half of the line. A newline in s also ends a line. A width of 0 or less means no limit.
// The result has at least one line.
func Wrap(s string, width int) []string {
	var lines []string
	for _, paragraph := range strings.Split(s, "\n") {
		lines = append(lines, wrapParagraph(paragraph, width)...)
	}
	return lines
}

func wrapParagraph(s string, width int) []string {
	if width <= 0 || Width(s) <= width {
		return []string{s}
	}
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		if line != "" && Width(line)+1+Width(word) <= width {
			line += " " + word
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		parts := breakWord(word, width)
		lines = append(lines, parts[:len(parts)-1]...)
		line = parts[len(parts)-1]
	}
	return append(lines, line)
}

// breakWord breaks a word into parts of at most width columns. A character that is wider is a part
// of its own.
func breakWord(word string, width int) []string {
	var parts []string
	rest := ""
	for line := range strings.SplitSeq(measure().Wrap(word, width), "\n") {
		for rest += line; Width(rest) > width; {
			first, _, more := strings.Cut(strings.TrimPrefix(measure().Wrap(rest, width), "\n"), "\n")
			if !more {
				break
			}
			at := punctuation(rest, len(first), len(first)/2)
			parts, rest = append(parts, rest[:at]), rest[at:]
		}
	}
	return append(parts, rest)
}

// punctuation returns the last place in word[least:most] before or after a punctuation mark that
// joins the parts of a name, or most.
func punctuation(word string, most, least int) int {
	const marks = ".-_/:,"
	for at := most; at > least; at-- {
		if strings.IndexByte(marks, word[at]) >= 0 || strings.IndexByte(marks, word[at-1]) >= 0 {
			return at
		}
	}
	return most
}

// measure ignores the locale, so that text has the same width on every machine.
func measure() *runewidth.Condition { return &runewidth.Condition{StrictEmojiNeutral: true} }
