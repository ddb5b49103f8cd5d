package topologytest

import (
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// State builds a state named t; the position of each object is line n, counted from 1.
func State(objects ...topology.Object) *topology.State {
	s := &topology.State{Name: "t"}
	for i, o := range objects {
		if err := s.Add(o, diag.Position{File: "t.yaml", Line: i + 1, Column: 1}); err != nil {
			panic(err)
		}
	}
	return s
}

// BrokerWith returns a broker with vhost / and these objects.
func BrokerWith(objects ...topology.Object) *Broker {
	b := NewBroker("/")
	for _, o := range objects {
		b.Objects[o.Ref()] = o
	}
	return b
}

// Owns records that a topology owns these objects.
func (b *Broker) Owns(name string, objects ...topology.Object) *Broker {
	o := topology.Ownership{Name: name, Refs: map[topology.Ref]bool{}}
	for _, obj := range objects {
		o.Refs[obj.Ref()] = true
	}
	b.Records[name] = o
	return b
}

// Queue returns a durable classic queue of vhost /. args are names and values in turn.
func Queue(name string, args ...any) *topology.Queue {
	return &topology.Queue{VHost: "/", Name: name, Type: topology.Classic, Durable: true, TypeDeclared: true,
		Arguments: Table(args)}
}

// Exchange returns a durable exchange of vhost /.
func Exchange(name, kind string) *topology.Exchange {
	return &topology.Exchange{VHost: "/", Name: name, Type: kind, Durable: true}
}

// Bind returns a binding of a queue in vhost /.
func Bind(source, queue, key string) *topology.Binding {
	return &topology.Binding{VHost: "/", Source: source, Destination: queue, DestinationType: topology.ToQueue,
		RoutingKey: key}
}

// Table makes arguments of names and values in turn.
func Table(pairs []any) topology.Arguments {
	if len(pairs) == 0 {
		return nil
	}
	t := topology.Arguments{}
	for i := 0; i < len(pairs); i += 2 {
		t[pairs[i].(string)] = amqptable.Normalise(pairs[i+1])
	}
	return t
}
