package vhost

import (
	"context"
	"fmt"
	"strings"

	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/dlq/browse"
	"github.com/msgctl/msgctl/pkg/dlq/discover"
	"github.com/msgctl/msgctl/pkg/dlq/replay"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// Room returns a function that returns how many messages a queue still keeps, and false for a queue
// that drops none: it has no limit, or refuses messages beyond it. Messages that consumers hold
// count, because they may return; what others publish meanwhile is unknown.
func (v *VHost) Room(ctx context.Context) replay.RoomOf {
	source := browse.NewFactSource(v.Live, v.Found, v.Name)
	return func(queue string) (replay.Room, bool) {
		facts, err := source.Of(queue)
		if err != nil || !mayDrop(facts) {
			return replay.Room{}, false
		}
		if ready, err := v.Ready(ctx, queue); err == nil {
			facts.Status.Messages, facts.Status.Known = ready+v.Counts[queue].Unacked, true
		}
		if _, sized := facts.MaxLengthBytes.Int(); sized && facts.Status.Known {
			facts.Size.Bytes, facts.Size.Messages, err = v.Broker.MessageBytes(ctx, v.Name, queue)
			if err != nil {
				facts.Size = browse.QueueSize{}
			}
		}
		return room(facts, true), true
	}
}

// mayDrop reports whether a queue confirms messages that it does not keep, or drops others for them
// (fact drop-head-confirms).
func mayDrop(f browse.Facts) bool {
	if f.Type == topology.Stream {
		return false
	}
	if dropsAll(f) {
		return true
	}
	_, limited := f.MaxLength.Int()
	_, sized := f.MaxLengthBytes.Int()
	return (limited || sized) && !route.RefusesWhenFull(f.Type, f.Overflow.Text())
}

func dropsAll(f browse.Facts) bool {
	ms, ok := f.MessageTTL.Int()
	return ok && ms == 0
}

// room is the room of a queue that drops messages. counted says that its messages were counted.
func room(f browse.Facts, counted bool) replay.Room {
	if dropsAll(f) {
		return replay.Room{Bytes: -1, Why: fmt.Sprintf("queue %q drops messages that no consumer takes immediately: its "+
			"message-ttl is 0 (%s)", f.Name, f.MessageTTL.From)}
	}
	most, limited := f.MaxLength.Int()
	mostBytes, sized := f.MaxLengthBytes.Int()
	out := replay.Room{Messages: -1, Bytes: -1,
		Headers: f.Type == topology.Quorum && capability.VersionAtLeast(f.Version, "4.3")}
	var limits []string
	if limited {
		holds := "how many it holds is not known"
		out.Messages = 0
		if f.Status.Known {
			out.Messages = max(most-f.Status.Messages, 0)
			holds = "it holds " + messages(int(f.Status.Messages))
		}
		text := fmt.Sprintf("queue %q keeps at most %s (%s) and drops the oldest for each further one", f.Name,
			messages(int(most)), f.MaxLength.From)
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
			units.FormatCount(mostBytes, "byte"), f.MaxLengthBytes.From)
		if counted {
			text += ": " + holds
		}
		limits = append(limits, text)
	}
	out.Why = strings.Join(limits, "; ")
	return out
}

// Drops describes which of the queues that get copies through an exchange drop messages when they
// are full. Queues that are exclusive to a connection are left out: what they hold, such as what
// "msgctl tail" shows, is gone with the connection in any case.
func (v *VHost) Drops(ctx context.Context, queues []string) (texts []string) {
	of := v.Room(ctx)
	for _, q := range queues {
		if v.Live.IsExclusive(v.Name, q) {
			continue
		}
		if room, ok := of(q); ok {
			texts = append(texts, room.Why)
		}
	}
	return texts
}

// Drops describes which of some queues drop messages when they are full, or at once, by their
// arguments and the policies in l. It counts nothing, and leaves out exclusive queues. The keys are
// the names of the queues.
func Drops(l *topology.Live, vhost string, queues []string) map[string]string {
	texts := map[string]string{}
	source := browse.NewFactSource(l, discover.Discovery{}, vhost)
	for _, q := range queues {
		if l.IsExclusive(vhost, q) {
			continue
		}
		if facts, err := source.Of(q); err == nil && mayDrop(facts) {
			texts[q] = room(facts, false).Why
		}
	}
	return texts
}
