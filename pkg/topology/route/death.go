package route

import (
	"cmp"
	"fmt"
	"strconv"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
)

// Source describes the source of the value for people: `argument x-message-ttl`, `policy "dlx-all",
// priority 10`.
func (s Setting) Source() string {
	if s.Policy != nil {
		return s.From + ", priority " + strconv.FormatInt(s.Policy.Priority, 10)
	}
	return s.From
}

// DeadLetter says where the dead letters of a queue go.
type DeadLetter struct {
	// Exchange is the dead-letter exchange. It has no value if the queue has none. Key is the
	// dead-letter routing key. It has no value if messages keep their keys.
	Exchange, Key Setting
	// Keeps reports whether dead letters that cannot be routed stay in the queue. That is so in a
	// quorum queue with the strategy at-least-once and the overflow reject-publish (fact
	// at-least-once-overflow).
	Keeps bool
}

// Set reports whether the queue has a dead-letter exchange.
func (d DeadLetter) Set() bool { _, ok := d.Exchange.Value.(string); return ok }

// DeadLetter returns where the dead letters of the queue go. Streams have none.
func (s Settings) DeadLetter() DeadLetter {
	if s.Queue.Type == topology.Stream {
		return DeadLetter{}
	}
	d := DeadLetter{Exchange: s.Get("dead-letter-exchange"), Key: s.Get("dead-letter-routing-key")}
	d.Keeps = d.Set() && s.Queue.Type == topology.Quorum && s.Get("dead-letter-strategy").Text() == "at-least-once" &&
		s.Get("overflow").Text() == RejectPublish
	return d
}

// The values of overflow.
const (
	DropHead         = "drop-head"
	RejectPublish    = "reject-publish"
	RejectPublishDLX = "reject-publish-dlx"
)

// RefusesWhenFull reports whether a full queue of a type refuses new messages with this overflow,
// instead of dropping its oldest. The overflow reject-publish-dlx is for classic queues; a quorum
// queue treats it as drop-head.
func RefusesWhenFull(queueType, overflow string) bool {
	return overflow == RejectPublish || overflow == RejectPublishDLX && queueType == topology.Classic
}

// Outcome is what happens to a message when it dies or is expected to die.
type Outcome string

// The outcomes.
const (
	// Moved: the message is dead-lettered to at least one queue.
	Moved Outcome = "dead-lettered"
	// Dropped: the queue has no dead-letter exchange.
	Dropped Outcome = "dropped"
	// Unrouted: the dead-letter exchange does not exist or routes the message to no queue.
	Unrouted Outcome = "lost"
	// Held: as Unrouted, but the queue keeps the message (strategy at-least-once).
	Held Outcome = "kept"
	// Bounced: a full queue refuses the message. The publisher gets a nack if it uses confirms.
	Bounced Outcome = "refused"
	// Unknown: the queue is declared elsewhere.
	Unknown Outcome = "unknown"
	// Stays: the message cannot die for this reason in this queue.
	Stays Outcome = "stays"
)

// DeadLettering is the result of the death of one copy.
type DeadLettering struct {
	Queue   string  `json:"queue"`
	Reason  Reason  `json:"reason"`
	Outcome Outcome `json:"outcome"`
	// Why explains an outcome other than Moved in a sentence.
	Why string `json:"why,omitempty"`
	// Rule describes the source of the dead-letter exchange: `policy "dlx-all", priority 10`. Key
	// is the dead-letter routing key. It is nil if the message keeps its own.
	Rule string         `json:"rule,omitempty"`
	Key  *string        `json:"key,omitempty"`
	Refs []topology.Ref `json:"-"`
	// Root is the dead-letter exchange. It is nil if the queue has none or the message does not
	// reach it.
	Root *Hop `json:"route,omitempty"`
	// Message is the dead letter.
	Message *Message `json:"message,omitempty"`
	// Wait reports whether the message expired in a wait queue (see Network.Waits).
	Wait bool `json:"wait,omitempty"`
	// After is the message TTL of the wait queue in milliseconds.
	After  int64  `json:"after_ms,omitempty"`
	Unsure string `json:"unsure,omitempty"`

	// from is the message that died.
	from *Message
	sets [][]string
	open bool
}

// Die returns the result of the death of a message in a queue. The queue must exist.
func (n *Network) Die(m *Message, queue string, reason Reason) *DeadLettering {
	return n.DieUnder(n.Settings(queue), m, reason)
}

// DieUnder is Die in a queue that has these settings.
func (n *Network) DieUnder(s Settings, m *Message, reason Reason) *DeadLettering {
	queue := s.Queue.Name
	f := &DeadLettering{Queue: queue, Reason: reason, sets: [][]string{nil}}
	if f.Outcome, f.Why = mayDie(s, reason); f.Outcome != "" {
		f.open = f.Outcome == Unknown
		return f
	}
	dl := s.DeadLetter()
	f.Unsure = cmp.Or(dl.Exchange.Unsure, dl.Key.Unsure)
	if !dl.Set() {
		f.Outcome, f.Why = Dropped, "the queue has no dead-letter exchange"
		return f
	}
	f.describe(dl)
	exchange := dl.Exchange.Text()
	f.Message = m.died(queue, reason, exchange, f.Key, n.version)
	x := n.exchanges[exchange]
	if x == nil {
		f.Root = &Hop{Kind: topology.KindExchange, Name: exchange, Ends: "it does not exist"}
		f.unrouted(dl, fmt.Sprintf("the dead-letter exchange %q does not exist", exchange))
		return f
	}
	r := &router{n: n, m: f.Message, hops: map[string]*Hop{}, queues: map[string]bool{}, refuses: n.refusal(f.Message, dl)}
	r.start()
	f.Root = r.root
	f.sets, f.open = r.outcomes()
	f.Outcome = Moved
	if len(f.sets) == 1 && len(f.sets[0]) == 0 {
		f.unrouted(dl, "no queue takes the dead letter")
	}
	return f
}

func (f *DeadLettering) unrouted(dl DeadLetter, why string) {
	f.Outcome, f.Why = Unrouted, why
	if dl.Keeps {
		f.Outcome, f.Why = Held, why+"; the queue keeps it until there is a way (strategy at-least-once)"
	}
}

func (f *DeadLettering) describe(dl DeadLetter) {
	f.Rule = dl.Exchange.Source()
	if k, ok := dl.Key.Value.(string); ok {
		f.Key = &k
		if s := dl.Key.Source(); s != "argument x-dead-letter-routing-key" && s != f.Rule {
			f.Rule += ", key by " + s
		}
	}
	for _, p := range []*topology.Policy{dl.Exchange.Policy, dl.Key.Policy} {
		if p != nil {
			f.Refs = append(f.Refs, p.Ref())
		}
	}
}

// refusal returns a function that returns why a queue refuses a dead letter, or "".
func (n *Network) refusal(m *Message, dl DeadLetter) func(queue string) string {
	return func(queue string) string {
		switch {
		case m.cycle(queue):
			return "the broker drops it here: it died in this queue before, and nobody rejected it since"
		case n.queues[queue].Type == topology.Stream && !capability.VersionAtLeast(n.version, "4.0") && !dl.Keeps:
			return "this broker version loses what is dead-lettered into a stream, unless the strategy is at-least-once"
		}
		return ""
	}
}

// mayDie returns "" if a message can die for that reason. Otherwise it returns the outcome and its
// explanation.
func mayDie(s Settings, reason Reason) (Outcome, string) {
	switch {
	case s.Queue.Type == External:
		return Unknown, "somebody else declares the queue: what it does with dead letters is not known here"
	case s.Queue.Type == topology.Stream:
		return Stays, "a stream never dead-letters: messages stay until they are too old or too many"
	case reason == DeliveryLimit:
		return exhausted(s)
	case reason == MaxLength:
		return overflowed(s)
	}
	return "", ""
}

func exhausted(s Settings) (Outcome, string) {
	if s.Queue.Type != topology.Quorum {
		return Stays, "a classic queue has no delivery limit: a message that is returned is delivered again, for ever"
	}
	if limit, ok := s.Get("delivery-limit").Int(); !ok || limit < 0 {
		return Stays, "the queue has no delivery limit: a message that is returned is delivered again, for ever"
	}
	return "", ""
}

// overflowed is mayDie for MaxLength. The overflow reject-publish-dlx is for classic queues; a
// quorum queue treats it as drop-head.
func overflowed(s Settings) (Outcome, string) {
	_, count := s.Get("max-length").Int()
	_, bytes := s.Get("max-length-bytes").Int()
	switch {
	case !count && !bytes:
		return Stays, "the queue has no length limit: it is never full"
	case s.Get("overflow").Text() == RejectPublish:
		return Bounced, "a full queue refuses new messages (overflow reject-publish): the publisher gets a nack, and " +
			"nothing is dead-lettered"
	}
	return "", ""
}
