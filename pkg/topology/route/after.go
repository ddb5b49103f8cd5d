package route

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology"
)

// Step is a death to simulate: the message dies in Queue for Reason.
type Step struct {
	Queue  string `json:"queue"`
	Reason Reason `json:"reason"`
}

// NotThereError says that a message cannot die in a queue because it is not routed to it.
type NotThereError struct {
	Queue string
	// Has lists the queues that may have the message.
	Has []string
}

// Error implements error.
func (e *NotThereError) Error() string {
	if len(e.Has) == 0 {
		return fmt.Sprintf("the message is not in queue %q: no queue has it", e.Queue)
	}
	return fmt.Sprintf("the message is not in queue %q, it is in %s", e.Queue, strings.Join(e.Has, ", "))
}

// Follow simulates the publication of a message and then the given deaths, in order. After each
// death, the message passes through wait queues (see Waits), so the trace ends where the message
// stays. If a step names a queue that cannot have the message, Follow returns the trace so far and
// a *NotThereError.
func (n *Network) Follow(p Publication, steps ...Step) (*Trace, error) {
	t := n.Route(p)
	for _, s := range steps {
		if err := n.step(t, s, false); err != nil {
			return t, err
		}
		n.passWaits(t)
	}
	return t, nil
}

// step lets the copy in the queue of s die in every placement that has a copy there. It drops the
// other placements.
func (n *Network) step(t *Trace, s Step, wait bool) error {
	var deadLetterings []*DeadLettering
	var placements []Placement
	for _, w := range t.Placements {
		at := slices.IndexFunc(w, func(c Copy) bool { return c.Queue == s.Queue && !c.Kept })
		if at < 0 {
			continue
		}
		f := n.deadLettering(deadLetterings, w[at].Message, s)
		if !slices.Contains(deadLetterings, f) {
			deadLetterings = append(deadLetterings, f)
		}
		t.Open = t.Open || f.open
		placements = append(placements, f.Placements(w, at)...)
	}
	if len(deadLetterings) == 0 {
		return &NotThereError{Queue: s.Queue, Has: t.Possible()}
	}
	for _, f := range deadLetterings {
		if f.Wait = wait; wait {
			f.After, _ = n.Settings(s.Queue).Get("message-ttl").Int()
		}
	}
	t.DeadLetterings = append(t.DeadLetterings, deadLetterings...)
	t.Placements = distinct(placements)
	if len(t.Placements) > maxOutcomes {
		t.Placements, t.Open = t.Placements[:maxOutcomes], true
	}
	return nil
}

// deadLettering returns the outcome for a message. All copies of one message have the same outcome,
// so it returns a known outcome if there is one.
func (n *Network) deadLettering(known []*DeadLettering, m *Message, s Step) *DeadLettering {
	for _, f := range known {
		if f.from == m {
			return f
		}
	}
	f := n.Die(m, s.Queue, s.Reason)
	f.from = m
	return f
}

// Placements returns the placements that can result from w if the copy at index at dies.
func (f *DeadLettering) Placements(w Placement, at int) []Placement {
	if f.Outcome == Stays {
		return []Placement{w}
	}
	rest := slices.Delete(slices.Clone(w), at, at+1)
	if f.Outcome == Held {
		return []Placement{ordered(append(rest, Copy{Queue: f.Queue, Message: w[at].Message, Kept: true}))}
	}
	placements := make([]Placement, len(f.sets))
	for i, set := range f.sets {
		placements[i] = ordered(slices.Concat(rest, placementOf(set, f.Message)))
	}
	return placements
}

// Open reports whether there are more outcomes than those of Placements: see Trace.Open.
func (f *DeadLettering) Open() bool { return f.open }

func ordered(w Placement) Placement {
	slices.SortStableFunc(w, func(a, b Copy) int { return strings.Compare(a.Queue, b.Queue) })
	return w
}

func distinct(placements []Placement) []Placement {
	var list []Placement
	for _, w := range placements {
		if !slices.ContainsFunc(list, func(o Placement) bool { return slices.Equal(o, w) }) {
			list = append(list, w)
		}
	}
	return list
}

// maxWaits is the maximum number of wait queues that a message passes through. It exceeds any
// realistic number of retry steps.
const maxWaits = 100

// passWaits lets dead letters expire in wait queues until they reach a queue in which they stay.
func (n *Network) passWaits(t *Trace) {
	for range maxWaits {
		queue := ""
		for _, w := range t.Placements {
			for _, c := range w {
				if queue == "" && len(c.Message.Deaths) > 0 && !c.Kept && n.Waits(c.Queue, c.Message) {
					queue = c.Queue
				}
			}
		}
		if queue == "" || n.pass(t, queue) {
			return
		}
	}
}

// pass lets the copy in one wait queue expire in the placements that have one. It reports whether
// nothing changed.
func (n *Network) pass(t *Trace, queue string) bool {
	has := func(w Placement) bool {
		return slices.ContainsFunc(w, func(c Copy) bool {
			return c.Queue == queue && len(c.Message.Deaths) > 0 && !c.Kept && n.Waits(queue, c.Message)
		})
	}
	var others []Placement
	for _, w := range t.Placements {
		if !has(w) {
			others = append(others, w)
		}
	}
	t.Placements = slices.DeleteFunc(slices.Clone(t.Placements), func(w Placement) bool { return !has(w) })
	err := n.step(t, Step{Queue: queue, Reason: Expired}, true)
	t.Placements = distinct(slices.Concat(t.Placements, others))
	return err != nil
}

// Waits reports whether a queue is a wait queue for the dead letter m. In a wait queue, m has not
// died yet, and it would expire and be dead-lettered, directly or through further wait queues, to a
// queue in which it died.
func (n *Network) Waits(queue string, m *Message) bool {
	died := func(q string) bool {
		return slices.ContainsFunc(m.Deaths, func(d Death) bool { return d.Queue == q })
	}
	seen := map[string]bool{}
	var back func(string, *Message) bool
	back = func(q string, m *Message) bool {
		if seen[q] || !n.expires(q) {
			return false
		}
		seen[q] = true
		f := n.Die(m, q, Expired)
		found := false
		f.Root.walk(func(h *Hop) {
			found = found || h.Kind == topology.KindQueue && (died(h.Name) || back(h.Name, f.Message))
		})
		return found
	}
	return !died(queue) && back(queue, m)
}

// expires reports whether a queue has a message TTL and a dead-letter exchange.
func (n *Network) expires(queue string) bool {
	if n.queues[queue].Type == topology.Stream {
		return false
	}
	s := n.Settings(queue)
	_, ttl := s.Get("message-ttl").Int()
	return ttl && s.DeadLetter().Set()
}

// Copies returns the copies of all outcomes, each once, ordered by queue.
func (t *Trace) Copies() []Copy {
	var list []Copy
	for _, w := range t.Placements {
		for _, c := range w {
			if !slices.Contains(list, c) {
				list = append(list, c)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b Copy) int { return cmp.Compare(a.Queue, b.Queue) })
	return list
}
