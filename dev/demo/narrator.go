package demo

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// narrator writes the text of the demo around the output of the commands.
type narrator struct {
	out            io.Writer
	bold, dim, off string
}

func newNarrator(f *os.File) *narrator {
	n := &narrator{out: f}
	if term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" {
		n.bold, n.dim, n.off = "\x1b[1m", "\x1b[2m", "\x1b[0m"
	}
	return n
}

// Write prints p as a note. It implements io.Writer for node.Options.Note.
func (n *narrator) Write(p []byte) (int, error) {
	n.note("%s", strings.TrimRight(string(p), "\n"))
	return len(p), nil
}

func (n *narrator) note(format string, args ...any) {
	fmt.Fprintf(n.out, "%s   - %s%s\n", n.dim, fmt.Sprintf(format, args...), n.off)
}

func (n *narrator) say(text string) {
	fmt.Fprintf(n.out, "\n%s\n\n", fold(text))
}

func (n *narrator) step(i, of int, text, command string) {
	fmt.Fprintf(n.out, "\n%s[%d/%d]%s %s\n\n%s$ %s%s\n", n.bold, i, of, n.off, fold(text), n.bold, command, n.off)
}

// fold wraps text at 100 characters, which fits most terminals.
func fold(text string) string {
	const width = 100
	var b strings.Builder
	column := 0
	for _, word := range strings.Fields(text) {
		if column > 0 && column+1+len(word) > width {
			b.WriteByte('\n')
			column = 0
		} else if column > 0 {
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}
