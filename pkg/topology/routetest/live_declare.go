package routetest

import (
	"context"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
	"github.com/msgctl/msgctl/pkg/topology/capability"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// addExternal declares stand-ins for external objects: classic queues and topic exchanges.
func (l *Live) addExternal() {
	for _, name := range l.net.QueueNames() {
		if l.net.Queue(name).Type == route.External {
			l.objects = append(l.objects, &topology.Queue{VHost: l.in, Name: name, Type: topology.Classic, TypeDeclared: true,
				Durable: true})
		}
	}
	for _, name := range l.net.ExchangeNames() {
		if kind, _ := l.net.ExchangeType(name); kind == route.External {
			l.objects = append(l.objects, &topology.Exchange{VHost: l.in, Name: name, Type: route.TopicType, Durable: true})
		}
	}
}

// move returns the object for the test vhost, or nil for kinds that do not affect routing.
func (l *Live) move(o topology.Object) topology.Object {
	switch o := o.(type) {
	case *topology.Exchange:
		if capability.IsReserved(o.Name) {
			return nil
		}
		x := *o
		x.VHost = l.in
		return &x
	case *topology.Queue:
		q := *o
		q.VHost, q.TypeDeclared, q.Arguments = l.in, true, putOff(o.Arguments, "x-")
		return &q
	case *topology.Binding:
		b := *o
		b.VHost = l.in
		return &b
	case *topology.Policy:
		p := *o
		p.VHost, p.Definition = l.in, putOff(o.Definition, "")
		return &p
	}
	return nil
}

// putOff replaces limits and TTLs in a table by values that are never reached. It keeps the keys,
// because the keys of a policy determine the queues to which it applies.
func putOff(a topology.Arguments, prefix string) topology.Arguments {
	out := a.Clone()
	for _, name := range []string{"message-ttl", "expires"} {
		if _, ok := out[prefix+name]; ok {
			out[prefix+name] = far
		}
	}
	for _, name := range []string{"max-length", "max-length-bytes"} {
		if _, ok := out[prefix+name]; ok {
			out[prefix+name] = farCount
		}
	}
	return amqptable.NormaliseTable(out)
}

// prepare redeclares the queues in which the message should expire or overflow. Arguments take
// effect at once; a policy takes effect some time after it is set.
func (l *Live) prepare(ctx context.Context, c Case, predicted *route.Trace) ([]string, error) {
	changes := map[string]topology.Arguments{}
	for _, s := range c.Steps {
		switch s.Reason {
		case route.Expired:
			changes[s.Queue] = topology.Arguments{"x-message-ttl": liveTTL}
		case route.MaxLength:
			if hasLength(l.net.Settings(s.Queue)) {
				changes[s.Queue] = topology.Arguments{"x-max-length": int64(1)}
			}
		}
	}
	for _, f := range predicted.DeadLetterings {
		if f.Wait {
			changes[f.Queue] = topology.Arguments{"x-message-ttl": liveTTL}
		}
	}
	var names []string
	for name, args := range changes {
		if l.net.Queue(name).Type == topology.Stream {
			continue
		}
		names = append(names, name)
		if err := l.remake(ctx, name, args); err != nil {
			return names, err
		}
	}
	return names, nil
}

func hasLength(s route.Settings) bool {
	_, count := s.Get("max-length").Int()
	_, bytes := s.Get("max-length-bytes").Int()
	return count || bytes
}

func (l *Live) restore(ctx context.Context, names []string) error {
	for _, name := range names {
		if err := l.remake(ctx, name, nil); err != nil {
			return err
		}
	}
	return nil
}

func (l *Live) remake(ctx context.Context, name string, args topology.Arguments) error {
	for _, o := range l.objects {
		q, ok := o.(*topology.Queue)
		if !ok || q.Name != name {
			continue
		}
		changed := *q
		changed.Arguments = q.Arguments.Clone()
		for k, v := range args {
			changed.Arguments[k] = v
		}
		if err := l.testVHost.Remake(ctx, &changed); err != nil {
			return err
		}
	}
	for _, o := range l.objects {
		if b, ok := o.(*topology.Binding); ok && b.Destination == name && b.DestinationType == topology.ToQueue {
			if err := l.testVHost.Create(ctx, b); err != nil {
				return err
			}
		}
	}
	return nil
}
