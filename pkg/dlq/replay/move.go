package replay

import (
	"context"
	"errors"
)

// Move takes messages to a queue or an exchange. It is Replay with a fixed target: no replay is
// counted or stamped, and how often a message was replayed does not matter. Headers that the broker
// owns are taken off and noted all the same, see message.ReplayHeaders: 3.10 trusts them and could
// drop the message on its way. Replay finds the note, so a message can still be replayed from where
// it was moved to.
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
