package lint_test

import (
	"slices"
	"testing"

	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/lint"
)

// TestLiveRules gives the live rules counts: those that must speak, and those that must not.
func TestLiveRules(t *testing.T) {
	const text = `version: 1
queues:
  work: { maxLength: 100, overflow: reject-publish, deadLetter: dead }
  dead: {}
  wait: { messageTTL: 1s, deadLetter: work }
  day: { messageTTL: 24h, deadLetter: dead }
`
	in := input(t, "t.yaml", []byte(text), newest)
	queue := func(name string) topology.Ref { return topology.QueueRef("/", name) }
	live := &topology.Live{State: *in.State, Status: map[topology.Ref]topology.QueueStatus{}}
	in.Live = &lint.Live{Live: live, Owned: func(topology.Ref) bool { return true }}
	set := func(name string, messages, consumers int64) {
		live.Status[queue(name)] = topology.QueueStatus{Messages: messages, Consumers: consumers, Known: true}
	}
	want := func(what string, rules ...string) {
		t.Helper()
		if got := ids(lint.Run(in)); !slices.Equal(got, rules) {
			t.Errorf("%s: got %v, want %v", what, got, rules)
		}
	}
	set("work", 79, 1)
	set("dead", 0, 0)
	set("wait", 10, 0)
	want("all is well")
	set("work", 80, 1)
	want("near the limit", "queue-near-limit")
	set("work", 5, 0)
	want("nobody consumes", "queue-without-consumer")
	set("work", 0, 0)
	set("day", 5, 0)
	want("nobody consumes what expires in a day", "queue-without-consumer")
	set("day", 0, 0)
	set("dead", 3, 0)
	want("dead letters wait", "dead-letters-waiting")
	set("dead", 0, 0)
	in.Live.Drift = map[topology.Ref]string{queue("work"): "x-max-length is 10, not 100"}
	want("drift", "drift")
	in.Live.Drift = nil
	in.Live.Owned = func(ref topology.Ref) bool { return ref != queue("wait") }
	want("unowned", "unowned")
}

// TestPermissionsMatchInsideOfNames is the fact that the rule permission-unanchored rests on.
func TestPermissionsMatchInsideOfNames(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		for _, c := range []struct {
			pattern, queue string
			granted        bool
		}{{"orders", "preorders2", true}, {"^orders", "preorders", false}, {"^orders", "orders2", true}, {"^orders$",
			"orders2", false}, {"", "orders", false}} {
			ch := v.AddUser(t, rabbittest.Permissions(c.pattern, ".*", ".*"), rabbittest.Tags()).Channel(t)
			if _, err := ch.QueueDeclare(c.queue, true, false, false, false, nil); (err == nil) != c.granted {
				t.Errorf("configure %q, queue %q: %v", c.pattern, c.queue, err)
			}
		}
	})
}

// TestWhatEveryVHostHasIsNoFault: a broker tells of the exchanges that are there from the start,
// too.
func TestWhatEveryVHostHasIsNoFault(t *testing.T) {
	s := &topology.State{}
	for name, kind := range map[string]string{"": "direct", "amq.topic": "topic", "amq.rabbitmq.trace": "topic",
		"amq.rabbitmq.event": "topic"} {
		if err := s.Add(&topology.Exchange{VHost: "/", Name: name, Type: kind, Durable: true}, diag.Position{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, o := range []topology.Object{&topology.Queue{VHost: "/", Name: "q", Type: topology.Classic, Durable: true},
		&topology.Exchange{VHost: "/", Name: "mine", Type: "topic", Durable: true}} {
		if err := s.Add(o, diag.Position{}); err != nil {
			t.Fatal(err)
		}
	}
	list := lint.Run(lint.Input{State: s, Version: newest})
	if got := ids(list); !slices.Equal(got, []string{"exchange-without-bindings"}) || list[0].Ref.Name != "mine" {
		t.Errorf("got %v", list)
	}
}
