package compose

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/msgctl/msgctl/pkg/event"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

func newEvents(t *testing.T, only string) *Events {
	t.Helper()
	created := event.Type{Name: "order.created", Exchange: "orders", AggregateType: "Order", AggregateID: "/orderId",
		Version: 1, Schema: []byte(`{"type":"object","required":["orderId"]}`)}
	elsewhere := created
	elsewhere.Name, elsewhere.VHost = "order.paid", "other"
	m := &Events{Catalogue: event.NewCatalogue([]event.Type{created, elsewhere}), AppID: "shop"}
	if only != "" {
		typ, err := m.Catalogue.Type(only)
		if err != nil {
			t.Fatal(err)
		}
		m.Type = typ
	}
	return m
}

func TestEvents(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	m := newEvents(t, "order.created")
	m.Metadata.CorrelationID = "c-1"
	m.Decoration = Decoration{Headers: message.Table{"tenant": "acme"}, Priority: 3, Expiration: time.Second,
		Delay: 2 * time.Second}
	got, err := m.Compose([]byte(` {"orderId":"o-1"} `), "id-1", now)
	if err != nil {
		t.Fatal(err)
	}
	e, p := got.Event, got.Message
	if e.EventID != "id-1" || e.AggregateID != "o-1" || !e.Timestamp.Equal(now) || e.Metadata.CorrelationID != "c-1" {
		t.Errorf("%+v", e)
	}
	if got.Target != (publish.Target{Exchange: "orders", Key: "order.created"}) || p.MessageID != "id-1" ||
		p.AppID != "shop" || p.Priority != 3 || p.Expiration != "1000" {
		t.Errorf("%+v %+v", got.Target, p.Properties)
	}
	if p.Headers["tenant"] != "acme" || p.Headers[HeaderDelay] != int64(2000) {
		t.Errorf("headers %v", p.Headers)
	}
}

func TestInvalidTexts(t *testing.T) {
	for name, c := range map[string]struct {
		only, text, pointer, want string
		untyped                   bool
	}{
		"schema":   {"order.created", `{}`, "", "orderId", false},
		"not JSON": {"order.created", `{`, "", "", false},
		"another type": {"order.created", `{"eventType":"order.paid","payload":{}}`, "/eventType", "not order.created",
			false},
		"a payload":    {"", `{"orderId":"o-1"}`, "/eventType", "for payloads, name their event", true},
		"unknown type": {"", `{"eventType":"order.lost","payload":{}}`, "/eventType", "order.lost", false},
		"another vhost": {"", `{"eventType":"order.paid","payload":{"orderId":"o"}}`, "/eventType",
			`belongs to vhost "other"`, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newEvents(t, c.only).Compose([]byte(c.text), "id", time.Now())
			var invalid *InvalidError
			if !errors.As(err, &invalid) || len(invalid.Violations) == 0 {
				t.Fatalf("%v", err)
			}
			if !strings.Contains(err.Error(), c.want) || invalid.Untyped != c.untyped || string(invalid.Text) != c.text {
				t.Errorf("%v, untyped %v, of %s", err, invalid.Untyped, invalid.Text)
			}
			if c.pointer != "" && invalid.Violations[0].Pointer != c.pointer {
				t.Errorf("pointer %q", invalid.Violations[0].Pointer)
			}
			if strings.Contains(err.Error(), "--") {
				t.Errorf("names a flag: %v", err)
			}
		})
	}
}

func TestRaw(t *testing.T) {
	r := &Raw{Target: publish.Target{Key: "q"}}
	for text, want := range map[string]string{"{}": "application/json", "hello": ""} {
		got, err := r.Compose([]byte(text), "id", time.Now())
		if err != nil || got.Message.ContentType != want || got.Message.MessageID != "id" || got.Event != nil ||
			got.Span != nil {
			t.Errorf("%s: %+v, %v", text, got.Message, err)
		}
	}
}

func TestParseHeaders(t *testing.T) {
	got, err := ParseHeaders([]string{"n=7", "s=07", "b=true", `q="7"`, "CC=a", "CC=b"})
	if err != nil || got["n"] != int64(7) || got["s"] != "07" || got["b"] != true || got["q"] != "7" ||
		len(got["CC"].([]any)) != 2 {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"x", "=x", "x-death=1", HeaderDelay + "=5"} {
		if _, err := ParseHeaders([]string{bad}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
