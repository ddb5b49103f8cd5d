package event_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/msgctl/msgctl/pkg/event"
	"github.com/msgctl/msgctl/pkg/message"
)

func sample() *event.Envelope {
	return &event.Envelope{
		EventID: "0198c0de-0000-7000-8000-000000000001", EventType: "order.created", AggregateID: "o-1",
		AggregateType: "Order", Version: 2,
		Timestamp: time.Date(2026, 1, 31, 12, 0, 0, 5e8, time.UTC), Payload: json.RawMessage(`{ "orderId":"o-1" }`),
		Metadata: event.Metadata{CorrelationID: "c-1", CausationID: "e-0", UserID: "u-7",
			TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", SpanID: "00f067aa0ba902b7"},
	}
}

func TestMessageOfAnEvent(t *testing.T) {
	shared := message.Table{"tenant": "acme"}
	m, err := sample().Message(event.MessageOptions{AppID: "shop", Headers: shared})
	if err != nil {
		t.Fatal(err)
	}
	want := message.Properties{ContentType: "application/json", DeliveryMode: message.Persistent,
		MessageID: sample().EventID, Type: "order.created",
		CorrelationID: "c-1", AppID: "shop", Timestamp: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)}
	if diff := cmp.Diff(want, m.Properties); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(message.Table{"tenant": "acme",
		"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}, m.Headers); diff != "" ||
		len(shared) != 1 {
		t.Error(diff, shared)
	}
	if !strings.Contains(string(m.Body), `"payload":{ "orderId":"o-1" },`) {
		t.Errorf("the payload was changed: %s", m.Body)
	}
	for _, change := range []func(*event.Envelope){
		func(e *event.Envelope) { e.EventID = strings.Repeat("x", 256) },
		func(e *event.Envelope) { e.EventType = strings.Repeat("x", 256) },
		func(e *event.Envelope) { e.Metadata.CorrelationID = strings.Repeat("x", 256) },
	} {
		e := sample()
		change(e)
		if _, err := e.Message(event.MessageOptions{}); err == nil || !strings.Contains(err.Error(), "256 bytes") {
			t.Error(err)
		}
	}
	if _, err := sample().Message(event.MessageOptions{Format: "xml"}); err == nil {
		t.Error("an unknown format")
	}
}

// TestEveryFormatBringsTheEventBack: whatever the format, nothing of an event is lost on the way.
func TestEveryFormatBringsTheEventBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := envelopes().Draw(t, "event")
		// CloudEvents take only well-formed ones
		want.Metadata.TraceID, want.Metadata.SpanID = sample().Metadata.TraceID, sample().Metadata.SpanID
		for _, f := range event.Formats() {
			m, err := want.Message(event.MessageOptions{Format: f})
			if err != nil {
				t.Fatal(err)
			}
			got, format, err := event.FromMessage(m)
			if err != nil || format != f {
				t.Fatalf("%s: %s %v", f, format, err)
			}
			got.Extra = nil // the source
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatal(f, diff)
			}
		}
	})
}

// TestOfficialSDKReadsStructuredEvents: and what the official SDK writes, is read.
func TestOfficialSDKReadsStructuredEvents(t *testing.T) {
	m, err := sample().Message(event.MessageOptions{Format: event.FormatCloudEventsStructured, AppID: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	var ce cloudevents.Event
	if err := json.Unmarshal(m.Body, &ce); err != nil {
		t.Fatal(err)
	}
	if err := ce.Validate(); err != nil {
		t.Error(err)
	}
	if ce.ID() != sample().EventID || ce.Type() != "order.created" || ce.Source() != "/shop" || ce.Subject() != "o-1" ||
		!ce.Time().Equal(sample().Timestamp) ||
		ce.Extensions()["correlationid"] != "c-1" ||
		ce.Extensions()["traceparent"] != "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" {
		t.Error(ce)
	}
	var data map[string]string
	if err := ce.DataAs(&data); err != nil || data["orderId"] != "o-1" {
		t.Error(data, err)
	}

	theirs := cloudevents.New()
	theirs.SetID("a")
	theirs.SetType("order.paid")
	theirs.SetSource("https://example.com/shop")
	theirs.SetSubject("o-2")
	theirs.SetTime(sample().Timestamp)
	theirs.SetExtension("dataversion", 4)
	theirs.SetExtension("tenant", "acme")
	if err := theirs.SetData("application/json", map[string]int{"n": 1}); err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(theirs)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := event.FromMessage(&message.Message{Properties: message.Properties{ContentType: theirs.DataMediaType(),
		CorrelationID: "from the property"}, Body: body})
	if err == nil {
		t.Errorf("a CloudEvent without its content type is taken for an envelope: %v", got)
	}
	got, _, err = event.FromMessage(&message.Message{Body: body,
		Properties: message.Properties{ContentType: "application/cloudevents+json", CorrelationID: "c-9"}})
	if err != nil {
		t.Fatal(err)
	}
	want := &event.Envelope{EventID: "a", EventType: "order.paid", AggregateID: "o-2", Timestamp: sample().Timestamp,
		Version: 4, Payload: json.RawMessage(`{"n":1}`),
		Metadata: event.Metadata{CorrelationID: "c-9"},
		Extra: map[string]json.RawMessage{"source": json.RawMessage(`"https://example.com/shop"`),
			"tenant": json.RawMessage(`"acme"`)}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestBinaryCloudEvents(t *testing.T) {
	base := func() message.Table {
		return message.Table{"cloudEvents_specversion": "1.0", "cloudEvents_id": "1", "cloudEvents_type": "a",
			"cloudEvents_source": "/x",
			"cloudEvents_time":   time.Unix(1700000000, 0), "cloudEvents_dataversion": int64(2), "other": "left alone"}
	}
	read := func(h message.Table, contentType, body string) (*event.Envelope, error) {
		e, _, err := event.FromMessage(&message.Message{Properties: message.Properties{ContentType: contentType}, Headers: h,
			Body: []byte(body)})
		return e, err
	}
	e, err := read(base(), "application/json; charset=utf-8", `{}`)
	if err != nil || e.Version != 2 || e.Timestamp.Unix() != 1700000000 || e.Extra["other"] != nil {
		t.Error(e, err)
	}
	for _, c := range []struct {
		change      func(message.Table)
		contentType string
		body        string
		problem     string
	}{
		{func(h message.Table) { h["cloudEvents_specversion"] = "0.3" }, "", "{}", "/specversion: a CloudEvent of version"},
		{func(h message.Table) { delete(h, "cloudEvents_id") }, "", "{}", "/id: is missing"},
		{func(h message.Table) { delete(h, "cloudEvents_type") }, "", "{}", "/type: is missing"},
		{func(h message.Table) { delete(h, "cloudEvents_source") }, "", "{}", "/source: is missing"},
		{func(h message.Table) { h["cloudEvents_time"] = "noon" }, "", "{}", "/time"},
		{func(h message.Table) { h["cloudEvents_dataversion"] = "x" }, "", "{}", "/dataversion"},
		{func(h message.Table) { h["cloudEvents_id"] = []any{"x"} }, "", "{}", "/id: want a text"},
		{func(message.Table) {}, "text/xml", "<x/>", "not JSON"},
		{func(message.Table) {}, "", "{", "/data: column 2"},
	} {
		h := base()
		c.change(h)
		var f *event.FormatError
		if _, err := read(h, c.contentType, c.body); !errors.As(err, &f) || !strings.Contains(err.Error(), c.problem) {
			t.Errorf("%v, want %q", err, c.problem)
		}
	}
}

func TestStructuredCloudEventsThatAreNone(t *testing.T) {
	for body, problem := range map[string]string{
		`{}`: "/specversion: is missing", `[]`: "an array", `{`: "ends too early",
		`{"specversion":"1.0","data":1}`:                                                      "/id: is missing",
		`{"specversion":"1.0","id":"1","type":"a","source":"/"}`:                              "/data: is missing",
		`{"specversion":"1.0","id":"1","type":"a","source":"/","data_base64":"eA=="}`:         "binary",
		`{"specversion":"1.0","id":"1","type":"a","source":"/","datacontenttype":"text/xml"}`: "text/xml",
		`{"specversion":"1.0","id":{},"type":"a","source":"/","data":1}`:                      "/id",
		`{"specversion":2,"id":"1","type":"a","source":"/","data":1}`:                         "/specversion",
		`{"specversion":"1.0","id":"1","id":"2","type":"a","source":"/","data":1}`:            "/id: is there twice",
	} {
		_, format, err := event.FromMessage(&message.Message{Body: []byte(body),
			Properties: message.Properties{ContentType: "Application/CloudEvents+JSON"}})
		if err == nil || !strings.Contains(err.Error(), problem) || format != event.FormatCloudEventsStructured {
			t.Errorf("%s: %v, want %q", body, err, problem)
		}
	}
	if _, _, err := event.FromMessage(&message.Message{Body: []byte("x"),
		Properties: message.Properties{ContentType: "application/cloudevents+avro"}}); err == nil {
		t.Error("avro is taken for JSON")
	}
}

func TestTraceOfTheHeader(t *testing.T) {
	e := sample()
	e.Metadata = event.Metadata{}
	for header, want := range map[string]string{
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01": "4bf92f3577b34da6a3ce929d0e0e4736",
		"00-00000000000000000000000000000000-00f067aa0ba902b7-01": "", "garbage": "",
		"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01": "",
	} {
		got, _, err := event.FromMessage(&message.Message{Headers: message.Table{"traceparent": header}, Body: e.JSON()})
		if err != nil || got.Metadata.TraceID != want {
			t.Errorf("%s: %v %v", header, got, err)
		}
	}
	e.Metadata.TraceID = "mine"
	got, _, err := event.FromMessage(&message.Message{Body: e.JSON(),
		Headers: message.Table{"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}})
	if err != nil || got.Metadata.TraceID != "mine" {
		t.Error(got, err)
	}
}

func FuzzFromMessage(f *testing.F) {
	f.Add("application/cloudevents+json", []byte(`{"specversion":"1.0","id":"1","type":"a","source":"/","data":1}`), "")
	f.Add("application/json", []byte(`{}`), "1.0")
	f.Add("", []byte(byHand), "")
	f.Fuzz(func(t *testing.T, contentType string, body []byte, specversion string) {
		m := &message.Message{Properties: message.Properties{ContentType: contentType}, Body: body, Headers: message.Table{}}
		if specversion != "" {
			m.Headers["cloudEvents:specversion"], m.Headers["cloudEvents:id"] = specversion, "1"
			m.Headers["cloudEvents:type"], m.Headers["cloudEvents:source"] = "a", "/"
		}
		e, _, err := event.FromMessage(m)
		if err == nil && !json.Valid(e.JSON()) {
			t.Fatalf("%s", e.JSON())
		}
	})
}
