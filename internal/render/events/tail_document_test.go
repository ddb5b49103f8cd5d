package events_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/msgctl/msgctl/internal/render/events"
)

// TestTailDocument checks that the output is one JSON document, for any number of messages.
func TestTailDocument(t *testing.T) {
	for _, n := range []int{0, 1, 3} {
		var out bytes.Buffer
		doc := events.NewTailDocument(&out, events.Field{Name: "queue", Value: "a \"b\""})
		for range n {
			if err := doc.Write(&events.TailMessage{}); err != nil {
				t.Fatal(err)
			}
			if err := doc.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			if err := doc.End(events.Field{Name: "shown", Value: n}); err != nil {
				t.Fatal(err)
			}
		}
		var got struct {
			Version  string `json:"format_version"`
			Queue    string
			Messages []map[string]any
			Shown    int
		}
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatalf("%d messages: %v\n%s", n, err, out.Bytes())
		}
		if got.Version != events.TailFormatVersion || got.Queue != `a "b"` || len(got.Messages) != n || got.Shown != n {
			t.Errorf("%d messages: %+v", n, got)
		}
	}
}
