package rabbit

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"
	"golang.org/x/sync/errgroup"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// maxDifferences bounds how many fields of one object are found out by declaring it.
const maxDifferences = 24

// ReadAMQP reads what can be known without the management API about the exchanges and queues that
// want declares: whether they exist (by passive declaration), and how many messages and consumers a
// queue has. All other kinds are in Unreadable: a caller plans to declare bindings, which changes
// nothing where they exist.
//
// What an existing object is like, AMQP does not tell. With compare false it is taken to be as
// declared. With compare true each existing object is declared again as wanted, which changes
// nothing, and from the broker's refusals follows what it is like, field by field; should the
// object vanish in the milliseconds between, that declaration creates it. It takes the permission
// to configure; without it, the object is taken to be as declared. (A queue that expires when
// unused lives longer by being declared.)
func (c *Client) ReadAMQP(ctx context.Context, want *topology.State, compare bool) (*topology.Live, error) {
	live := &topology.Live{Status: map[topology.Ref]topology.QueueStatus{}, Ownership: map[string]topology.Ownership{},
		Unreadable: map[topology.Kind]string{}}
	live.Server = topology.Server{User: c.opts.User, AMQPOnly: true}
	for _, kind := range topology.Kinds() {
		switch kind {
		case topology.KindExchange, topology.KindQueue:
		case topology.KindBinding:
			live.Unreadable[kind] = "AMQP cannot list bindings: they are declared again, which changes nothing where they exist"
		default:
			live.Unreadable[kind] = "AMQP knows nothing of it: that takes the management API"
		}
	}
	for _, vhost := range want.VHosts() {
		s := c.session(vhost)
		err := s.ready(ctx)
		if errors.Is(err, topology.ErrVHostMissing) {
			live.MissingVHosts = append(live.MissingVHosts, vhost)
			continue
		}
		if err == nil {
			live.Server.Version = s.serverVersion()
			err = c.readVHostAMQP(ctx, s, live, want, compare)
		}
		if err != nil {
			return nil, c.explainer("", nil).withOp("read vhost "+strconv.Quote(vhost)).explain(ctx, err)
		}
	}
	return live, nil
}

func (s *session) serverVersion() string {
	l, err := s.live()
	if l == nil || err != nil {
		return ""
	}
	version, _ := l.conn.Properties["version"].(string)
	return version
}

func (c *Client) readVHostAMQP(ctx context.Context, s *session, live *topology.Live, want *topology.State,
	compare bool) error {
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(channelsPerSession)
	for _, o := range want.Objects() {
		kind := o.Ref().Kind
		if o.Ref().VHost != s.vhost || (kind != topology.KindExchange && kind != topology.KindQueue) {
			continue
		}
		g.Go(func() error {
			have, status, err := probe(ctx, s, o, compare)
			if err != nil || have == nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			if kind == topology.KindQueue {
				live.Status[o.Ref()] = status
			}
			return live.Add(have, diag.Position{})
		})
	}
	return g.Wait()
}

// probe returns the live object, nil when it does not exist.
func probe(ctx context.Context, s *session, want topology.Object, compare bool) (topology.Object, topology.QueueStatus,
	error) {
	var status topology.QueueStatus
	err := s.do(ctx, func(ch *amqp.Channel) error {
		switch o := want.(type) {
		case *topology.Queue:
			q, err := ch.QueueDeclarePassive(o.Name, o.Durable, o.AutoDelete, false, false, nil)
			status = topology.QueueStatus{Messages: int64(q.Messages), Consumers: int64(q.Consumers), Known: err == nil &&
				o.Type != topology.Stream}
			return err
		case *topology.Exchange:
			if o.Name == "" {
				return nil
			}
			return ch.ExchangeDeclarePassive(o.Name, o.Type, o.Durable, o.AutoDelete, o.Internal, false, nil)
		}
		return nil
	})
	var exception *amqp.Error
	switch {
	case errors.As(err, &exception) && exception.Code == amqp.NotFound:
		return nil, status, nil
	case err != nil:
		return nil, status, explainer{op: "look for " + want.Ref().String(), object: want, user: s.opts.User}.explain(ctx,
			err)
	case !compare:
		return want, status, nil
	}
	have, err := compared(ctx, s, want)
	return have, status, err
}

// compared declares an existing object until the broker agrees, and returns it as the broker has
// it. Each refusal names one field and its live value. What cannot be found out that way is taken
// to be as declared.
func compared(ctx context.Context, s *session, want topology.Object) (topology.Object, error) {
	have := want
	for range maxDifferences {
		err := s.do(ctx, declaration(have))
		if err == nil {
			return have, nil
		}
		var exception *amqp.Error
		if !errors.As(err, &exception) {
			return nil, err
		}
		r := parseReply(exception.Reason)
		if r.kind != replyInequivalent || r.argument == "" {
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

// with returns a copy of an object that has the live value of an inequivalent argument.
func with(o topology.Object, r reply) (topology.Object, bool) {
	switch o := o.(type) {
	case *topology.Queue:
		next := *o
		switch r.argument {
		case "durable":
			next.Durable = r.current == "true"
		case "auto_delete":
			next.AutoDelete = r.current == "true"
		case "x-queue-type":
			next.Type, next.TypeDeclared = r.current, true
			if r.currentNone {
				next.Type, next.TypeDeclared = topology.Classic, false
			}
			return &next, next.Type != o.Type || next.TypeDeclared != o.TypeDeclared
		default:
			return &next, replaceArgument(&next.Arguments, r)
		}
		return &next, next.Durable != o.Durable || next.AutoDelete != o.AutoDelete
	case *topology.Exchange:
		next := *o
		switch r.argument {
		case "type":
			next.Type = r.current
		case "durable":
			next.Durable = r.current == "true"
		case "auto_delete":
			next.AutoDelete = r.current == "true"
		case "internal":
			next.Internal = r.current == "true"
		default:
			return &next, replaceArgument(&next.Arguments, r)
		}
		return &next, next.Type != o.Type || next.Durable != o.Durable || next.AutoDelete != o.AutoDelete ||
			next.Internal != o.Internal
	}
	return nil, false
}

// replaceArgument puts the live value into a copy of the table, and reports whether that is another
// one. The text does not always tell the type: integers and booleans are told by their looks,
// unless the wanted value is text.
func replaceArgument(table *topology.Arguments, r reply) bool {
	old, had := (*table)[r.argument]
	args := table.Clone()
	*table = args
	if r.currentNone {
		delete(args, r.argument)
		return had
	}
	_, isText := old.(string)
	args[r.argument] = looksLike(r.current, isText)
	return !had || old != args[r.argument]
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
