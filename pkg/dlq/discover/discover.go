package discover

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"

	"github.com/msgctl/msgctl/pkg/topology"
)

// Certainty says how certain a statement about dead letters is.
type Certainty uint8

const (
	// Surely means every dead letter that the statement is about.
	Surely Certainty = iota
	// Possibly means that it depends on the routing keys or headers of the messages, on the
	// exchange of a plugin, or on a policy that cannot be evaluated.
	Possibly
)

// String returns "surely" or "possibly".
func (c Certainty) String() string { return [...]string{"surely", "possibly"}[c] }

// Role is the purpose of a queue that dead letters reach.
type Role string

const (
	// RoleDeadLetter is a queue where dead letters end and wait for a person.
	RoleDeadLetter Role = "dead-letter"
	// RoleWait is a wait queue, one retry step: messages expire there on purpose and return to the
	// queue where they died.
	RoleWait Role = "wait"
	// RoleWork is a queue that receives dead letters only from wait queues, to be processed again.
	RoleWork Role = "work"
)

// Source is one path by which dead letters reach a queue.
type Source struct {
	// Queue is where the messages die, Type is its type.
	Queue, Type string
	// Exchange is the dead-letter exchange; "" is the default exchange.
	Exchange string
	// Key is the routing key of the dead letters: the configured one, or if Original is set, the
	// pattern of the keys with which messages arrive in Queue.
	Key      string
	Original bool
	// Via are the exchanges after Exchange that the dead letters pass.
	Via []string
	// From names the setting: `argument x-dead-letter-exchange`, `policy "dead"`.
	From      string
	Certainty Certainty
	// Why explains Possibly; "" otherwise.
	Why string
}

// Queue is a queue that dead letters reach, or whose name is that of an error queue.
type Queue struct {
	VHost, Name, Type string
	Role              Role
	// Sources are sorted by queue. They are empty if only the name or the content identifies the
	// queue.
	Sources []Source
	// ByName is the framework that uses such names, "MassTransit" for example, or ByMatch; "" if
	// the name says nothing.
	ByName string
	// ByContent is the convention that its first message follows, see ErrorConvention; "" if it
	// follows none or was not browsed. Discover browses no queue.
	ByContent string
	// Status has the counts of a live broker; Known is false for a file.
	Status topology.QueueStatus
}

// Ref identifies the queue.
func (q Queue) Ref() topology.Ref {
	return topology.Ref{Kind: topology.KindQueue, VHost: q.VHost, Name: q.Name}
}

// Losing is a queue with dead letters that reach no queue.
type Losing struct {
	VHost, Queue, Type string
	// Exchange is the dead-letter exchange, From the setting that names it.
	Exchange, From string
	// Key is an example of a routing key of dead letters that reach no queue.
	Key string
	// All says that no dead letter of the queue reaches a queue; otherwise some do.
	All       bool
	Certainty Certainty
	// Straight says that only messages are lost that were published to the queue through the
	// default exchange, as a replay does: they keep the queue's name as their routing key.
	Straight bool
	// Kept says that the messages are not lost but stay in Queue until there is a route
	// (dead-letter strategy at-least-once).
	Kept bool
	// Cycle says that its dead letters come back to the queue itself and reach no other.
	Cycle bool
	// Reason is one sentence for people.
	Reason string
}

// DiscoverOptions configure Discover. The zero value is usable.
type Options struct {
	// Version is the broker's version; "" is for a file, which is treated as being for the newest.
	Version string
	// Match selects further error queues by name.
	Match *regexp.Regexp
	// VHosts limits the search; nil means all vhosts.
	VHosts []string
}

// Discovery is the result of Discover.
type Discovery struct {
	// Queues are sorted by vhost and name. They include wait and work queues, see Role.
	Queues []Queue
	// Losing are sorted by vhost and queue, with sure losses first.
	Losing []Losing
	// Unsure are sentences about what could not be decided.
	Unsure []string
}

// Discover finds every queue that dead letters reach, by queue arguments, effective policies and
// bindings, and every queue whose dead letters reach no queue. It leaves out exclusive queues,
// which are deleted with their connection anyway. It is pure, and safe for concurrent use as long
// as s does not change.
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

// DiscoverLive is Discover for a live broker: it uses the broker's version and the counts of the
// queues. Kinds of objects that could not be read are reported in Unsure.
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

// finder searches one vhost.
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
