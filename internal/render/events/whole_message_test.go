package events_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"testing"
	"time"

	"github.com/msgctl/msgctl/internal/render/events"
	"github.com/msgctl/msgctl/internal/render/messages"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/consume/tail"
	"github.com/msgctl/msgctl/pkg/event"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/message/archive"
	"github.com/msgctl/msgctl/pkg/message/filter"
	"github.com/msgctl/msgctl/pkg/message/transform"
)

// FuzzWholeMessage reads whole messages from lines of an archive and does with them what the
// commands do: inspect, filter, key, jq, schema validation, and the formats of tail.
func FuzzWholeMessage(f *testing.F) {
	for _, seed := range []string{
		`{"v":1,"queue":"q","exchange":"x","routingKey":"k","headers":{"tenant":"a"},` +
			`"properties":{"messageId":"1"},"body":"{}"}`,
		`{"v":1,"properties":{"type":"order.created","contentEncoding":"gzip"},"headers":{},"body":"plain"}`,
		`{"v":1,"properties":{"type":"order.created"},"body":"{\"eventId\":\"1\",\"eventType\":\"order.created\",` +
			`\"timestamp\":\"2026-01-31T12:00:00Z\",\"version\":1,\"payload\":{\"total\":1e999999999},\"metadata\":{}}"}`,
		`{"v":1,"headers":{"a":[{"table":{"b":{"float64":"NaN:7ff8000000000001"}}}]},"body":"\u001b[31m"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(newWholeMessage(f).check)
}

// wholeMessage contains the operations to apply to messages.
type wholeMessage struct {
	catalogue *event.Catalogue
	filters   []*filter.Filter
	key       *filter.Key
	programs  []*transform.Transform
}

func newWholeMessage(t testing.TB) *wholeMessage {
	w := &wholeMessage{catalogue: event.NewCatalogue([]event.Type{{Name: "order.created", Schema: json.RawMessage(
		`{"type":"object","properties":{"total":{"type":"number","multipleOf":0.01},"items":{"uniqueItems":true}}}`)}})}
	for _, source := range []string{
		`headers.tenant == "a" && body.total > 1`, `any(body.items, .n != 1) or error.type contains "x"`,
		`properties.timestamp < date("2030-01-01") || age > duration("1h") || text matches "a.b"`,
	} {
		c, err := filter.Compile(source, filter.Options{})
		if err != nil {
			t.Fatal(err)
		}
		w.filters = append(w.filters, c)
	}
	var err error
	if w.key, err = filter.CompileKey("reason,queue,error,headers.tenant,body.id", filter.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{`.`, `.body |= .`, `.headers.seen = true`} {
		p, err := transform.New(source)
		if err != nil {
			t.Fatal(err)
		}
		w.programs = append(w.programs, p)
	}
	return w
}

func (w *wholeMessage) check(t *testing.T, line []byte) {
	m, err := archive.ParseLine(line)
	if err != nil {
		return
	}
	for _, c := range w.filters {
		_, _ = c.Match(m) // what cannot be compared is no fault
	}
	w.key.AppendValues(nil, m)
	for _, p := range w.programs {
		if changed, err := p.Apply(context.Background(), m); err == nil {
			_ = w.catalogue.CheckChanged(m, changed) // it may break its schema
			_ = messages.Diff(io.Discard, m, changed, terminal.NewStyler(false))
		}
	}
	w.inspect(t, m)
	w.tail(t, m)
}

func (w *wholeMessage) inspect(t *testing.T, m *message.Message) {
	var out bytes.Buffer
	for _, parsed := range []bool{true, false} {
		doc := messages.NewMessageDocument(m, messages.Options{Now: time.Unix(1e9, 0), ParseBody: parsed})
		if text, err := json.Marshal(doc); err != nil || !json.Valid(text) {
			t.Fatalf("inspect -o json: %v: %s", err, text)
		}
		if err := messages.Details(&out, doc, true, terminal.NewStyler(false), 80); err != nil {
			t.Fatal(err)
		}
		if err := messages.Table(&out, []messages.MessageDocument{doc}, terminal.NewStyler(false), 80); err != nil {
			t.Fatal(err)
		}
	}
	plain(t, "inspect", out.Bytes())
}

func (w *wholeMessage) tail(t *testing.T, m *message.Message) {
	s := &events.TailMessage{Item: tail.Item{Message: *m, At: time.Unix(1e9, 0)}}
	if e, format, err := event.FromMessage(m); err == nil {
		s.Event, s.Format = e, format
		s.Problems, _ = w.catalogue.Check(e) // not every type is declared
	}
	if text := s.Append(nil); !json.Valid(text) {
		t.Fatalf("tail -o ndjson: %s", text)
	}
	var out bytes.Buffer
	lines := events.NewTailLines(&out, terminal.NewStyler(false), 80)
	if err := lines.Write(s); err != nil {
		t.Fatal(err)
	}
	if err := lines.WriteDetails(s); err != nil {
		t.Fatal(err)
	}
	if err := lines.Flush(); err != nil {
		t.Fatal(err)
	}
	plain(t, "tail", out.Bytes())
}

// plain fails if text contains control characters, which a terminal would act on.
func plain(t *testing.T, what string, text []byte) {
	for _, r := range string(text) {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			t.Fatalf("%s writes the control character %U: %q", what, r, text)
		}
	}
}
