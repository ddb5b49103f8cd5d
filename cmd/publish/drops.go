package publish

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"time"

	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/pkg/dlq/vhost"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// dropFinder finds queues that confirm messages and then drop them or older ones, by an argument, a
// policy or the expiration of a message: see route.Keeping. It names each queue once.
type dropFinder struct {
	vhost   string
	state   *topology.State // the broker's, or else that of the topology file; nil without either
	version string
	// drops has the queues that were not named yet. always is how many of them drop messages of any
	// expiration.
	drops  map[string]vhost.Dropping
	always int

	network   *route.Network // of state; nil until a message is routed
	byHeaders bool           // the headers of a message may decide which queues it reaches
	seen      map[publication]bool
}

// publication identifies messages that reach the same queues.
type publication struct {
	publish.Target
	expiration string
	headers    [sha256.Size]byte // of the headers, which may be large; zero if they do not matter
}

// newDropFinder returns a finder from the broker's state and that of the topology file. Each may be
// nil. The broker's settings of a queue win, because the file may not have been applied.
func newDropFinder(name string, live *topology.Live, file *topology.State) *dropFinder {
	f := &dropFinder{vhost: name, state: file, drops: map[string]vhost.Dropping{}, seen: map[publication]bool{}}
	if file != nil {
		f.drops = vhost.Drops(&topology.Live{State: *file}, name, queuesIn(file, name))
	}
	if live != nil {
		f.state, f.version = &live.State, live.Server.Version
		maps.DeleteFunc(f.drops, func(queue string, _ vhost.Dropping) bool {
			return live.Has(topology.Ref{Kind: topology.KindQueue, VHost: name, Name: queue})
		})
		maps.Copy(f.drops, vhost.Drops(live, name, queuesIn(&live.State, name)))
	}
	for _, d := range f.drops {
		if d.Text != "" {
			f.always++
		}
	}
	return f
}

func queuesIn(s *topology.State, vhost string) (names []string) {
	for ref := range s.All() {
		if ref.Kind == topology.KindQueue && ref.VHost == vhost {
			names = append(names, ref.Name)
		}
	}
	return names
}

// of describes which of some queues drop messages with this expiration.
func (f *dropFinder) of(queues []string, expiration string) (texts []string) {
	for _, q := range queues {
		d := f.drops[q]
		if text := d.Of(expiration); text != "" {
			delete(f.drops, q)
			texts = append(texts, text)
		}
		if d.Text != "" {
			f.always--
		}
	}
	return texts
}

// maxRouted is how many publications a dropFinder routes: each event may have a key of its own.
const maxRouted = 10_000

// reachedBy is like of, for the queues that get copies of a message that is published to a target.
func (f *dropFinder) reachedBy(t publish.Target, m *message.Message) []string {
	if f.always == 0 && (m.Expiration == "" || len(f.drops) == 0) || len(f.seen) >= maxRouted {
		return nil
	}
	if f.network == nil {
		f.network = route.New(f.state, f.vhost, f.version)
		f.byHeaders = routesByHeaders(f.state, f.network)
	}
	p := publication{Target: t, expiration: m.Expiration}
	if f.byHeaders || copied(m.Headers) {
		p.headers = sha256.Sum256([]byte(amqptable.NormaliseTable(m.Headers).Canonical()))
	}
	if f.seen[p] {
		return nil
	}
	f.seen[p] = true
	trace := f.network.Route(route.Publication{Exchange: t.Exchange, Key: t.Key,
		Headers: amqptable.NormaliseTable(m.Headers)})
	return f.of(trace.Possible(), m.Expiration)
}

// copied reports whether headers name further routing keys.
func copied(headers message.Table) bool { return headers["CC"] != nil || headers["BCC"] != nil }

// routesByHeaders reports whether an exchange with bindings looks at headers.
func routesByHeaders(s *topology.State, n *route.Network) bool {
	for _, o := range s.All() {
		if b, ok := o.(*topology.Binding); ok && b.VHost == n.VHost() {
			if t, _ := n.ExchangeType(b.Source); t == route.HeadersType {
				return true
			}
		}
	}
	return false
}

// maxNoticeTime limits how long the settings of queues are read for a notice, which publishing waits
// for.
const maxNoticeTime = 5 * time.Second

// readForPreview reads the vhost.
func readForPreview(ctx context.Context, b Broker, vhost string) (*topology.Live, error) {
	live, err := b.Everything(ctx, []string{vhost})
	switch {
	case err != nil:
		return nil, err
	case len(live.MissingVHosts) > 0:
		return nil, live.MissingVHost()
	case live.Unreadable[topology.KindQueue] != "":
		return nil, fmt.Errorf("its queues cannot be read: %s", live.Unreadable[topology.KindQueue])
	}
	return live, nil
}

// namesBroker reports whether a flag, a variable or a context names the broker.
func namesBroker(conn *profile.Connection) bool { return conn.Sources["url"] != "default" }

// tellDrops returns a function that tells, once for each queue, that a message to a target reaches
// queues that drop messages. It reads the broker first. If the broker cannot be
// read, publishing continues, and only the topology file is checked.
func tellDrops(ctx context.Context, b Broker, vhost string, file *topology.State,
	tell func(string)) func(publish.Target, *message.Message) {
	short, cancel := context.WithTimeout(ctx, maxNoticeTime)
	defer cancel()
	live, _ := readForPreview(short, b, vhost)
	f := newDropFinder(vhost, live, file)
	return func(t publish.Target, m *message.Message) {
		for _, text := range f.reachedBy(t, m) {
			tell(text + ". A confirm does not mean that the message is kept.")
		}
	}
}
