package messages_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/render/messages"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/message"
)

var plain terminal.Styler

func dead(id, body string) *message.Message {
	m := &message.Message{
		Queue: "orders.dlq", Exchange: "dlx", RoutingKey: "dead", Body: []byte(body),
		Headers: message.Table{
			"x-death": []any{message.Table{
				"queue": "orders", "reason": "rejected", "exchange": "events", "routing-keys": []any{"order.created"},
				"count": int64(2), "time": time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC),
			}},
			"tenant": "acme",
		},
	}
	m.MessageID = id
	return m
}

func document(m *message.Message) messages.MessageDocument {
	return messages.NewMessageDocument(m,
		messages.Options{Now: time.Date(2026, 1, 31, 13, 30, 0, 0, time.UTC), ParseBody: true})
}

func TestMessageDocument(t *testing.T) {
	var out bytes.Buffer
	if err := render.JSONLine(&out, document(dead("m-1", `{"n":1.10,"big":12345678901234567890}`))); err != nil {
		t.Fatal(err)
	}
	want := `{"id":"m-1","source":"orders.dlq","reason":"rejected","queue":"orders","exchange":"events","routingKey":"order.created",` +
		`"diedAt":"2026-01-31T12:00:00Z","ageMs":5400000,"deathCount":2,` +
		`"deaths":[{"reason":"rejected","queue":"orders","exchange":"events","routingKeys":["order.created"],"count":2,"time":"2026-01-31T12:00:00Z"}],` +
		`"history":["rejected in orders 2 times, first on 2026-01-31 12:00:00Z, published to events with key order.created"],` +
		`"properties":{"messageId":"m-1"},"headers":{"tenant":"acme","x-death":[{"count":2,"exchange":"events","queue":"orders","reason":"rejected",` +
		`"routing-keys":["order.created"],"time":"2026-01-31T12:00:00Z"}]},"size":37,"body":{"n":1.10,"big":12345678901234567890},"bodyIs":"JSON, 37 B"}` + "\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

// AMQP timestamps have 64-bit seconds. One message with such a time must not prevent others from
// being shown.
func TestTimesThatRFC3339CannotHold(t *testing.T) {
	for _, seconds := range []int64{99999999999999, -99999999999999, math.MaxInt64, math.MinInt64} {
		far := time.Unix(seconds, 0)
		m := dead("m-1", "{}")
		m.Timestamp = far
		m.Headers["when"] = far
		for _, entry := range m.Headers["x-death"].([]any) {
			entry.(message.Table)["time"] = far
		}
		var out bytes.Buffer
		if err := render.JSONLine(&out, document(m)); err != nil {
			t.Fatalf("%d: %v", seconds, err)
		}
		if want := fmt.Sprintf(`"when":%d`, far.Unix()); !strings.Contains(out.String(), want) {
			t.Errorf("%s lacks %s", out.String(), want)
		}
	}
	for n, want := range map[int64]string{1700000000123: "1700000000123 (in milliseconds: 2023-11-14T22:13:20.123Z)",
		math.MaxInt64: fmt.Sprint(math.MaxInt64), -99999999999999: "-99999999999999"} {
		m := dead("m-1", "{}")
		m.Timestamp = time.Unix(n, 0)
		var out bytes.Buffer
		err := messages.Details(&out, document(m), false, plain, 0)
		if err != nil || !strings.Contains(out.String(), want+"\n") {
			t.Errorf("%d is shown in %s (%v)", n, out.String(), err)
		}
	}
}

func TestMessageDocumentOfOddBodies(t *testing.T) {
	for _, body := range []string{"", "text", "\xff\x00", `{"a":`, "\x1b[31m", `{"a":"` + "\xff" + `"}`} {
		doc := document(dead("m", body))
		var out bytes.Buffer
		if err := render.JSON(&out, doc); err != nil {
			t.Errorf("%q: %v", body, err)
		}
		out.Reset()
		if err := render.YAML(&out, doc); err != nil {
			t.Errorf("%q: %v", body, err)
		}
	}
}

func TestNothingOfAMessageReachesTheTerminalRaw(t *testing.T) {
	evil := "\x1b]0;owned\x07\u202e\x9b31m"
	m := dead("id"+evil, "line"+evil+"\nnext"+evil)
	m.Headers["h"+evil] = "v" + evil
	m.Headers["x-exception-message"], m.Headers["x-exception-stacktrace"] = "e"+evil, "s"+evil
	m.Type, m.RoutingKey = "t"+evil, "k"+evil
	for _, width := range []int{0, 40, 200} {
		var out bytes.Buffer
		doc := document(m)
		if err := messages.Details(&out, doc, true, plain, width); err != nil {
			t.Fatal(err)
		}
		if err := messages.Table(&out, []messages.MessageDocument{doc}, plain, width); err != nil {
			t.Fatal(err)
		}
		if err := messages.Diff(&out, m, dead("other"+evil, "other"+evil), plain); err != nil {
			t.Fatal(err)
		}
		if i := strings.IndexAny(out.String(), "\x1b\x07\u202e\u009b"); i >= 0 {
			t.Errorf("width %d: raw control character at %q", width, out.String()[max(0, i-20):i+5])
		}
	}
}

func TestTransformDiff(t *testing.T) {
	before, after := dead("m-1", `{"b":2,"a":1}`), dead("m-1", `{"a":1,"b":3}`)
	after.Headers = message.Table{"tenant": "globex"}
	var out bytes.Buffer
	if err := messages.Diff(&out, before, after, plain); err != nil {
		t.Fatal(err)
	}
	want := "Message m-1 through --jq\n  -header tenant: acme\n  +header tenant: globex\n   {\n     \"a\": 1,\n  -  " +
		"\"b\": 2\n  +  \"b\": 3\n   }\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
	out.Reset()
	if err := messages.Diff(&out, before, before, plain); err != nil || !strings.Contains(out.String(), "no change") {
		t.Errorf("%v %q", err, out.String())
	}
}

func TestMessageStreamIsTheDocument(t *testing.T) {
	for n := range 3 {
		doc := messages.ListDocument{FormatVersion: "1", VHost: "/", Queue: "q: \"x\"", Type: "classic",
			Messages: []messages.MessageDocument{}, Browsed: 7}
		for range n {
			doc.Messages = append(doc.Messages, document(dead("m-1", `{"n":[1,{}],"text":"a\nb"}`)),
				document(dead("m-2", "two\nlines\n")))
		}
		for _, yaml := range []bool{false, true} {
			var want, got bytes.Buffer
			write := render.JSON
			if yaml {
				write = render.YAML
			}
			stream := messages.NewStream(&got, yaml, doc)
			for _, m := range doc.Messages {
				if err := stream.Add(m); err != nil {
					t.Fatal(err)
				}
			}
			if err := errors.Join(write(&want, doc), stream.End(7)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want.String(), got.String()); diff != "" {
				t.Errorf("%d messages, yaml %v: %s", len(doc.Messages), yaml, diff)
			}
		}
	}
}
