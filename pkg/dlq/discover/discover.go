package discover

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"

	"github.com/msgctl/msgctl/pkg/topology"
)

// Certainty says how sure a statement about dead letters is.
type Certainty uint8

const (
	// Surely: every dead letter that it speaks of.
	Surely Certainty = iota
	// Possibly: it depends on the routing keys or headers of the messages, on a plugin's exchange,
	// or on a policy that cannot be judged.
	Possibly
)

// String returns "surely" or "possibly".
func (c Certainty) String() string { return [...]string{"surely", "possibly"}[c] }

// Role says what a queue that dead letters reach is for.
type Role string

const (
	// RoleDeadLetter is where messages wait for a person: the end of their way.
	RoleDeadLetter Role = "dead-letter"
	// RoleWait is a wait queue, one retry step: messages expire here on purpose and return to where
	// they died.
	RoleWait Role = "wait"
	// RoleWork is a queue that gets dead letters only back from wait queues: messages to be tried
	// again.
	RoleWork Role = "work"
)

// Source is one reason why dead letters reach a queue.
type Source struct {
	// Queue is where the messages die, Type its type.
	Queue, Type string
	// Exchange is the dead-letter exchange; "" is the default exchange.
	Exchange string
	// Key is the routing key of the dead letters: the configured one, or with Original the pattern
	// of the keys by which messages come into Queue.
	Key      string
	Original bool
	// Via are the exchanges after Exchange that the dead letters go through.
	Via []string
	// From says what sends them there: `argument x-dead-letter-exchange`, `policy "dead"`.
	From      string
	Certainty Certainty
	// Why explains Possibly; "" otherwise.
	Why string
}

// Queue is a queue that dead letters reach, or that is named like an error queue.
type Queue struct {
	VHost, Name, Type string
	Role              Role
	// Sources are ordered by queue. Empty when only the name or the content tells.
	Sources []Source
	// ByName says whose error queue the name stands for: "MassTransit", ByMatch; "" when the name
	// tells nothing.
	ByName string
	// ByContent says by whose convention its first message tells that it failed elsewhere, see
	// ErrorConvention; "" when it tells nothing, or was not looked at: Discover looks at none.
	ByContent string
	// Status has the counts of a live broker; Known is false for a file.
	Status topology.QueueStatus
}

// Ref identifies the queue.
func (q Queue) Ref() topology.Ref {
	return topology.Ref{Kind: topology.KindQueue, VHost: q.VHost, Name: q.Name}
}

// Losing is a queue whose dead letters, or some of them, reach no queue.
type Losing struct {
	VHost, Queue, Type string
	// Exchange is the dead-letter exchange, From what sets it.
	Exchange, From string
	// Key is the routing key of a dead letter that reaches nothing, for example.
	Key string
	// All says that no dead letter of the queue reaches a queue; otherwise some do.
	All       bool
	Certainty Certainty
	// Straight says that only messages are lost that were published to the queue itself through the
	// default exchange, as a replay does: they keep the queue's name as their routing key.
	Straight bool
	// Kept says that the messages are not lost but pile up in Queue until there is a route:
	// dead-letter strategy at-least-once.
	Kept bool
	// Reason is one sentence for people.
	Reason string
}

// DiscoverOptions tune Discover. The zero value is usable.
type Options struct {
	// Version is the broker's; "" for a file, which is judged as for the newest.
	Version string
	// Match names more error queues, by name.
	Match *regexp.Regexp
	// VHosts limits the search; nil means all.
	VHosts []string
}

// Discovery is what Discover found.
type Discovery struct {
	// Queues are ordered by vhost and name. They include wait and work queues, see Role.
	Queues []Queue
	// Losing are ordered by vhost and queue; what is sure comes first.
	Losing []Losing
	// Unsure are sentences about what could not be judged.
	Unsure []string
}

// Discover finds every queue that dead letters reach, by queue arguments, effective policies and
// bindings, and every queue whose dead letters reach nothing, unless it is exclusive: such a queue
// and its messages go with their connection anyway. It is pure, and safe for concurrent
// use as long as nobody changes s.
func Discover(s *topology.State, o Options) Discovery {
	var d Discovery
	for _, vhost := range s.VHosts() {
		if o.VHosts != nil && !slices.Contains(o.VHosts, vhost) {
			continue
		}
		f := &finder{n: newNetwork(s, vhost, o.Version), o: o, found: map[string]*Queue{}, d: &d}
		f.run()
	}
	d.Losing = slices.DeleteFunc(d.Losing, func(l Losing) bool { return s.IsExclusive(l.VHost, l.Queue) })
	slices.SortStableFunc(d.Losing, func(a, b Losing) int {
		return cmp.Or(cmp.Compare(a.VHost, b.VHost), cmp.Compare(a.Certainty, b.Certainty), cmp.Compare(a.Queue, b.Queue))
	})
	return d
}

// DiscoverLive is Discover for a broker, whose version it knows, with the counts of the queues.
// Kinds that could not be read are told in Unsure.
func Live(l *topology.Live, o Options) Discovery {
	o.Version = cmp.Or(o.Version, l.Server.Version)
	d := Discover(&l.State, o)
	for i := range d.Queues {
		d.Queues[i].Status = l.Status[d.Queues[i].Ref()]
	}
	for _, k := range []topology.Kind{topology.KindPolicy, topology.KindExchange, topology.KindBinding,
		topology.KindQueue} {
		if why, ok := l.Unreadable[k]; ok {
			d.Unsure = append(d.Unsure, fmt.Sprintf("without the %ss some dead-letter queues cannot be found: %s", k, why))
		}
	}
	return d
}

func (d *Discovery) sortQueues() {
	slices.SortStableFunc(d.Queues, func(a, b Queue) int {
		return cmp.Or(cmp.Compare(a.VHost, b.VHost), cmp.Compare(a.Name, b.Name))
	})
}

// finder works on one vhost.
type finder struct {
	n     *network
	o     Options
	found map[string]*Queue
	d     *Discovery
}

func (f *finder) run() {
	names := f.n.QueueNames()
	for _, name := range names {
		f.deadLetters(f.n.Queue(name))
	}
	for _, name := range names {
		if by := errorQueueOf(name, f.o.Match); by != "" {
			f.queue(name).ByName = by
		}
	}
	f.roles()
	for _, name := range sortedKeys(f.found) {
		q := f.found[name]
		slices.SortStableFunc(q.Sources, func(a, b Source) int { return cmp.Compare(a.Queue, b.Queue) })
		f.d.Queues = append(f.d.Queues, *q)
	}
}

func (f *finder) queue(name string) *Queue {
	if f.found[name] == nil {
		q := &Queue{VHost: f.n.vhost, Name: name, Role: RoleDeadLetter}
		if t := f.n.Queue(name); t != nil {
			q.Type = t.Type
		}
		f.found[name] = q
	}
	return f.found[name]
}

func sortedKeys[V any](m map[string]V) []string {
	list := make([]string, 0, len(m))
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}
