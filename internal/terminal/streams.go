// Package terminal wraps the three standard streams. It detects whether each is a terminal, how
// wide the terminal is and whether to use colour. It asks for confirmation, shows progress, formats
// counts, and neutralises text from brokers and files: it makes the text safe to show on a
// terminal.
//
// The program calls System once to get the streams of the process. Tests use New.
package terminal

import (
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/term"
)

// DefaultWidth is the width of a terminal, in columns, if it cannot be determined.
const DefaultWidth = 80

// LookupEnv looks up an environment variable. os.LookupEnv is a LookupEnv.
type LookupEnv func(name string) (value string, ok bool)

// Streams are the three standard streams of a command and their properties. If a stream is not a
// terminal, there are no prompts, no colour and no redrawn lines on it. Streams is not safe for
// concurrent writes.
type Streams struct {
	In  io.Reader
	Out io.Writer // results
	Err io.Writer // everything else

	InTTY, OutTTY, ErrTTY bool

	// Width is the width of the terminal in columns. It is 0 if neither output is a terminal: text
	// is then not truncated.
	Width int

	env LookupEnv
}

// New returns streams that are not terminals, for tests and pipes. env may be nil.
func New(in io.Reader, out, err io.Writer, env LookupEnv) *Streams {
	return &Streams{In: in, Out: out, Err: err, env: env}
}

// System returns the streams of this process. On Windows it makes the console interpret escape
// sequences.
func System(env LookupEnv) *Streams {
	s := New(os.Stdin, os.Stdout, os.Stderr, env)
	s.InTTY = term.IsTerminal(int(os.Stdin.Fd()))
	s.OutTTY = term.IsTerminal(int(os.Stdout.Fd())) && enableEscapes(os.Stdout)
	s.ErrTTY = term.IsTerminal(int(os.Stderr.Fd())) && enableEscapes(os.Stderr)
	s.Width = s.findWidth()
	return s
}

// OutWidth returns the width for output to stdout in columns, or 0 if stdout is not a terminal.
func (s *Streams) OutWidth() int { return widthIf(s.OutTTY, s.Width) }

// ErrWidth returns the width for output to stderr in columns, or 0 if stderr is not a terminal.
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

// String returns the name of the mode.
func (m *ColourMode) String() string { return string(*m) }

// Set sets the mode to auto, always or never. It returns an error for any other value.
func (m *ColourMode) Set(v string) error {
	switch ColourMode(v) {
	case ColourAuto, ColourAlways, ColourNever:
		*m = ColourMode(v)
		return nil
	}
	return fmt.Errorf("want auto, always or never, not %q", v)
}

// Type returns the placeholder for the value in help texts.
func (m *ColourMode) Type() string { return "when" }

// OutStyler returns the styler for stdout in the given mode.
func (s *Streams) OutStyler(m ColourMode) Styler { return NewStyler(s.colour(m, s.OutTTY)) }

// ErrStyler returns the styler for stderr in the given mode.
func (s *Streams) ErrStyler(m ColourMode) Styler { return NewStyler(s.colour(m, s.ErrTTY)) }

// colour reports whether to use colour. In order of precedence it considers the flag, NO_COLOR
// (no-color.org: set and not empty), CLICOLOR_FORCE (bixense.com/clicolors), TERM=dumb and
// CLICOLOR=0, and whether the stream is a terminal.
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
