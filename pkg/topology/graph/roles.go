package graph

import (
	"slices"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology"
)

// roles assigns roles to the exchanges that receive only dead letters, to the queues behind them,
// and to wait queues.
func (b *builder) roles(first int) {
	in := map[int][]int{}
	for i := first; i < len(b.g.Edges); i++ {
		in[b.g.Edges[i].To] = append(in[b.g.Edges[i].To], i)
	}
	b.waits(first, in)
	passes := b.passesOn(first)
	// Bindings of a dead-letter exchange carry dead letters. Repeat this for exchanges bound to
	// exchanges.
	for changed := true; changed; {
		changed = false
		for i := first; i < len(b.g.Edges); i++ {
			e := &b.g.Edges[i]
			if e.Kind == Binding && !e.DeadLetters && !passes[e.From] && b.onlyDeadLetters(in[e.From]) {
				e.DeadLetters, changed = true, true
			}
		}
	}
	for i := range b.g.Nodes {
		n := &b.g.Nodes[i]
		if n.Ref.VHost == b.vhost && n.Role == Plain && !passes[i] && b.onlyDeadLetters(in[i]) {
			n.Role = DeadLetters
		}
	}
}

// passesOn returns the queues that have a dead-letter exchange or retries themselves, except wait
// queues, and the exchanges to which such queues are bound. A dead letter that arrives there is
// processed again.
func (b *builder) passesOn(first int) map[int]bool {
	passes := map[int]bool{}
	for _, e := range b.g.Edges[first:] {
		if (e.Kind == DeadLetter || e.Kind == Retry) && b.g.Nodes[e.From].Role != Wait {
			passes[e.From] = true
		}
	}
	for _, e := range b.g.Edges[first:] {
		if e.Kind == Binding && passes[e.To] && b.g.Nodes[e.To].Ref.Kind == topology.KindQueue {
			passes[e.From] = true
		}
	}
	return passes
}

// onlyDeadLetters reports whether all edges into a node carry dead letters.
func (b *builder) onlyDeadLetters(in []int) bool {
	for _, i := range in {
		if e := b.g.Edges[i]; e.Kind != DeadLetter && !e.DeadLetters {
			return false
		}
	}
	return len(in) > 0
}

// waits marks wait queues. The messages of a wait queue expire and return to a queue that
// dead-letters to it, directly or through exchanges. A queue that receives other messages than dead
// letters is not a wait queue.
func (b *builder) waits(first int, in map[int][]int) {
	out := map[int][]int{}
	for i := first; i < len(b.g.Edges); i++ {
		out[b.g.Edges[i].From] = append(out[b.g.Edges[i].From], i)
	}
	for i := range b.g.Nodes {
		n := &b.g.Nodes[i]
		if n.Ref.VHost != b.vhost || n.Ref.Kind != topology.KindQueue || n.Role != Plain {
			continue
		}
		_, expires := b.net.Settings(n.Ref.Name).Get("message-ttl").Int()
		if !expires || !b.stepOf(n.Ref.Name, in[i]) && (!b.fedByDeadLetters(in, i) || !b.comesBack(i, out)) {
			continue
		}
		n.Role = Wait
		for _, k := range out[i] {
			b.g.Edges[k].Back = true
		}
	}
}

// stepOf reports whether a queue is a retry step to which the consumer publishes, like the queues
// of the field retry. Nothing is bound to such a queue, and its messages expire directly into a
// queue whose name followed by "." begins the name of the retry step.
func (b *builder) stepOf(queue string, in []int) bool {
	to, ok := b.returnsTo(queue)
	return ok && strings.HasPrefix(queue, to+".") &&
		!slices.ContainsFunc(in, func(i int) bool { return b.g.Edges[i].Kind != Retry })
}

// comesBack reports whether dead letters of the node can return to it.
func (b *builder) comesBack(start int, out map[int][]int) bool {
	seen := map[int]bool{}
	todo := []int{start}
	for len(todo) > 0 {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, i := range out[n] {
			to := b.g.Edges[i].To
			if to == start && n != start {
				return true
			}
			if !seen[to] {
				seen[to] = true
				todo = append(todo, to)
			}
		}
	}
	return false
}

// fedByDeadLetters reports whether all messages of a queue are dead letters of other queues that
// arrive directly or through an exchange.
func (b *builder) fedByDeadLetters(in map[int][]int, queue int) bool {
	for _, i := range in[queue] {
		e := b.g.Edges[i]
		if e.Kind != DeadLetter && e.Kind != Retry && !slices.ContainsFunc(in[e.From],
			func(k int) bool { return b.g.Edges[k].Kind == DeadLetter }) {
			return false
		}
	}
	return len(in[queue]) > 0
}
