package topology_test

import (
	"fmt"

	"pgregory.net/rapid"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// states draws a state whose references all hold, from few names, so that two of them meet often.
func states(name string) *rapid.Generator[*topology.State] {
	return rapid.Custom(func(t *rapid.T) *topology.State {
		s := &topology.State{Name: name}
		add := func(o topology.Object) {
			if !s.Has(o.Ref()) {
				if err := s.Add(o, diag.Position{}); err != nil {
					t.Fatal(err)
				}
			}
		}
		vhosts := []string{"/"}
		if rapid.Bool().Draw(t, "second vhost") {
			v := &topology.VHost{Name: "v two", Description: rapid.SampledFrom([]string{"", "d"}).Draw(t, "description")}
			v.Declared.Description = true
			add(v)
			vhosts = append(vhosts, v.Name)
		}
		drawUsers(t, add, vhosts)
		for _, v := range vhosts {
			drawVHost(t, add, v)
		}
		return s
	})
}

func drawUsers(t *rapid.T, add func(topology.Object), vhosts []string) {
	for i := range rapid.IntRange(0, 2).Draw(t, "users") {
		u := &topology.User{Name: fmt.Sprint("u", i), Tags: rapid.SliceOfN(rapid.SampledFrom([]string{"management", "monitoring"}), 0, 2).Draw(t, "tags")}
		u.PasswordHash = topology.Secret(rapid.SampledFrom([]string{"", "aGFzaDE=", "aGFzaDI="}).Draw(t, "hash"))
		add(u)
		if rapid.Bool().Draw(t, "may") {
			add(&topology.Permission{VHost: rapid.SampledFrom(vhosts).Draw(t, "vhost"), User: u.Name, Configure: expr(t), Write: expr(t), Read: expr(t)})
		}
		if rapid.Bool().Draw(t, "limited") {
			add(&topology.UserLimit{User: u.Name, Name: "max-channels", Value: int64(rapid.IntRange(1, 2).Draw(t, "limit"))})
		}
	}
}

func expr(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", ".*", "^a"}).Draw(t, "expression")
}

func drawVHost(t *rapid.T, add func(topology.Object), vhost string) {
	var exchanges, queues []string
	for i := range rapid.IntRange(0, 3).Draw(t, "exchanges") {
		x := &topology.Exchange{VHost: vhost, Name: fmt.Sprint("x", i), Type: rapid.SampledFrom([]string{"topic", "fanout"}).Draw(t, "type"), Durable: true}
		if rapid.Bool().Draw(t, "alternate") {
			x.Arguments = topology.Arguments{"alternate-exchange": rapid.SampledFrom([]string{"amq.fanout", "amq.topic"}).Draw(t, "ae")}
		}
		add(x)
		exchanges = append(exchanges, x.Name)
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "queues") {
		q := drawQueue(t, vhost, fmt.Sprint("q", i))
		add(q)
		queues = append(queues, q.Name)
	}
	drawBindings(t, add, vhost, append(exchanges, "amq.topic"), queues)
	if rapid.Bool().Draw(t, "policy") {
		add(&topology.Policy{VHost: vhost, Name: "p", Pattern: expr(t), ApplyTo: "queues", Priority: int64(rapid.IntRange(0, 1).Draw(t, "priority")),
			Definition: topology.Arguments{rapid.SampledFrom([]string{"max-length", "expires"}).Draw(t, "key"): int64(rapid.IntRange(1, 2).Draw(t, "value"))}})
	}
	if rapid.Bool().Draw(t, "parameter") {
		add(&topology.Parameter{VHost: vhost, Component: "shovel", Name: "s", Value: map[string]any{"src-uri": rapid.SampledFrom([]string{"amqp://u:a@h", "amqp://u:b@h"}).Draw(t, "uri")}})
	}
	if rapid.Bool().Draw(t, "vhost limit") {
		add(&topology.VHostLimit{VHost: vhost, Name: "max-queues", Value: int64(rapid.IntRange(10, 11).Draw(t, "limit"))})
	}
}

func drawQueue(t *rapid.T, vhost, name string) *topology.Queue {
	kind := rapid.SampledFrom([]string{topology.Classic, topology.Quorum, topology.Stream}).Draw(t, "queue type")
	q := &topology.Queue{VHost: vhost, Name: name, Type: kind, Durable: true, TypeDeclared: kind != topology.Classic || rapid.Bool().Draw(t, "typed")}
	for _, a := range topology.QueueArguments() {
		if a.Type == topology.Integer && a.TakenBy(kind, "4.3.6") && a.Name != "x-queue-version" && rapid.IntRange(0, 9).Draw(t, a.Name) == 0 {
			if q.Arguments == nil {
				q.Arguments = topology.Arguments{}
			}
			q.Arguments[a.Name] = a.Min + int64(rapid.IntRange(0, 2).Draw(t, "value"))
		}
	}
	return q
}

func drawBindings(t *rapid.T, add func(topology.Object), vhost string, exchanges, queues []string) {
	for range rapid.IntRange(0, 6).Draw(t, "bindings") {
		b := &topology.Binding{VHost: vhost, Source: rapid.SampledFrom(exchanges).Draw(t, "source"), RoutingKey: rapid.SampledFrom([]string{"", "a", "#"}).Draw(t, "key")}
		if rapid.Bool().Draw(t, "argued") {
			b.Arguments = topology.Arguments{"n": rapid.SampledFrom([]any{int64(1), 1.0, "1", true, nil}).Draw(t, "argument")}
		}
		if len(queues) > 0 && rapid.Bool().Draw(t, "to a queue") {
			b.Destination, b.DestinationType = rapid.SampledFrom(queues).Draw(t, "queue"), topology.ToQueue
		} else {
			b.Destination, b.DestinationType = rapid.SampledFrom(exchanges).Draw(t, "exchange"), topology.ToExchange
		}
		add(b)
	}
}
