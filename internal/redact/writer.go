package redact

import (
	"io"
	"strings"
	"sync"
)

// Writer masks what is written to it. A known secret of at least MinLength may be split over
// several writes: what may be the beginning of one is held back until the next write shows whether
// it is, or until Flush. Shorter ones, and credentials that only a URI shows, are found within one
// write. No secret spans a line in practice, so whole lines are written at once. It is safe for
// concurrent use.
type Writer struct {
	mu   sync.Mutex
	w    io.Writer
	mask func(string) string
	held string
}

// NewWriter returns a writer that masks with Text or Known.
func NewWriter(w io.Writer, mask func(string) string) *Writer { return &Writer{w: w, mask: mask} }

// Write implements io.Writer. It counts the bytes that it was given.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := w.held + string(p)
	cut := beginning(text)
	w.held = text[cut:]
	if err := w.write(text[:cut]); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Flush writes what is held back.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := w.held
	w.held = ""
	return w.write(text)
}

func (w *Writer) write(text string) error {
	if text == "" {
		return nil
	}
	_, err := io.WriteString(w.w, w.mask(text))
	return err
}

// beginning returns where the end of a text may be the start of a secret, and the length of the
// text if it is none. No whole secret spans that place.
func beginning(text string) int {
	forms := known.begun.Load()
	if forms == nil {
		return len(text)
	}
	cut := len(text)
	for _, form := range *forms {
		for n := min(len(form)-1, len(text)); n > len(text)-cut; n-- {
			if strings.HasSuffix(text, form[:n]) {
				cut = len(text) - n
				break
			}
		}
	}
	for moved := cut < len(text); moved; {
		moved = false
		for _, form := range *forms {
			from := max(0, cut-len(form)+1)
			if i := strings.Index(text[from:min(len(text), cut+len(form)-1)], form); i >= 0 {
				cut, moved = from+i, true
			}
		}
	}
	return cut
}
