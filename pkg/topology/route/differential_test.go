package route_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// TestTheSimulatorAgreesWithTheBroker routes and dead-letters random messages through random
// topologies on real brokers and in the simulator. It compares which queues have copies, with which
// x-death, after the publication and after up to three rounds of rejecting, returning and
// acknowledging.
func TestTheSimulatorAgreesWithTheBroker(t *testing.T) {
	seed, cases := rabbittest.Seed(t), rabbittest.Cases(1200, 20_000)
	if testing.Short() {
		cases = 200
	}
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		l := newTestVHost(t, b)
		start, steps, skipped := time.Now(), 0, 0
		for done, batch, next := 0, 0, seed; done < cases; batch++ {
			var list []shape
			for ; len(list) < shapesPerBatch; next++ {
				if s := randomShape(l.line, next); l.decidable(s) {
					list = append(list, s)
				}
			}
			r := l.run(t, list, patience)
			done, steps, skipped = done+r.cases-r.skipped, steps+r.steps, skipped+r.skipped
			if len(r.failed) > 0 {
				t.Logf("seed %d, topology %d of batch %d", seed, r.failed[0].shape, batch)
				t.Fatal(l.shrink(t, list[r.failed[0].shape], r.failed[0]))
			}
		}
		if skipped > cases/10 {
			t.Errorf("%d of %d messages were given up", skipped, cases)
		}
		t.Logf("seed %d: %d messages, %d of them given up, %d deaths compared in %s", seed, cases, skipped, steps,
			time.Since(start).Round(time.Second))
	})
}

// shapesPerBatch is the number of topologies that share a vhost.
const shapesPerBatch = 24

// decidable reports whether the outcome does not depend on timing. It depends on timing if a quorum
// queue refuses messages, because it is full only some messages later, and if a queue with the
// strategy at-least-once retries a full queue again and again. On 3.10.8 it also excludes queues
// with the strategy at-least-once whose dead letters come back to them: after some dozens, no more
// arrive, even after minutes.
func (l testVHost) decidable(s shape) bool {
	n := l.network(s, "v", "")
	if !l.line.modern && slices.ContainsFunc(n.QueueNames(),
		func(q string) bool { return n.Settings(q).DeadLetter().Keeps && comesBack(n, q) }) {
		return false
	}
	keeps := slices.ContainsFunc(n.QueueNames(), func(q string) bool { return n.Settings(q).DeadLetter().Keeps })
	return !slices.ContainsFunc(n.QueueNames(), func(q string) bool {
		length, full := n.Settings(q).Get("max-length").Int()
		overflow := n.Settings(q).Get("overflow").Text()
		refuses := full && length == 0 && (overflow == route.RejectPublish || overflow == route.RejectPublishDLX)
		return refuses && (n.Queue(q).Type == topology.Quorum || overflow == route.RejectPublish && keeps)
	})
}

// comesBack reports whether dead letters of a queue may come back to it, whatever their keys.
func comesBack(n *route.Network, queue string) bool {
	seen := map[string]bool{}
	var visit func(exchange string) bool
	deadLetters := func(q string) bool {
		dlx, ok := n.Settings(q).DeadLetter().Exchange.Value.(string)
		return ok && visit(dlx)
	}
	visit = func(exchange string) bool {
		if seen[exchange] {
			return false
		}
		seen[exchange] = true
		if exchange == "" {
			return true // to any queue
		}
		if ae := n.Alternate(exchange).Text(); ae != "" && visit(ae) {
			return true
		}
		return slices.ContainsFunc(n.From(exchange), func(b *topology.Binding) bool {
			if b.DestinationType == topology.ToExchange {
				return visit(b.Destination)
			}
			return b.Destination == queue || deadLetters(b.Destination)
		})
	}
	return deadLetters(queue)
}

func (l testVHost) network(s shape, vhost, prefix string) *route.Network {
	state := &topology.State{}
	for _, o := range s.materialise(vhost, prefix) {
		_ = state.Add(o, diag.Position{}) // a binding twice is one
	}
	return route.New(state, vhost, l.line.version)
}

// shrinkTime limits the search for the smallest example, shrinkPatience each of its steps.
const (
	shrinkTime     = time.Minute
	shrinkPatience = 2 * time.Second
)

// shrink removes parts of a shape as long as the simulator and the broker still disagree about it.
// It describes the result.
func (l testVHost) shrink(t *testing.T, s shape, f failure) string {
	t.Log("before it is made smaller: " + f.describe(s))
	for start := time.Now(); time.Since(start) < shrinkTime; {
		smaller := s.smaller()
		if len(smaller) == 0 {
			break
		}
		found := false
		for chunk := range slices.Chunk(smaller, shapesPerBatch) {
			if r := l.run(t, chunk, shrinkPatience); len(r.failed) > 0 {
				s, f, found = chunk[r.failed[0].shape], r.failed[0], true
				break
			}
		}
		if !found {
			break
		}
	}
	return f.describe(s)
}

// smaller returns smaller variants of the shape: each lacks some of its parts.
func (s shape) smaller() []shape {
	var list []shape
	add := func(c shape) { list = append(list, c) }
	if len(s.Messages) > 1 {
		for half := range slices.Chunk(s.Messages, (len(s.Messages)+1)/2) {
			c := s
			c.Messages = half
			add(c)
		}
	}
	for i := range s.Policies {
		c := s
		c.Policies = slices.Delete(slices.Clone(s.Policies), i, i+1)
		add(c)
	}
	for i := range s.Bindings {
		c := s
		c.Bindings = slices.Delete(slices.Clone(s.Bindings), i, i+1)
		add(c)
	}
	for i, q := range s.Queues {
		for name := range q.Arguments {
			c := s
			c.Queues = slices.Clone(s.Queues)
			c.Queues[i].Arguments = q.Arguments.Clone()
			delete(c.Queues[i].Arguments, name)
			if name == "x-dead-letter-exchange" {
				delete(c.Queues[i].Arguments, "x-dead-letter-routing-key")
			}
			add(c)
		}
	}
	for i, x := range s.Exchanges {
		used := slices.ContainsFunc(s.Bindings,
			func(b bShape) bool { return b.Source == x.Name || b.Destination == x.Name }) ||
			slices.ContainsFunc(s.Messages, func(m mShape) bool { return m.Exchange == x.Name })
		if !used {
			c := s
			c.Exchanges = slices.Delete(slices.Clone(s.Exchanges), i, i+1)
			add(c)
		}
		if len(x.Arguments) > 0 {
			c := s
			c.Exchanges = slices.Clone(s.Exchanges)
			c.Exchanges[i].Arguments = nil
			add(c)
		}
	}
	if len(s.Messages) == 1 {
		m := s.Messages[0]
		for _, change := range []func(*mShape){func(m *mShape) { m.Headers = nil }, func(m *mShape) { m.CC = nil },
			func(m *mShape) { m.BCC = nil }, func(m *mShape) { m.Expires = false }} {
			c, less := s, m
			change(&less)
			if fmt.Sprint(less) != fmt.Sprint(m) {
				c.Messages = []mShape{less}
				add(c)
			}
		}
	}
	return list
}

// failure is a message about which the simulator and the broker disagree.
type failure struct {
	shape   int
	message mShape
	want    []string
	got     string
	history []string
}

func (f failure) describe(s shape) string {
	var b strings.Builder
	b.WriteString("the simulator and the broker disagree\n")
	for _, x := range s.Exchanges {
		fmt.Fprintf(&b, "  exchange %s %s internal=%v %v\n", x.Name, x.Kind, x.Internal, x.Arguments)
	}
	for _, q := range s.Queues {
		fmt.Fprintf(&b, "  queue %s %s %v consumed late: %v\n", q.Name, q.Kind, q.Arguments, q.Late)
	}
	for _, bi := range s.Bindings {
		fmt.Fprintf(&b, "  binding %s -> %s %q %v\n", bi.Source, bi.Destination, bi.Key, bi.Arguments)
	}
	for _, p := range s.Policies {
		fmt.Fprintf(&b, "  policy %v operator=%v %s priority %d %v\n", p.Pattern, p.Operator, p.ApplyTo, p.Priority, p.Def)
	}
	m := f.message
	fmt.Fprintf(&b, "  published to %q with %q, headers %v, CC %q, BCC %q, own TTL %v\n", m.Exchange, m.Key, m.Headers,
		m.CC, m.BCC, m.Expires)
	for _, h := range f.history {
		fmt.Fprintf(&b, "  then %s\n", h)
	}
	if len(f.want) > 3 {
		f.want = append(f.want[:3:3], fmt.Sprint(len(f.want)-3, " more"))
	}
	fmt.Fprintf(&b, "  simulator: %s\n  broker:    %s\n", strings.Join(f.want, "\n      or:    "), f.got)
	return b.String()
}
