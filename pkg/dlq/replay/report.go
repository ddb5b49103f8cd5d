package replay

import (
	"bufio"
	"fmt"
	"io"
	"sync"

	"github.com/msgctl/msgctl/internal/jsonline"
)

// ReportWriter writes records as NDJSON, one line per message. It is safe for concurrent use.
type ReportWriter struct {
	mu  sync.Mutex
	buf *bufio.Writer
}

// NewReportWriter returns a buffered writer to out. Call Flush at the end.
func NewReportWriter(out io.Writer) *ReportWriter {
	buf := bufio.NewWriterSize(out, 64<<10)
	return &ReportWriter{buf: buf}
}

// Record implements Recorder. It returns the error of the underlying writer.
func (w *ReportWriter) Record(r Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := jsonline.EncodeIndent(w.buf, r, "", ""); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// Flush writes everything to the underlying writer. It returns the first error of that writer.
func (w *ReportWriter) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.buf.Flush(); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}
