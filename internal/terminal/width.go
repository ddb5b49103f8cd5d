package terminal

import (
	"strings"

	"github.com/mattn/go-runewidth"
)

// Width returns the columns that s takes on a terminal: two for wide (CJK, emoji) characters, none
// for combining ones. Ambiguous characters count one. s must hold no escape sequences.
func Width(s string) int { return measure().StringWidth(s) }

// Truncate cuts s to at most width columns and ends a cut text with "…". A width of 0 or less means
// no limit.
func Truncate(s string, width int) string {
	if width <= 0 {
		return s
	}
	return measure().Truncate(s, width, "…")
}

// Wrap breaks s into lines of at most width columns, between words where it can and inside a word
// that is longer than a line, but not inside a character. Newlines in s break lines too. A width of
// 0 or less means no limit. The result has at least one line.
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

// measure ignores the locale, so that the same text is cut alike on every machine.
func measure() *runewidth.Condition { return &runewidth.Condition{StrictEmojiNeutral: true} }
