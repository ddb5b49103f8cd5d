package topology_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

func names(list []topology.Object) []string {
	out := make([]string, len(list))
	for i, o := range list {
		out[i] = o.Ref().Name
	}
	return out
}

// TestObjectsAreInOrder, also those that are added after somebody has asked, and whatever a caller
// does to the list.
func TestObjectsAreInOrder(t *testing.T) {
	s := &topology.State{}
	if len(s.Objects()) != 0 {
		t.Error("an empty state has objects")
	}
	add := func(name string) {
		if err := s.Add(&topology.Queue{VHost: "/", Name: name}, diag.Position{}); err != nil {
			t.Fatal(err)
		}
	}
	add("b")
	add("c")
	list := s.Objects()
	list[0], list[1] = list[1], list[0]
	if got := names(s.Objects()); !slices.Equal(got, []string{"b", "c"}) {
		t.Errorf("got %v", got)
	}
	add("a")
	copied := *s
	for _, state := range []*topology.State{s, &copied} {
		if got := names(state.Objects()); !slices.Equal(got, []string{"a", "b", "c"}) {
			t.Errorf("got %v", got)
		}
	}
	s.Grow(10)
	if s.Len() != 3 {
		t.Error("growing loses objects")
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() { s.Objects() })
	}
	group.Wait()
}

// TestLocateKeepsThePosition, and the other way round.
func TestLocateKeepsThePosition(t *testing.T) {
	s := &topology.State{}
	q := &topology.Queue{VHost: "/", Name: "q"}
	if err := s.Add(q, diag.Position{Line: 1}); err != nil {
		t.Fatal(err)
	}
	s.Locate(q.Ref(), map[string]diag.Position{"type": {Line: 2}})
	if s.Position(q.Ref()).Line != 1 || s.PartPosition(q.Ref(), "type").Line != 2 ||
		s.PartPosition(q.Ref(), "durable").Line != 1 {
		t.Errorf("got %v, %v, %v", s.Position(q.Ref()), s.PartPosition(q.Ref(), "type"), s.PartPosition(q.Ref(), "durable"))
	}
}

// TestTyped: files that say nothing of types are left as they are, and the others are not changed
// either.
func TestTyped(t *testing.T) {
	s := &topology.State{}
	q, wait := &topology.Queue{VHost: "/", Name: "q", Type: topology.Classic, Durable: true}, &topology.Queue{VHost: "/",
		Name: "wait", Type: topology.Classic, Durable: true, TypeDeclared: true}
	other := &topology.Queue{VHost: "other", Name: "q", Type: topology.Classic, Durable: true}
	v := &topology.VHost{Name: "/", DefaultQueueType: topology.Stream}
	for _, o := range []topology.Object{q, wait, other, v} {
		if err := s.Add(o, diag.Position{Line: 7}); err != nil {
			t.Fatal(err)
		}
	}
	if s.Typed("4.3") != s {
		t.Error("the file does not name the default type")
	}
	v.Declared.DefaultQueueType = true
	typed := s.Typed("")
	for ref, want := range map[topology.Ref]string{q.Ref(): topology.Stream, wait.Ref(): topology.Classic,
		other.Ref(): topology.Classic} {
		o, _ := typed.Get(ref)
		if got := o.(*topology.Queue).Type; got != want || typed.Position(ref).Line != 7 {
			t.Errorf("%s: got %s, want %s", ref, got, want)
		}
	}
	if q.Type != topology.Classic || len(typed.Objects()) != 4 {
		t.Error("the state was changed")
	}
	if o, _ := s.Typed("3.10").Get(q.Ref()); o.(*topology.Queue).Type != topology.Classic {
		t.Error("3.10 has no default type")
	}
}
