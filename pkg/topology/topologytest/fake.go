package topologytest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// Broker is a broker in memory, an apply.Writer. It keeps objects, deletes those that depend on a
// deleted one, and refuses an object that needs one which is missing. It is for tests of the logic
// of plan and apply: how a real broker behaves is tested against real brokers.
type Broker struct {
	mu sync.Mutex
	// Objects are those of all vhosts.
	Objects map[topology.Ref]topology.Object
	// Status has the counts of queues. What is not in it is empty and unused.
	Status map[topology.Ref]topology.QueueStatus
	// Records are those of ownership, by topology.
	Records map[string]topology.Ownership
	// Log has every write: create queue "q".
	Log []string
	// Fault, when set, is asked before each write, and its error is the write's.
	Fault func(op string, ref topology.Ref) error
	// Saves has the records written.
	Saves []topology.Ownership
}

// NewBroker returns a broker with these vhosts and their predeclared exchanges.
func NewBroker(vhosts ...string) *Broker {
	b := &Broker{Objects: map[topology.Ref]topology.Object{}, Status: map[topology.Ref]topology.QueueStatus{},
		Records: map[string]topology.Ownership{}}
	for _, v := range vhosts {
		b.AddVHost(&topology.VHost{Name: v})
	}
	return b
}

// AddVHost adds a vhost with its predeclared exchanges.
func (b *Broker) AddVHost(v *topology.VHost) {
	b.Objects[v.Ref()] = v
	for name, kind := range map[string]string{"amq.topic": "topic", "amq.direct": "direct", "amq.fanout": "fanout"} {
		x := &topology.Exchange{VHost: v.Name, Name: name, Type: kind, Durable: true}
		b.Objects[x.Ref()] = x
	}
}

// Live returns what a reader would.
func (b *Broker) Live() *topology.Live {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := &topology.Live{
		Server: topology.Server{Version: "4.3.6"}, Status: map[topology.Ref]topology.QueueStatus{},
		Ownership: maps.Clone(b.Records),
	}
	for _, record := range b.Records {
		for ref := range record.Refs {
			v := ref.VHost
			if ref.Kind == topology.KindVHost {
				v = ref.Name
			}
			if v != "" && !b.has(topology.KindVHost, "", v) && !slices.Contains(l.MissingVHosts, v) {
				l.MissingVHosts = append(l.MissingVHosts, v)
			}
		}
	}
	for ref, o := range b.Objects {
		if err := l.Add(o, diag.Position{}); err != nil {
			panic(err)
		}
		if ref.Kind == topology.KindQueue {
			s, ok := b.Status[ref]
			if !ok {
				s.Known = true
			}
			l.Status[ref] = s
		}
	}
	return l
}

func (b *Broker) begin(op string, ref topology.Ref) error {
	b.Log = append(b.Log, op+" "+ref.String())
	if b.Fault != nil {
		return b.Fault(op, ref)
	}
	return nil
}

func (b *Broker) has(kind topology.Kind, vhost, name string) bool {
	_, ok := b.Objects[topology.Ref{Kind: kind, VHost: vhost, Name: name}]
	return ok
}

// Create makes an object.
func (b *Broker) Create(_ context.Context, want topology.Object) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	ref := want.Ref()
	if err := b.begin("create", ref); err != nil {
		return err
	}
	if _, ok := b.Objects[ref]; ok {
		return fmt.Errorf("create %s: it exists", ref)
	}
	if ref.VHost != "" && !b.has(topology.KindVHost, "", ref.VHost) {
		return fmt.Errorf("create %s: no vhost", ref)
	}
	switch o := want.(type) {
	case *topology.VHost:
		b.AddVHost(o)
		return nil
	case *topology.Permission:
		if !b.has(topology.KindUser, "", o.User) {
			return fmt.Errorf("create %s: no user", ref)
		}
	case *topology.Binding:
		kind := topology.KindQueue
		if o.DestinationType == topology.ToExchange {
			kind = topology.KindExchange
		}
		if !b.has(topology.KindExchange, o.VHost, o.Source) || !b.has(kind, o.VHost, o.Destination) {
			return fmt.Errorf("create %s: no such source or destination", ref)
		}
	}
	b.Objects[ref] = want
	return nil
}

// Update changes an object in place.
func (b *Broker) Update(_ context.Context, have, want topology.Object) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	ref := want.Ref()
	if err := b.begin("update", ref); err != nil {
		return err
	}
	if _, ok := b.Objects[ref]; !ok || have.Ref() != ref {
		return fmt.Errorf("update %s: there is none", ref)
	}
	if ref.Kind == topology.KindQueue || ref.Kind == topology.KindExchange || ref.Kind == topology.KindBinding {
		return fmt.Errorf("update %s: inequivalent", ref)
	}
	b.Objects[ref] = want
	return nil
}

// Delete removes an object and those that depend on it.
func (b *Broker) Delete(_ context.Context, have topology.Object, conditions topology.DeleteConditions) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	ref := have.Ref()
	if err := b.begin("delete", ref); err != nil {
		return err
	}
	s := b.Status[ref]
	if conditions.IfEmpty && s.Messages > 0 || conditions.IfUnused && s.Consumers > 0 ||
		s.Messages > conditions.MaxMessages {
		return fmt.Errorf("delete %s: %w", ref, topology.ErrInUse)
	}
	if conditions.IfUnused && ref.Kind == topology.KindExchange {
		for r := range b.Objects {
			if r.Kind == topology.KindBinding && r.VHost == ref.VHost && r.Parent == ref.Name {
				return fmt.Errorf("delete %s: %w", ref, topology.ErrInUse)
			}
		}
	}
	delete(b.Objects, ref)
	maps.DeleteFunc(b.Objects, func(r topology.Ref, _ topology.Object) bool { return dependsOn(r, ref) })
	return nil
}

func dependsOn(r, on topology.Ref) bool {
	switch on.Kind {
	case topology.KindVHost:
		return r.VHost == on.Name
	case topology.KindUser:
		return (r.Kind == topology.KindPermission || r.Kind == topology.KindTopicPermission) && r.Name == on.Name ||
			r.Kind == topology.KindUserLimit && r.Parent == on.Name
	case topology.KindQueue:
		return r.Kind == topology.KindBinding && r.VHost == on.VHost && r.Destination == topology.ToQueue && r.Name == on.Name
	case topology.KindExchange:
		return r.Kind == topology.KindBinding && r.VHost == on.VHost &&
			(r.Parent == on.Name || r.Destination == topology.ToExchange && r.Name == on.Name)
	}
	return false
}

// SaveOwnership keeps the record.
func (b *Broker) SaveOwnership(_ context.Context, o topology.Ownership) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.begin("save", topology.Ref{Kind: topology.KindGlobalParameter, Name: o.Name}); err != nil {
		return err
	}
	b.Saves = append(b.Saves, o)
	if len(o.Refs) == 0 {
		delete(b.Records, o.Name)
		return nil
	}
	b.Records[o.Name] = topology.Ownership{Name: o.Name, Refs: maps.Clone(o.Refs)}
	return nil
}

// ForgetOwnership removes a record that is still as given.
func (b *Broker) ForgetOwnership(_ context.Context, o topology.Ownership) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.begin("forget", topology.Ref{Kind: topology.KindGlobalParameter, Name: o.Name}); err != nil {
		return err
	}
	if b.Records[o.Name].Equal(o) {
		delete(b.Records, o.Name)
	}
	return nil
}

// Failing makes the writes that are named "create queue \"q\"" fail.
func (b *Broker) Failing(err error, writes ...string) *Broker {
	b.Fault = func(op string, ref topology.Ref) error {
		if slices.Contains(writes, op+" "+ref.String()) {
			return fmt.Errorf("%s %s: %w", op, ref, err)
		}
		return nil
	}
	return b
}
