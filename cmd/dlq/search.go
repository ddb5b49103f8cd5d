package dlq

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/msgctl/msgctl/internal/terminal"
)

// search adds to the found dead-letter queues those that only the content of their first message
// tells, as dlq ls does. What looking does is said first. It returns how many queues may be such
// and were not looked into.
func (s *session) search(ctx context.Context) (unsearched int, err error) {
	v, now := &listedVHost{s: s.VHost, one: true, heads: map[string]head{}}, time.Now()
	if err := v.judge(ctx, now); err != nil {
		return 0, err
	}
	due, err := v.toSearch(ctx, now)
	if err != nil {
		return 0, err
	}
	if len(due) > 0 {
		s.proc.Say("%s", searchText(len(due), ""))
	}
	heads := make([]head, len(due))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(LooksAtOnce)
	for i, l := range due {
		g.Go(func() (err error) {
			heads[i], err = v.readHead(gctx, l, now)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return 0, err
	}
	for i, l := range due {
		v.heads[l.Queue] = heads[i]
	}
	return v.unsearched, v.adopt(ctx)
}

// searchText says what looking into queues that are no dead-letter queues does, and how to do
// without.
func searchText(queues int, without string) string {
	return fmt.Sprintf("Looking at the first message of %s without consumers for what failed elsewhere: it carries the "+
		"flag redelivered afterwards%s.",
		terminal.FormatPlural(int64(queues), "queue", "queues"), without)
}
