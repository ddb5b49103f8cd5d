package topology_test

import (
	"context"
	"fmt"
	"strings"

	"pgregory.net/rapid"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/topologytest"
)

// states draws topologies of that name in the model's vhost.
func states(name string) *rapid.Generator[*topology.State] {
	return topologytest.World{Name: name, VHost: "/", Second: "v two", Users: "u", Version: "4.3.6"}.States()
}

// require is what *testing.T and *rapid.T share.
type require interface {
	Helper()
	Context() context.Context
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// describe writes a plan for a failed test, and for tests that compare plans.
func describe(p *topology.Plan) string {
	var b strings.Builder
	for _, s := range p.Steps {
		fmt.Fprintf(&b, "%s %s", s.Action, s.Ref.Full())
		for _, c := range s.Changes {
			fmt.Fprintf(&b, " [%s: %v -> %v]", c.Field, c.Have, c.Want)
		}
		if s.Blocked != "" {
			fmt.Fprintf(&b, " BLOCKED %s", s.Blocked)
		}
		b.WriteByte('\n')
	}
	for _, r := range p.Undeclared {
		fmt.Fprintf(&b, "undeclared %s\n", r.Full())
	}
	for _, r := range p.Unowned {
		fmt.Fprintf(&b, "unowned %s\n", r.Full())
	}
	for _, d := range p.Problems {
		fmt.Fprintf(&b, "%s: %s\n", d.Severity, d.Error())
	}
	return b.String()
}

// state builds a state named t; the position of each object is line n, counted from 1.
func state(objects ...topology.Object) *topology.State {
	s := &topology.State{Name: "t"}
	for i, o := range objects {
		if err := s.Add(o, diag.Position{File: "t.yaml", Line: i + 1, Column: 1}); err != nil {
			panic(err)
		}
	}
	return s
}

// broker returns a model with vhost / and these objects.
func broker(objects ...topology.Object) *model {
	m := newModel("/")
	for _, o := range objects {
		m.objects[o.Ref()] = o
	}
	return m
}

func (m *model) owns(name string, objects ...topology.Object) *model {
	o := topology.Ownership{Name: name, Refs: map[topology.Ref]bool{}}
	for _, obj := range objects {
		o.Refs[obj.Ref()] = true
	}
	m.records[name] = o
	return m
}

func queue(name string, args ...any) *topology.Queue {
	return &topology.Queue{VHost: "/", Name: name, Type: topology.Classic, Durable: true, TypeDeclared: true,
		Arguments: table(args)}
}

func exchange(name, kind string) *topology.Exchange {
	return &topology.Exchange{VHost: "/", Name: name, Type: kind, Durable: true}
}

func bind(source, queue, key string) *topology.Binding {
	return &topology.Binding{VHost: "/", Source: source, Destination: queue, DestinationType: topology.ToQueue,
		RoutingKey: key}
}

func table(pairs []any) topology.Arguments {
	if len(pairs) == 0 {
		return nil
	}
	t := topology.Arguments{}
	for i := 0; i < len(pairs); i += 2 {
		t[pairs[i].(string)] = amqptable.Normalise(pairs[i+1])
	}
	return t
}
