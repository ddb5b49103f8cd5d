package render

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// MessagesDocument is what dlq inspect saw, message by message.
type MessagesDocument struct {
	FormatVersion string            `json:"format_version"`
	VHost         string            `json:"vhost"`
	Queue         string            `json:"queue"`
	Type          string            `json:"type"`
	Messages      []MessageDocument `json:"messages"`
	// Looked is how many messages were looked at.
	Looked int64 `json:"looked_at"`
}

// MessageStream writes a MessagesDocument as JSON or YAML without ever holding more than one
// message. The first error is kept.
type MessageStream struct {
	w    *bufio.Writer
	yaml bool
	head MessagesDocument
	n    int64
	err  error
}

// NewMessageStream begins a document; of head it takes all but Messages and Looked. Nothing is
// written before the first message.
func NewMessageStream(w io.Writer, yaml bool, head MessagesDocument) *MessageStream {
	return &MessageStream{w: bufio.NewWriter(w), yaml: yaml, head: head}
}

// Add writes a message.
func (s *MessageStream) Add(m MessageDocument) error {
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

func (s *MessageStream) put(text string) {
	if s.err == nil {
		_, s.err = s.w.WriteString(text)
	}
}

// begin writes the head, up to the name of messages.
func (s *MessageStream) begin() {
	for _, f := range [][2]string{{"format_version", s.head.FormatVersion}, {"vhost", s.head.VHost},
		{"queue", s.head.Queue}, {"type", s.head.Type}} {
		if s.yaml {
			var line bytes.Buffer
			s.keep(YAML(&line, map[string]string{f[0]: f[1]}))
			s.put(line.String())
			continue
		}
		value, err := json.Marshal(f[1])
		s.keep(err)
		s.put(fmt.Sprintf("%s  %q: %s,\n", map[bool]string{true: "{\n", false: ""}[f[0] == "format_version"], f[0], value))
	}
	s.put(map[bool]string{true: "messages:", false: `  "messages": `}[s.yaml])
}

func (s *MessageStream) keep(err error) {
	if s.err == nil {
		s.err = err
	}
}

func (s *MessageStream) message(m MessageDocument) string {
	var text bytes.Buffer
	if s.yaml {
		s.keep(YAML(&text, []MessageDocument{m}))
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

// End writes the rest.
func (s *MessageStream) End(looked int64) error {
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
