package replay

import (
	"context"
	"errors"
)

// Move sends messages to a queue or an exchange. It is Replay with a fixed target: nothing is
// counted or stamped, and it ignores how often a message was replayed. It removes the headers that
// belong to the broker and records them under other names, see message.ReplayHeaders, because a
// broker may trust them and drop the message (fact client-death-history). Replay reads that record,
// so a moved message can still be replayed to where it died. Errors and retries are those of
// Replay.
func Move(ctx context.Context, o Options) (Result, error) {
	if o.To.Kind != ToQueue && o.To.Kind != ToExchange {
		return Result{Queue: o.Queue}, errors.New("move needs a queue or an exchange as its target; a replay sends " +
			"messages back to " +
			"where they came from")
	}
	o.move = true
	o.MaxReplays = -1
	return Replay(ctx, o)
}
