// Package survey surveys the dead-letter queues of one or more vhosts, once or repeatedly.
//
// A Survey finds dead-letter queues by topology, and more by their first message, because error
// queues of frameworks are often bound to nothing. For each queue it knows what it holds, how it
// grows, whether browsing it is safe, and when its oldest message died.
//
// The first message of a queue, its Head, is browsed only where that does no more than set the
// redelivered flag (vhost.OnlyMarks). Of the queues that are dead-letter queues neither by topology
// nor by name, only the 20 with the most messages and without consumers are browsed
// (browse.MayHoldErrors).
//
// A Survey may be repeated every few seconds, because what it reads is cached. Exchanges, bindings
// and policies are kept for 30 s, the Head of a dead-letter queue for a minute, and that of another
// queue for ten. Counts are always new.
package survey

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/msgctl/msgctl/internal/guarded"
	"github.com/msgctl/msgctl/pkg/dlq/vhost"
	"github.com/msgctl/msgctl/pkg/topology"
)

// Options configure a survey.
type Options struct {
	// VHost has the options of each vhost.
	VHost vhost.Options
	// Only says that one vhost was named: errors about it are returned. Otherwise a vhost that
	// cannot be read has the reason in Closed, and does not affect the others.
	Only bool
	// NoHeads browses no queue: ages are unknown, and no queue is found by its content.
	NoHeads bool
	// BeforeSearch, if not nil, is called with the number of queues before queues are browsed that
	// are not known to be dead-letter queues.
	BeforeSearch func(queues int)
}

// Survey surveys vhosts. It is not safe for concurrent use.
type Survey struct {
	broker  vhost.Broker
	options Options
	vhosts  map[string]*VHost
}

// New returns a Survey that has read nothing yet.
func New(b vhost.Broker, o Options) *Survey {
	return &Survey{broker: b, options: o, vhosts: map[string]*VHost{}}
}

const (
	// rereadEvery is how long exchanges, bindings and policies are cached.
	rereadEvery = 30 * time.Second
	// readsAtOnce limits how many vhosts are read concurrently; each takes about ten requests.
	readsAtOnce = 4
	// headsAtOnce limits the connections that read first messages.
	headsAtOnce = 4
)

// Read surveys the vhosts with these names, and forgets all others. The result is valid until the
// next call. For a vhost that does not exist, the error is a *topology.MissingVHostError.
func (s *Survey) Read(ctx context.Context, names []string) ([]*VHost, error) {
	now := time.Now()
	list := s.open(names)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(readsAtOnce)
	for _, v := range list {
		g.Go(guarded.Try(func() error { return s.tolerate(gctx, v, v.read(gctx)) }))
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return list, s.heads(ctx, list, now)
}

// open returns the vhosts with what is cached of them, and drops those that no longer exist.
func (s *Survey) open(names []string) []*VHost {
	next := make(map[string]*VHost, len(names))
	list := make([]*VHost, len(names))
	for i, name := range names {
		v := s.vhosts[name]
		if v == nil {
			v = newVHost(vhost.New(s.broker, name, s.options.VHost))
		}
		next[name], list[i] = v, v
	}
	s.vhosts = next
	return list
}

// tolerate keeps a vhost that is inaccessible, or was just deleted, from affecting the others.
func (s *Survey) tolerate(ctx context.Context, v *VHost, err error) error {
	v.Closed = ""
	if err == nil || s.options.Only || ctx.Err() != nil || errors.Is(err, topology.ErrUnreachable) {
		return err
	}
	v.Closed = err.Error()
	return nil
}

// heads reads first messages: of dead-letter queues for their age, of others for their content.
func (s *Survey) heads(ctx context.Context, vhosts []*VHost, now time.Time) error {
	var due []pending
	unknown := 0
	for _, v := range vhosts {
		if v.Closed != "" {
			continue
		}
		if err := v.assess(ctx, now); err != nil {
			return err
		}
		if s.options.NoHeads {
			continue
		}
		v.Unread = nil
		search, err := v.toSearch(ctx, now)
		if err != nil {
			return err
		}
		unknown += len(search)
		due = append(append(due, v.toDate(now)...), search...)
	}
	if unknown > 0 && s.options.BeforeSearch != nil {
		s.options.BeforeSearch(unknown)
	}
	if err := readHeads(ctx, due, now); err != nil {
		return err
	}
	for _, v := range vhosts {
		if v.Closed == "" {
			if err := v.adopt(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// Search adds to the dead-letter queues of a vhost those that only the content of their first
// message identifies, as a Survey does. It calls before with the number of queues before it browses
// any. It returns how many candidates were not browsed. It fails if the vhost cannot be read or ctx
// ends.
func Search(ctx context.Context, of *vhost.VHost, before func(queues int)) (unsearched int, err error) {
	v, now := newVHost(of), time.Now()
	if err := v.assess(ctx, now); err != nil {
		return 0, err
	}
	due, err := v.toSearch(ctx, now)
	if err != nil {
		return 0, err
	}
	if len(due) > 0 {
		before(len(due))
	}
	if err := readHeads(ctx, due, now); err != nil {
		return 0, err
	}
	return v.Unsearched, v.adopt(ctx)
}
