package rabbit

import (
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/pkg/topology"
)

// declaration returns the AMQP method that makes an exchange, a queue or a binding.
func declaration(o topology.Object) func(*amqp.Channel) error {
	return func(ch *amqp.Channel) error {
		switch o := o.(type) {
		case *topology.Exchange:
			return ch.ExchangeDeclare(o.Name, o.Type, o.Durable, o.AutoDelete, o.Internal, false, table(o.Arguments))
		case *topology.Queue:
			_, err := ch.QueueDeclare(o.Name, o.Durable, o.AutoDelete, o.Exclusive, false, table(queueArguments(o)))
			return err
		case *topology.Binding:
			if o.DestinationType == topology.ToExchange {
				return ch.ExchangeBind(o.Destination, o.RoutingKey, o.Source, false, table(o.Arguments))
			}
			return ch.QueueBind(o.Destination, o.RoutingKey, o.Source, false, table(o.Arguments))
		}
		return nil
	}
}

// queueArguments adds the type: always for quorum queues and streams, for classic ones when the
// file names it, since the vhost's default queue type decides otherwise.
func queueArguments(q *topology.Queue) topology.Arguments {
	if q.Type == "" || q.Type == topology.Classic && !q.TypeDeclared {
		return q.Arguments
	}
	args := q.Arguments.Clone()
	args["x-queue-type"] = q.Type
	return args
}

// table converts from normal form. Integers stay 64 bits wide, as the management API sends them:
// bindings whose arguments differ in width are two bindings.
func table(a map[string]any) amqp.Table {
	if len(a) == 0 {
		return nil
	}
	t := make(amqp.Table, len(a))
	for k, v := range a {
		t[k] = wire(v)
	}
	return t
}

func wire(v any) any {
	switch x := v.(type) {
	case map[string]any:
		t := make(amqp.Table, len(x))
		for k, e := range x {
			t[k] = wire(e)
		}
		return t
	case topology.Arguments:
		return wire(map[string]any(x))
	case []any:
		list := make([]any, len(x))
		for i, e := range x {
			list[i] = wire(e)
		}
		return list
	}
	return v
}
