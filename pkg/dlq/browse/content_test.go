package browse_test

import (
	"testing"

	"github.com/msgctl/msgctl/pkg/dlq/browse"
	"github.com/msgctl/msgctl/pkg/dlq/discover"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/topology"
)

func TestErrorConvention(t *testing.T) {
	dead := func(queue string) message.Table {
		return message.Table{"x-death": []any{message.Table{"queue": queue, "reason": "rejected"}}}
	}
	with := func(h message.Table, name string, v any) message.Table { h[name] = v; return h }
	failed := message.Table{"NServiceBus.FailedQ": "sales@host"}
	for name, c := range map[string]struct {
		headers message.Table
		kind    string
		body    string
		want    string
	}{
		"nothing":     {},
		"NServiceBus": {headers: failed, want: "NServiceBus"},
		"MassTransit": {headers: message.Table{"MT-Reason": "fault"}, want: "MassTransit"},
		"Spring":      {headers: message.Table{"x-exception-stacktrace": "at"}, want: "Spring AMQP"},
		"Rebus":       {headers: message.Table{"rbs2-error-details": "no"}, want: "Rebus"},
		"EasyNetQ": {kind: "EasyNetQ.SystemMessages.Error, EasyNetQ",
			body: `{"Message":"{}","Queue":"work"}`, want: "EasyNetQ"},
		"Celery's headers are those of a task": {headers: message.Table{"task": "a.b", "id": "1", "lang": "py"}},
		"back where it failed":                 {headers: message.Table{"NServiceBus.FailedQ": "here"}},
		"a replay brought it": {headers: with(message.Table{"NServiceBus.FailedQ": "sales"},
			message.HeaderReplayFrom, "error")},
		"replayed from here, failed again": {headers: with(message.Table{"NServiceBus.FailedQ": "sales"},
			message.HeaderReplayFrom, "here"), want: "NServiceBus"},
		"dead elsewhere":         {headers: dead("work"), want: discover.ConventionBroker},
		"back where it died":     {headers: dead("here")},
		"a forged death history": {headers: message.Table{"x-death": "nonsense"}},
		"a dead task": {headers: with(with(with(dead("celery"), "task", "a.b"), "id", "1"), "lang",
			"py"), want: discover.ConventionBroker},
	} {
		t.Run(name, func(t *testing.T) {
			m := &message.Message{Queue: "here", Headers: c.headers, Body: []byte(c.body),
				Properties: message.Properties{Type: c.kind}}
			if got := discover.ErrorConvention(m); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestMayHoldErrors(t *testing.T) {
	facts := func(change func(*browse.Facts)) browse.Facts {
		f := browse.Facts{Name: "q", Type: topology.Classic, Version: "4.3.6", Status: status(5, 0)}
		change(&f)
		return f
	}
	for name, c := range map[string]struct {
		f    browse.Facts
		want bool
	}{
		"classic":                 {facts(func(*browse.Facts) {}), true},
		"with a TTL":              {facts(func(f *browse.Facts) { f.MessageTTL = set(int64(60000)) }), true},
		"stream":                  {facts(func(f *browse.Facts) { f.Type = topology.Stream }), true},
		"quorum without a limit":  {facts(func(f *browse.Facts) { f.Type = topology.Quorum }), true},
		"empty":                   {facts(func(f *browse.Facts) { f.Status = status(0, 0) }), false},
		"not counted":             {facts(func(f *browse.Facts) { f.Status.Known = false }), false},
		"with consumers":          {facts(func(f *browse.Facts) { f.Status = status(5, 1) }), false},
		"auto-delete":             {facts(func(f *browse.Facts) { f.AutoDelete = true }), false},
		"a length limit far away": {facts(func(f *browse.Facts) { f.MaxLength = set(int64(1000)) }), false},
		"quorum with a limit": {facts(func(f *browse.Facts) { f.Type, f.DeliveryLimit = topology.Quorum, set(int64(20)) }),
			false},
		"quorum that counts looks": {facts(func(f *browse.Facts) { f.Type, f.Version = topology.Quorum, "4.0.5" }), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := browse.MayHoldErrors(browse.Assess(c.f, browse.AssessOptions{}), c.f.Status); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
