package vhost

import (
	"context"
	"fmt"

	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/dlq/browse"
	"github.com/msgctl/msgctl/pkg/dlq/replay"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
)

// Room returns a function that returns how many messages a queue still keeps, and false for a queue
// that drops none: it has no limit, or refuses messages beyond it. Messages that consumers hold
// count, because they may return; what others publish meanwhile is unknown.
func (v *VHost) Room(ctx context.Context) replay.RoomOf {
	return func(queue string) (replay.Room, bool) {
		facts, err := browse.FactsOf(v.Live, v.Found, v.Name, queue)
		if err != nil || facts.Type == topology.Stream {
			return replay.Room{}, false
		}
		if ms, ok := facts.MessageTTL.Int(); ok && ms == 0 {
			return replay.Room{Bytes: -1, Why: fmt.Sprintf("queue %q drops messages that no consumer takes immediately: its "+
				"message-ttl is "+
				"0 (%s)", queue, facts.MessageTTL.From)}, true
		}
		if t := facts.Overflow.Text(); t != "" && t != "drop-head" {
			return replay.Room{}, false
		}
		return v.room(ctx, facts)
	}
}

// room is the room of a queue that drops its oldest messages when it is full.
func (v *VHost) room(ctx context.Context, f browse.Facts) (replay.Room, bool) {
	most, limited := f.MaxLength.Int()
	mostBytes, sized := f.MaxLengthBytes.Int()
	if !limited && !sized {
		return replay.Room{}, false
	}
	out := replay.Room{Messages: -1, Bytes: -1,
		Headers: f.Type == topology.Quorum && capability.VersionAtLeast(f.Version, "4.3")}
	ready, err := v.Ready(ctx, f.Name)
	if err == nil {
		f.Status.Messages, f.Status.Known = ready+v.Counts[f.Name].Unacked, true
	}
	holds := fmt.Sprintf("it holds %s", messages(int(f.Status.Messages)))
	if !f.Status.Known {
		holds = "how many it holds is not known"
	}
	if limited {
		out.Messages = 0
		if f.Status.Known {
			out.Messages = max(most-f.Status.Messages, 0)
		}
		out.Why = fmt.Sprintf("queue %q keeps at most %s (%s) and drops the oldest for each further one: %s", f.Name,
			messages(int(most)), f.MaxLength.From, holds)
	}
	if sized {
		out.Bytes = 0
		used, known := v.sizeOf(ctx, f)
		if known {
			out.Bytes = max(mostBytes-used, 0)
			holds = "it holds about " + units.FormatCount(used, "byte")
		} else {
			holds = "how many it holds is not known (the broker reports it some seconds late)"
		}
		text := fmt.Sprintf("queue %q keeps at most %s (%s) and drops the oldest messages beyond that: %s", f.Name,
			units.FormatCount(mostBytes, "byte"),
			f.MaxLengthBytes.From, holds)
		if out.Why != "" {
			text = out.Why + "; " + text
		}
		out.Why = text
	}
	return out, true
}

// sizeOf is how many bytes of its limit a queue uses.
func (v *VHost) sizeOf(ctx context.Context, f browse.Facts) (int64, bool) {
	if !f.Status.Known {
		return 0, false
	}
	bytes, count, err := v.Broker.MessageBytes(ctx, v.Name, f.Name)
	if err != nil && f.Status.Messages > 0 {
		return 0, false
	}
	return browse.QueueSize{Bytes: bytes, Messages: count}.Of(f.Status.Messages)
}

// Drops describes which of the queues that get copies through an exchange drop messages when they
// are full.
func (v *VHost) Drops(ctx context.Context, queues []string) (texts []string) {
	of := v.Room(ctx)
	for _, q := range queues {
		if room, ok := of(q); ok {
			texts = append(texts, room.Why)
		}
	}
	return texts
}
