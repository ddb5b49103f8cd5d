package topology

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// Kind names a sort of topology object with the word RabbitMQ's documentation uses.
type Kind string

// The kinds, in the order in which apply creates them and the plan lists them (see Kind.Order).
const (
	KindVHost           Kind = "vhost"
	KindUser            Kind = "user"
	KindUserLimit       Kind = "user limit"
	KindPermission      Kind = "permission"
	KindVHostLimit      Kind = "vhost limit"
	KindGlobalParameter Kind = "global parameter"
	KindOperatorPolicy  Kind = "operator policy"
	KindPolicy          Kind = "policy"
	KindExchange        Kind = "exchange"
	KindTopicPermission Kind = "topic permission"
	KindQueue           Kind = "queue"
	KindBinding         Kind = "binding"
	KindParameter       Kind = "parameter"
)

// Kinds returns every kind in creation order: what comes later may depend on what comes earlier,
// never the reverse. Policies come before queues, so that no queue lives a moment without its
// dead-letter exchange. Topic permissions come after exchanges (fact topic-permission-exchange).
// Parameters come last: a dynamic shovel declares the queues it misses, with no
// arguments, and would take their place.
func Kinds() []Kind {
	return []Kind{
		KindVHost, KindUser, KindUserLimit, KindPermission, KindVHostLimit, KindGlobalParameter,
		KindOperatorPolicy, KindPolicy, KindExchange, KindTopicPermission, KindQueue, KindBinding, KindParameter,
	}
}

// kindOrder is Kinds as an index: comparisons of 10,000 objects ask it some 100,000 times.
var kindOrder = sync.OnceValue(func() map[Kind]int {
	order := map[Kind]int{}
	for i, k := range Kinds() {
		order[k] = i
	}
	return order
})

// InVHost reports whether objects of the kind live in a vhost.
func (k Kind) InVHost() bool {
	switch k {
	case KindVHost, KindUser, KindUserLimit, KindGlobalParameter:
		return false
	}
	return true
}

// IsPolicy reports whether objects of the kind are policies or operator policies.
func (k Kind) IsPolicy() bool { return k == KindPolicy || k == KindOperatorPolicy }

// Order returns k's place in Kinds, counted from 0, and len(Kinds()) for a kind it does not know.
func (k Kind) Order() int {
	order := kindOrder()
	if i, ok := order[k]; ok {
		return i
	}
	return len(order)
}

// Ref identifies one object on a broker. It is comparable: use it as a map key. Which fields are
// set depends on Kind:
//
//	vhost, user, global parameter   Name
//	user limit                      Parent (user), Name (max-connections, max-channels)
//	vhost limit                     VHost, Name (max-connections, max-queues)
//	permission                      VHost, Name (user)
//	topic permission                VHost, Name (user), Parent (exchange)
//	parameter                       VHost, Parent (component), Name
//	policy, operator policy,
//	exchange, queue                 VHost, Name
//	binding                         VHost, Parent (source exchange), Name (destination), Destination (queue or
//	                                exchange), Key (routing key), Arguments (canonical text, see Arguments.Canonical)
type Ref struct {
	Kind        Kind            `json:"kind"`
	VHost       string          `json:"vhost,omitempty"`
	Name        string          `json:"name"`
	Parent      string          `json:"parent,omitempty"`
	Destination DestinationType `json:"destination_type,omitempty"`
	Key         string          `json:"routing_key,omitempty"`
	Arguments   string          `json:"arguments,omitempty"`
}

// ExchangeRef identifies an exchange.
func ExchangeRef(vhost, name string) Ref { return Ref{Kind: KindExchange, VHost: vhost, Name: name} }

// QueueRef identifies a queue.
func QueueRef(vhost, name string) Ref { return Ref{Kind: KindQueue, VHost: vhost, Name: name} }

// Within returns the name of the vhost that the object is in, or is; "" for an object of the whole
// cluster.
func (r Ref) Within() string {
	if r.Kind == KindVHost {
		return r.Name
	}
	return r.VHost
}

// SourceRef identifies the source of a binding.
func (r Ref) SourceRef() Ref { return ExchangeRef(r.VHost, r.Parent) }

// DestinationRef identifies the destination of a binding.
func (r Ref) DestinationRef() Ref {
	if r.Destination == ToExchange {
		return ExchangeRef(r.VHost, r.Name)
	}
	return QueueRef(r.VHost, r.Name)
}

// String names the object without its vhost, as a person would: queue "orders", binding "x" ->
// queue "q", key "k".
func (r Ref) String() string {
	switch r.Kind {
	case KindBinding:
		s := fmt.Sprintf("binding %q -> %s %q", r.Parent, r.Destination, r.Name)
		if r.Key != "" {
			s += ", key " + strconv.Quote(r.Key)
		}
		if r.Arguments != "" {
			s += ", arguments " + r.Arguments
		}
		return s
	case KindPermission:
		return fmt.Sprintf("permission of user %q", r.Name)
	case KindTopicPermission:
		return fmt.Sprintf("topic permission of user %q on exchange %q", r.Name, r.Parent)
	case KindParameter:
		return fmt.Sprintf("%s %q", r.Parent, r.Name)
	case KindUserLimit:
		return fmt.Sprintf("limit %q of user %q", r.Name, r.Parent)
	}
	return fmt.Sprintf("%s %q", r.Kind, r.Name)
}

// Full is String with the vhost, where the object lives in one.
func (r Ref) Full() string {
	if r.VHost == "" {
		return r.String()
	}
	return fmt.Sprintf("%s in vhost %q", r, r.VHost)
}

// Compare orders references by vhost, kind (creation order), then name and the rest, for stable
// output.
func (r Ref) Compare(o Ref) int {
	if c := strings.Compare(r.VHost, o.VHost); c != 0 {
		return c
	}
	if r.Kind != o.Kind {
		return cmp.Compare(r.Kind.Order(), o.Kind.Order())
	}
	return r.compareNames(o)
}

// CompareByKind orders references by kind first: the order in which a plan lists its steps and
// apply executes them.
func (r Ref) CompareByKind(o Ref) int {
	if r.Kind != o.Kind {
		return cmp.Compare(r.Kind.Order(), o.Kind.Order())
	}
	if c := strings.Compare(r.VHost, o.VHost); c != 0 {
		return c
	}
	return r.compareNames(o)
}

func (r Ref) compareNames(o Ref) int {
	pairs := [...][2]string{
		{r.Parent, o.Parent}, {string(r.Destination), string(o.Destination)}, {r.Name, o.Name}, {r.Key, o.Key}, {r.Arguments,
			o.Arguments},
	}
	for _, p := range pairs {
		if c := strings.Compare(p[0], p[1]); c != 0 {
			return c
		}
	}
	return 0
}

// DeletedWith reports whether the broker deletes the object together with one of the given.
// Everything goes with its vhost, bindings with the queue that they lead to, and permissions and
// limits with their user. Bindings of a deleted exchange get steps of their own, so that the
// exchange's deletion can insist on there being no others.
func (r Ref) DeletedWith(deleted map[Ref]bool) bool {
	if r.VHost != "" && deleted[Ref{Kind: KindVHost, Name: r.VHost}] {
		return true
	}
	switch r.Kind {
	case KindBinding:
		return r.Destination == ToQueue && deleted[r.DestinationRef()]
	case KindPermission, KindTopicPermission:
		return deleted[Ref{Kind: KindUser, Name: r.Name}]
	case KindUserLimit:
		return deleted[Ref{Kind: KindUser, Name: r.Parent}]
	}
	return false
}
