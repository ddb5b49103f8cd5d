package message_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	amqp "github.com/rabbitmq/amqp091-go"
	"pgregory.net/rapid"

	"github.com/msgctl/msgctl/pkg/message"
)

func TestReplayHeadersTakeOffWhatTheBrokerOwns(t *testing.T) {
	h := retriedTwice()
	own := map[string]any{"tenant": "acme", "x-trace": int32(7), "x-retries": int64(2), "nested": clientTable{"a": nil}}
	maps.Copy(h, own)
	for _, name := range []string{
		"x-last-death-queue", "x-last-death-reason", "x-last-death-exchange", "x-delivery-count", "x-acquired-count",
		"x-stream-offset", "x-opt-deaths",
	} {
		h[name] = "broker"
	}
	h["CC"], h["BCC"] = []any{"copy"}, []any{"blind"}
	before := maps.Clone(h)

	got := message.ReplayHeaders(h, message.Replay{ID: "run-1", From: "dlq"})
	note := got["x-msgctl-original-headers"].(string)
	delete(got, "x-msgctl-original-headers")
	want := message.Table{
		"x-msgctl-replay-count": "1", "x-msgctl-replay-id": "run-1", "x-msgctl-replay-from": "dlq",
	}
	maps.Copy(want, own)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, h); diff != "" {
		t.Errorf("the message's own headers were changed:\n%s", diff)
	}
	var noted map[string]any
	if err := json.Unmarshal([]byte(note), &noted); err != nil {
		t.Fatalf("note %q: %v", note, err)
	}
	for name := range before {
		if _, ok := noted[name]; ok != message.BrokerOwned(name) {
			t.Errorf("header %s: noted %v", name, ok)
		}
	}
}

func TestOriginalHeadersTellTheDeathsBefore(t *testing.T) {
	replayed := message.ReplayHeaders(retriedTwice(), message.Replay{ID: "r", From: "dlq"})
	original, ok := message.OriginalHeaders(replayed)
	if !ok {
		t.Fatal("no original headers")
	}
	first, ok := message.DeathsOf(original).First(nil)
	if !ok || first.Queue != "work" || first.Count != 3 || !first.Time.Equal(t0) || first.RoutingKey() != "order.created" {
		t.Errorf("first death %+v", first)
	}
	again := message.ReplayHeaders(replayed, message.Replay{ID: "r2", From: "dlq"})
	if again["x-msgctl-original-headers"] != replayed["x-msgctl-original-headers"] {
		t.Error("a replay of a message that did not die in between changed the note")
	}
	if n := message.ReplayCount(again); n != 2 {
		t.Errorf("count = %d, want 2", n)
	}
}

func TestNotesStayWithinTheirBound(t *testing.T) {
	h := message.Table{"x-death": []any{death("first", "rejected", 1, t0, "orders", "created")}}
	for range 200 {
		h = message.ReplayHeaders(h, message.Replay{ID: "r", From: "dlq"})
		maps.Copy(h, retriedTwice())
		note := h["x-msgctl-original-headers"].(string)
		if len(note) > message.MaxOriginalHeaders {
			t.Fatalf("note of %d bytes", len(note))
		}
		if len(message.Timeline(h)) < 2 {
			t.Fatal("the latest deaths are missing")
		}
		if earlier := message.EarlierDeaths(h); len(earlier) == 0 || !hasQueue(earlier[0], "first") {
			t.Fatal("the first death is forgotten: nothing tells how the message was published")
		}
	}
	h["x-death"] = []any{death(strings.Repeat("q", 30000), "rejected", 1, t0, "")}
	if _, ok := message.ReplayHeaders(h, message.Replay{})["x-msgctl-original-headers"]; ok {
		t.Error("a note above the bound was kept")
	}
}

func hasQueue(d message.Deaths, queue string) bool {
	first, ok := d.First(nil)
	return ok && first.Queue == queue
}

func TestEarlierDeathsComeOldestFirst(t *testing.T) {
	h := message.Table{"x-death": []any{death("first", "rejected", 1, t0, "orders", "created")}}
	h = message.ReplayHeaders(h, message.Replay{ID: "r1", From: "dlq"})
	h["x-death"] = []any{death("second", "rejected", 1, t0, "", "second")}
	h = message.ReplayHeaders(h, message.Replay{ID: "r2", From: "dlq"})
	h["x-death"] = []any{death("third", "rejected", 1, t0, "", "third")}
	earlier := message.EarlierDeaths(h)
	if len(earlier) != 2 || !hasQueue(earlier[0], "first") || !hasQueue(earlier[1], "second") {
		t.Errorf("got %+v", earlier)
	}
	for _, note := range []any{nil, "", "{", "5", "[]", int32(1), strings.Repeat("[", 100000), `{"x-death":5}`} {
		if got := message.EarlierDeaths(message.Table{"x-msgctl-original-headers": note}); len(got) != 0 {
			t.Errorf("note %.20v: %+v", note, got)
		}
	}
}

func TestForgedReplayHeaders(t *testing.T) {
	for count, want := range map[any]string{
		"seven": "1", int64(-3): "1", nil: "1", "-3": "1", "1.5": "1", 1.5: "1", "": "1", "9223372036854775808": "2147483648",
		"7": "8", " 7": "8", int32(7): "8", 7.0: "8", "9223372036854775807": "2147483648",
	} {
		h := message.ReplayHeaders(message.Table{"x-msgctl-replay-count": count}, message.Replay{})
		if h["x-msgctl-replay-count"] != want {
			t.Errorf("after %#v the count is %v", count, h["x-msgctl-replay-count"])
		}
	}
	for _, note := range []any{"{", "5", `"x"`, "null", "[]", int32(1), clientTable{}, strings.Repeat("[", 100000)} {
		h := message.Table{"x-msgctl-original-headers": note, "x-delivery-count": int64(1)}
		for range 3 {
			h = message.ReplayHeaders(h, message.Replay{})
			h["x-delivery-count"] = int64(1)
			if _, ok := message.OriginalHeaders(h); !ok {
				t.Errorf("after note %.20v: unreadable %q", note, h["x-msgctl-original-headers"])
			}
			message.Timeline(h)
		}
	}
}

func TestHeadersSizeIsThatOnTheWire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := Headers().Draw(t, "headers")
		wire := message.Native[amqp.Table](h, func(d message.Decimal) any { return amqp.Decimal(d) })
		if err := wire.Validate(); err != nil {
			t.Fatalf("the client refuses the native table: %v", err)
		}
	})
	h := message.Table{
		"a": nil, "b": true, "c": int8(1), "d": uint8(1), "e": int16(1), "f": uint16(1), "g": int32(1), "h": uint32(1),
		"i": float32(1), "j": int64(1), "k": 1.0, "l": time.Now(), "m": "xy", "n": []byte("xy"),
		"o": []any{int64(1), "x"}, "p": clientTable{"q": "r"}, "s": clientDecimal{1, 2},
	}
	const values = 1 + 2*3 + 3*2 + 5*3 + 9*3 + 7*2 + (5 + 9 + 6) + (5 + 2 + 6) + 6
	if got, want := message.HeadersSize(h), 4+17*2+values; got != want {
		t.Errorf("size = %d, want %d", got, want)
	}
}

func TestNativeLeavesTheClientsTablesAlone(t *testing.T) {
	h := message.Table{
		"client": amqp.Table{"a": int32(1)}, "list": []any{amqp.Table{"b": "c"}},
		"ours": message.Table{"d": []any{message.Decimal{Scale: 1, Value: 2}, map[string]any{}}},
	}
	got := message.Native[amqp.Table](h, func(d message.Decimal) any { return amqp.Decimal(d) })
	want := amqp.Table{
		"client": amqp.Table{"a": int32(1)}, "list": []any{amqp.Table{"b": "c"}},
		"ours": amqp.Table{"d": []any{amqp.Decimal{Scale: 1, Value: 2}, amqp.Table{}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, ok := h["ours"].(message.Table); !ok {
		t.Error("the table given was changed")
	}
	plain := message.Table{"a": int64(1), "x-death": []any{amqp.Table{"b": "c"}}}
	if n := testing.AllocsPerRun(100, func() { message.Native[amqp.Table](plain, nil) }); n > 0 {
		t.Errorf("%v allocations for headers that need no change", n)
	}
}
