package route

import (
	"slices"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
	"github.com/msgctl/msgctl/pkg/topology/capability"
)

// Publication is a message as a client publishes it.
type Publication struct {
	// Exchange it is published to; "" is the default exchange.
	Exchange string `json:"exchange"`
	Key      string `json:"key"`
	// Headers in normal form (amqptable.NormaliseTable). A CC or BCC in it is taken for CC and BCC.
	Headers topology.Arguments `json:"headers,omitempty"`
	// CC and BCC are further routing keys; the broker takes BCC off the message.
	CC  []string `json:"cc,omitempty"`
	BCC []string `json:"bcc,omitempty"`
}

// Message is a message in a broker, as far as routing and dead-lettering look at it. Copies in
// several queues are equal. Nobody changes one.
type Message struct {
	// Exchange it was last published to, by a client or as a dead letter.
	Exchange string `json:"exchange"`
	// Keys are the routing key, those of CC, those of BCC.
	Keys []string `json:"keys"`
	// Headers are the client's, without BCC.
	Headers topology.Arguments `json:"headers,omitempty"`
	// Deaths are what x-death will say, the latest first.
	Deaths []Death `json:"deaths,omitempty"`

	cc, bcc []string
	first   *Death
}

// Death is one entry of x-death: all deaths in one queue for one reason.
type Death struct {
	Queue  string `json:"queue"`
	Reason Reason `json:"reason"`
	// Exchange and Keys are those of the publication before the first of these deaths. Keys has no
	// BCC.
	Exchange string   `json:"exchange"`
	Keys     []string `json:"keys"`
	Count    int      `json:"count"`
}

// Reason is why a message leaves its queue for a dead-letter exchange, as x-death says it.
type Reason string

// The reasons.
const (
	Rejected      Reason = "rejected"
	Expired       Reason = "expired"
	MaxLength     Reason = "maxlen"
	DeliveryLimit Reason = "delivery_limit"
)

// message makes of a publication what the broker has.
func (p Publication) message() *Message {
	m := &Message{Exchange: p.Exchange, cc: slices.Concat(p.CC, texts(p.Headers["CC"])),
		bcc: slices.Concat(p.BCC, texts(p.Headers["BCC"]))}
	m.Keys = slices.Concat([]string{p.Key}, m.cc, m.bcc)
	m.Headers = p.Headers
	if _, ok := p.Headers["BCC"]; ok || len(p.CC) > 0 {
		m.Headers = p.Headers.Clone()
		delete(m.Headers, "BCC")
		if len(m.cc) > 0 {
			m.Headers["CC"] = amqptable.Normalise(m.cc)
		}
	}
	return m
}

func texts(v any) []string {
	list, _ := v.([]any)
	var out []string
	for _, e := range list {
		if s, ok := e.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// nameOfKey says which header the i-th key comes from.
func (m *Message) nameOfKey(i int) string {
	if i <= len(m.cc) {
		return "CC"
	}
	return "BCC"
}

// routingHeaders are the headers that a headers exchange looks at: the client's and those that the
// broker added at a death.
func (m *Message) routingHeaders(version string) topology.Arguments {
	if m.first == nil {
		return m.Headers
	}
	h := m.Headers.Clone()
	add := func(which string, d Death) {
		h["x-"+which+"-death-queue"] = d.Queue
		h["x-"+which+"-death-reason"] = string(d.Reason)
		h["x-"+which+"-death-exchange"] = d.Exchange
	}
	add("first", *m.first)
	if capability.VersionAtLeast(version, "4.0") {
		add("last", m.Deaths[0])
	} else {
		h["x-death"] = []any{}
	}
	return h
}

// died returns the message after a death in a queue, on its way to a dead-letter exchange. key is
// nil when it keeps its keys (fact death-order) (fact death-key-headers).
func (m *Message) died(queue string, reason Reason, exchange string, key *string, version string) *Message {
	next := &Message{Exchange: exchange, Keys: m.Keys, Headers: m.Headers, cc: m.cc, bcc: m.bcc, first: m.first}
	d := Death{Queue: queue, Reason: reason, Exchange: m.Exchange, Keys: m.recordedKeys(version), Count: 1}
	next.Deaths = slices.Clone(m.Deaths)
	if !capability.VersionAtLeast(version, "4.0") {
		slices.Reverse(next.Deaths)
	}
	same := func(old Death) bool { return old.Queue == queue && old.Reason == reason }
	if i := slices.IndexFunc(next.Deaths, same); i >= 0 {
		d.Exchange, d.Keys, d.Count = next.Deaths[i].Exchange, next.Deaths[i].Keys, next.Deaths[i].Count+1
		next.Deaths = slices.Delete(next.Deaths, i, i+1)
	}
	next.Deaths = slices.Insert(next.Deaths, 0, d)
	if next.first == nil {
		next.first = &d
	}
	if key != nil {
		next.Keys, next.cc = []string{*key}, nil
		if _, ok := next.Headers["CC"]; ok && !capability.VersionAtLeast(version, "4.0") {
			next.Headers = next.Headers.Clone()
			delete(next.Headers, "CC")
		}
	}
	return next
}

// recordedKeys are the keys that x-death will have (fact death-keys).
func (m *Message) recordedKeys(version string) []string {
	if !capability.VersionAtLeast(version, "4.0") {
		return slices.Concat(m.Keys[:1], m.cc)
	}
	keys := slices.Clone(m.Keys)
	for _, b := range m.bcc {
		if i := slices.Index(keys, b); i >= 0 {
			keys = slices.Delete(keys, i, i+1)
		}
	}
	return keys
}

// cycle reports whether a message that has just died must not come into a queue
// (fact death-cycle).
func (m *Message) cycle(queue string) bool {
	if m.Deaths[0].Reason == Rejected {
		return false
	}
	for _, d := range m.Deaths {
		if d.Reason == Rejected {
			return false
		}
		if d.Queue == queue {
			return true
		}
	}
	return false
}
