package message_test

import (
	"slices"
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
		"note without time": {with(spring, t0, 0), "failed", "", "e", "k", true, []string{"k"}},
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
	skipped := &message.Message{Headers: message.Table{"MT-Reason": "dead-letter"}, Queue: "billing_skipped"}
	if o, ok := skipped.Origin(nil); !ok || o.Queue != "billing" {
		t.Errorf("skipped: %+v, %v", o, ok)
	}
}
