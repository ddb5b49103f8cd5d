package event_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/msgctl/msgctl/pkg/event"
)

// byHand is an event as another program writes it: other order, other spacing, an offset, members
// that msgctl does not know.
const byHand = `
{
  "payload": { "orderId" : "o-1",   "total": 1.10, "note": "a\u00e9 <b>" },
  "metadata": {"userId": "u-7", "correlationId": "c-1", "causationId": null, "tenant": {"id": 3}},
  "eventType": "order.created", "version": 2, "timestamp": "2026-01-31T13:00:00.25+01:00",
  "aggregateType": "Order", "aggregateId": "o-1", "eventId": "3f2b0000-not-a-uuid", "schemaUrl": "x"
}
`

func TestEnvelopeMadeByHand(t *testing.T) {
	got, err := event.Parse([]byte(byHand))
	if err != nil {
		t.Fatal(err)
	}
	want := &event.Envelope{
		EventID: "3f2b0000-not-a-uuid", EventType: "order.created", AggregateID: "o-1", AggregateType: "Order", Version: 2,
		Timestamp: time.Date(2026, 1, 31, 12, 0, 0, 250e6, time.UTC),
		Payload:   json.RawMessage(`{ "orderId" : "o-1",   "total": 1.10, "note": "a\u00e9 <b>" }`),
		Metadata: event.Metadata{CorrelationID: "c-1", UserID: "u-7",
			Extra: map[string]json.RawMessage{"tenant": json.RawMessage(`{"id": 3}`)}},
		Extra: map[string]json.RawMessage{"schemaUrl": json.RawMessage(`"x"`)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	again, err := event.Parse(got.JSON())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, again); diff != "" {
		t.Error("written and read again:", diff)
	}
}

func TestWhatIsNoEvent(t *testing.T) {
	good := map[string]any{"eventId": "1", "eventType": "a.b", "timestamp": "2026-01-31T12:00:00Z", "version": 1,
		"payload": map[string]any{}}
	with := func(name string, v any) string {
		m := map[string]any{}
		for k, x := range good {
			m[k] = x
		}
		if m[name] = v; v == nil {
			delete(m, name)
		}
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for _, c := range []struct{ text, pointer, words string }{
		{"", "", "empty"},
		{" \n", "", "empty"},
		{"{", "", "ends too early"},
		{"{\"eventId\":\n  nope}", "", "line 2, column 4"},
		{"[]", "", "an array"},
		{"7", "", "a number"},
		{"{\"eventId\":\"\xff\"}", "", "byte 12 is not UTF-8"},
		{strings.Repeat("[", 100000), "", "not JSON"},
		{with("eventId", nil), "/eventId", "is missing"},
		{with("eventId", 7), "/eventId", "want a string, and this is a number"},
		{with("eventId", ""), "/eventId", "is empty"},
		{with("eventType", nil), "/eventType", "is missing"},
		{with("eventType", []string{"x"}), "/eventType", "an array"},
		{with("timestamp", "yesterday"), "/timestamp", "RFC 3339"},
		{with("timestamp", 1700000000), "/timestamp", "a number"},
		{with("timestamp", nil), "/timestamp", "is missing"},
		{with("version", "1"), "/version", "want an integer from 1, and this is a string"},
		{with("version", 1.5), "/version", "1.5"},
		{with("version", 0), "/version", "this is 0"},
		{with("version", nil), "/version", "is missing"},
		{with("payload", nil), "/payload", "is missing"},
		{with("metadata", "x"), "/metadata", "want an object"},
		{with("metadata", map[string]any{"traceId": 1}), "/metadata/traceId", "a number"},
		{`{"eventId":"1","eventId":"2"}`, "/eventId", "twice"},
		{`{"EventID":"1","eventType":"a","timestamp":"2026-01-31T12:00:00Z","version":1,"payload":1}`, "/eventId",
			"is missing"},
	} {
		_, err := event.Parse([]byte(c.text))
		var f *event.FormatError
		if !errors.As(err, &f) || f.Pointer != c.pointer || !strings.Contains(f.Problem, c.words) {
			t.Errorf("%.60s: %v, want %q at %q", c.text, err, c.words, c.pointer)
		}
	}
	if _, err := event.Parse([]byte(with("version", 1))); err != nil {
		t.Error(err)
	}
}

func TestLargeEvent(t *testing.T) {
	payload := append(append([]byte(`"`), bytes.Repeat([]byte("x"), 16<<20)...), '"')
	e := event.Envelope{EventID: "1", EventType: "a", Timestamp: time.Unix(1, 0), Version: 1, Payload: payload}
	got, err := event.Parse(e.JSON())
	if err != nil || !bytes.Equal(got.Payload, payload) {
		t.Error(err)
	}
	if _, err := event.Parse(make([]byte, event.MaxBytes+1)); err == nil ||
		!strings.Contains(err.Error(), "more than an event can have") {
		t.Error(err)
	}
}

func envelopes() *rapid.Generator[*event.Envelope] {
	return rapid.Custom(func(t *rapid.T) *event.Envelope {
		text := rapid.StringN(0, 20, 60)
		payload, err := json.Marshal(rapid.MapOfN(text, rapid.OneOf(text.AsAny(), rapid.Int64().AsAny(),
			rapid.Float64().AsAny()), 0, 4).Draw(t, "payload"))
		if err != nil {
			t.Fatal(err)
		}
		return &event.Envelope{
			EventID: "e" + text.Draw(t, "id"), EventType: "t" + text.Draw(t, "type"), AggregateID: text.Draw(t,
				"aggregate"), AggregateType: text.Draw(t, "of"),
			Timestamp: time.Unix(rapid.Int64Range(1, 1<<33).Draw(t, "s"),
				rapid.Int64Range(0, 1e9-1).Draw(t, "ns")).UTC(), Version: rapid.Int64Range(1, 1<<40).Draw(t, "version"),
			Payload: payload,
			Metadata: event.Metadata{CorrelationID: text.Draw(t, "c"), CausationID: text.Draw(t, "cc"),
				UserID: text.Draw(t, "u"), TraceID: text.Draw(t, "tr"), SpanID: text.Draw(t, "sp")},
		}
	})
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := envelopes().Draw(t, "event")
		text := want.JSON()
		if !json.Valid(text) {
			t.Fatalf("not JSON: %s", text)
		}
		got, err := event.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(byHand))
	f.Add([]byte(`{"eventType":"a","payload":null,"metadata":{}}`))
	f.Add([]byte(`{"eventId":"\ud800","eventType":"a","payload":[1e999]}`))
	f.Add([]byte("{\"a\":\"\xff\"}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := event.ParseDraft(text)
		if err != nil {
			var f *event.FormatError
			if !errors.As(err, &f) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		again, err := event.ParseDraft(e.JSON())
		if err != nil {
			t.Fatalf("what was read is written as %s: %v", e.JSON(), err)
		}
		if diff := cmp.Diff(e, again); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestIDs(t *testing.T) {
	s, err := event.NewSeries()
	if err != nil {
		t.Fatal(err)
	}
	same, err := event.ParseSeries(s.String())
	if err != nil || same != s {
		t.Fatal(same, err)
	}
	seen := map[string]bool{}
	last := ""
	for _, n := range []uint32{0, 1, 2, 63, 64, 1 << 13, 1 << 14, 1 << 19, 1 << 20, 1 << 27, 1<<28 - 1, 1 << 28,
		1<<32 - 1} {
		id := s.ID(n)
		if id != same.ID(n) || seen[id] || id <= last {
			t.Errorf("%d: %s after %s", n, id, last)
		}
		if len(id) != 36 || id[14] != '7' || !strings.ContainsRune("89ab", rune(id[19])) {
			t.Errorf("%d: %s is no UUIDv7", n, id)
		}
		seen[id], last = true, id
	}
	if id, err := event.NewID(); err != nil || id[14] != '7' {
		t.Error(id, err)
	}
	for _, bad := range []string{"", "x", "3f2b1c00-0000-4000-8000-000000000000"} {
		if _, err := event.ParseSeries(bad); err == nil {
			t.Errorf("%q is taken for a series", bad)
		}
	}
}

// TestForeignNames: members that msgctl does not know are written again under the names that they
// came with, whatever is in these.
func TestForeignNames(t *testing.T) {
	names := []string{`quote"`, `back\slash`, "line\n", "bell\x07", "ünïcode", "", "a.b", "<&>"}
	extra := map[string]any{}
	for i, name := range names {
		extra[name] = i
	}
	whole := maps.Clone(extra)
	maps.Copy(whole, map[string]any{"eventType": "t", "payload": 1, "metadata": extra})
	text, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	e, err := event.ParseDraft(text)
	if err != nil {
		t.Fatal(err)
	}
	again, err := event.ParseDraft(e.JSON())
	if err != nil {
		t.Fatalf("%v: %s", err, e.JSON())
	}
	for where, got := range map[string]map[string]json.RawMessage{"the event": again.Extra,
		"its metadata": again.Metadata.Extra} {
		if len(got) != len(names) {
			t.Errorf("%s has %v", where, got)
		}
		for i, name := range names {
			if string(got[name]) != strconv.Itoa(i) {
				t.Errorf("%s has %s as %q, want %d", where, got[name], name, i)
			}
		}
	}
}
