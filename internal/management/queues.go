package management

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/msgctl/msgctl/internal/guarded"
)

// listQueues calls each with every queue of a vhost, or of all where vhost is "", with the columns
// that are asked for. One goroutine at a time calls each. name returns what tells a queue from all
// others; columns must have what it needs.
//
// The counts are live, where statistics are not (fact counts-are-late). But a list with counts can
// lack queues (fact lists-lack-queues; see rabbit_mgmt_wm_queues:basic/1 and
// rabbit_amqqueue:collect_info_all/2). So the names are asked for as well, and a queue that was
// left out is passed on without counts.
func listQueues[T any](ctx context.Context, a *Client, vhost, columns string, name func(*T) string,
	each func(*T) error) error {
	p := "queues"
	if vhost != "" {
		p = path("queues", vhost)
	}
	p += "?disable_stats=true"
	var counted, known []string
	g, gctx := errgroup.WithContext(ctx)
	g.Go(guarded.Try(func() error {
		return list(gctx, a, p+"&enable_queue_totals=true&columns="+columns, func(q *T) error {
			counted = append(counted, name(q))
			return each(q)
		})
	}))
	g.Go(guarded.Try(func() error {
		return list(gctx, a, p+"&columns=vhost,name", func(q *T) error {
			known = append(known, name(q))
			return nil
		})
	}))
	if err := g.Wait(); err != nil {
		return err
	}
	has := make(map[string]bool, len(counted))
	for _, n := range counted {
		has[n] = true
	}
	for _, n := range known {
		if !has[n] {
			return list(ctx, a, p+"&columns="+columns, func(q *T) error {
				if has[name(q)] {
					return nil
				}
				return each(q)
			})
		}
	}
	return nil
}
