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
// only if the word is longer than a line. A newline in s also ends a line. A width of 0 or less
// means no limit. The result has at least one line.
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
		parts := strings.Split(measure().Wrap(word, width), "\n")
		lines = append(lines, parts[:len(parts)-1]...)
		line = parts[len(parts)-1]
	}
	return append(lines, line)
}

// measure ignores the locale, so that text has the same width on every machine.
func measure() *runewidth.Condition { return &runewidth.Condition{StrictEmojiNeutral: true} }
