package discover

import (
	"time"

	"github.com/msgctl/msgctl/pkg/topology"
)

// Growth remembers the depth of queues between two readings. The zero value is ready to use. It is
// not safe for concurrent use.
type Growth struct {
	seen map[topology.Ref]depth
}

type depth struct {
	messages int64
	at       time.Time
}

// Change is how a queue's depth changed between two readings.
type Change struct {
	// Messages is positive if the queue grew.
	Messages int64
	// Since is the time between the readings; 0 if Known is false.
	Since time.Duration
	// Known is false at the first reading, and if the broker reported no count.
	Known bool
}

// PerMinute returns the change in messages per minute, 0 if it is unknown.
func (c Change) PerMinute() float64 {
	if !c.Known || c.Since <= 0 {
		return 0
	}
	return float64(c.Messages) / c.Since.Minutes()
}

// Note records the depth of every queue of d, read at now, and returns how each changed since the
// previous call. It forgets queues that no longer exist.
func (g *Growth) Note(d Discovery, now time.Time) map[topology.Ref]Change {
	next := map[topology.Ref]depth{}
	changes := map[topology.Ref]Change{}
	for _, q := range d.Queues {
		if !q.Status.Known {
			continue
		}
		ref := q.Ref()
		next[ref] = depth{q.Status.Messages, now}
		if before, ok := g.seen[ref]; ok {
			changes[ref] = Change{Messages: q.Status.Messages - before.messages, Since: now.Sub(before.at), Known: true}
		}
	}
	g.seen = next
	return changes
}
