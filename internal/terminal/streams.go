// Package terminal knows what msgctl talks to: the three standard streams, whether each is a
// terminal, how wide it is and whether it takes colour. It asks for confirmation, shows progress,
// writes durations, sizes and counts for people, and makes text that came from a broker or a file
// harmless before it reaches a terminal.
//
// Nothing here reads the environment or the process's streams by itself except System, which the
// program calls once.
package terminal

import (
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/term"
)

// DefaultWidth is the width, in columns, assumed where none can be found out.
const DefaultWidth = 80

// LookupEnv finds an environment variable; os.LookupEnv is one.
type LookupEnv func(name string) (value string, ok bool)

// Streams are the three streams of a command and what is known about them. The zero value of a *TTY
// field means "not a terminal": then no prompt is shown, no colour used and no line rewritten. Not
// safe for concurrent writes.
type Streams struct {
	In  io.Reader
	Out io.Writer // results
	Err io.Writer // everything else

	InTTY, OutTTY, ErrTTY bool

	// Width is the number of columns of the terminal; 0 when neither output is one: then nothing is
	// cut to fit.
	Width int

	env LookupEnv
}

// New returns streams of which none is a terminal, as tests and pipes need. env may be nil.
func New(in io.Reader, out, err io.Writer, env LookupEnv) *Streams {
	return &Streams{In: in, Out: out, Err: err, env: env}
}

// System returns the streams of this process. On Windows it switches the console to understand
// escape sequences.
func System(env LookupEnv) *Streams {
	s := New(os.Stdin, os.Stdout, os.Stderr, env)
	s.InTTY = term.IsTerminal(int(os.Stdin.Fd()))
	s.OutTTY = term.IsTerminal(int(os.Stdout.Fd())) && enableEscapes(os.Stdout)
	s.ErrTTY = term.IsTerminal(int(os.Stderr.Fd())) && enableEscapes(os.Stderr)
	s.Width = s.findWidth()
	return s
}

// OutWidth is the width for what goes to stdout: 0 when stdout is a pipe or a file, whatever stderr
// is.
func (s *Streams) OutWidth() int { return widthIf(s.OutTTY, s.Width) }

// ErrWidth is the width for what goes to stderr: 0 when it is no terminal.
func (s *Streams) ErrWidth() int { return widthIf(s.ErrTTY, s.Width) }

func widthIf(tty bool, width int) int {
	if tty {
		return width
	}
	return 0
}

func (s *Streams) findWidth() int {
	if !s.OutTTY && !s.ErrTTY {
		return 0
	}
	if n, err := strconv.Atoi(s.getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	f := os.Stdout
	if !s.OutTTY {
		f = os.Stderr
	}
	if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
		return w
	}
	return DefaultWidth
}

func (s *Streams) getenv(name string) string {
	if s.env == nil {
		return ""
	}
	v, _ := s.env(name)
	return v
}

// ColourMode is the value of --color.
type ColourMode string

// The values of --color.
const (
	ColourAuto   ColourMode = "auto"
	ColourAlways ColourMode = "always"
	ColourNever  ColourMode = "never"
)

// String, Set and Type make a ColourMode a flag value that refuses anything else.
func (m *ColourMode) String() string { return string(*m) }

// Set takes auto, always or never.
func (m *ColourMode) Set(v string) error {
	switch ColourMode(v) {
	case ColourAuto, ColourAlways, ColourNever:
		*m = ColourMode(v)
		return nil
	}
	return fmt.Errorf("want auto, always or never, not %q", v)
}

// Type names the value in a command's help.
func (m *ColourMode) Type() string { return "when" }

// OutStyler returns the styler for stdout under the given --color; ErrStyler the one for stderr.
func (s *Streams) OutStyler(m ColourMode) Styler { return Styler{on: s.colour(m, s.OutTTY)} }

// ErrStyler returns the styler for stderr.
func (s *Streams) ErrStyler(m ColourMode) Styler { return Styler{on: s.colour(m, s.ErrTTY)} }

// colour decides in the order users expect: the flag, NO_COLOR (no-color.org: set and not empty),
// CLICOLOR_FORCE and CLICOLOR (bixense.com/clicolors), TERM=dumb, and at last whether the stream is
// a terminal.
func (s *Streams) colour(m ColourMode, tty bool) bool {
	force := s.getenv("CLICOLOR_FORCE")
	switch {
	case m == ColourAlways:
		return true
	case m == ColourNever, s.getenv("NO_COLOR") != "":
		return false
	case force != "" && force != "0":
		return true
	case s.getenv("TERM") == "dumb", s.getenv("CLICOLOR") == "0":
		return false
	}
	return tty
}
