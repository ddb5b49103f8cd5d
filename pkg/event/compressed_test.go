package event_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/pkg/event"
	"github.com/msgctl/msgctl/pkg/message"
)

// TestCompressedEventsAreEvents: in every format, within bounds.
func TestCompressedEventsAreEvents(t *testing.T) {
	for _, format := range event.Formats() {
		m, err := sample().Message(event.MessageOptions{Format: format})
		if err != nil {
			t.Fatal(err)
		}
		m.Body, m.ContentEncoding = zipped(t, m.Body), "gzip"
		raw := bytes.Clone(m.Body)
		e, got, err := event.FromMessage(m)
		if err != nil || got != format || e.EventID != sample().EventID || string(e.Payload) != string(sample().Payload) {
			t.Errorf("%s: %v, %v, %v", format, e, got, err)
		}
		if !bytes.Equal(m.Body, raw) || m.ContentEncoding != "gzip" {
			t.Errorf("%s: the message was changed", format)
		}
	}
	for name, body := range map[string][]byte{
		"larger than the bound": zipped(t, bytes.Repeat([]byte(" "), 17<<20)), "gzip": []byte("{}"),
	} {
		_, _, err := event.FromMessage(&message.Message{Properties: message.Properties{ContentEncoding: "gzip"}, Body: body})
		var form *event.FormatError
		if !errors.As(err, &form) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func zipped(t *testing.T, text []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
