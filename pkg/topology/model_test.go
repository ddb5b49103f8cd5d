package topology_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// model is a broker as far as the engine's own logic needs one: it keeps objects, deletes what
// hangs on a deleted one, and refuses what lacks what it needs. How a real broker behaves is tested
// against real brokers.
type model struct {
	mu      sync.Mutex
	objects map[topology.Ref]topology.Object
	status  map[topology.Ref]topology.QueueStatus
	records map[string]topology.Ownership
	log     []string
	// fault, when set, is asked before each write, and its error is the write's.
	fault func(op string, ref topology.Ref) error
	// saves has the records written.
	saves []topology.Ownership
}

func newModel(vhosts ...string) *model {
	m := &model{objects: map[topology.Ref]topology.Object{}, status: map[topology.Ref]topology.QueueStatus{},
		records: map[string]topology.Ownership{}}
	for _, v := range vhosts {
		m.addVHost(&topology.VHost{Name: v})
	}
	return m
}

func (m *model) addVHost(v *topology.VHost) {
	m.objects[v.Ref()] = v
	for name, kind := range map[string]string{"amq.topic": "topic", "amq.direct": "direct", "amq.fanout": "fanout"} {
		x := &topology.Exchange{VHost: v.Name, Name: name, Type: kind, Durable: true}
		m.objects[x.Ref()] = x
	}
}

// live returns what a reader would.
func (m *model) live() *topology.Live {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := &topology.Live{
		Server: topology.Server{Version: "4.3.6"}, Status: map[topology.Ref]topology.QueueStatus{},
		Ownership: maps.Clone(m.records),
	}
	for _, record := range m.records {
		for _, v := range topology.VHostsToRead(&topology.State{}, record) {
			if !m.has(topology.KindVHost, "", v) && !slices.Contains(l.MissingVHosts, v) {
				l.MissingVHosts = append(l.MissingVHosts, v)
			}
		}
	}
	for ref, o := range m.objects {
		if err := l.Add(o, diag.Position{}); err != nil {
			panic(err)
		}
		if ref.Kind == topology.KindQueue {
			s, ok := m.status[ref]
			if !ok {
				s.Known = true
			}
			l.Status[ref] = s
		}
	}
	return l
}

func (m *model) begin(op string, ref topology.Ref) error {
	m.log = append(m.log, op+" "+ref.String())
	if m.fault != nil {
		return m.fault(op, ref)
	}
	return nil
}

func (m *model) has(kind topology.Kind, vhost, name string) bool {
	_, ok := m.objects[topology.Ref{Kind: kind, VHost: vhost, Name: name}]
	return ok
}

func (m *model) Create(_ context.Context, want topology.Object) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	ref := want.Ref()
	if err := m.begin("create", ref); err != nil {
		return err
	}
	if _, ok := m.objects[ref]; ok {
		return fmt.Errorf("create %s: it exists", ref)
	}
	if ref.VHost != "" && !m.has(topology.KindVHost, "", ref.VHost) {
		return fmt.Errorf("create %s: no vhost", ref)
	}
	switch o := want.(type) {
	case *topology.VHost:
		m.addVHost(o)
		return nil
	case *topology.Permission:
		if !m.has(topology.KindUser, "", o.User) {
			return fmt.Errorf("create %s: no user", ref)
		}
	case *topology.Binding:
		kind := topology.KindQueue
		if o.DestinationType == topology.ToExchange {
			kind = topology.KindExchange
		}
		if !m.has(topology.KindExchange, o.VHost, o.Source) || !m.has(kind, o.VHost, o.Destination) {
			return fmt.Errorf("create %s: no such source or destination", ref)
		}
	}
	m.objects[ref] = want
	return nil
}

func (m *model) Update(_ context.Context, have, want topology.Object) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	ref := want.Ref()
	if err := m.begin("update", ref); err != nil {
		return err
	}
	if _, ok := m.objects[ref]; !ok || have.Ref() != ref {
		return fmt.Errorf("update %s: there is none", ref)
	}
	if ref.Kind == topology.KindQueue || ref.Kind == topology.KindExchange || ref.Kind == topology.KindBinding {
		return fmt.Errorf("update %s: inequivalent", ref)
	}
	m.objects[ref] = want
	return nil
}

func (m *model) Delete(_ context.Context, have topology.Object, guard topology.Guard) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	ref := have.Ref()
	if err := m.begin("delete", ref); err != nil {
		return err
	}
	s := m.status[ref]
	if guard.IfEmpty && s.Messages > 0 || guard.IfUnused && s.Consumers > 0 || s.Messages > guard.MaxMessages {
		return fmt.Errorf("delete %s: %w", ref, topology.ErrInUse)
	}
	if guard.IfUnused && ref.Kind == topology.KindExchange {
		for r := range m.objects {
			if r.Kind == topology.KindBinding && r.VHost == ref.VHost && r.Parent == ref.Name {
				return fmt.Errorf("delete %s: %w", ref, topology.ErrInUse)
			}
		}
	}
	delete(m.objects, ref)
	maps.DeleteFunc(m.objects, func(r topology.Ref, _ topology.Object) bool { return hangsOn(r, ref) })
	return nil
}

func hangsOn(r, on topology.Ref) bool {
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

func (m *model) SaveOwnership(_ context.Context, o topology.Ownership) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.begin("save", topology.Ref{Kind: topology.KindGlobalParameter, Name: o.Name}); err != nil {
		return err
	}
	m.saves = append(m.saves, o)
	if len(o.Refs) == 0 {
		delete(m.records, o.Name)
		return nil
	}
	m.records[o.Name] = topology.Ownership{Name: o.Name, Refs: maps.Clone(o.Refs)}
	return nil
}
