package vhost

import (
	"context"
	"fmt"
	"slices"

	"github.com/msgctl/msgctl/pkg/dlq/browse"
	"github.com/msgctl/msgctl/pkg/dlq/replay"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/topology"
)

// Identity returns the user that publishes messages.
func (v *VHost) Identity() replay.Identity {
	return replay.Identity{Login: v.Options.Login, Impersonator: slices.Contains(v.Live.Server.Tags, "impersonator")}
}

// From returns how to take messages out of a queue, of which total are ready now.
func (v *VHost) From(ctx context.Context, q *topology.Queue, l browse.Assessment, total int64) replay.From {
	var expect int64
	if q.Type == topology.Stream {
		total, expect = -1, total
	}
	src := v.Broker.Source(v.Name)
	if l.Room != nil && !l.Override {
		src = browse.Rescuing(src, *l.Room, v.KeepCopy(q.Name), func(m *message.Message) {
			v.Options.Warn(fmt.Sprintf("message %q had reached the delivery limit of queue %s: a confirmed copy is at its end "+
				"now, in the place of the original", m.MessageID, q.Name))
		})
	}
	return replay.From{
		Source: src, Counter: v.Counter(), Queue: q.Name, Type: q.Type, Total: total, Expect: expect, Return: l.Return,
		Reconnect: v.Options.Reconnect, Mean: v.meanBytes(ctx, q.Name),
	}
}

// meanBytes is the average size of a queue's messages, 0 if the broker does not report it.
func (v *VHost) meanBytes(ctx context.Context, queue string) int64 {
	bytes, messages, err := v.Broker.MessageBytes(ctx, v.Name, queue)
	if err != nil || bytes < 0 || messages <= 0 {
		return 0
	}
	return max(bytes/messages, 1)
}
