package replay

import (
	"errors"
	"fmt"
	"strings"

	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// DestinationKind is how the target of a message is found.
type DestinationKind uint8

// The kinds of destinations.
const (
	// ToWhereItDied is the queue of a message's first death, through the default exchange, so that
	// other subscribers do not get it twice. It is the default.
	ToWhereItDied DestinationKind = iota
	// ToOrigin is the exchange and the routing keys that the message was published with: every
	// queue bound there gets it.
	ToOrigin
	// ToQueue is one queue, through the default exchange.
	ToQueue
	// ToExchange is one exchange, with a fixed key or with each message's original key.
	ToExchange
)

// Destination is where messages go. The zero value is ToWhereItDied.
type Destination struct {
	Kind DestinationKind
	// Queue is for ToQueue.
	Queue string
	// Exchange and Key are for ToExchange; without HasKey each message's original key is used.
	Exchange, Key string
	HasKey        bool
}

// ParseDestination parses the value of --to: origin, queue:Q, exchange:X or exchange:X/KEY. A
// queue's name extends to the end; an exchange's name ends at the first slash, and "exchange:X/"
// means the empty key. "" is ToWhereItDied. The error, for users, shows the accepted forms.
func ParseDestination(s string) (Destination, error) {
	if s == "" {
		return Destination{}, nil
	}
	if s == "origin" {
		return Destination{Kind: ToOrigin}, nil
	}
	if q, ok := strings.CutPrefix(s, "queue:"); ok && q != "" {
		return Destination{Kind: ToQueue, Queue: q}, nil
	}
	if x, ok := strings.CutPrefix(s, "exchange:"); ok && x != "" && !strings.HasPrefix(x, "/") {
		d := Destination{Kind: ToExchange}
		d.Exchange, d.Key, d.HasKey = strings.Cut(x, "/")
		return d, nil
	}
	hint := "queue:" + s
	if strings.HasPrefix(s, "queue:") || strings.HasPrefix(s, "exchange:") {
		return Destination{}, fmt.Errorf("destination %q lacks a name: write queue:NAME, exchange:NAME or exchange:NAME/KEY",
			s)
	}
	return Destination{}, fmt.Errorf("destination %q does not say what it is: write %s for a queue, exchange:%s or "+
		"exchange:%s/KEY for an exchange, origin for where each message was published first", s, hint, s, s)
}

// String returns the form that ParseDestination accepts.
func (d Destination) String() string {
	switch d.Kind {
	case ToOrigin:
		return "origin"
	case ToQueue:
		return "queue:" + d.Queue
	case ToExchange:
		if d.HasKey {
			return "exchange:" + d.Exchange + "/" + d.Key
		}
		return "exchange:" + d.Exchange
	}
	return ""
}

// route is the target of one message.
type route struct {
	target publish.Target
	cc     []any // further keys of the original publication, for ToOrigin
	unwrap bool  // the body is a framework's envelope around the original
}

// noWayBackError says why a message has no target.
type noWayBackError struct {
	reason Reason
	detail string
}

func (e *noWayBackError) Error() string { return e.detail }

func noWayBack(reason Reason, format string, args ...any) error {
	return &noWayBackError{reason, fmt.Sprintf(format, args...)}
}

// router finds the target of each message.
type router struct {
	to     Destination
	from   string
	isWait func(string) bool
	exists func(string) bool
	// hasExchange reports whether an exchange exists; nil if that is unknown.
	hasExchange func(string) bool
}

// route finds the target of a message. An exchange that does not exist is none: publishing to it would
// close the channel, and what is in flight there could be sent twice.
func (r router) route(m *message.Message) (route, error) {
	to, err := r.find(m)
	if x := to.target.Exchange; err == nil && x != "" && r.hasExchange != nil && !r.hasExchange(x) {
		return route{}, noWayBack(ReasonRefused, "exchange %q does not exist in the vhost: declare it, or send elsewhere", x)
	}
	return to, err
}

func (r router) find(m *message.Message) (route, error) {
	switch r.to.Kind {
	case ToQueue:
		return route{target: publish.Target{Key: r.to.Queue}}, nil
	case ToExchange:
		return r.toExchange(m), nil
	case ToOrigin:
		return r.toOrigin(m)
	}
	return r.toWhereItDied(m)
}

func (r router) toExchange(m *message.Message) route {
	key := r.to.Key
	if !r.to.HasKey {
		key = m.RoutingKey
		if d, ok := r.published(m); ok {
			key = d.RoutingKey()
		}
	}
	return route{target: publish.Target{Exchange: r.to.Exchange, Key: key}}
}

func (r router) toOrigin(m *message.Message) (route, error) {
	if d, ok := r.published(m); ok {
		out := route{target: publish.Target{Exchange: d.Exchange, Key: d.RoutingKey()}}
		for _, key := range d.RoutingKeys()[1:] {
			out.cc = append(out.cc, key)
		}
		return out, nil
	}
	if f, ok := message.FailureOf(m); ok && f.HasRoute {
		return route{target: publish.Target{Exchange: f.Exchange, Key: f.RoutingKey}, unwrap: f.Enveloped}, nil
	}
	return route{}, noWayBack(ReasonNoHistory, "nothing in the message says which exchange and key it was published with")
}

// toWhereItDied returns the queue of the message's origin, as dlq inspect shows it. If no queue is
// known, it returns the exchange that a framework recorded.
func (r router) toWhereItDied(m *message.Message) (route, error) {
	o, ok := m.Origin(r.isWait)
	switch {
	case ok && o.Queue != "":
		return r.toQueue(o.Queue, o.Enveloped)
	case ok && o.HasRoute:
		return route{target: publish.Target{Exchange: o.Exchange, Key: o.RoutingKey}, unwrap: o.Enveloped}, nil
	}
	return route{}, noWayBack(ReasonNoHistory, "it has no death history and no framework recorded where it failed")
}

func (r router) toQueue(queue string, unwrap bool) (route, error) {
	if queue == r.from {
		return route{}, noWayBack(ReasonSameQueue, "it first died in this queue")
	}
	if r.exists != nil && !r.exists(queue) {
		return route{}, noWayBack(ReasonQueueGone, "the queue %q where it died does not exist", queue)
	}
	return route{target: publish.Target{Key: queue}, unwrap: unwrap}, nil
}

// published returns the death that records the original publication. After a replay, later deaths
// only record the replay.
func (r router) published(m *message.Message) (message.Death, bool) {
	for _, earlier := range message.EarlierDeaths(m.Headers) {
		if d, ok := earlier.First(r.isWait); ok && d.HasRoute {
			return d, true
		}
	}
	d, ok := m.Deaths().First(r.isWait)
	return d, ok && d.HasRoute
}

func reasonOf(err error) (Reason, string) {
	var n *noWayBackError
	if errors.As(err, &n) {
		return n.reason, n.detail
	}
	return ReasonUnreadable, err.Error()
}
