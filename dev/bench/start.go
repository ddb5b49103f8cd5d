package main

import (
	"context"
	"time"

	"github.com/msgctl/msgctl/dev/bench/process"
)

// startRounds is the number of runs of short commands. It is high because their times vary more.
const startRounds = 21

// maxStartMS is the bound in ms for a command that needs neither a file nor a broker.
const maxStartMS = 30

// start measures how long `msgctl --help` and `msgctl version` take.
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
