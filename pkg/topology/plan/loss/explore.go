package loss

import (
	"maps"
	"slices"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// explorer follows the dead letters of a queue through a network, and finds a message for each way
// that leads through something that changes.
type explorer struct {
	w     *Waiting
	n     *route.Network
	found map[string]*route.Message
	// path are the exchanges and queues on the way here.
	path []topology.Ref
}

// class is a class of messages: their keys when they wait, and now. They differ where a dead-letter
// routing key replaced the former. The headers are those that the way needs.
type class struct {
	keys, now route.Pattern
	replaced  bool
	headers   topology.Arguments
}

// through narrows a class to what a binding lets pass.
func (s class) through(kind string, b *topology.Binding) (class, bool) {
	now, ok := meet(s.now, route.GateOf(kind, b).Keys)
	if !ok {
		return s, false
	}
	if s.now = now; !s.replaced {
		s.keys = now
	}
	if kind == route.HeadersType {
		s.headers = maps.Clone(s.headers)
		if s.headers == nil {
			s.headers = topology.Arguments{}
		}
		for name, v := range b.Arguments {
			if name != "x-match" {
				s.headers[name] = v
			}
		}
	}
	return s, true
}

// add notes a message of a class.
func (e *explorer) add(s class) {
	m := &route.Message{Keys: []string{example(s.keys)}, Headers: s.headers}
	e.found[m.Keys[0]+"\x00"+amqptable.Canonical(map[string]any(s.headers))] = m
}

// within calls f, unless the way has been at that exchange or queue before.
func (e *explorer) within(ref topology.Ref, f func()) {
	if slices.Contains(e.path, ref) {
		return
	}
	e.path = append(e.path, ref)
	f()
	e.path = e.path[:len(e.path)-1]
}

// died follows what dies in a queue. differs says that something on the way has changed.
func (e *explorer) died(s route.Settings, what class, differs bool) {
	dl := s.DeadLetter()
	if !dl.Set() {
		if differs {
			e.add(what)
		}
		return
	}
	if dl.Key.Value != nil {
		what.now, what.replaced = route.Exactly(dl.Key.Text()), true
	}
	e.within(topology.QueueRef(e.n.VHost(), s.Queue.Name), func() { e.exchange(dl.Exchange.Text(), what, differs) })
}

func (e *explorer) exchange(name string, what class, differs bool) {
	if name == "" {
		e.byName(what, differs)
		return
	}
	differs = differs || e.w.exchangeDiffers(name)
	if differs {
		e.add(what)
	}
	kind, _ := e.n.ExchangeType(name)
	e.within(topology.ExchangeRef(e.n.VHost(), name), func() {
		for _, b := range e.n.From(name) {
			passed, ok := what.through(kind, b)
			switch other := differs || !e.w.bindings[b]; {
			case !ok:
			case b.DestinationType == topology.ToQueue:
				e.queue(b.Destination, passed, other)
			default:
				e.exchange(b.Destination, passed, other)
			}
		}
		if alternate, ok := e.n.Alternate(name).Value.(string); ok {
			e.exchange(alternate, what, differs)
		}
	})
}

// byName follows what goes to the queues whose names are the keys.
func (e *explorer) byName(what class, differs bool) {
	names := e.n.QueueNames()
	if key, ok := what.now.Single(); ok {
		names = []string{key}
	}
	for _, name := range names {
		if named, ok := meet(what.now, route.Exactly(name)); ok {
			passed := what
			if passed.now = named; !what.replaced {
				passed.keys = named
			}
			e.queue(name, passed, differs)
		}
	}
}

func (e *explorer) queue(name string, what class, differs bool) {
	if differs = differs || e.w.queueDiffers(name); differs {
		e.add(what)
	}
	if e.n.Queue(name) == nil {
		return
	}
	if s := e.n.Settings(name); Waits(s) {
		e.died(s, what, differs)
	}
}

// meet returns the keys that match both patterns, and false if there are none. Where several
// patterns describe them, it returns one.
func meet(a, b route.Pattern) (route.Pattern, bool) {
	return (&meeting{a: a, b: b, failed: map[[2]int]bool{}}).from(0, 0)
}

type meeting struct {
	a, b   route.Pattern
	failed map[[2]int]bool
}

// from returns what matches the rest of a, from word i on, and the rest of b, from word j on.
func (m *meeting) from(i, j int) (route.Pattern, bool) {
	if i == len(m.a) && j == len(m.b) {
		return nil, true
	}
	if m.failed[[2]int{i, j}] {
		return nil, false
	}
	manyA := i < len(m.a) && m.a[i].Kind == route.AnyWords
	manyB := j < len(m.b) && m.b[j].Kind == route.AnyWords
	var rest route.Pattern
	var word route.Token
	ok := false
	if i < len(m.a) && j < len(m.b) {
		x, y := m.a[i], m.b[j]
		nextA, nextB := i+1, j+1
		switch word = y; {
		case manyA && manyB:
		case manyA:
			nextA = i
		case manyB:
			word, nextB = x, j
		case x.Kind == route.Literal && y.Kind == route.Literal && x.Word != y.Word:
			nextA = -1
		case x.Kind == route.Literal:
			word = x
		}
		if nextA >= 0 {
			if rest, ok = m.from(nextA, nextB); ok {
				return append(route.Pattern{word}, rest...), true
			}
		}
	}
	if manyA {
		rest, ok = m.from(i+1, j)
	}
	if !ok && manyB {
		rest, ok = m.from(i, j+1)
	}
	m.failed[[2]int{i, j}] = !ok
	return rest, ok
}

// example returns a key that a pattern matches and hardly another does.
func example(p route.Pattern) string {
	var key route.Pattern
	for _, t := range p {
		switch t.Kind {
		case route.OneWord:
			key = append(key, route.Token{Word: "msgctl-any"})
		case route.AnyWords:
			key = append(key, route.Exactly(unknownKey)...)
		default:
			key = append(key, t)
		}
	}
	return key.String()
}
