package view

import "github.com/msgctl/msgctl/internal/terminal"

// narrowText is the least number of columns in which text can still be read.
const narrowText = 24

// fold breaks text into lines for the columns behind an indentation. width 0 means one line. Empty text has no lines.
func fold(text string, width, indent int) []string {
	if text == "" {
		return nil
	}
	if width <= 0 {
		return []string{text}
	}
	return terminal.Wrap(text, max(width-indent, narrowText))
}
