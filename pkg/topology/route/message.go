package route

import (
	"slices"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
	"github.com/msgctl/msgctl/pkg/topology/capability"
)

// Publication is a message as a client publishes it.
type Publication struct {
	// Exchange is the exchange to publish to. "" is the default exchange.
	Exchange string `json:"exchange"`
	Key      string `json:"key"`
	// Headers are in normal form (amqptable.NormaliseTable). The headers CC and BCC add to the
	// fields CC and BCC.
	Headers topology.Arguments `json:"headers,omitempty"`
	// CC and BCC are further routing keys. The broker removes the BCC header.
	CC  []string `json:"cc,omitempty"`
	BCC []string `json:"bcc,omitempty"`
}

// Message is a message on a broker, with the properties that affect routing and dead-lettering.
// Copies in several queues share one Message. It is immutable.
type Message struct {
	// Exchange is the exchange to which the message was last published, by a client or as a dead
	// letter.
	Exchange string `json:"exchange"`
	// Keys are the routing key, then the keys of CC, then the keys of BCC.
	Keys []string `json:"keys"`
	// Headers are the headers of the client, without BCC.
	Headers topology.Arguments `json:"headers,omitempty"`
	// Deaths are the entries of x-death, the latest first.
	Deaths []Death `json:"deaths,omitempty"`

	cc, bcc []string
	first   *Death
}

// Death is one entry of x-death: all deaths in one queue for the same reason.
type Death struct {
	Queue  string `json:"queue"`
	Reason Reason `json:"reason"`
	// Exchange and Keys are the exchange and the routing keys with which the message was published
	// before the first of these deaths. Keys excludes BCC.
	Exchange string   `json:"exchange"`
	Keys     []string `json:"keys"`
	// Count is the number of these deaths, from 1.
	Count int `json:"count"`
}

// Reason is the reason for a death, as in x-death.
type Reason string

// The reasons.
const (
	Rejected      Reason = "rejected"
	Expired       Reason = "expired"
	MaxLength     Reason = "maxlen"
	DeliveryLimit Reason = "delivery_limit"
)

// message returns the message that the broker makes from a publication.
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

// nameOfKey returns the header that the i-th key comes from.
func (m *Message) nameOfKey(i int) string {
	if i <= len(m.cc) {
		return "CC"
	}
	return "BCC"
}

// routingHeaders returns the headers that a headers exchange compares: the headers of the client
// and those that the broker adds at a death.
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

// died returns the dead letter that results if the message dies in a queue. key is the dead-letter
// routing key, or nil if the message keeps its keys (facts death-order, death-key-headers).
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

// recordedKeys returns the keys that x-death records (fact death-keys).
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

// cycle reports whether the broker drops a dead letter that is routed to a queue because of a cycle
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
