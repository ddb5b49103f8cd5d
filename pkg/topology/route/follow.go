package route

import (
	"fmt"
	"slices"

	"github.com/msgctl/msgctl/pkg/topology"
)

// Route returns the trace of a published message. If the broker refuses the message, Trace.Refused
// says why.
func (n *Network) Route(p Publication) *Trace {
	t := &Trace{Publication: p, Placements: []Placement{nil}}
	x := n.exchanges[p.Exchange]
	switch {
	case x == nil:
		t.Refused = fmt.Sprintf("there is no exchange %q: the broker closes the channel (404 NOT_FOUND)", p.Exchange)
		return t
	case x.declared != nil && x.declared.Internal:
		t.Refused = fmt.Sprintf("exchange %q is internal: the broker refuses publications (403 ACCESS_REFUSED)", p.Exchange)
		return t
	}
	m := p.message()
	r := n.route(m)
	t.Root = r.root
	sets, open := r.outcomes()
	t.Open = open
	t.Placements = make([]Placement, len(sets))
	for i, set := range sets {
		t.Placements[i] = placementOf(set, m)
	}
	return t
}

func placementOf(queues []string, m *Message) Placement {
	w := make(Placement, len(queues))
	for i, q := range queues {
		w[i] = Copy{Queue: q, Message: m}
	}
	return w
}

// router follows one message through the exchanges. Each exchange routes the message once, even if
// several paths lead to it.
type router struct {
	n    *Network
	m    *Message
	root *Hop
	// hops are the exchanges that have routed the message.
	hops map[string]*Hop
	// queues are the queues that the message reaches.
	queues map[string]bool
	// refuses returns why a queue refuses the message, or "". If nil, no queue does.
	refuses func(queue string) string
	choices bool
}

// route routes a message from its exchange, which must exist.
func (n *Network) route(m *Message) *router {
	r := &router{n: n, m: m, hops: map[string]*Hop{}, queues: map[string]bool{}}
	r.start()
	return r
}

func (r *router) start() {
	x := r.n.exchanges[r.m.Exchange]
	r.root = &Hop{Kind: topology.KindExchange, Name: x.name, Type: x.typ}
	r.hops[x.name] = r.root
	if x.name == "" {
		r.byName(r.root)
		return
	}
	r.expand(r.root, x)
}

// byName routes as the default exchange does: to the queues whose names are the routing keys.
func (r *router) byName(h *Hop) {
	for _, key := range r.m.Keys {
		if r.n.queues[key] != nil {
			h.Next = append(h.Next, r.queue(key, "its name is the routing key"))
		}
	}
	if len(h.Next) == 0 {
		h.Ends = fmt.Sprintf("no queue is named %q", r.m.Keys[0])
	}
}

func (r *router) expand(h *Hop, x *exchange) {
	found := r.n.match(x, r.m)
	for _, f := range found {
		h.Next = append(h.Next, r.through(f))
	}
	if len(found) == 0 || ChoiceOf(x.typ) == AnyOf {
		r.alternate(h, x)
	}
	if len(h.Next) > 1 {
		h.Choice = ChoiceOf(x.typ)
	} else if ChoiceOf(x.typ) == AnyOf {
		h.Choice = AnyOf
	}
	r.choices = r.choices || h.Choice != All && len(h.Next) > 0
}

func (r *router) through(f matched) *Hop {
	var next *Hop
	if f.binding.DestinationType == topology.ToQueue {
		next = r.queue(f.binding.Destination, f.why)
	} else {
		next = r.exchange(f.binding.Destination, f.why)
	}
	next.Refs = append(next.Refs, f.binding.Ref())
	return next
}

func (r *router) queue(name, why string) *Hop {
	h := &Hop{Kind: topology.KindQueue, Name: name, Type: r.n.queues[name].Type, Rule: why, Again: r.queues[name]}
	if r.refuses != nil {
		h.Ends = r.refuses(name)
	}
	r.queues[name] = true
	return h
}

func (r *router) exchange(name, why string) *Hop {
	x := r.n.exchanges[name]
	h := &Hop{Kind: topology.KindExchange, Name: name, Rule: why}
	if x == nil {
		h.Ends = "it does not exist"
		return h
	}
	h.Type = x.typ
	if r.hops[name] != nil {
		h.Again = true
		return h
	}
	r.hops[name] = h
	r.expand(h, x)
	return h
}

// alternate routes a message that no binding matches to the alternate exchange (fact
// alternate-not-after-exchange).
func (r *router) alternate(h *Hop, x *exchange) {
	ae := r.n.Alternate(x.name)
	h.Unsure = ae.Unsure
	name, ok := ae.Value.(string)
	if !ok {
		if len(h.Next) == 0 {
			h.Ends = r.noBinding(x)
		}
		return
	}
	next := r.exchange(name, fmt.Sprintf("alternate exchange of %s (%s), as no binding took it", NameOf(x.name),
		ae.Source()))
	if ae.Policy != nil {
		next.Refs = append(next.Refs, ae.Policy.Ref())
	}
	h.Next = append(h.Next, next)
}

func (r *router) noBinding(x *exchange) string {
	switch {
	case len(x.bindings) == 0:
		return "nothing is bound to it"
	case x.typ == HeadersType:
		return "no binding matches the headers"
	case len(r.m.Keys) > 1:
		return fmt.Sprintf("no binding takes any of the keys %q", r.m.Keys)
	}
	return fmt.Sprintf("no binding takes the key %q", r.m.Keys[0])
}

// maxOutcomes is the maximum number of outcomes to list.
const maxOutcomes = 256

// outcomes returns the sets of queues that may get the message. It returns true if these are not
// all outcomes (see Trace.Open).
func (r *router) outcomes() ([][]string, bool) {
	all := r.reach(func(h *Hop) []*Hop { return h.Next })
	if !r.choices {
		return [][]string{all}, false
	}
	sets := &setList{}
	if r.enumerate(sets) {
		return sets.list, false
	}
	sure := r.reach(func(h *Hop) []*Hop {
		if h.Choice != All {
			return nil
		}
		return h.Next
	})
	sets = &setList{}
	sets.add(all)
	sets.add(sure)
	return sets.list, true
}

// reach returns the queues that get the message if each exchange sends it to the hops that next
// returns.
func (r *router) reach(next func(*Hop) []*Hop) []string {
	seen := map[string]bool{}
	var queues []string
	var visit func(*Hop)
	visit = func(h *Hop) {
		for _, to := range next(h) {
			switch {
			case to.Kind == topology.KindQueue:
				if to.Ends == "" {
					queues = append(queues, to.Name)
				}
			case !seen[to.Name] && r.hops[to.Name] != nil:
				seen[to.Name] = true
				visit(r.hops[to.Name])
			}
		}
	}
	seen[r.root.Name] = true
	visit(r.root)
	slices.Sort(queues)
	return slices.Compact(queues)
}

// enumerate adds the outcomes of all combinations of choices to sets. It returns false if there are
// too many or if a choice is unknown.
func (r *router) enumerate(sets *setList) bool {
	var choosing []*Hop
	total := 1
	for _, h := range r.hops {
		if h.Choice == AnyOf {
			return false
		}
		if h.Choice == OneOf {
			choosing = append(choosing, h)
			total *= len(h.Next)
		}
		if total > maxOutcomes {
			return false
		}
	}
	for i := range total {
		pick := map[*Hop]int{}
		rest := i
		for _, h := range choosing {
			pick[h], rest = rest%len(h.Next), rest/len(h.Next)
		}
		sets.add(r.reach(func(h *Hop) []*Hop {
			if at, ok := pick[h]; ok {
				return h.Next[at : at+1]
			}
			return h.Next
		}))
	}
	slices.SortFunc(sets.list, slices.Compare)
	return true
}

// setList is a list of distinct sets of queue names.
type setList struct{ list [][]string }

func (s *setList) add(set []string) {
	if !slices.ContainsFunc(s.list, func(o []string) bool { return slices.Equal(o, set) }) {
		s.list = append(s.list, set)
	}
}
