package main

import (
	"context"
	"time"

	"github.com/msgctl/msgctl/dev/bench/process"
)

// startRounds is how often the short-lived programs run: their times vary more.
const startRounds = 21

// maxStartMS is how long a command may take that needs nothing but itself.
const maxStartMS = 30

// start measures how fast the program answers.
func (b *benchmark) start(ctx context.Context) error {
	b.out.heading("without a file or a broker")
	for _, command := range []string{"--help", "version"} {
		var took []time.Duration
		for range startRounds {
			u, err := process.Run(ctx, nil, b.msgctl(), command)
			if err != nil {
				return err
			}
			took = append(took, u.Wall)
		}
		b.out.atMost("msgctl "+command+", in ms", float64(median(took).Microseconds())/1000, maxStartMS, "")
	}
	return nil
}
