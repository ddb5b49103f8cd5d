package events

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/msgctl/msgctl/internal/jsonline"
)

// TailDocument writes received messages as one JSON document, message by message, so that the
// document is never in memory as a whole. The document contains the fields of the head, "messages",
// and the fields of the end.
type TailDocument struct {
	w     *bufio.Writer
	line  []byte
	some  bool // there is a message
	ended bool
	err   error
}

// Field is a member of a JSON object.
type Field struct {
	Name  string
	Value any
}

// NewTailDocument begins a document with the fields of head.
func NewTailDocument(w io.Writer, head ...Field) *TailDocument {
	d := &TailDocument{w: bufio.NewWriterSize(w, 256<<10)}
	d.print("{")
	for _, f := range append([]Field{{"format_version", TailFormatVersion}}, head...) {
		d.print("\n  %s,", d.member(f))
	}
	d.print("\n  \"messages\": [")
	return d
}

// Write adds a message.
func (d *TailDocument) Write(s *TailMessage) error {
	d.line = d.line[:0]
	if d.some {
		d.line = append(d.line, ',')
	}
	d.some = true
	d.line = s.Append(append(d.line, "\n    "...))
	_, err := d.w.Write(d.line)
	return err
}

// Flush writes the buffered data.
func (d *TailDocument) Flush() error { return d.w.Flush() }

// End ends the document. Further calls do nothing.
func (d *TailDocument) End(fields ...Field) error {
	if d.ended {
		return nil
	}
	d.ended = true
	if d.some {
		d.print("\n  ")
	}
	d.print("]")
	for _, f := range fields {
		d.print(",\n  %s", d.member(f))
	}
	d.print("\n}\n")
	return errors.Join(d.err, d.w.Flush())
}

// print writes to the buffer, which keeps its first error until it is flushed.
func (d *TailDocument) print(format string, args ...any) { _, _ = fmt.Fprintf(d.w, format, args...) }

func (d *TailDocument) member(f Field) string {
	value, err := jsonline.Append(nil, f.Value)
	d.err = errors.Join(d.err, err)
	return fmt.Sprintf("%q: %s", f.Name, value)
}
