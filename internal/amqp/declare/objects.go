package declare

import (
	"context"
	"sync"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/amqp"
	"github.com/msgctl/msgctl/pkg/topology"
)

// Object declares an exchange, a queue or a binding. It succeeds if an equal one exists. It ignores
// other kinds.
func Object(ctx context.Context, conn *amqp.RecoveringConnection, o topology.Object) error {
	return conn.Do(ctx, declaration(o))
}

// declaration returns a function that declares an exchange, a queue or a binding.
func declaration(o topology.Object) func(*amqp091.Channel) error {
	return func(ch *amqp091.Channel) error {
		switch o := o.(type) {
		case *topology.Exchange:
			return ch.ExchangeDeclare(o.Name, o.Type, o.Durable, o.AutoDelete, o.Internal, false, table(o.Arguments))
		case *topology.Queue:
			_, err := ch.QueueDeclare(o.Name, o.Durable, o.AutoDelete, o.Exclusive, false, table(o.DeclaredArguments()))
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

// table converts arguments from normal form. Integers stay 64 bits wide, as the management API
// sends them: two bindings are different if their arguments differ in width.
func table(a map[string]any) amqp091.Table {
	if len(a) == 0 {
		return nil
	}
	t := make(amqp091.Table, len(a))
	for k, v := range a {
		t[k] = wire(v)
	}
	return t
}

func wire(v any) any {
	switch x := v.(type) {
	case map[string]any:
		t := make(amqp091.Table, len(x))
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

// DeleteExchange deletes an exchange. With ifUnused it does so only if nothing is bound to the
// exchange.
func DeleteExchange(ctx context.Context, conn *amqp.RecoveringConnection, x *topology.Exchange, ifUnused bool) error {
	return conn.Do(ctx, func(ch *amqp091.Channel) error { return ch.ExchangeDelete(x.Name, ifUnused, false) })
}

// Unbind deletes a binding. Its arguments must have exactly the types with which it was declared.
func Unbind(ctx context.Context, conn *amqp.RecoveringConnection, b *topology.Binding) error {
	return conn.Do(ctx, func(ch *amqp091.Channel) error {
		if b.DestinationType == topology.ToExchange {
			return ch.ExchangeUnbind(b.Destination, b.RoutingKey, b.Source, false, table(b.Arguments))
		}
		return ch.QueueUnbind(b.Destination, b.RoutingKey, b.Source, table(b.Arguments))
	})
}

// releaseTimeout is the longest time that the release of a lock waits for the broker.
const releaseTimeout = 5 * time.Second

// Lock declares an exclusive queue on its own connection. release deletes the queue and closes the
// connection. If the connection is lost, the broker deletes the queue. A lock that another
// connection holds is an error: see amqp.IsLocked.
func Lock(ctx context.Context, c *amqp.Client, q *topology.Queue) (release func(), err error) {
	l, err := c.Dial(ctx, q.VHost)
	if err != nil {
		return nil, err
	}
	if err := l.Do(ctx, declaration(q)); err != nil {
		l.Close()
		return nil, err
	}
	return sync.OnceFunc(func() {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
		defer cancel()
		_ = l.Do(bounded, func(ch *amqp091.Channel) error { // closing alone frees its place some time later
			_, err := ch.QueueDelete(q.Name, false, false, false)
			return err
		})
		l.Close()
	}), nil
}
