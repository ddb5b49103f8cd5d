package tail

import (
	"fmt"
	"slices"

	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
	"github.com/msgctl/msgctl/pkg/topology/regex"
)

// BindingOptions say what to watch.
type BindingOptions struct {
	// VHost is the vhost of the exchanges, with "/" for the default one.
	VHost string
	// Exchanges are the exchanges to watch; if empty, all that can be watched. Keys are topic
	// patterns, one of which must match the routing key; if empty, every key matches.
	Exchanges, Keys []string
}

// Bindings describe how to bind a private queue so that it receives published messages without side
// effects. They are safe for concurrent use while they are not changed.
type Bindings struct {
	Binds []Bind
	// Exchanges are the exchanges watched, in order. Mirrored are those among them where the queue
	// receives only messages that other bindings also match.
	Exchanges, Mirrored []string
	// Skipped maps exchanges that are not watched to the reason.
	Skipped map[string]string

	keys   Keys
	filter bool
}

// Unwatchable is the error for a requested exchange that cannot be watched.
type Unwatchable struct {
	Exchange string
	Reason   string
	// Missing reports whether the exchange does not exist.
	Missing bool
	// Default reports whether it is the default exchange. Its messages can be seen only in a queue
	// or in the firehose.
	Default bool
}

// Error names the exchange and the reason.
func (u *Unwatchable) Error() string {
	return fmt.Sprintf("watch exchange %q: %s", u.Exchange, u.Reason)
}

// FindBindings decides how to bind. It does no I/O. The error is an *Unwatchable.
//
// An additional binding can have side effects. The bindings avoid these:
//
//   - A message that only the private queue receives counts as routed, so it does not go to the
//     exchange's alternate exchange. If there is an alternate exchange, msgctl copies existing
//     bindings instead and sees what they match; it also watches the alternate exchange.
//   - Direct exchanges have no pattern for every key. Here too existing bindings are copied,
//     including those to other exchanges.
//   - An exchange that divides messages among its bindings (x-consistent-hash, x-random and the
//     like) would give the private queue a share of the consumers' messages. It is not watched.
//
// One effect remains: a mandatory message that only the private queue receives is not returned to
// its publisher.
func FindBindings(s *topology.State, o BindingOptions) (*Bindings, error) {
	p := &finder{state: s, vhost: o.VHost, found: &Bindings{Skipped: map[string]string{}},
		policies: exchangePolicies(s, o.VHost), seen: map[string]bool{}}
	p.found.keys, p.literal = ParseKeys(o.Keys), o.Keys
	if len(o.Exchanges) == 0 {
		for _, name := range p.all() {
			if why := p.add(name); why != nil {
				p.found.Skipped[name] = why.Reason
			}
		}
		slices.Sort(p.found.Exchanges)
		return p.found, nil
	}
	for _, name := range o.Exchanges {
		if why := p.add(name); why != nil {
			return nil, why
		}
	}
	slices.Sort(p.found.Exchanges)
	return p.found, nil
}

type finder struct {
	state    *topology.State
	vhost    string
	found    *Bindings
	policies []*topology.Policy
	literal  []string
	seen     map[string]bool
}

// all returns the names of the exchanges that applications declared, and of the broker's own
// exchanges that have bindings.
func (p *finder) all() []string {
	var names []string
	for ref, o := range p.state.All() {
		switch {
		case ref.VHost != p.vhost:
		case ref.Kind == topology.KindExchange && !capability.IsReserved(ref.Name) && ref.Name != "":
			names = append(names, ref.Name)
		case ref.Kind == topology.KindBinding:
			if source := o.(*topology.Binding).Source; source != "" && capability.IsPredeclared(source) &&
				source != TraceExchange {
				names = append(names, source)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (p *finder) add(name string) *Unwatchable {
	if p.seen[name] {
		return nil
	}
	p.seen[name] = true
	kind, arguments, ok := p.exchange(name)
	switch {
	case name == "":
		return &Unwatchable{Exchange: name,
			Reason: "the default exchange takes no bindings", Default: true}
	case !ok:
		return &Unwatchable{Exchange: name, Reason: "it does not exist", Missing: true}
	}
	if kind == "x-delayed-message" {
		kind, _ = arguments["x-delayed-type"].(string)
	}
	alternate, hasAlternate := p.alternate(name, arguments)
	switch kind {
	case "topic", "fanout", "headers":
		if !hasAlternate {
			p.open(name, kind)
			break
		}
		p.mirror(name, kind)
	case "direct":
		p.mirror(name, kind)
		if !hasAlternate {
			p.exact(name)
		}
	default:
		return &Unwatchable{Exchange: name,
			Reason: fmt.Sprintf("it is of type %s, and a queue bound to it could take messages from others", kind)}
	}
	p.found.Exchanges = append(p.found.Exchanges, name)
	if hasAlternate && alternate != "" {
		if why := p.add(alternate); why != nil {
			p.found.Skipped[alternate] = why.Reason
		}
	}
	return nil
}

func (p *finder) exchange(name string) (kind string, arguments topology.Arguments, ok bool) {
	o, ok := p.state.Get(topology.Ref{Kind: topology.KindExchange, VHost: p.vhost, Name: name})
	if ok {
		x := o.(*topology.Exchange)
		return x.Type, x.Arguments, true
	}
	kind = capability.PredeclaredType(name)
	return kind, nil, kind != ""
}

// open binds for all messages, or for those that match the patterns.
func (p *finder) open(name, kind string) {
	switch {
	case kind == "headers": // no header is asked for, so all messages have them
		p.bind(Bind{Exchange: name, Arguments: message.Table{"x-match": "all"}})
		p.found.filter = true
	case kind == "fanout":
		p.bind(Bind{Exchange: name})
		p.found.filter = true
	case len(p.literal) == 0:
		p.bind(Bind{Exchange: name, Key: "#"})
	default:
		for _, key := range p.literal {
			p.bind(Bind{Exchange: name, Key: key})
		}
	}
}

// exact binds to a direct exchange with the patterns that are literal keys.
func (p *finder) exact(name string) {
	for i, key := range p.literal {
		if p.found.keys[i].literal() {
			p.bind(Bind{Exchange: name, Key: key})
		}
	}
}

// mirror copies the existing bindings.
func (p *finder) mirror(name, kind string) {
	p.found.Mirrored, p.found.filter = append(p.found.Mirrored, name), true
	for _, o := range p.state.Objects() {
		b, ok := o.(*topology.Binding)
		if !ok || b.VHost != p.vhost || b.Source != name {
			continue
		}
		switch kind {
		case "headers":
			p.bind(Bind{Exchange: name, Arguments: message.Table(b.Arguments.Clone())})
		case "direct":
			if p.found.keys.match(b.RoutingKey) {
				p.bind(Bind{Exchange: name, Key: b.RoutingKey})
			}
		case "fanout":
			p.bind(Bind{Exchange: name})
		default:
			p.bind(Bind{Exchange: name, Key: b.RoutingKey})
		}
	}
}

func (p *finder) bind(b Bind) {
	same := func(o Bind) bool {
		return o.Exchange == b.Exchange && o.Key == b.Key &&
			topology.Arguments(o.Arguments).Canonical() == topology.Arguments(b.Arguments).Canonical()
	}
	if !slices.ContainsFunc(p.found.Binds, same) {
		p.found.Binds = append(p.found.Binds, b)
	}
}

// alternate returns the name of the alternate exchange, and whether there is one. The argument
// takes precedence over a policy (fact alternate-argument-wins). A policy whose pattern cannot be
// evaluated here counts as setting an alternate exchange; its name is "" then.
func (p *finder) alternate(name string, arguments topology.Arguments) (string, bool) {
	if ae, ok := arguments["alternate-exchange"].(string); ok {
		return ae, true
	}
	for _, policy := range p.policies {
		matches, known := regex.Compile(policy.Pattern).Match(name)
		if matches || !known {
			ae, ok := policy.Definition["alternate-exchange"].(string)
			if known || ok {
				return map[bool]string{true: ae}[known], ok
			}
		}
	}
	return "", false
}

// exchangePolicies returns the policies that may apply to exchanges, in order of precedence.
func exchangePolicies(s *topology.State, vhost string) (list []*topology.Policy) {
	for _, o := range s.Objects() {
		if p, ok := o.(*topology.Policy); ok && p.VHost == vhost && !p.Operator &&
			(p.ApplyTo == topology.ApplyToAll || p.ApplyTo == topology.ApplyToExchanges) {
			list = append(list, p)
		}
	}
	slices.SortStableFunc(list, func(a, b *topology.Policy) int { return int(b.Priority - a.Priority) })
	return list
}

// Wants reports whether a message is one to watch. Call it for each message, because not all
// exchanges can filter by pattern.
func (p *Bindings) Wants(m *message.Message) bool { return !p.filter || p.keys.Want(m) }
