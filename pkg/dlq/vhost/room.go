package vhost

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/dlq/browse"
	"github.com/msgctl/msgctl/pkg/dlq/discover"
	"github.com/msgctl/msgctl/pkg/dlq/replay"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
)

// Room returns a function that returns what a queue still keeps, and false for a queue that keeps
// everything or is unknown. Messages that consumers hold count, because they may return; what others
// publish meanwhile is unknown.
func (v *VHost) Room(ctx context.Context) replay.RoomOf {
	source := browse.NewFactSource(v.Live, v.Found, v.Name)
	return func(queue string) (replay.Room, bool) {
		facts, err := source.Of(queue)
		if err != nil {
			return replay.Room{}, false
		}
		if !mayDrop(facts) {
			return unlimited(facts), facts.Keeping.DropsExpired
		}
		if ready, err := v.Ready(ctx, queue); err == nil {
			facts.Status.Messages, facts.Status.Known = ready+v.Counts[queue].Unacked, true
		}
		if _, sized := facts.Keeping.Bytes.Int(); sized && facts.Status.Known {
			facts.Size.Bytes, facts.Size.Messages, err = v.Broker.MessageBytes(ctx, v.Name, queue)
			if err != nil {
				facts.Size = browse.QueueSize{}
			}
		}
		return room(facts, true), true
	}
}

// mayDrop reports whether a queue confirms messages that it does not keep, or drops others for them.
func mayDrop(f browse.Facts) bool {
	k := f.Keeping
	_, limited := k.Length.Int()
	_, sized := k.Bytes.Int()
	return (limited || sized) && !k.Refuses || dropsAll(f) != ""
}

// dropsAll says why a queue keeps no message until route.MinStay is over; "" if it does.
func dropsAll(f browse.Facts) string {
	k := f.Keeping
	if k.ExpiresSoon(f.Status) {
		return expiry(f)
	}
	if !k.ShortTTL() {
		return ""
	}
	ms, _ := k.TTL.Int()
	within := "within " + units.FormatMilliseconds(ms)
	if ms == 0 {
		within = "immediately"
	}
	return fmt.Sprintf("queue %q drops messages that no consumer takes %s: its message-ttl is %d (%s), and no queue gets "+
		"its dead letters", f.Name, within, ms, k.TTL.From)
}

// expiry says that a queue may be deleted with its messages.
func expiry(f browse.Facts) string {
	ms, _ := f.Keeping.Expires.Int()
	return fmt.Sprintf("queue %q has no consumer, and is deleted with its messages when nobody has used it for %s (%s)",
		f.Name, units.FormatMilliseconds(ms), f.Keeping.Expires.From)
}

// unlimited is the room of a queue without a limit.
func unlimited(f browse.Facts) replay.Room {
	return replay.Room{Messages: -1, Bytes: -1, DropsSoon: f.Keeping.DropsSoon}
}

// room is the room of a queue that drops messages. counted says that its messages were counted.
func room(f browse.Facts, counted bool) replay.Room {
	out := unlimited(f)
	if out.Why = dropsAll(f); out.Why != "" {
		out.Messages = 0
		return out
	}
	most, limited := f.Keeping.Length.Int()
	mostBytes, sized := f.Keeping.Bytes.Int()
	out.Headers = f.Type == topology.Quorum && capability.VersionAtLeast(f.Version, "4.3")
	var limits []string
	if limited {
		holds := "how many it holds is not known"
		out.Messages = 0
		if f.Status.Known {
			out.Messages = max(most-f.Status.Messages, 0)
			holds = "it holds " + messages(int(f.Status.Messages))
		}
		text := fmt.Sprintf("queue %q keeps at most %s (%s) and drops the oldest for each further one", f.Name,
			messages(int(most)), f.Keeping.Length.From)
		if counted {
			text += ": " + holds
		}
		limits = append(limits, text)
	}
	if sized {
		holds := "how many it holds is not known (the broker reports it some seconds late)"
		out.Bytes = 0
		if used, known := f.Size.Of(f.Status.Messages); known && f.Status.Known {
			out.Bytes = max(mostBytes-used, 0)
			holds = "it holds about " + units.FormatCount(used, "byte")
		}
		text := fmt.Sprintf("queue %q keeps at most %s (%s) and drops the oldest messages beyond that", f.Name,
			units.FormatCount(mostBytes, "byte"), f.Keeping.Bytes.From)
		if counted {
			text += ": " + holds
		}
		limits = append(limits, text)
	}
	out.Why = strings.Join(limits, "; ")
	return out
}

// Drops describes which of the queues that get copies through an exchange drop messages: when they
// are full, soon, or when nobody uses the queue. Queues that are exclusive to a connection are left
// out: what they hold, such as what "msgctl tail" shows, is gone with the connection in any case.
func (v *VHost) Drops(ctx context.Context, queues []string) (texts []string) {
	of := v.Room(ctx)
	for _, q := range queues {
		if v.Live.IsExclusive(v.Name, q) {
			continue
		}
		room, _ := of(q)
		if text := cmp.Or(room.Why, v.MayExpire(q)); text != "" {
			texts = append(texts, text)
		}
	}
	return texts
}

// MayExpire says that a queue is deleted with its messages if nobody begins to use it, or with a
// connection; "" if it is not, or is unknown.
func (v *VHost) MayExpire(queue string) string {
	facts, err := browse.FactsOf(v.Live, v.Found, v.Name, queue)
	switch {
	case err != nil:
		return ""
	case facts.ConnectionExclusive:
		return fmt.Sprintf("queue %q is exclusive to another connection, and is deleted with its messages when that ends",
			queue)
	case facts.Keeping.MayExpire(facts.Status):
		return expiry(facts)
	}
	return ""
}

// Dropping is a queue that drops messages, or does so with messages of a short time to live.
type Dropping struct {
	// Text says why it drops messages, whatever their time to live; "" if it does not.
	Text string
	room replay.Room
	name string
}

// Of says why the queue drops messages with this expiration, the property of that name; "" if it
// does not.
func (d Dropping) Of(expiration string) string {
	return cmp.Or(d.Text, d.room.Expires(expiration, d.name))
}

// Drops returns which of some queues drop messages, by their arguments and the policies in l. They do
// so when they are full, soon, when nobody uses the queue, or if a message has a short time to live.
// It counts nothing, and leaves out exclusive queues. The keys are the names of the queues.
func Drops(l *topology.Live, vhost string, queues []string) map[string]Dropping {
	drops := map[string]Dropping{}
	source := browse.NewFactSource(l, discover.Discovery{}, vhost)
	for _, q := range queues {
		if l.IsExclusive(vhost, q) {
			continue
		}
		facts, err := source.Of(q)
		if err != nil {
			continue
		}
		d := Dropping{room: unlimited(facts), name: q}
		switch {
		case mayDrop(facts):
			d.Text = room(facts, false).Why
		case facts.Keeping.MayExpire(facts.Status):
			d.Text = expiry(facts)
		}
		if d.Text != "" || facts.Keeping.DropsExpired {
			drops[q] = d
		}
	}
	return drops
}
