package message_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/msgctl/msgctl/pkg/message"
)

func TestOrigin(t *testing.T) {
	failedAt := "2026-11-20 10:00:30:000000 Z" // half a minute after t0
	nsb := message.Table{"NServiceBus.FailedQ": "sales", "NServiceBus.TimeOfFailure": failedAt}
	spring := message.Table{"x-exception-message": "boom", "x-original-exchange": "e", "x-original-routingKey": "k"}
	with := func(base message.Table, at time.Time, replays int64) message.Table {
		h := message.Table{
			"x-death":             []any{death("work", "rejected", 1, at, "orders", "key", "cc")},
			"x-first-death-queue": "work", "x-first-death-reason": "rejected", "x-msgctl-replay-count": replays,
		}
		for k, v := range base {
			h[k] = v
		}
		return h
	}
	for name, c := range map[string]struct {
		headers                      message.Table
		reason, queue, exchange, key string
		route                        bool
		keys                         []string
	}{
		"death": {with(nil, t0, 0), "rejected", "work", "orders", "key", true,
			[]string{"key", "cc"}},
		"framework":                             {nsb, "failed", "sales", "", "", false, []string{""}},
		"delayed by the framework, then failed": {with(nsb, t0, 0), "failed", "sales", "", "", false, []string{""}},
		"failed, then died": {with(nsb, t0.Add(time.Hour), 0), "rejected", "work", "orders", "key", true,
			[]string{"key", "cc"}},
		"route only":        {spring, "failed", "", "e", "k", true, []string{"k"}},
		"note without time": {with(spring, t0, 0), "failed", "work", "e", "k", true, []string{"k"}},
		"note without time, replayed, died": {with(spring, t0, 1), "rejected", "work", "orders", "key", true,
			[]string{"key", "cc"}},
	} {
		t.Run(name, func(t *testing.T) {
			o, ok := (&message.Message{Headers: c.headers}).Origin(nil)
			if !ok || o.Reason != c.reason || o.Queue != c.queue || o.Exchange != c.exchange || o.RoutingKey != c.key ||
				o.HasRoute != c.route || !slices.Equal(o.RoutingKeys(), c.keys) {
				t.Errorf("%+v, %v", o, ok)
			}
		})
	}
	for _, h := range []message.Table{nil, {"lang": "py", "task": "t", "id": "i"}, {"MT-Reason": "dead-letter"}} {
		if o, ok := (&message.Message{Headers: h}).Origin(nil); ok {
			t.Errorf("%v has origin %+v", h, o)
		}
	}
	moved := message.MoveHeaders(with(nil, t0, 0))
	if o, ok := (&message.Message{Headers: moved}).Origin(nil); !ok || o.Queue != "work" || o.RoutingKey != "key" {
		t.Errorf("a move hides the death: %+v, %v", o, ok)
	}
	if m := (&message.Message{Headers: moved}); m.History().Count() != 1 || !m.DiedAt().Equal(t0) {
		t.Errorf("a move hides the history: %+v", m.History().All())
	}
	ms := time.UnixMilli(1700000000123)
	forged := message.Table{"x-death": []any{message.Table{"queue": "q", "reason": "expired",
		"time": int64(math.MaxInt64)}}}
	for n, want := range map[int64]time.Time{ms.Unix(): time.Unix(ms.Unix(), 0), ms.UnixMilli(): ms, math.MaxInt64: {},
		-99999999999999: {}} {
		m := &message.Message{Headers: forged, Properties: message.Properties{Timestamp: time.Unix(n, 0)}}
		if at := m.DiedAt(); !at.Equal(want) || !m.History().All()[0].Time.IsZero() {
			t.Errorf("timestamp %d: died at %v, %v", n, at, m.History().All())
		}
	}
	skipped := &message.Message{Headers: message.Table{"MT-Reason": "dead-letter"}, Queue: "billing_skipped"}
	if o, ok := skipped.Origin(nil); !ok || o.Queue != "billing" {
		t.Errorf("skipped: %+v, %v", o, ok)
	}
}

// TestFailuresOfMoreFrameworks: error and origin where their headers tell.
func TestFailuresOfMoreFrameworks(t *testing.T) {
	const stamp = `X-Message-Stamp-Symfony\Component\Messenger\Stamp\`
	for name, c := range map[string]struct {
		headers message.Table
		want    message.Failure
	}{
		"Watermill": {message.Table{"reason_poisoned": "boom", "topic_poisoned": "events.orders", "handler_poisoned": "h"},
			message.Failure{Framework: "Watermill", Message: "boom", Queue: "events.orders", Task: "h"}},
		"Wolverine": {message.Table{"exception-type": "System.Exception", "exception-message": "boom",
			"failed-at": "1700000000000", "destination": "rabbitmq://queue/in"},
			message.Failure{Framework: "Wolverine", Type: "System.Exception", Message: "boom", Queue: "in",
				Time: time.Unix(1700000000, 0).UTC()}},
		"Symfony": {message.Table{"type": `App\Order`, stamp +
			"SentToFailureTransportStamp": `[{"originalReceiverName":"async"}]`,
			stamp + "ErrorDetailsStamp": `[{"exceptionClass":"RuntimeException","exceptionMessage":"boom","exceptionCode":0}]`},
			message.Failure{Framework: "Symfony Messenger", Type: "RuntimeException", Message: "boom", Task: `App\Order`}},
		"Sneakers": {message.Table{"retry_info": `[{"error":"boom","num_attempts":6,"failed_at":"2026-01-31T12:00:00+00:00",
			"error_class":"ArgumentError","error_message":"boom","backtrace":["a","b"],"properties":{"headers":{"x-death":[
			{"queue":"work-retry","reason":"expired","count":5},{"queue":"work","reason":"rejected","count":5}]}}}]`},
			message.Failure{Framework: "Sneakers", Type: "ArgumentError", Message: "boom", StackTrace: "a\nb", Queue: "work",
				Time: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)}},
		"Rascal": {message.Table{"rascal": clientTable{"originalQueue": "in", "originalExchange": "x",
			"originalRoutingKey": "k", "error": clientTable{"message": "boom", "code": "E"}}},
			message.Failure{Framework: "Rascal", Type: "E", Message: "boom", Queue: "in", Exchange: "x", RoutingKey: "k",
				HasRoute: true}},
	} {
		if got, ok := message.FailureOf(&message.Message{Headers: c.headers}); !ok || got != c.want {
			t.Errorf("%s: %+v, %v", name, got, ok)
		}
	}
	for _, h := range []message.Table{
		{"retry_info": "later"}, {"retry_info": "[]"}, {"retry_info": `{"a":1}`}, {"rascal": "x"}, {"exception-type": "E"},
		{"rascal": clientTable{"recovery": clientTable{}}},
	} {
		if got, ok := message.FailureOf(&message.Message{Headers: h}); ok {
			t.Errorf("%v is taken for a note of %s", h, got.Framework)
		}
	}
}

// TestFailureOfDapr: the event in the body names the topic, the exchange it was last published to is
// that of the dead-letter topic. Dapr adds no headers.
func TestFailureOfDapr(t *testing.T) {
	const event = `{"data":{"id":7},"datacontenttype":"application/json","id":"5","pubsubname":"shop","source":"app",` +
		`"specversion":"1.0","topic":"orders","traceid":"","type":"com.dapr.event.sent"}`
	failed := &message.Message{Exchange: "poison", Body: []byte(event)}
	want := message.Failure{Framework: "Dapr", Task: "com.dapr.event.sent", Exchange: "orders", HasRoute: true}
	if got, ok := message.FailureOf(failed); !ok || got != want {
		t.Errorf("%+v, %v", got, ok)
	}
	if o, ok := failed.Origin(nil); !ok || o.Exchange != "orders" || o.Queue != "" || !o.HasRoute {
		t.Errorf("%+v, %v", o, ok)
	}
	dead := message.Table{"x-death": []any{death("shop-orders", "rejected", 1, t0, "orders", "")}}
	for name, m := range map[string]*message.Message{
		"in its own topic":        {Exchange: "orders", Body: []byte(event)},
		"dead-lettered by broker": {Exchange: "dlx-shop-orders", Body: []byte(event), Headers: dead},
		"dead-lettered by broker, then moved": {Body: []byte(event), Headers: message.Table{
			message.HeaderOriginalHeaders: `{"x-death":[{"queue":"shop-orders","reason":"rejected","count":1}]}`}},
		"no topic":               {Exchange: "poison", Body: []byte(strings.Replace(event, "topic", "subject", 1))},
		"a text with such words": {Exchange: "poison", Body: []byte(`say "pubsubname"`)},
		"JSON with such words": {Exchange: "poison",
			Body: []byte(`{"pubsubname": 1, "specversion": "1.0", "topic": "orders"}`)},
		"larger than what is read": {Exchange: "poison", Body: []byte(event + strings.Repeat(" ", 1<<20))},
	} {
		if got, ok := message.FailureOf(m); ok {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestNServiceBusNotesComeOffForARetry: an endpoint would count them; a move keeps them.
func TestNServiceBusNotesComeOffForARetry(t *testing.T) {
	h := message.Table{"NServiceBus.FailedQ": "sales", "NServiceBus.ExceptionInfo.Message": "boom",
		"NServiceBus.MessageId":                "m",
		"NServiceBus.ExceptionInfo.StackTrace": strings.Repeat("x", 100_000), "NServiceBus.Retries.Timestamp": "now"}
	got := message.ReplayHeaders(h, message.Replay{ID: "r"})
	for name := range h {
		if _, kept := got[name]; kept != (name == "NServiceBus.MessageId") {
			t.Errorf("%s: kept %v", name, kept)
		}
	}
	note, ok := message.OriginalHeaders(got)
	if !ok || note["NServiceBus.FailedQ"] != "sales" || note["NServiceBus.ExceptionInfo.Message"] != "boom" {
		t.Errorf("the note is %v", note)
	}
	if moved := message.MoveHeaders(h); moved["NServiceBus.FailedQ"] != "sales" ||
		moved["x-msgctl-original-headers"] != nil {
		t.Errorf("moved: %v", moved)
	}
}
