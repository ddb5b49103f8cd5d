package messages

import (
	"bufio"
	"bytes"
	"io"
	"strings"

	"github.com/msgctl/msgctl/internal/jsonline"
	"github.com/msgctl/msgctl/internal/render"
)

// FormatVersion is the version of ListDocument.
const FormatVersion = "1"

// ListDocument contains messages of a queue, for other programs.
type ListDocument struct {
	FormatVersion string            `json:"format_version"`
	VHost         string            `json:"vhost"`
	Queue         string            `json:"queue"`
	Type          string            `json:"type"`
	Messages      []MessageDocument `json:"messages"`
	// Browsed is the number of messages that were read.
	Browsed int64 `json:"looked_at"`
}

// Stream writes a ListDocument as JSON or YAML, message by message, so that the document is never
// in memory as a whole. It writes nothing after an error.
type Stream struct {
	w    *bufio.Writer
	yaml bool
	head ListDocument
	n    int64
	err  error
}

// NewStream begins a document with all fields of head except Messages and Browsed. It writes
// nothing before the first message.
func NewStream(w io.Writer, yaml bool, head ListDocument) *Stream {
	return &Stream{w: bufio.NewWriter(w), yaml: yaml, head: head}
}

// Add writes a message.
func (s *Stream) Add(m MessageDocument) error {
	if s.n == 0 {
		before, _ := s.around(0)
		s.put(before)
	} else if !s.yaml {
		s.put(",")
	}
	s.n++
	s.put("\n" + s.message(m))
	return s.err
}

// End writes the end of the document.
func (s *Stream) End(browsed int64) error {
	before, after := s.around(browsed)
	switch {
	case s.n == 0 && s.yaml:
		s.put(before + " []" + after)
	case s.n == 0:
		s.put(before + "]" + after)
	case s.yaml:
		s.put(after)
	default:
		s.put("\n  ]" + after)
	}
	if s.err == nil {
		s.err = s.w.Flush()
	}
	return s.err
}

// around returns the parts of the document before and after the messages. It encodes a document
// without messages and splits it at its empty list. No text in the document can contain the
// separator, because line breaks in a text are escaped.
func (s *Stream) around(browsed int64) (before, after string) {
	doc := s.head
	doc.Messages, doc.Browsed = []MessageDocument{}, browsed
	var text bytes.Buffer
	if s.yaml {
		s.keep(render.YAML(&text, doc))
		before, after, _ = strings.Cut(text.String(), "\nmessages: []\n")
		return before + "\nmessages:", "\n" + after
	}
	s.keep(render.JSON(&text, doc))
	before, after, _ = strings.Cut(text.String(), "\n  \"messages\": []")
	return before + "\n  \"messages\": [", after
}

func (s *Stream) message(m MessageDocument) string {
	var text bytes.Buffer
	if s.yaml {
		s.keep(render.YAML(&text, []MessageDocument{m}))
		return "  " + strings.ReplaceAll(strings.TrimRight(text.String(), "\n"), "\n", "\n  ")
	}
	s.keep(jsonline.EncodeIndent(&text, m, "    ", "  "))
	return "    " + strings.TrimRight(text.String(), "\n")
}

func (s *Stream) put(text string) {
	if s.err == nil {
		_, s.err = s.w.WriteString(text)
	}
}

func (s *Stream) keep(err error) {
	if s.err == nil {
		s.err = err
	}
}
