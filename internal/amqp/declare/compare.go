package declare

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"

	amqp091 "github.com/rabbitmq/amqp091-go"
	"golang.org/x/sync/errgroup"

	"github.com/msgctl/msgctl/internal/amqp"
	"github.com/msgctl/msgctl/internal/guarded"
	"github.com/msgctl/msgctl/internal/refusal"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// maxDifferences is the maximum number of fields of one object that are compared by declaring it.
const maxDifferences = 24

// Read adds to live the exchanges and queues of want that exist in the vhost of conn, with the
// counts of the queues. AMQP does not return the properties of an object. Without compare, each
// object is taken to be as declared. With compare, Read declares each one again as wanted, which
// changes nothing, and derives its live properties from the broker's refusals, field by field. If
// an object is deleted in the milliseconds in between, that declaration creates it.
func Read(ctx context.Context, conn *amqp.RecoveringConnection, live *topology.Live, want *topology.State,
	compare bool) error {
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(amqp.Parallel)
	for _, o := range want.Objects() {
		kind := o.Ref().Kind
		if o.Ref().VHost != conn.VHost() || (kind != topology.KindExchange && kind != topology.KindQueue) {
			continue
		}
		g.Go(guarded.Try(func() error {
			have, status, err := probe(ctx, conn, o, compare)
			if err != nil || have == nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			if kind == topology.KindQueue {
				live.Status[o.Ref()] = status
			}
			return live.Add(have, diag.Position{})
		}))
	}
	return g.Wait()
}

// probe returns the live object and the counts of a queue. The object is nil if it does not exist.
func probe(ctx context.Context, conn *amqp.RecoveringConnection, want topology.Object, compare bool) (topology.Object,
	topology.QueueStatus,
	error) {
	var counts topology.QueueStatus
	exists, err := true, error(nil)
	switch o := want.(type) {
	case *topology.Queue:
		var now *topology.QueueStatus
		if now, err = status(ctx, conn, o.Name, 0); now != nil {
			counts = *now
			counts.Known = counts.Known && o.Type != topology.Stream
		}
		exists = now != nil
	case *topology.Exchange:
		exists, err = exchangeExists(ctx, conn, o)
	}
	switch {
	case err != nil:
		return nil, counts, amqp.Explain(ctx, refusal.On("look for", want, conn.User()), err)
	case !exists:
		return nil, counts, nil
	case !compare:
		return want, counts, nil
	}
	have, err := compared(ctx, conn, want)
	return have, counts, err
}

func exchangeExists(ctx context.Context, conn *amqp.RecoveringConnection, x *topology.Exchange) (bool, error) {
	if x.Name == "" {
		return true, nil
	}
	err := conn.Do(ctx, func(ch *amqp091.Channel) error {
		return ch.ExchangeDeclarePassive(x.Name, x.Type, x.Durable, x.AutoDelete, x.Internal, false, nil)
	})
	if amqp.IsNotFound(err) {
		return false, nil
	}
	return true, err
}

// compared declares an existing object until the broker agrees, and returns it as the broker has
// it. Each refusal names one field and its live value. Fields that no refusal names are taken to be
// as declared.
func compared(ctx context.Context, conn *amqp.RecoveringConnection, want topology.Object) (topology.Object, error) {
	have := want
	for range maxDifferences {
		err := conn.Do(ctx, declaration(have))
		if err == nil {
			return have, nil
		}
		var exception *amqp091.Error
		if !errors.As(err, &exception) {
			return nil, err
		}
		r := refusal.Parse(exception.Reason)
		if r.Kind != refusal.Inequivalent || r.Argument == "" {
			return have, nil
		}
		next, ok := with(have, r)
		if !ok {
			return have, nil
		}
		have = next
	}
	return have, nil
}

// with returns a copy of o that has the live value of an inequivalent argument. It returns false if
// the copy does not differ.
func with(o topology.Object, r refusal.Reply) (topology.Object, bool) {
	switch o := o.(type) {
	case *topology.Queue:
		next := *o
		switch r.Argument {
		case "durable":
			next.Durable = r.Current == "true"
		case "auto_delete":
			next.AutoDelete = r.Current == "true"
		case "x-queue-type":
			next.Type, next.TypeDeclared = r.Current, true
			if r.CurrentNone {
				next.Type, next.TypeDeclared = topology.Classic, false
			}
			return &next, next.Type != o.Type || next.TypeDeclared != o.TypeDeclared
		default:
			return &next, replaceArgument(&next.Arguments, r)
		}
		return &next, next.Durable != o.Durable || next.AutoDelete != o.AutoDelete
	case *topology.Exchange:
		next := *o
		switch r.Argument {
		case "type":
			next.Type = r.Current
		case "durable":
			next.Durable = r.Current == "true"
		case "auto_delete":
			next.AutoDelete = r.Current == "true"
		case "internal":
			next.Internal = r.Current == "true"
		default:
			return &next, replaceArgument(&next.Arguments, r)
		}
		return &next, next.Type != o.Type || next.Durable != o.Durable || next.AutoDelete != o.AutoDelete ||
			next.Internal != o.Internal
	}
	return nil, false
}

// replaceArgument puts the live value into a copy of the table, and reports whether it differs. The
// reply does not state types: a value that looks like a number or a boolean becomes one, unless the
// wanted value is a string.
func replaceArgument(table *topology.Arguments, r refusal.Reply) bool {
	old, had := (*table)[r.Argument]
	args := table.Clone()
	*table = args
	if r.CurrentNone {
		delete(args, r.Argument)
		return had
	}
	_, isText := old.(string)
	args[r.Argument] = looksLike(r.Current, isText)
	return !had || old != args[r.Argument]
}

func looksLike(s string, isText bool) any {
	if isText {
		return s
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && strings.ContainsAny(s, ".e") {
		return f
	}
	if s == "true" || s == "false" {
		return s == "true"
	}
	return s
}
