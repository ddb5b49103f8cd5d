package replay

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// ReportWriter writes records as NDJSON, one line a message. It is safe for concurrent use.
type ReportWriter struct {
	mu  sync.Mutex
	buf *bufio.Writer
	enc *json.Encoder
}

// NewReportWriter returns a writer to out. Call Flush at the end.
func NewReportWriter(out io.Writer) *ReportWriter {
	buf := bufio.NewWriterSize(out, 64<<10)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	return &ReportWriter{buf: buf, enc: enc}
}

// Record implements Recorder.
func (w *ReportWriter) Record(r Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.enc.Encode(r); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// Flush hands everything to the underlying writer.
func (w *ReportWriter) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.buf.Flush(); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}
