// Package topologytest has what tests of topologies share: a Generator of random states, a Broker
// in memory, and short constructors of objects.
//
// The states that a Generator draws are accepted by a broker of the given version. They are made
// from few names, so that two of them share objects, differ in them, and take them from each other.
package topologytest

import (
	"fmt"

	"pgregory.net/rapid"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// Generator draws random states. It says where they live, so that tests on shared brokers keep to
// what is theirs.
type Generator struct {
	// Name is the topology's name. VHost exists already; Second is a vhost that some states
	// declare.
	Name, VHost, Second string
	// Users begins the names of the users, which are followed by 0 and 1.
	Users string
	// Version is the broker's: arguments that it does not take are not drawn.
	Version string
}

// States draws states whose references all hold: users, rights, limits, policies, exchanges, queues
// of every type with random arguments, bindings with arguments of every type, federation upstreams.
// They name no exclusive or server-named objects.
func (g Generator) States() *rapid.Generator[*topology.State] {
	return rapid.Custom(func(t *rapid.T) *topology.State {
		s := &topology.State{Name: g.Name}
		add := func(o topology.Object) {
			if !s.Has(o.Ref()) {
				if err := s.Add(o, diag.Position{}); err != nil {
					t.Fatal(err)
				}
			}
		}
		vhosts := []string{g.VHost}
		if rapid.Bool().Draw(t, "second vhost") {
			v := &topology.VHost{Name: g.Second, Description: rapid.SampledFrom([]string{"", "d"}).Draw(t, "description")}
			v.Declared.Description = true
			add(v)
			vhosts = append(vhosts, v.Name)
		}
		g.drawUsers(t, add, vhosts)
		for _, v := range vhosts {
			g.drawVHost(t, add, v)
		}
		return s
	})
}

func (g Generator) drawUsers(t *rapid.T, add func(topology.Object), vhosts []string) {
	for i := range rapid.IntRange(0, 2).Draw(t, "users") {
		u := &topology.User{Name: fmt.Sprint(g.Users, i),
			Tags: rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"management", "monitoring"}), 0, 2, rapid.ID).Draw(t,
				"tags")}
		u.PasswordHash = topology.Secret(rapid.SampledFrom([]string{"", "aGFzaDE=", "aGFzaDI="}).Draw(t, "hash"))
		add(u)
		if rapid.Bool().Draw(t, "may") {
			add(&topology.Permission{VHost: rapid.SampledFrom(vhosts).Draw(t, "vhost"), User: u.Name, Configure: expr(t),
				Write: expr(t), Read: expr(t)})
		}
		if rapid.Bool().Draw(t, "limited") {
			add(&topology.UserLimit{User: u.Name, Name: "max-channels", Value: int64(rapid.IntRange(1, 2).Draw(t, "limit"))})
		}
	}
}

func expr(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", ".*", "^a"}).Draw(t, "expression")
}

func (g Generator) drawVHost(t *rapid.T, add func(topology.Object), vhost string) {
	var exchanges, queues []string
	for i := range rapid.IntRange(0, 3).Draw(t, "exchanges") {
		x := &topology.Exchange{VHost: vhost, Name: fmt.Sprint("x", i),
			Type: rapid.SampledFrom([]string{"topic", "fanout"}).Draw(t, "type"), Durable: true}
		if rapid.Bool().Draw(t, "alternate") {
			x.Arguments = topology.Arguments{"alternate-exchange": rapid.SampledFrom([]string{"amq.fanout", "amq.topic"}).Draw(t,
				"ae")}
		}
		add(x)
		exchanges = append(exchanges, x.Name)
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "queues") {
		q := g.drawQueue(t, vhost, fmt.Sprint("q", i))
		add(q)
		queues = append(queues, q.Name)
	}
	drawBindings(t, add, vhost, append(exchanges, "amq.topic"), queues)
	if rapid.Bool().Draw(t, "policy") {
		add(&topology.Policy{VHost: vhost, Name: "p", Pattern: expr(t), ApplyTo: "queues",
			Priority: int64(rapid.IntRange(0, 1).Draw(t, "priority")),
			Definition: topology.Arguments{rapid.SampledFrom([]string{"max-length", "expires"}).Draw(t,
				"key"): int64(rapid.IntRange(1e8, 1e8+1).Draw(t, "value"))}})
	}
	if rapid.Bool().Draw(t, "parameter") {
		add(&topology.Parameter{VHost: vhost, Component: "federation-upstream", Name: "f",
			Value: map[string]any{"uri": rapid.SampledFrom([]string{"amqp://u:a@h", "amqp://u:b@h"}).Draw(t, "uri")}})
	}
	if rapid.Bool().Draw(t, "vhost limit") {
		add(&topology.VHostLimit{VHost: vhost, Name: "max-queues", Value: int64(rapid.IntRange(10, 11).Draw(t, "limit"))})
	}
}

func (g Generator) drawQueue(t *rapid.T, vhost, name string) *topology.Queue {
	kind := rapid.SampledFrom([]string{topology.Classic, topology.Quorum, topology.Stream}).Draw(t, "queue type")
	q := &topology.Queue{VHost: vhost, Name: name, Type: kind, Durable: true, TypeDeclared: kind != topology.Classic ||
		rapid.Bool().Draw(t, "typed")}
	for _, a := range capability.QueueArguments() {
		if a.Type == capability.Integer && a.TakenBy(kind, g.Version) && a.Name != "x-queue-version" &&
			rapid.IntRange(0, 9).Draw(t, a.Name) == 0 {
			if q.Arguments == nil {
				q.Arguments = topology.Arguments{}
			}
			q.Arguments[a.Name] = max(a.Min, 1) + a.Max/1000 + int64(rapid.IntRange(0, 2).Draw(t, "value"))
		}
	}
	return q
}

func drawBindings(t *rapid.T, add func(topology.Object), vhost string, exchanges, queues []string) {
	for range rapid.IntRange(0, 6).Draw(t, "bindings") {
		b := &topology.Binding{VHost: vhost, Source: rapid.SampledFrom(exchanges).Draw(t, "source"),
			RoutingKey: rapid.SampledFrom([]string{"", "a", "#"}).Draw(t, "key")}
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

// States draws states of a topology of that name: in vhost / of a Broker, for the newest RabbitMQ.
func States(name string) *rapid.Generator[*topology.State] {
	return Generator{Name: name, VHost: "/", Second: "v two", Users: "u", Version: "4.3.6"}.States()
}
