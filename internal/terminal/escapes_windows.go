package terminal

import (
	"os"

	"golang.org/x/sys/windows"
)

// enableEscapes asks the console to interpret escape sequences, which old Windows consoles do not
// do unasked. Where it refuses, the stream counts as no terminal, so that nothing but plain text is
// written.
func enableEscapes(f *os.File) bool {
	var mode uint32
	h := windows.Handle(f.Fd())
	if windows.GetConsoleMode(h, &mode) != nil {
		return true // a terminal, but not a console: mintty and the like understand escapes
	}
	return windows.SetConsoleMode(h, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}
