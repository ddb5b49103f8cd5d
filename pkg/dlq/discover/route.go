package discover

import (
	"slices"

	"github.com/msgctl/msgctl/pkg/topology"
	routing "github.com/msgctl/msgctl/pkg/topology/route"
)

// path is one path from an exchange to a queue, for the keys of a set.
type path struct {
	queue string
	keys  routingKeys
	may   bool
	// via names the exchanges after the first.
	via []string
}

// maxPaths limits how many paths from one exchange are followed.
const maxPaths = 20000

// tracer follows keys forward from one exchange.
type tracer struct {
	n     *network
	paths []path
	// missing are exchanges on the path that do not exist.
	missing []string
	// full says that maxPaths was reached.
	full bool
}

// route returns every path that messages with keys of k take from an exchange to queues. Paths that
// no key of k can take are left out.
func (n *network) route(exchange string, k routingKeys) *tracer {
	r := &tracer{n: n}
	r.follow(exchange, k, false, nil)
	return r
}

func (r *tracer) follow(exchange string, k routingKeys, may bool, via []string) {
	if exchange == "" {
		r.defaultExchange(k, may, via)
		return
	}
	kind, ok := r.n.ExchangeType(exchange)
	if !ok {
		if !slices.Contains(r.missing, exchange) {
			r.missing = append(r.missing, exchange)
		}
		return
	}
	var taken []pattern
	unsure := false
	key, one := k.exact()
	one = one && kind == routing.Direct
	for _, b := range r.n.From(exchange) {
		if one && b.RoutingKey != key {
			continue // ten thousand queues may dead-letter through a thousand such bindings
		}
		g := routing.GateOf(kind, b)
		taken, unsure = append(taken, g.Keys), unsure || g.More
		next := k.and(g.Keys)
		if _, found := next.find(nil); found != no {
			r.through(b, next, may || g.More || found == unknown, via)
		}
	}
	r.alternate(exchange, k, taken, may || unsure, unsure, via)
}

func (r *tracer) through(b *topology.Binding, k routingKeys, may bool, via []string) {
	if b.DestinationType == topology.ToQueue {
		r.reach(path{queue: b.Destination, keys: k, may: may, via: via})
		return
	}
	if !slices.Contains(via, b.Destination) {
		r.follow(b.Destination, k, may, append(via[:len(via):len(via)], b.Destination))
	}
}

// alternate follows the keys that no binding matches. unsure says that some bindings may or may not
// match them.
func (r *tracer) alternate(exchange string, k routingKeys, taken []pattern, may, unsure bool, via []string) {
	ae := r.n.alternate(exchange)
	if ae == "" || slices.Contains(via, ae) {
		return
	}
	rest := k
	if !unsure {
		rest = k.without(taken)
	}
	if _, found := rest.find(nil); found != no {
		r.follow(ae, rest, may || found == unknown, append(via[:len(via):len(via)], ae))
	}
}

// defaultExchange routes to the queue that the key names. A set of keys that does not restrict the
// name could reach every queue; only the queues that its patterns name are followed.
func (r *tracer) defaultExchange(k routingKeys, may bool, via []string) {
	if key, ok := k.exact(); ok {
		if r.n.Queue(key) != nil && k.has(key) {
			r.reach(path{queue: key, keys: k, may: may, via: via})
		}
		return
	}
	if !k.restricted() {
		return
	}
	for _, name := range r.n.QueueNames() {
		if k.has(name) {
			r.reach(path{queue: name, keys: k.and(routing.Exactly(name)), may: may, via: via})
		}
	}
}

// restricted reports whether the set excludes any key.
func (k routingKeys) restricted() bool {
	return slices.ContainsFunc(k.all, func(p pattern) bool { return p.String() != "#" })
}

func (r *tracer) reach(p path) {
	if len(r.paths) >= maxPaths {
		r.full = true
		return
	}
	r.paths = append(r.paths, p)
}

// keysInto returns the sets of keys with which messages reach a queue, other than through the
// default exchange.
func (n *network) keysInto(queue string) []routingKeys {
	var sets []routingKeys
	for _, b := range n.Into(queue) {
		if b.Source != "" {
			sets = append(sets, n.keysThrough(b, nil)...)
		}
	}
	return sets
}

// keysThrough follows a binding backwards. An internal exchange receives messages from other
// exchanges only.
func (n *network) keysThrough(b *topology.Binding, seen []string) []routingKeys {
	kind, ok := n.ExchangeType(b.Source)
	if !ok {
		return nil
	}
	p := routing.GateOf(kind, b).Keys
	x := n.Exchange(b.Source)
	if x == nil || !x.Internal || n.isAlternate(b.Source) || slices.Contains(seen, b.Source) {
		return []routingKeys{{all: []pattern{p}}}
	}
	var sets []routingKeys
	for _, up := range n.IntoExchange(b.Source) {
		for _, k := range n.keysThrough(up, append(seen, b.Source)) {
			k = k.and(p)
			if _, found := k.find(nil); found != no {
				sets = append(sets, k)
			}
		}
	}
	return sets
}

func (n *network) isAlternate(exchange string) bool {
	for _, name := range n.ExchangeNames() {
		if n.alternate(name) == exchange {
			return true
		}
	}
	return false
}
