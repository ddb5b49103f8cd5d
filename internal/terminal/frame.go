package terminal

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/term"
)

// Frame shows successive texts in the same place, for --watch on a terminal. It is not safe for
// concurrent use.
type Frame struct {
	out   io.Writer
	begun bool
}

// NewFrame returns a frame that fills the terminal behind out.
func NewFrame(out io.Writer) *Frame { return &Frame{out: out} }

// Show replaces the current text. If text has more lines than rows allows, Show omits the rest and
// says how many lines it omitted. If rows is 0, there is no limit. Show overwrites lines without
// erasing them first, so the screen does not flicker. text must be neutralised and fit the width of
// the terminal.
func (f *Frame) Show(text string, rows int) error {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if room := rows - 1; room > 0 && len(lines) > room { // the last row is where the cursor stays
		left := len(lines) - (room - 1)
		lines = append(lines[:room-1:room-1], fmt.Sprintf("… %s more: the terminal has %d",
			FormatPlural(int64(left), "line", "lines"), rows))
	}
	var b bytes.Buffer
	b.WriteString("\x1b[H")
	if !f.begun {
		b.WriteString("\x1b[2J")
	}
	f.begun = true
	for _, line := range lines {
		b.WriteString(line + "\x1b[K\n")
	}
	b.WriteString("\x1b[J")
	if _, err := f.out.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// Measure updates Width, because the terminal may have been resized. It returns the number of rows
// of the terminal on stdout, or 0 if it is unknown.
func (s *Streams) Measure() (rows int) {
	s.Width = s.findWidth()
	if !s.OutTTY {
		return 0
	}
	if n, err := strconv.Atoi(s.getenv("LINES")); err == nil && n > 0 {
		return n
	}
	if _, rows, err := term.GetSize(int(os.Stdout.Fd())); err == nil && rows > 0 {
		return rows
	}
	return 0
}
