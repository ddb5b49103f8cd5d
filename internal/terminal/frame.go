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

// Frame shows one text after the other in the same place: what --watch does on a terminal. Not safe
// for concurrent use.
type Frame struct {
	out   io.Writer
	begun bool
}

// NewFrame returns a frame that fills the terminal behind out.
func NewFrame(out io.Writer) *Frame { return &Frame{out: out} }

// Show replaces what is shown. Lines that do not fit into rows are left out, and it is said how
// many; with 0 rows none is. Nothing flickers: lines are overwritten, not erased first. text must
// be harmless and fit into the width.
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

// Measure finds the width of the terminal anew, which may have been resized, and returns the rows
// of stdout's: 0 when unknown.
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
