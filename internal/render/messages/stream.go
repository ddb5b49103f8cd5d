package messages

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/msgctl/msgctl/internal/render"
)

// FormatVersion is the version of ListDocument.
const FormatVersion = "1"

// ListDocument is the messages of a queue, as other programs read them.
type ListDocument struct {
	FormatVersion string     `json:"format_version"`
	VHost         string     `json:"vhost"`
	Queue         string     `json:"queue"`
	Type          string     `json:"type"`
	Messages      []Document `json:"messages"`
	// Looked is how many messages were read.
	Looked int64 `json:"looked_at"`
}

// Stream writes a ListDocument as JSON or YAML, message by message, so that it is never in memory as a
// whole. After an error nothing more is written.
type Stream struct {
	w    *bufio.Writer
	yaml bool
	head ListDocument
	n    int64
	err  error
}

// NewStream begins a document with all fields of head but Messages and Looked. Nothing is written
// before the first message.
func NewStream(w io.Writer, yaml bool, head ListDocument) *Stream {
	return &Stream{w: bufio.NewWriter(w), yaml: yaml, head: head}
}

// Add writes a message.
func (s *Stream) Add(m Document) error {
	if s.n == 0 {
		s.begin()
		s.put(map[bool]string{true: "\n", false: "[\n"}[s.yaml])
	} else if !s.yaml {
		s.put(",\n")
	}
	s.n++
	s.put(s.message(m))
	return s.err
}

func (s *Stream) put(text string) {
	if s.err == nil {
		_, s.err = s.w.WriteString(text)
	}
}

// begin writes the head, up to the name of messages.
func (s *Stream) begin() {
	for _, f := range [][2]string{{"format_version", s.head.FormatVersion}, {"vhost", s.head.VHost},
		{"queue", s.head.Queue}, {"type", s.head.Type}} {
		if s.yaml {
			var line bytes.Buffer
			s.keep(render.YAML(&line, map[string]string{f[0]: f[1]}))
			s.put(line.String())
			continue
		}
		value, err := json.Marshal(f[1])
		s.keep(err)
		s.put(fmt.Sprintf("%s  %q: %s,\n", map[bool]string{true: "{\n", false: ""}[f[0] == "format_version"], f[0], value))
	}
	s.put(map[bool]string{true: "messages:", false: `  "messages": `}[s.yaml])
}

func (s *Stream) keep(err error) {
	if s.err == nil {
		s.err = err
	}
}

func (s *Stream) message(m Document) string {
	var text bytes.Buffer
	if s.yaml {
		s.keep(render.YAML(&text, []Document{m}))
		var out strings.Builder
		for line := range strings.Lines(text.String()) {
			out.WriteString("  " + line)
		}
		return out.String()
	}
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("    ", "  ")
	s.keep(enc.Encode(m))
	return "    " + strings.TrimRight(text.String(), "\n")
}

// End writes the end of the document.
func (s *Stream) End(looked int64) error {
	if s.n == 0 {
		s.begin()
		s.put(map[bool]string{true: " []\n", false: "["}[s.yaml])
	} else if !s.yaml {
		s.put("\n  ")
	}
	if s.yaml {
		s.put(fmt.Sprintf("looked_at: %d\n", looked))
	} else {
		s.put(fmt.Sprintf("],\n  \"looked_at\": %d\n}\n", looked))
	}
	if s.err == nil {
		s.err = s.w.Flush()
	}
	return s.err
}
