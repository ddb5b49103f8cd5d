package tail

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

func network(t *testing.T, objects ...topology.Object) *topology.State {
	t.Helper()
	s := &topology.State{}
	for _, o := range objects {
		if err := s.Add(o, diag.Position{}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func exchange(name, kind string, arguments topology.Arguments) *topology.Exchange {
	return &topology.Exchange{VHost: "/", Name: name, Type: kind, Arguments: arguments}
}

func binding(source, key string, arguments topology.Arguments) *topology.Binding {
	return &topology.Binding{VHost: "/", Source: source, Destination: "q", DestinationType: topology.ToQueue,
		RoutingKey: key, Arguments: arguments}
}

func TestPlan(t *testing.T) {
	fallback := topology.Arguments{"alternate-exchange": "unrouted"}
	for _, c := range []struct {
		name     string
		objects  []topology.Object
		options  BindingOptions
		binds    []Bind
		mirrored string
		skipped  string
	}{
		{
			name:    "every kind, all keys",
			objects: []topology.Object{exchange("a", "topic", nil), exchange("b", "fanout", nil), exchange("c", "headers", nil)},
			binds: []Bind{{Exchange: "a", Key: "#"}, {Exchange: "b"},
				{Exchange: "c", Arguments: message.Table{"x-match": "all"}}},
		},
		{
			name:    "patterns",
			objects: []topology.Object{exchange("a", "topic", nil), exchange("b", "fanout", nil)},
			options: BindingOptions{Keys: []string{"order.#", "*.paid"}},
			binds:   []Bind{{Exchange: "a", Key: "order.#"}, {Exchange: "a", Key: "*.paid"}, {Exchange: "b"}},
		},
		{
			name: "direct: as others are bound, each key once, those to exchanges too",
			objects: []topology.Object{exchange("d", "direct", nil), binding("d", "k", nil), binding("d", "l", nil),
				&topology.Binding{VHost: "/", Source: "d", Destination: "x", DestinationType: topology.ToExchange,
					RoutingKey: "k"}},
			binds: []Bind{{Exchange: "d", Key: "k"}, {Exchange: "d", Key: "l"}}, mirrored: "d",
		},
		{
			name:     "direct with a key that nobody is bound for, and a pattern",
			objects:  []topology.Object{exchange("d", "direct", nil), binding("d", "a.k", nil), binding("d", "b.k", nil)},
			options:  BindingOptions{Keys: []string{"new", "a.*"}},
			binds:    []Bind{{Exchange: "d", Key: "a.k"}, {Exchange: "d", Key: "new"}},
			mirrored: "d",
		},
		{
			name: "an alternate exchange keeps what is its own, and is watched",
			objects: []topology.Object{exchange("a", "topic", fallback), exchange("unrouted", "fanout", nil),
				binding("a", "order.*", nil),
				exchange("h", "headers", fallback), binding("h", "", topology.Arguments{"x-match": "any", "n": int64(1)})},
			options: BindingOptions{Exchanges: []string{"a", "h"}},
			binds: []Bind{{Exchange: "a", Key: "order.*"}, {Exchange: "unrouted"},
				{Exchange: "h", Arguments: message.Table{"x-match": "any", "n": int64(1)}}},
			mirrored: "a h",
		},
		{
			name:    "no binding for a key with an alternate exchange",
			objects: []topology.Object{exchange("d", "direct", fallback), exchange("unrouted", "fanout", nil)},
			options: BindingOptions{Exchanges: []string{"d"}, Keys: []string{"k"}},
			binds:   []Bind{{Exchange: "unrouted"}}, mirrored: "d",
		},
		{
			name: "an alternate exchange by policy, the highest priority, not an operator's",
			objects: []topology.Object{exchange("a", "fanout", nil), exchange("b", "fanout", nil),
				exchange("unrouted", "fanout", nil), binding("a", "", nil),
				&topology.Policy{VHost: "/", Name: "low", Pattern: ".*", ApplyTo: "all",
					Definition: topology.Arguments{"alternate-exchange": "other"}},
				&topology.Policy{VHost: "/", Name: "high", Pattern: "^b$", ApplyTo: "exchanges", Priority: 5,
					Definition: topology.Arguments{"federation-upstream-set": "all"}},
				&topology.Policy{VHost: "/", Name: "q", Pattern: ".*", ApplyTo: "queues", Priority: 9,
					Definition: topology.Arguments{"max-length": int64(1)}}},
			options:  BindingOptions{Exchanges: []string{"a", "b"}},
			binds:    []Bind{{Exchange: "a"}, {Exchange: "b"}},
			mirrored: "a", skipped: "other",
		},
		{
			name: "a policy that cannot be judged here may give one",
			objects: []topology.Object{exchange("a", "topic", nil),
				&topology.Policy{VHost: "/", Name: "p", Pattern: "^(?R)x", ApplyTo: "all",
					Definition: topology.Arguments{"alternate-exchange": "other"}}},
			options:  BindingOptions{Exchanges: []string{"a"}},
			mirrored: "a",
		},
		{
			name: "a policy with lookahead gives none to what it leaves out",
			objects: []topology.Object{exchange("a", "topic", nil),
				&topology.Policy{VHost: "/", Name: "p", Pattern: "^(?!a)", ApplyTo: "all",
					Definition: topology.Arguments{"alternate-exchange": "other"}}},
			options: BindingOptions{Exchanges: []string{"a"}},
			binds:   []Bind{{Exchange: "a", Key: "#"}},
		},
		{
			name: "exchanges that divide messages are left alone; delayed ones are what they are",
			objects: []topology.Object{exchange("hash", "x-consistent-hash", nil), exchange("random", "x-random", nil),
				exchange("later", "x-delayed-message", topology.Arguments{"x-delayed-type": "topic"})},
			binds: []Bind{{Exchange: "later", Key: "#"}}, skipped: "hash random",
		},
		{
			name: "the broker's own only where something is bound, other vhosts never",
			objects: []topology.Object{binding("amq.topic", "x", nil), binding("", "q", nil),
				&topology.Exchange{VHost: "other", Name: "x", Type: "topic"}},
			binds: []Bind{{Exchange: "amq.topic", Key: "#"}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.options.VHost = "/"
			p, err := FindBindings(network(t, c.objects...), c.options)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.binds, p.Binds); diff != "" {
				t.Errorf("bindings (-want +got):\n%s", diff)
			}
			var skipped []string
			for name := range p.Skipped {
				skipped = append(skipped, name)
			}
			slices.Sort(skipped)
			if got := strings.Join(p.Mirrored, " "); got != c.mirrored {
				t.Errorf("mirrored %q, want %q", got, c.mirrored)
			}
			if got := strings.Join(skipped, " "); got != c.skipped {
				t.Errorf("skipped %q, want %q", got, c.skipped)
			}
		})
	}
}

func TestPlanRefuses(t *testing.T) {
	s := network(t, exchange("hash", "x-consistent-hash", nil))
	for name, missing := range map[string]bool{"nowhere": true, "": false, "hash": false} {
		_, err := FindBindings(s, BindingOptions{VHost: "/", Exchanges: []string{name}})
		var why *Unwatchable
		if !errors.As(err, &why) || why.Missing != missing {
			t.Errorf("exchange %q: %v", name, err)
		}
	}
}

func TestPlanWants(t *testing.T) {
	s := network(t, exchange("f", "fanout", nil), exchange("t", "topic", nil))
	m := func(key string, cc ...any) *message.Message {
		return &message.Message{RoutingKey: key, Headers: message.Table{"CC": cc}}
	}
	filtered, err := FindBindings(s, BindingOptions{VHost: "/", Keys: []string{"order.*"}})
	if err != nil {
		t.Fatal(err)
	}
	if !filtered.Wants(m("order.paid")) || filtered.Wants(m("user.x")) || !filtered.Wants(m("user.x", "order.paid")) {
		t.Error("a fanout exchange knows no patterns: they must be applied here")
	}
	byBroker, err := FindBindings(s, BindingOptions{VHost: "/", Exchanges: []string{"t"}, Keys: []string{"order.*"}})
	if err != nil {
		t.Fatal(err)
	}
	if !byBroker.Wants(m("user.x")) {
		t.Error("what a topic exchange let through (by BCC, which is not seen) is wanted")
	}
}

func TestUntrace(t *testing.T) {
	m := &message.Message{
		RoutingKey: "deliver.orders.q", Body: []byte("b"), Headers: message.Table{
			"exchange_name": "x", "routing_keys": []any{"k",
				"cc"}, "redelivered": int32(1), "node": "n@h", "user": "u", "connection": "c",
			"properties": message.Table{"content_type": "text/plain", "delivery_mode": int32(2), "priority": int8(3),
				"message_id": "m", "type": "t",
				"correlation_id": "co", "headers": message.Table{"h": "v"}},
		},
	}
	got, trace, ok := Untrace(m)
	if !ok || got.Exchange != "x" || got.RoutingKey != "k" || got.MessageID != "m" || got.DeliveryMode != 2 ||
		got.Priority != 3 || got.Headers["h"] != "v" ||
		!got.Redelivered || got.Queue != "orders.q" || string(got.Body) != "b" {
		t.Errorf("%+v", got)
	}
	if !trace.Delivered || trace.Queue != "orders.q" || trace.User != "u" {
		t.Errorf("%+v", trace)
	}
	for _, hostile := range []*message.Message{
		{}, {RoutingKey: "publish."}, {RoutingKey: "publish.x", Headers: message.Table{"properties": "text"}},
		{RoutingKey: "other.x", Headers: message.Table{"properties": message.Table{}}},
	} {
		if _, _, ok := Untrace(hostile); ok {
			t.Errorf("%+v was taken for a trace", hostile)
		}
	}
	if _, _, ok := Untrace(&message.Message{RoutingKey: "publish.x",
		Headers: message.Table{"properties": message.Table{"headers": 1, "priority": "x"}, "routing_keys": 1}}); !ok {
		t.Error("nonsense in headers is not in the way")
	}
}

func TestHead(t *testing.T) {
	var h Head
	look := func(bodies ...string) (fresh []string) {
		h.Begin()
		for i, b := range bodies {
			m := &message.Message{Body: []byte(b), Redelivered: i%2 == 0,
				Headers: message.Table{"x-delivery-count": int64(len(fresh) + i), "bad": struct{}{}}}
			if h.New(m) {
				fresh = append(fresh, b)
			}
		}
		return fresh
	}
	for _, step := range []struct{ look, fresh string }{
		{"a b", "a b"}, {"b a", ""}, {"a a b", "a"}, {"b c", "c"}, {"a", "a"}, {"", ""}, {"a", "a"},
	} {
		if got := strings.Join(look(strings.Fields(step.look)...), " "); got != step.fresh {
			t.Errorf("look at %q: new is %q, want %q", step.look, got, step.fresh)
		}
	}
}
