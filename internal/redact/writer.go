package redact

import (
	"io"
	"strings"
	"sync"
)

// Writer masks what is written to it. A secret may be split over several writes: what may be the
// beginning of one is held back until the next write shows whether it is, or until Flush. No secret
// spans a line in practice, so whole lines are written at once. It is safe for concurrent use.
//
// Of a URI whose credentials nobody read, this works up to the first blank. A longer line than maxURI
// without any is written in pieces.
type Writer struct {
	mu   sync.Mutex
	w    io.Writer
	mask func(string) string
	uris bool // mask finds credentials in URIs
	held string
}

// NewWriter returns a writer that masks with Text.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w, mask: Text, uris: true} }

// NewKnownWriter returns a writer that masks with Known.
func NewKnownWriter(w io.Writer) *Writer { return &Writer{w: w, mask: Known} }

// Write implements io.Writer. It counts the bytes that it was given.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := w.held + string(p)
	cut := len(text)
	if w.uris {
		cut = beginningURI(text)
	}
	cut = beginning(text, cut)
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

// maxURI is how many bytes of what may be a URI are held back.
const maxURI = 8 << 10

// begunURI finds a URI, or the scheme of one, at the end of a text.
var begunURI = lazily(`(?i)[a-z][a-z0-9+.\-]*:/(?:/\S*)?$|\b(?:amqps?|https?):?$`)

// beginningURI returns where the end of a text begins that may be the beginning of a URI. It is the
// length of the text if there is none.
func beginningURI(text string) int {
	from := strings.LastIndexAny(text, " \t\r\n") + 1
	if from == len(text) {
		return len(text) // ends with a blank: most texts do
	}
	if at := begunURI().FindStringIndex(text[from:]); at != nil && len(text)-from <= maxURI {
		return from + at[0]
	}
	return len(text)
}

// beginning returns where the end of a text begins that may be the beginning of a secret, or cut if
// that is earlier. No whole secret spans that place.
func beginning(text string, cut int) int {
	forms := known.begun.Load()
	if forms == nil {
		return cut
	}
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
