package loss

import (
	"slices"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// Waiting compares two states of a vhost: where the messages go that wait in its queues until they
// expire, or until newer ones push them out.
type Waiting struct {
	before, after Fate
	// policies says that the two have different policies.
	policies bool
	// bindings are those of both.
	bindings map[*topology.Binding]bool
}

// NewWaiting compares the state before a change with the state after it.
func NewWaiting(before, after Fate) *Waiting {
	w := &Waiting{before: before, after: after, bindings: map[*topology.Binding]bool{}}
	w.policies = !slices.Equal(before.Network.Policies().All(), after.Network.Policies().All())
	had := map[*topology.Binding]bool{}
	for _, x := range before.Network.ExchangeNames() {
		for _, b := range before.Network.From(x) {
			had[b] = true
		}
	}
	for _, x := range after.Network.ExchangeNames() {
		for _, b := range after.Network.From(x) {
			w.bindings[b] = had[b]
		}
	}
	return w
}

// Waits reports whether messages of a queue with these settings are dead-lettered although nobody
// consumes them: they have a TTL, or newer ones push them out.
func Waits(s route.Settings) bool {
	if !s.DeadLetter().Set() {
		return false
	}
	for _, key := range []string{"message-ttl", "max-length", "max-length-bytes"} {
		if _, set := s.Get(key).Int(); set {
			return true
		}
	}
	return false
}

// Lost returns how many of so many messages of a queue stay on the broker before the change and
// would not after it, if they expired then. The keys and headers of the messages are not known. They
// are taken to be those with which most is lost, of those that the bindings of the queue let in.
func (w *Waiting) Lost(queue string, messages int64) int64 {
	was := w.before.Network.Settings(queue)
	q := w.after.Network.Queue(queue)
	if q == nil || !Waits(was) {
		return 0
	}
	will := w.after.Network.Settings(queue)
	most := int64(0)
	for _, m := range w.messages(was) {
		kept := w.before.kept(was, m, messages)
		if kept > most {
			most = max(most, kept-w.after.kept(will, m, messages))
		}
	}
	return most
}

// messages returns one message of each class that goes another way after the change.
func (w *Waiting) messages(s route.Settings) []*route.Message {
	e := &explorer{w: w, found: map[string]*route.Message{}}
	for _, n := range []*route.Network{w.before.Network, w.after.Network} {
		for _, keys := range w.keysInto(s.Queue.Name) {
			e.n = n
			e.died(n.Settings(s.Queue.Name), class{keys: keys, now: keys}, w.queueDiffers(s.Queue.Name))
		}
	}
	list := make([]*route.Message, 0, len(e.found))
	for _, m := range e.found {
		list = append(list, m)
	}
	return list
}

// keysInto returns the keys that messages of a queue may have.
func (w *Waiting) keysInto(queue string) []route.Pattern {
	list := []route.Pattern{route.Exactly(queue)}
	for _, b := range w.before.Network.Into(queue) {
		kind, _ := w.before.Network.ExchangeType(b.Source)
		list = append(list, route.GateOf(kind, b).Keys)
	}
	return list
}

// queueDiffers reports whether a queue is another, or has other settings.
func (w *Waiting) queueDiffers(name string) bool {
	a, b := w.before.Network.Queue(name), w.after.Network.Queue(name)
	if a == nil || b == nil {
		return a != b
	}
	if a == b && !w.policies {
		return false
	}
	was, will := w.before.Network.Settings(name), w.after.Network.Settings(name)
	return a.Type != b.Type || slices.ContainsFunc([]string{"dead-letter-exchange", "dead-letter-routing-key",
		"dead-letter-strategy", "message-ttl", "max-length", "max-length-bytes", "overflow"}, func(key string) bool {
		return was.Get(key).Value != will.Get(key).Value
	})
}

// exchangeDiffers reports whether an exchange is another, or has another alternate exchange.
func (w *Waiting) exchangeDiffers(name string) bool {
	a, b := w.before.Network, w.after.Network
	was, existed := a.ExchangeType(name)
	will, exists := b.ExchangeType(name)
	return was != will || existed != exists || a.Alternate(name).Value != b.Alternate(name).Value
}
