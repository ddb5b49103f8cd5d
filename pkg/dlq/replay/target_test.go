package replay

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

func TestParseDestination(t *testing.T) {
	for text, want := range map[string]Destination{
		"":                    {},
		"origin":              {Kind: ToOrigin},
		"queue:orders/eu":     {Kind: ToQueue, Queue: "orders/eu"},
		"queue:origin":        {Kind: ToQueue, Queue: "origin"},
		"exchange:x":          {Kind: ToExchange, Exchange: "x"},
		"exchange:x/":         {Kind: ToExchange, Exchange: "x", HasKey: true},
		"exchange:x/a/b.c":    {Kind: ToExchange, Exchange: "x", Key: "a/b.c", HasKey: true},
		"exchange:amq.topic/": {Kind: ToExchange, Exchange: "amq.topic", HasKey: true},
	} {
		got, err := ParseDestination(text)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
		if got.String() != text {
			t.Errorf("%q became %q", text, got.String())
		}
	}
	for text, hint := range map[string]string{"orders": "queue:orders", "queue:": "queue:NAME",
		"exchange:": "exchange:NAME", "exchange:/k": "exchange:NAME"} {
		if d, err := ParseDestination(text); err == nil || !strings.Contains(err.Error(), hint) {
			t.Errorf("%q: %+v, %v; want a hint %q", text, d, err, hint)
		}
	}
}

func FuzzParseDestination(f *testing.F) {
	f.Add("queue:a")
	f.Add("exchange:x/k")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseDestination(text)
		if err == nil && d.String() != text {
			t.Errorf("%q became %q", text, d.String())
		}
	})
}

func died(queue, exchange string, keys ...any) message.Table {
	return message.Table{
		message.HeaderDeath: []any{message.Table{
			"queue": queue, "reason": "rejected", "exchange": exchange, "routing-keys": keys, "count": int64(1),
			"time": time.Unix(1700000000, 0), "original-expiration": "60000",
		}},
		message.HeaderFirstDeathQueue: queue, message.HeaderFirstDeathReason: "rejected",
		message.HeaderFirstDeathExchange: exchange,
	}
}

func TestRoute(t *testing.T) {
	retried := message.Table{
		message.HeaderDeath: []any{
			message.Table{"queue": "work", "reason": "rejected", "exchange": "", "routing-keys": []any{"work"},
				"count": int64(1), "time": time.Unix(1700000009, 0)},
			message.Table{"queue": "wait.5s", "reason": "expired", "exchange": "orders", "routing-keys": []any{"created"},
				"count": int64(2), "time": time.Unix(1700000000, 0)},
		},
		message.HeaderFirstDeathQueue: "wait.5s", message.HeaderFirstDeathReason: "expired",
		message.HeaderFirstDeathExchange: "orders",
	}
	replayed := message.ReplayHeaders(died("work", "orders", "created"), message.Replay{ID: "r-1", From: "dlq"})
	twice := merged(message.ReplayHeaders(died("work", "orders", "created", "copy.a"),
		message.Replay{ID: "r-1", From: "dlq"}), died("work", "", "work"))
	thrice := merged(message.ReplayHeaders(twice, message.Replay{ID: "r-2", From: "dlq"}), died("other", "", "other"))
	envelope := `{"RoutingKey":"created","Exchange":"orders","Queue":"easy","Exception":"System.Exception: no","Message":"{}","BasicProperties":{"ContentType":"application/json"}}`
	for name, c := range map[string]struct {
		m      message.Message
		r      router
		want   route
		reason Reason
	}{
		"first death": {m: message.Message{Headers: died("work", "orders", "created")},
			want: route{target: publish.Target{Key: "work"}}},
		"no death": {m: message.Message{}, reason: ReasonNoHistory},
		"forged":   {m: message.Message{Headers: message.Table{message.HeaderDeath: "nonsense"}}, reason: ReasonNoHistory},
		"gone": {m: message.Message{Headers: died("work", "")}, r: router{exists: func(string) bool { return false }},
			reason: ReasonQueueGone},
		"no exchange": {m: message.Message{Headers: died("work", "orders", "created")},
			r: router{to: Destination{Kind: ToOrigin}, hasExchange: func(string) bool { return false }}, reason: ReasonRefused},
		"same queue": {m: message.Message{Headers: died("dlq", "")}, reason: ReasonSameQueue},
		"retry steps": {m: message.Message{Headers: retried},
			r:    router{isWait: func(q string) bool { return q == "wait.5s" }},
			want: route{target: publish.Target{Key: "work"}}},
		"origin": {m: message.Message{Headers: died("work", "orders", "created", "copy.a", "copy.b")},
			r:    router{to: Destination{Kind: ToOrigin}},
			want: route{target: publish.Target{Exchange: "orders", Key: "created"}, cc: []any{"copy.a", "copy.b"}}},
		"origin of a stream on 3.10": {m: message.Message{Headers: message.Table{message.HeaderFirstDeathQueue: "work",
			message.HeaderFirstDeathReason: "expired", message.HeaderFirstDeathExchange: "orders"}},
			r: router{to: Destination{Kind: ToOrigin}}, reason: ReasonNoHistory},
		"exchange, own key": {m: message.Message{RoutingKey: "dlq", Headers: died("work", "orders", "created")},
			r: router{to: Destination{Kind: ToExchange, Exchange: "x"}}, want: route{target: publish.Target{Exchange: "x",
				Key: "created"}}},
		"exchange, last key": {m: message.Message{RoutingKey: "k"},
			r: router{to: Destination{Kind: ToExchange, Exchange: "x"}}, want: route{target: publish.Target{Exchange: "x",
				Key: "k"}}},
		"exchange and key": {m: message.Message{}, r: router{to: Destination{Kind: ToExchange, Exchange: "x",
			HasKey: true}}, want: route{target: publish.Target{Exchange: "x"}}},
		"moved before":   {m: message.Message{Headers: replayed}, want: route{target: publish.Target{Key: "work"}}},
		"died again":     {m: message.Message{Headers: twice}, want: route{target: publish.Target{Key: "work"}}},
		"died elsewhere": {m: message.Message{Headers: thrice}, want: route{target: publish.Target{Key: "other"}}},
		"origin of what died again": {m: message.Message{Headers: twice}, r: router{to: Destination{Kind: ToOrigin}},
			want: route{target: publish.Target{Exchange: "orders", Key: "created"}, cc: []any{"copy.a"}}},
		"origin of what died again elsewhere": {m: message.Message{Headers: thrice},
			r:    router{to: Destination{Kind: ToOrigin}},
			want: route{target: publish.Target{Exchange: "orders", Key: "created"}, cc: []any{"copy.a"}}},
		"exchange, own key of what died again": {m: message.Message{RoutingKey: "dlq", Headers: thrice},
			r:    router{to: Destination{Kind: ToExchange, Exchange: "x"}},
			want: route{target: publish.Target{Exchange: "x", Key: "created"}}},
		"NServiceBus, not its delay queue": {m: message.Message{Headers: merged(died("nsb.delay-level-02", "nsb.delay"),
			message.Table{"NServiceBus.FailedQ": "sales@host"})},
			want: route{target: publish.Target{Key: "sales"}}},
		"Spring": {m: message.Message{Headers: message.Table{"x-exception-message": "no", "x-original-exchange": "orders",
			"x-original-routingKey": "created"}},
			want: route{target: publish.Target{Exchange: "orders", Key: "created"}}},
		"Spring with a death": {m: message.Message{Headers: merged(died("work", "orders", "created"),
			message.Table{"x-exception-message": "no", "x-original-exchange": "orders", "x-original-routingKey": "created"})},
			want: route{target: publish.Target{Key: "work"}}},
		"EasyNetQ": {m: message.Message{Properties: message.Properties{Type: "EasyNetQ.SystemMessages.Error, EasyNetQ"},
			Body: []byte(envelope)},
			want: route{target: publish.Target{Key: "easy"}, unwrap: true}},
	} {
		t.Run(name, func(t *testing.T) {
			c.r.from = "dlq"
			got, err := c.r.route(&c.m)
			if reason, _ := reasonOf(errOr(err)); (err != nil) != (c.reason != "") || err != nil && reason != c.reason {
				t.Fatalf("%v; want reason %q", err, c.reason)
			}
			if d := cmp.Diff(c.want, got, cmp.AllowUnexported(route{})); err == nil && d != "" {
				t.Error(d)
			}
		})
	}
}

func errOr(err error) error {
	if err == nil {
		return noWayBack("", "")
	}
	return err
}

func merged(tables ...message.Table) message.Table {
	out := message.Table{}
	for _, t := range tables {
		for k, v := range t {
			out[k] = v
		}
	}
	return out
}
