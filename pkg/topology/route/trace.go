package route

import (
	"slices"

	"github.com/msgctl/msgctl/pkg/topology"
)

// Hop is a place on a message's way.
type Hop struct {
	// Kind is KindExchange or KindQueue.
	Kind topology.Kind `json:"kind"`
	// Name of the exchange or queue, Type its type; "" when it does not exist.
	Name string `json:"name"`
	Type string `json:"type,omitempty"`
	// Rule says what led here: "binding order.* on orders.exchange", "policy "ae", priority 10". ""
	// for the first.
	Rule string `json:"rule,omitempty"`
	// Refs are the objects that the rule rests on: a binding, a policy.
	Refs []topology.Ref `json:"-"`
	// Choice says to how many of Next an exchange sends a message.
	Choice Choice `json:"choice,omitempty"`
	Next   []*Hop `json:"next,omitempty"`
	// Again says that the message has been here on another way: it does not go on from here a
	// second time, and a queue has one copy.
	Again bool `json:"again,omitempty"`
	// Ends says why the way ends here; "" in a queue that takes the message, and where it goes on.
	Ends string `json:"ends,omitempty"`
	// Unsure says why the message may go elsewhere: policies of equal priority.
	Unsure string `json:"unsure,omitempty"`
}

// Copy is a message in a queue.
type Copy struct {
	Queue   string   `json:"queue"`
	Message *Message `json:"message"`
	// Kept says that it waits inside of the queue for a way to its dead-letter exchange (strategy
	// at-least-once).
	Kept bool `json:"kept,omitempty"`
}

// Placement is one outcome: the copies that there are, ordered by queue.
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

// Trace is where a message goes, and why.
type Trace struct {
	Publication Publication `json:"publication"`
	// Refused says that the broker does not take the message, and why: "".
	Refused string `json:"refused,omitempty"`
	// Root is the exchange that it is published to.
	Root *Hop `json:"route,omitempty"`
	// DeadLetterings are what happened to copies afterwards, in order.
	DeadLetterings []*DeadLettering `json:"afterwards,omitempty"`
	// Placements are the possible outcomes: one, unless an exchange on the way has a choice.
	Placements []Placement `json:"-"`
	// Open says that there are further outcomes, too many to list or of a kind that is not known;
	// Placements has one in which every queue that may get a copy has one, and one with those that
	// surely have.
	Open bool `json:"open,omitempty"`
}

// Sure returns the queues that have a copy in every outcome, ordered.
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

// Possible returns the queues that have a copy in some outcome, ordered. It contains those of Sure.
func (t *Trace) Possible() []string {
	var names []string
	for _, w := range t.Placements {
		names = append(names, w.Queues()...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Certain reports that there is one outcome only.
func (t *Trace) Certain() bool { return len(t.Placements) == 1 && !t.Open && len(t.Unsure()) == 0 }

// Lost reports that no queue has a copy, whatever the outcome.
func (t *Trace) Lost() bool { return len(t.Possible()) == 0 }

// MayBeLost reports that in some outcome no queue has a copy.
func (t *Trace) MayBeLost() bool {
	return slices.ContainsFunc(t.Placements, func(w Placement) bool { return len(w) == 0 })
}

// Unsure returns every reason why the answer may be another than Placements say, beside choices:
// policies that cannot be judged.
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

// Walk calls f with every hop, those of dead letters included.
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
