package terminal

import (
	"os"

	"golang.org/x/sys/windows"
)

// enableEscapes turns on escape sequences, which old Windows consoles do not interpret by default.
// It reports whether the terminal interprets them. If not, the caller treats the stream as no
// terminal and writes plain text only.
func enableEscapes(f *os.File) bool {
	var mode uint32
	h := windows.Handle(f.Fd())
	if windows.GetConsoleMode(h, &mode) != nil {
		return true // a terminal, but not a console: mintty and the like understand escapes
	}
	return windows.SetConsoleMode(h, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}
