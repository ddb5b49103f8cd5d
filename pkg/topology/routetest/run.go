package routetest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// Result is the result of one test.
type Result struct {
	Case     Case
	Failures []Failure
	// Happened are the queues that have the message in the end, in order. In the simulator they are
	// the queues of all outcomes, on a broker the queues of this run.
	Happened []string
	// OneOf reports whether an exchange had a choice: Happened are the queues of all outcomes.
	OneOf bool
	// Trace is the path of the message in the simulator.
	Trace *route.Trace
}

// Passed reports whether the test passed.
func (r Result) Passed() bool { return len(r.Failures) == 0 }

// Failure is one expectation that was not met.
type Failure struct {
	// Message says what happened instead. Hop says where the expected and the actual path diverge.
	// It is "" if there is no such hop.
	Message string `json:"message"`
	Hop     string `json:"hop,omitempty"`
	// Position is the position of the expectation in the file.
	Position diag.Position `json:"position,omitzero"`
}

// Run runs one test in the simulator.
func (s *Suite) Run(c Case) Result {
	n := s.networks[c.VHost]
	t, err := n.Follow(c.Publication, c.Steps...)
	r := Result{Case: c, Trace: t, Happened: t.Possible(), OneOf: len(t.Placements) > 1 || t.Open}
	switch {
	case t.Refused != "":
		r.fail("publish", "the broker refuses the message: "+t.Refused, "")
	case err != nil:
		r.fail(stepField(c.Steps), err.Error(), "")
		r.explainMissing(n, err)
	case len(t.Unjudged()) > 0:
		r.fail("publish", "without a broker, msgctl cannot tell where the message goes; a test on a broker shows it: "+
			strings.Join(t.Unjudged(), "; "), "")
	case len(t.Unsure()) > 0:
		r.fail("publish", "where the message goes is undefined on a broker, too, until one policy has a higher priority: "+
			strings.Join(t.Unsure(), "; "), "")
	default:
		r.judge(n, t.Sure(), t.Possible(), t.MayBeLost())
	}
	return r
}

func stepField(steps []route.Step) string {
	if len(steps) == 0 {
		return "publish"
	}
	return map[route.Reason]string{route.Rejected: "reject", route.Expired: "expire", route.MaxLength: "overflow",
		route.DeliveryLimit: "exhaust"}[steps[0].Reason]
}

func (r *Result) explainMissing(n *route.Network, err error) {
	if missing, ok := err.(*route.NotThereError); ok { //nolint:errorlint // Follow returns it as it is
		r.Failures[0].Hop = parting(n, r.Trace, missing.Queue)
	}
}

func (r *Result) fail(field, message, hop string) {
	at := r.Case.Position
	if r.Case.test != nil {
		at = r.Case.test.FieldPosition(field)
	}
	r.Failures = append(r.Failures, Failure{Message: message, Hop: hop, Position: at})
}

// judge compares the expectations with the queues that certainly have the message and the queues
// that may have it.
func (r *Result) judge(n *route.Network, sure, possible []string, mayBeLost bool) {
	c := r.Case
	if c.HasExpect {
		for _, q := range c.Expect {
			if !slices.Contains(possible, q) {
				r.fail("expect", fmt.Sprintf("queue %s does not get the message", q), parting(n, r.Trace, q))
			}
		}
		for _, q := range possible {
			if !slices.Contains(c.Expect, q) {
				r.fail("expect", fmt.Sprintf("queue %s gets the message, too", q), arrival(r.Trace, q))
			}
		}
	}
	for _, q := range c.Contains {
		switch {
		case !slices.Contains(possible, q):
			r.fail("contains", fmt.Sprintf("queue %s does not get the message", q), parting(n, r.Trace, q))
		case !slices.Contains(sure, q):
			r.fail("contains", fmt.Sprintf("queue %s may get the message, or another queue", q), arrival(r.Trace, q))
		}
	}
	for _, q := range c.Never {
		if slices.Contains(possible, q) {
			r.fail("never", fmt.Sprintf("queue %s gets the message", q), arrival(r.Trace, q))
		}
	}
	r.judgeLoss(len(possible) == 0, mayBeLost)
}

func (r *Result) judgeLoss(lost, mayBeLost bool) {
	switch want := r.Case.Lost; {
	case want != nil && *want && !lost:
		r.fail("lost", "the message is not lost: it is in "+strings.Join(r.Happened, ", "), "")
	case want != nil && !*want && mayBeLost:
		r.fail("lost", "the message is lost", lastEnd(r.Trace))
	}
}

// arrival says how a message reached a queue.
func arrival(t *route.Trace, queue string) string {
	rule := ""
	t.Walk(func(h *route.Hop) {
		if h.Kind == "queue" && h.Name == queue && h.Ends == "" {
			rule = h.Rule
		}
	})
	return rule
}

// parting says why a message does not reach a queue. It names the bindings to the queue from
// exchanges that the message reached, or says that there are none.
func parting(n *route.Network, t *route.Trace, queue string) string {
	if refusal := refusedBy(t, queue); refusal != "" {
		return refusal
	}
	for _, f := range t.DeadLetterings {
		if f.Outcome != route.Moved && f.Why != "" {
			return fmt.Sprintf("%s in %s: %s", f.Reason, f.Queue, f.Why)
		}
	}
	was := map[string]bool{}
	t.Walk(func(h *route.Hop) {
		if h.Kind == "exchange" {
			was[h.Name] = true
		}
	})
	var near []string
	for _, b := range n.Into(queue) {
		if was[b.Source] {
			near = append(near, fmt.Sprintf("%s is bound to %s with %q", queue, route.NameOf(b.Source), b.RoutingKey))
		}
	}
	if len(near) > 0 {
		return strings.Join(near, "; ") + lastKeys(t)
	}
	if end := lastEnd(t); end != "" {
		return end
	}
	return "nothing leads there from " + route.NameOf(t.Publication.Exchange)
}

func lastKeys(t *route.Trace) string {
	key := t.Publication.Key
	if i := len(t.DeadLetterings) - 1; i >= 0 && t.DeadLetterings[i].Message != nil {
		key = t.DeadLetterings[i].Message.Keys[0]
	}
	return fmt.Sprintf("; the message has the key %q", key)
}

func refusedBy(t *route.Trace, queue string) string {
	why := ""
	t.Walk(func(h *route.Hop) {
		if h.Kind == "queue" && h.Name == queue && h.Ends != "" {
			why = h.Ends
		}
	})
	return why
}

// lastEnd says where the path last ended without a queue.
func lastEnd(t *route.Trace) string {
	end := ""
	t.Walk(func(h *route.Hop) {
		if h.Ends != "" {
			end = fmt.Sprintf("at %s: %s", route.NameOf(h.Name), h.Ends)
		}
	})
	for _, f := range t.DeadLetterings {
		if f.Root == nil && f.Why != "" {
			end = fmt.Sprintf("in %s: %s", f.Queue, f.Why)
		}
	}
	return end
}
