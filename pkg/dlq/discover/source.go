package discover

import (
	"fmt"
	"slices"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
	routing "github.com/msgctl/msgctl/pkg/topology/route"
)

// deadLetters are the dead letters of one queue whose routing keys are in one set.
type deadLetters struct {
	from     *topology.Queue
	dlx      Setting
	keys     routingKeys
	original bool
	// straight says that they were published through the default exchange.
	straight bool
	// atLeastOnce says that the broker keeps dead letters that reach no queue.
	atLeastOnce bool
}

// deadLetters follows the dead letters of one queue. Streams have none.
func (f *finder) deadLetters(q *topology.Queue) {
	if q.Type == topology.Stream {
		return
	}
	s := f.n.policies.settings(q)
	dlx := s.get("dead-letter-exchange")
	if dlx.Unsure != "" {
		f.d.Unsure = append(f.d.Unsure, fmt.Sprintf("dead letters of queue %q: %s", q.Name, dlx.Unsure))
	}
	if _, ok := dlx.Value.(string); !ok {
		return
	}
	base := deadLetters{from: q, dlx: dlx, atLeastOnce: s.DeadLetter().Keeps}
	for _, l := range f.keys(base, s.get("dead-letter-routing-key")) {
		f.follow(l)
	}
}

// keys divides the dead letters of a queue by routing key: the configured key, or the keys with
// which they were published.
func (f *finder) keys(base deadLetters, key Setting) []deadLetters {
	if k, ok := key.Value.(string); ok {
		base.keys = routingKeys{all: []pattern{routing.Exactly(k)}}
		return []deadLetters{base}
	}
	base.original = true
	var list []deadLetters
	for _, k := range f.n.keysInto(base.from.Name) {
		l := base
		l.keys = k
		list = append(list, l)
	}
	base.keys, base.straight = routingKeys{all: []pattern{routing.Exactly(base.from.Name)}}, len(list) > 0
	return append(list, base)
}

func (f *finder) follow(l deadLetters) {
	exchange := l.dlx.Text()
	r := f.n.route(exchange, l.keys)
	var sure, all []routingKeys
	var refused []path
	for _, p := range r.paths {
		if f.refuses(l, p) {
			refused = append(refused, p)
			continue
		}
		all = append(all, p.keys)
		if !p.may {
			sure = append(sure, p.keys)
		}
		// Dead letters that return to their own queue are a cycle; that does not make it a
		// dead-letter queue.
		if p.queue != l.from.Name {
			f.addSource(l, p)
		}
	}
	f.judge(l, r, refused, sure, all)
}

// refuses reports whether a queue does not accept these dead letters (fact stream-dead-letters-lost).
func (f *finder) refuses(l deadLetters, p path) bool {
	to := f.n.Queue(p.queue)
	return to != nil && to.Type == topology.Stream && !capability.VersionAtLeast(f.o.Version, "4.0") && !l.atLeastOnce
}

func (f *finder) addSource(l deadLetters, p path) {
	s := Source{
		Queue: l.from.Name, Type: l.from.Type, Exchange: l.dlx.Text(), Key: l.keys.String(), Original: l.original, Via: p.via,
		From: l.dlx.From,
	}
	_, part := l.keys.find([]routingKeys{p.keys})
	switch {
	case l.dlx.Unsure != "":
		s.Certainty, s.Why = Possibly, l.dlx.Unsure
	case p.may:
		s.Certainty, s.Why = Possibly, "it depends on the messages' headers, or on an exchange of a plugin's type"
	case l.straight:
		s.Certainty, s.Why = Possibly, "only messages that are published directly to the queue, through the default exchange"
	case part != no:
		s.Certainty, s.Why = Possibly, "only messages whose routing key is in "+p.keys.String()
	}
	q := f.queue(p.queue)
	// Queues are processed one by one, so only the last sources can belong to this one. Ten
	// thousand queues may share one dead-letter queue.
	for i := len(q.Sources) - 1; i >= 0 && q.Sources[i].Queue == s.Queue; i-- {
		if s.sameAs(q.Sources[i]) {
			return
		}
	}
	q.Sources = append(q.Sources, s)
}

// sameAs reports whether two sources say the same: several bindings may lead to one queue.
func (s Source) sameAs(o Source) bool {
	return s.Queue == o.Queue && s.Exchange == o.Exchange && s.Key == o.Key && s.Certainty <= o.Certainty &&
		slices.Equal(s.Via, o.Via)
}

// judge reports dead letters that reach no queue.
func (f *finder) judge(l deadLetters, r *tracer, refused []path, sure, all []routingKeys) {
	loss := Losing{
		VHost: f.n.vhost, Queue: l.from.Name, Type: l.from.Type, Exchange: l.dlx.Text(), From: l.dlx.From,
		All: len(all) == 0, Straight: l.straight, Kept: l.atLeastOnce,
	}
	key, lost := l.keys.find(all)
	switch {
	case lost == no || (lost == unknown && r.full):
		key, lost = l.keys.find(sure)
		if lost != yes {
			f.judgeCycle(l, r, loss)
			return
		}
		loss.Certainty = Possibly
	case lost == unknown:
		f.d.Unsure = append(f.d.Unsure,
			fmt.Sprintf("dead letters of queue %q: too many bindings to say whether all keys are bound", l.from.Name))
		return
	}
	if l.dlx.Unsure != "" || l.straight {
		loss.Certainty = Possibly
	}
	loss.Key = key
	loss.Reason = f.reason(l, r, refused, loss)
	f.d.Losing = append(f.d.Losing, loss)
}

// judgeCycle reports a queue whose dead letters return to it and reach no other queue. The broker
// drops a message that returns to a queue in which it died, unless it was rejected since (fact
// death-cycle).
func (f *finder) judgeCycle(l deadLetters, r *tracer, loss Losing) {
	for _, p := range r.paths {
		if p.queue != l.from.Name {
			return
		}
	}
	loss.Certainty, loss.Kept, loss.All, loss.Cycle = Possibly, false, true, true
	loss.Key, _ = l.keys.find(nil)
	loss.Reason = fmt.Sprintf("its dead letters come back to it through %s: the broker drops those that expired or "+
		"were pushed out, and rejected ones loop forever",
		exchangeName(l.dlx.Text()))
	f.d.Losing = append(f.d.Losing, loss)
}

func (f *finder) reason(l deadLetters, r *tracer, refused []path, loss Losing) string {
	x := exchangeName(l.dlx.Text())
	switch {
	case len(refused) > 0:
		return fmt.Sprintf("this broker version loses what is dead-lettered into the stream %q, unless the strategy is "+
			"at-least-once", refused[0].queue)
	case slices.Contains(r.missing, l.dlx.Text()):
		return fmt.Sprintf("its dead-letter exchange %q does not exist", l.dlx.Text())
	case loss.Certainty == Possibly && !l.straight && l.dlx.Unsure == "":
		return fmt.Sprintf("whether %s routes a dead letter depends on more than its routing key (%q, for example)", x,
			loss.Key)
	case len(r.missing) > 0:
		return fmt.Sprintf("the path from %s leads to the exchange %q, which does not exist", x, r.missing[0])
	}
	return f.noBinding(l, x, loss)
}

func (f *finder) noBinding(l deadLetters, x string, loss Losing) string {
	if l.dlx.Text() == "" {
		return fmt.Sprintf("its dead letters go through the default exchange with the key %q, and no queue has that name",
			loss.Key)
	}
	what := fmt.Sprintf("no binding of %s matches the routing key %q", x, loss.Key)
	switch {
	case l.straight:
		return what + ", which messages have that are published directly to the queue (by a replay, for example)"
	case l.original && !loss.All:
		return what + ", which its dead letters can have: they keep their own"
	case l.original:
		return what + ": its dead letters keep their own key"
	}
	return what
}

func exchangeName(name string) string {
	if name == "" {
		return "the default exchange"
	}
	return fmt.Sprintf("exchange %q", name)
}
