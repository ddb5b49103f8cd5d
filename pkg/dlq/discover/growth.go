package discover

import (
	"time"

	"github.com/msgctl/msgctl/pkg/topology"
)

// Growth remembers the depth of queues between two looks at a broker. The zero value is ready; it
// is for one goroutine.
type Growth struct {
	seen map[topology.Ref]depth
}

type depth struct {
	messages int64
	at       time.Time
}

// Change is how a queue's depth changed since it was last noted.
type Change struct {
	// Messages is positive when the queue grew.
	Messages int64
	// Since is the time between; 0 with Known false.
	Since time.Duration
	// Known is false at the first look, and where the broker gave no count.
	Known bool
}

// PerMinute returns the change in messages per minute, 0 when it is not known.
func (c Change) PerMinute() float64 {
	if !c.Known || c.Since <= 0 {
		return 0
	}
	return float64(c.Messages) / c.Since.Minutes()
}

// Note remembers the depth of every queue of d, read at now, and returns how each changed since the
// last call. Queues that are gone are forgotten.
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
