package route

import (
	"slices"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology"
)

// Hop is one exchange or queue on the path of a message.
type Hop struct {
	// Kind is KindExchange or KindQueue.
	Kind topology.Kind `json:"kind"`
	// Name is the name of the exchange or queue. Type is its type, "" if it does not exist.
	Name string `json:"name"`
	Type string `json:"type,omitempty"`
	// Rule says what led here, such as "binding order.* on orders.exchange". It is "" for the first
	// hop.
	Rule string `json:"rule,omitempty"`
	// Refs are the objects that Rule refers to: a binding, a policy.
	Refs []topology.Ref `json:"-"`
	// Choice says to how many hops of Next an exchange sends a message.
	Choice Choice `json:"choice,omitempty"`
	Next   []*Hop `json:"next,omitempty"`
	// Again reports whether the message has reached this hop on another path. An exchange does not
	// route it a second time, and a queue has one copy.
	Again bool `json:"again,omitempty"`
	// Ends says why the path ends here without a queue. It is "" if the hop is a queue that accepts
	// the message or if the path continues.
	Ends string `json:"ends,omitempty"`
	// Unsure says why the message may go elsewhere, for example because policies have equal
	// priority.
	Unsure string `json:"unsure,omitempty"`
}

// Copy is a message in a queue.
type Copy struct {
	Queue   string   `json:"queue"`
	Message *Message `json:"message"`
	// Kept reports whether the copy is a dead letter that stays in its queue until it can be routed
	// (strategy at-least-once).
	Kept bool `json:"kept,omitempty"`
}

// Placement is one possible outcome: all copies of a message, ordered by queue.
type Placement []Copy

// Queues returns the names of the queues with a copy, ordered, each once.
func (w Placement) Queues() []string {
	names := make([]string, len(w))
	for i, c := range w {
		names[i] = c.Queue
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Trace is the path of a message and its possible outcomes.
type Trace struct {
	Publication Publication `json:"publication"`
	// Refused says why the broker refuses the message. It is "" if the broker accepts it.
	Refused string `json:"refused,omitempty"`
	// Root is the exchange that the message is published to.
	Root *Hop `json:"route,omitempty"`
	// DeadLetterings are the simulated deaths, in order.
	DeadLetterings []*DeadLettering `json:"afterwards,omitempty"`
	// Placements are the possible outcomes. There is one unless an exchange on the path has a
	// choice.
	Placements []Placement `json:"-"`
	// Open reports whether there are more outcomes than Placements, because they are unknown or too
	// many to list. Placements then contains an outcome with every queue that may have a copy, and
	// an outcome with the queues that certainly have one.
	Open bool `json:"open,omitempty"`
}

// Sure returns the queues that have a copy in every outcome, in order.
func (t *Trace) Sure() []string {
	var names []string
	for i, w := range t.Placements {
		queues := w.Queues()
		if i == 0 {
			names = queues
			continue
		}
		names = slices.DeleteFunc(names, func(q string) bool { return !slices.Contains(queues, q) })
	}
	return names
}

// Possible returns the queues that have a copy in at least one outcome, in order.
func (t *Trace) Possible() []string {
	var names []string
	for _, w := range t.Placements {
		names = append(names, w.Queues()...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Certain reports whether there is only one outcome.
func (t *Trace) Certain() bool { return len(t.Placements) == 1 && !t.Open && len(t.Unsure()) == 0 }

// Lost reports whether no queue has a copy in any outcome.
func (t *Trace) Lost() bool { return len(t.Possible()) == 0 }

// MayBeLost reports whether no queue has a copy in at least one outcome.
func (t *Trace) MayBeLost() bool {
	return slices.ContainsFunc(t.Placements, func(w Placement) bool { return len(w) == 0 })
}

// Unsure returns the reasons, apart from choices, why the outcome may not be in Placements:
// policies of equal priority or with patterns that cannot be evaluated.
func (t *Trace) Unsure() []string {
	var list []string
	add := func(why string) {
		if why != "" && !slices.Contains(list, why) {
			list = append(list, why)
		}
	}
	t.Walk(func(h *Hop) { add(h.Unsure) })
	for _, f := range t.DeadLetterings {
		add(f.Unsure)
	}
	return list
}

// Unjudged returns the sentences of Unsure about patterns that cannot be evaluated. If there are
// any, Placements is a guess.
func (t *Trace) Unjudged() []string {
	return slices.DeleteFunc(t.Unsure(), func(why string) bool { return !strings.HasSuffix(why, unjudged) })
}

// Walk calls f with every hop, including those of dead letters.
func (t *Trace) Walk(f func(*Hop)) {
	t.Root.walk(f)
	for _, deadLettering := range t.DeadLetterings {
		deadLettering.Root.walk(f)
	}
}

func (h *Hop) walk(f func(*Hop)) {
	if h == nil {
		return
	}
	f(h)
	for _, n := range h.Next {
		n.walk(f)
	}
}
