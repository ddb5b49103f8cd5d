package message_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/msgctl/msgctl/pkg/message"
)

// clientTable stands for the table type of an AMQP client.
type clientTable map[string]any

type clientDecimal struct {
	Scale uint8
	Value int32
}

var t0 = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

func death(queue, reason string, count int64, at time.Time, exchange string, keys ...any) clientTable {
	return clientTable{
		"queue": queue, "reason": reason, "count": count, "time": at, "exchange": exchange, "routing-keys": keys,
	}
}

// retriedTwice is what a message looks like after two rounds work -> wait -> work and a third reject, as
// seen on all lines: the repeat moved "work" to the front.
func retriedTwice() message.Table {
	work := death("work", "rejected", 3, t0, "orders.exchange", "order.created", "copy")
	work["original-expiration"] = "60000"
	return message.Table{
		"x-death": []any{work, death("wait", "expired", 2, t0.Add(5*time.Second), "", "wait")},

		"x-first-death-queue": "work", "x-first-death-reason": "rejected", "x-first-death-exchange": "orders.exchange",
	}
}

func TestFirstDeathIsTheNamedOneNotTheLast(t *testing.T) {
	d := message.DeathsOf(retriedTwice())
	first, ok := d.First(nil)
	if !ok || first.Queue != "work" || first.Exchange != "orders.exchange" || first.RoutingKey() != "order.created" {
		t.Fatalf("first = %+v, %v", first, ok)
	}
	if got := first.RoutingKeys(); !slices.Equal(got, []string{"order.created", "copy"}) {
		t.Errorf("keys = %q", got)
	}
	if got := d.OriginalExpiration(); got != "60000" {
		t.Errorf("original expiration = %q", got)
	}
	if got := d.Count(); got != 5 {
		t.Errorf("count = %d, want 3 rejected + 2 expired", got)
	}
	if got := d.Since(); !got.Equal(t0.Add(5 * time.Second)) {
		t.Errorf("since = %v", got)
	}
}

func TestFirstDeath(t *testing.T) {
	isWait := func(q string) bool { return strings.HasPrefix(q, "wait") }
	later := t0.Add(time.Hour)
	cases := map[string]struct {
		headers message.Table
		want    string // queue/reason, "" for none
		route   bool
	}{
		"never died": {message.Table{"a": "b"}, "", false},
		"a wait queue came first": {message.Table{
			"x-death": []any{
				death("work", "rejected", 1, later, "", "work"), death("wait", "expired", 1, t0, "x", "k"),
			},
			"x-first-death-queue": "wait", "x-first-death-reason": "expired",
		}, "work/rejected", true},
		"only wait queues": {message.Table{
			"x-death":             []any{death("wait", "expired", 1, t0, "x", "k")},
			"x-first-death-queue": "wait", "x-first-death-reason": "expired",
		}, "wait/expired", true},
		"only x-first-death, as in a stream on 3.10": {message.Table{
			"x-first-death-queue": "work", "x-first-death-reason": "maxlen", "x-first-death-exchange": "e",
		}, "work/maxlen", false},
		"no x-first-death: the oldest": {message.Table{
			"x-death": []any{death("b", "rejected", 1, t0, "", "b"), death("c", "expired", 1, later, "", "c")},
		}, "b/rejected", true},
		"no x-first-death, same second: the one further back": {message.Table{
			"x-death": []any{death("b", "rejected", 1, t0, "", "b"), death("c", "expired", 1, t0, "", "c")},
		}, "c/expired", true},
		"the same queue for two reasons": {message.Table{
			"x-death":             []any{death("q", "expired", 1, later, "", "2"), death("q", "rejected", 1, t0, "", "1")},
			"x-first-death-queue": "q", "x-first-death-reason": "rejected",
		}, "q/rejected", true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, ok := message.DeathsOf(c.headers).First(isWait)
			if ok != (c.want != "") || ok && got.Queue+"/"+got.Reason != c.want || got.HasRoute != c.route {
				t.Errorf("got %v %v, want %q with route %v", got, ok, c.want, c.route)
			}
		})
	}
}

func TestForgedDeathsAreSkippedNotBelieved(t *testing.T) {
	headers := message.Table{
		"x-death": []any{
			"str", nil, int64(4), []any{}, clientTable{}, clientTable{"queue": int32(1), "reason": "rejected"},
			clientTable{"queue": "q", "reason": "rejected", "count": "many", "time": "now", "routing-keys": "k"},
		},
		"x-first-death-queue": []any{"q"}, "x-first-death-reason": true,
	}
	d := message.DeathsOf(headers)
	got, ok := d.First(nil)
	if !ok || got.Queue != "q" || got.Count != 1 || got.HasRoute || !got.Time.IsZero() || got.RoutingKey() != "" {
		t.Errorf("first = %+v, %v", got, ok)
	}
	if n := len(d.All()); n != 1 {
		t.Errorf("%d entries, want 1", n)
	}
	for _, v := range []any{nil, "x", int64(1), []any{"str"}, clientTable{}, true} {
		d := message.DeathsOf(message.Table{"x-death": v})
		if _, ok := d.First(nil); ok || !d.None() || d.Count() != 0 {
			t.Errorf("x-death = %#v is taken for a death", v)
		}
	}
}

func TestManagementForm(t *testing.T) {
	d := message.DeathsOf(message.Table{"x-death": []any{map[string]any{
		"queue": "q", "reason": "rejected", "count": 2.0, "time": float64(t0.Unix()), "exchange": "e",
		"routing-keys": []any{"k"},
	}}})
	got, ok := d.Latest()
	if !ok || got.Count != 2 || !got.Time.Equal(t0) || !got.HasRoute {
		t.Errorf("got %+v", got)
	}
}

func TestTimeline(t *testing.T) {
	headers := message.ReplayHeaders(retriedTwice(), message.Replay{ID: "r1", From: "dead-letter.queue"})
	headers["x-death"] = []any{death("work", "delivery_limit", 1, t0.Add(time.Hour), "", "work")}
	headers = message.ReplayHeaders(headers, message.Replay{ID: "r2", From: "other.dlq"})
	headers["x-death"] = []any{death("work", "maxlen", 1, t0.Add(2*time.Hour), "", "work")}
	want := []string{
		"rejected in work 3 times, first on 2026-11-20 10:00:00Z, published to orders.exchange with key order.created, copy",
		"expired in wait 2 times, first on 2026-11-20 10:00:05Z, published to the default exchange with key wait",
		"replayed from dead-letter.queue",
		"returned too often in work on 2026-11-20 11:00:00Z, published to the default exchange with key work",
		"replayed from other.dlq",
		"dropped for length in work on 2026-11-20 12:00:00Z, published to the default exchange with key work",
	}
	// The first note has only the last replay's name: x-msgctl-replay-from was overwritten.
	got := message.Timeline(headers)
	want[2] = "moved by msgctl"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzDeaths(f *testing.F) {
	f.Add("q", "rejected", int64(1), "e", true)
	f.Fuzz(func(t *testing.T, queue, reason string, count int64, exchange string, named bool) {
		h := message.Table{"x-death": []any{clientTable{
			"queue": queue, "reason": reason, "count": count, "exchange": exchange, "routing-keys": []any{count, queue},
		}}}
		if named {
			h["x-first-death-queue"], h["x-first-death-reason"] = exchange, reason
		}
		d := message.DeathsOf(h)
		first, ok := d.First(func(q string) bool { return q == exchange })
		if !ok || first.Count < 1 || d.None() {
			t.Errorf("first = %+v, %v", first, ok)
		}
		if lines := message.Timeline(h); len(lines) != 1 {
			t.Errorf("timeline %q", lines)
		}
	})
}

func BenchmarkFirstDeath(b *testing.B) {
	h := retriedTwice()
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := message.DeathsOf(h).First(nil); !ok {
			b.Fatal("no death")
		}
	}
}

func BenchmarkReplayHeaders(b *testing.B) {
	h := retriedTwice()
	b.ReportAllocs()
	for b.Loop() {
		message.ReplayHeaders(h, message.Replay{ID: "r", From: "q"})
	}
}
