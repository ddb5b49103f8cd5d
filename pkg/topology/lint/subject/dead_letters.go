package subject

import (
	"slices"

	"github.com/msgctl/msgctl/pkg/dlq/discover"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/lint"
)

// deadLetters determines where dead letters go.
func deadLetters(state *topology.State, version string) lint.DeadLetters {
	found := discover.Discover(state, discover.Options{Version: version})
	var l lint.DeadLetters
	for _, x := range found.Losing {
		l.Losses = append(l.Losses, lint.Loss{
			Queue: topology.Ref{Kind: topology.KindQueue, VHost: x.VHost,
				Name: x.Queue}, Exchange: x.Exchange, From: x.From, Key: x.Key,
			All: x.All, Certain: x.Certainty == discover.Surely, Kept: x.Kept, Replayed: x.Straight, Cycle: x.Cycle,
			Reason: x.Reason,
		})
	}
	l.Waits = found.Waits(state)
	for _, q := range found.Queues {
		if q.Role != discover.RoleDeadLetter || len(q.Sources) == 0 {
			continue
		}
		from := make([]string, len(q.Sources)) // ordered by queue
		for i, s := range q.Sources {
			from[i] = s.Queue
		}
		from = slices.Compact(from)
		l.Queues = append(l.Queues, lint.DeadLetterQueue{Queue: q.Ref(), From: from})
	}
	return l
}
