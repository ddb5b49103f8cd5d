package loss

import (
	"math"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// Fate says what becomes of the messages that queues of one vhost drop.
type Fate struct {
	// Network is how the vhost routes.
	Network *route.Network
	// Status has the counts of the queues that there are now.
	Status map[topology.Ref]topology.QueueStatus
	// Surely counts room that is not known as none. Otherwise a limit counts as room.
	Surely bool
}

// unknownKey is the key of messages whose keys nobody knows: what routes every key routes it.
const unknownKey = "msgctl.unknown.key"

// Kept returns how many messages stay on the broker of so many that a queue with these settings
// drops. They are in the queues that they are dead-lettered to, or in the queue itself. Nobody knows the
// keys of the messages. Only what routes every key routes these.
func (f Fate) Kept(s route.Settings, messages int64) int64 {
	return f.kept(s, &route.Message{Keys: []string{unknownKey}}, messages)
}

// kept is Kept for messages that are like m.
func (f Fate) kept(s route.Settings, m *route.Message, messages int64) int64 {
	death := f.Network.DieUnder(s, m, route.Expired)
	switch death.Outcome {
	case route.Moved:
	case route.Dropped, route.Unrouted:
		return 0
	default:
		return messages
	}
	least, most := int64(math.MaxInt64), int64(0)
	for _, w := range death.Placements(route.Placement{{Queue: s.Queue.Name, Message: m}}, 0) {
		best := int64(0)
		for _, c := range w {
			best = max(best, f.takes(c, messages, s.DeadLetter().Keeps))
		}
		least, most = min(least, best), max(most, best)
	}
	if death.Open() && !f.Surely {
		return most
	}
	return least
}

// takes returns how many of so many dead letters a queue keeps, or passes on to one that does.
// again says that what the queue refuses is offered to it again.
func (f Fate) takes(c route.Copy, messages int64, again bool) int64 {
	s := f.Network.Settings(c.Queue)
	keeping, held := s.Keeping(s.DeadLetter().Set()), f.Status[topology.QueueRef(s.Queue.VHost, s.Queue.Name)]
	if !again || !keeping.Refuses {
		messages = f.room(keeping, held, messages)
	}
	_, expires := keeping.TTL.Int()
	switch {
	case s.Queue.Exclusive, keeping.ShortTTL(), keeping.ExpiresSoon(held): // tail's go with their connection
		return 0
	case expires && !keeping.DropsExpired && messages > 0:
		return f.kept(s, c.Message, messages)
	}
	return messages
}

// room returns how many more messages a queue that holds some takes without dropping any.
func (f Fate) room(k route.Keeping, held topology.QueueStatus, messages int64) int64 {
	if limit, bounded := k.Length.Int(); bounded {
		if f.Surely && !held.Known {
			return 0
		}
		messages = min(messages, max(0, limit-held.Messages))
	}
	if bytes, bounded := k.Bytes.Int(); bounded {
		if f.Surely {
			return 0
		}
		messages = min(messages, bytes) // each is one byte or more, and more is not known
	}
	return messages
}
