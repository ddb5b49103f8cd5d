package topology

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// State is a set of objects: what a file declares, or what a broker has. The zero State is empty
// and ready to read; Add makes its maps. Reading from several goroutines is safe, adding is not.
type State struct {
	// Name is the topology's name, the owner of what apply creates. "" for a live state, and for
	// definitions files.
	Name string
	// Home is the vhost that the file is about. One file applied to two vhosts makes two
	// topologies: see Owner.
	Home string
	// HomeAt is where a file names Home; zero when no file does.
	HomeAt  diag.Position
	objects map[Ref]Object
	// places says where in a file an object is declared, and where its parts are written: see
	// Locate.
	places map[Ref]place
	// order remembers what Objects returns, as long as nothing is added.
	order *order
	// retries are the retry schedules, by their queues.
	retries map[Ref]RetrySchedule
	// external are the exchanges and queues that somebody else is to declare.
	external map[Ref]bool
}

// Revise returns a copy of s in which these objects take the place of those with the same Ref, and
// those of the Refs in remove are missing. s is not changed.
func (s *State) Revise(replace []Object, remove []Ref) *State {
	c := *s
	c.objects, c.order = maps.Clone(s.objects), new(order)
	for _, o := range replace {
		c.objects[o.Ref()] = o
	}
	for _, ref := range remove {
		delete(c.objects, ref)
	}
	return &c
}

type place struct {
	at    diag.Position
	parts map[string]diag.Position
}

// order is what many ask for and what takes long to make.
type order struct {
	mutex sync.Mutex
	list  []Object
}

// Owner names the topology in the broker's records: name@vhost. The vhost belongs to it, because
// teams apply one file, with the vhost from a variable, to several vhosts of a cluster: pruning one
// must not touch the others. "" without a name.
func (s *State) Owner() string {
	if s.Name == "" || s.Home == "" {
		return s.Name
	}
	return s.Name + "@" + s.Home
}

// Add puts o into the state and remembers where it is declared (the zero Position for a live
// object). It returns an error when the state has an object of that Ref already.
func (s *State) Add(o Object, at diag.Position) error {
	ref := o.Ref()
	if _, dup := s.objects[ref]; dup {
		return fmt.Errorf("%s is declared twice", ref.Full())
	}
	if s.objects == nil {
		s.Grow(0)
	}
	s.objects[ref], s.order.list = o, nil
	if !at.IsZero() {
		s.places[ref] = place{at: at}
	}
	return nil
}

// Put puts o in the place of the object with the same Ref, which must be there. Where that one is
// declared stays known.
func (s *State) Put(o Object) { s.objects[o.Ref()], s.order.list = o, nil }

// Grow makes room for n objects in an empty state: for whoever knows how many will come.
func (s *State) Grow(n int) {
	if len(s.objects) == 0 {
		s.objects, s.places, s.order = make(map[Ref]Object, n), make(map[Ref]place, n), &order{}
	}
}

// Get returns the object of a Ref, and false when there is none.
func (s *State) Get(ref Ref) (Object, bool) { o, ok := s.objects[ref]; return o, ok }

// Has reports whether the state has an object of that Ref.
func (s *State) Has(ref Ref) bool { _, ok := s.objects[ref]; return ok }

// Expect remembers that the file uses an object that somebody else declares, and where it says so.
func (s *State) Expect(ref Ref, at diag.Position) {
	if s.objects == nil {
		s.Grow(0)
	}
	if s.external == nil {
		s.external = map[Ref]bool{}
	}
	s.external[ref] = true
	if !s.Has(ref) {
		s.places[ref] = place{at: at}
	}
}

// Expected returns what Expect remembered and the state has not, in order.
func (s *State) Expected() []Ref {
	var refs []Ref
	for ref := range s.external {
		if !s.Has(ref) {
			refs = append(refs, ref)
		}
	}
	slices.SortFunc(refs, Ref.CompareByKind)
	return refs
}

// IsExclusive reports whether a queue is exclusive to a connection, which alone may use it, and
// with which it goes.
func (s *State) IsExclusive(vhost, queue string) bool {
	o, _ := s.Get(Ref{Kind: KindQueue, VHost: vhost, Name: queue})
	q, ok := o.(*Queue)
	return ok && q.Exclusive
}

// Position returns where the object is declared, or expected; zero when unknown.
func (s *State) Position(ref Ref) diag.Position { return s.places[ref].at }

// Locate remembers where the parts of an object are written: arguments, by their names in the
// protocol, and fields, by any name. The map is kept, not copied.
func (s *State) Locate(ref Ref, parts map[string]diag.Position) {
	if len(parts) == 0 {
		return
	}
	if s.objects == nil {
		s.Grow(0)
	}
	at := s.places[ref]
	at.parts = parts
	s.places[ref] = at
}

// PartPosition returns where a part of an object is written, the object's Position when that is not
// known.
func (s *State) PartPosition(ref Ref, part string) diag.Position {
	place := s.places[ref]
	if at, ok := place.parts[part]; ok {
		return at
	}
	return place.at
}

// Len counts the objects.
func (s *State) Len() int { return len(s.objects) }

// Objects returns all objects in the order of Ref.Compare. The list is the caller's.
func (s *State) Objects() []Object {
	if s.order == nil {
		return nil
	}
	s.order.mutex.Lock()
	defer s.order.mutex.Unlock()
	if s.order.list == nil {
		s.order.list = s.sorted()
	}
	return slices.Clone(s.order.list)
}

// sorted sorts pointers: a Ref is large to move about.
func (s *State) sorted() []Object {
	refs, order := make([]Ref, 0, len(s.objects)), make([]*Ref, 0, len(s.objects))
	for ref := range s.objects {
		refs = append(refs, ref)
		order = append(order, &refs[len(refs)-1])
	}
	slices.SortFunc(order, func(a, b *Ref) int { return a.Compare(*b) })
	list := make([]Object, len(order))
	for i, ref := range order {
		list[i] = s.objects[*ref]
	}
	return list
}

// All iterates over the objects in no particular order.
func (s *State) All() iter.Seq2[Ref, Object] { return maps.All(s.objects) }

// VHosts returns the names of all vhosts that the state declares or has objects in, ordered.
func (s *State) VHosts() []string {
	seen := map[string]bool{}
	for ref := range s.objects {
		switch {
		case ref.Kind == KindVHost:
			seen[ref.Name] = true
		case ref.VHost != "":
			seen[ref.VHost] = true
		}
	}
	names := make([]string, 0, len(seen))
	for n := range seen {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// Only returns a state without the vhosts that are not named. Objects in vhosts stay: a broker that
// was asked for some vhosts lists all vhosts, but the objects of those only. No name means all.
func (s *State) Only(vhosts []string) *State {
	if len(vhosts) == 0 {
		return s
	}
	some := &State{}
	for _, o := range s.Objects() {
		if ref := o.Ref(); ref.Kind != KindVHost || slices.Contains(vhosts, ref.Name) {
			_ = some.Add(o, diag.Position{}) // s has each object once
		}
	}
	return some
}
