// Package survey looks over the dead-letter queues of one or more vhosts, once or again and again.
//
// A Survey finds the dead-letter queues by the topology, and more by their first message: error
// queues of frameworks are often bound to nothing. For each queue it knows what it holds, how it
// grows, whether browsing it is safe, and since when its oldest message is dead.
//
// The first message of a queue, its Head, is only looked at where that does no more than set the
// flag redelivered (vhost.OnlyMarks). Of the queues that neither topology nor name tells of, the 20
// with the most messages are looked into, and only those without consumers (browse.MayHoldErrors).
//
// What was read is relied on for a while, so that a Survey may be repeated every few seconds:
// exchanges, bindings and policies for 30 s, the Head of a dead-letter queue for a minute, that of
// another queue for ten. Counts are always new.
package survey

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/msgctl/msgctl/pkg/dlq/vhost"
	"github.com/msgctl/msgctl/pkg/topology"
)

// Options say what a survey does.
type Options struct {
	// VHost is what each vhost knows besides the broker.
	VHost vhost.Options
	// Only says that one vhost is meant: what goes wrong in it is an error. Otherwise a vhost that
	// cannot be read has the reason in Closed, and hides no other.
	Only bool
	// NoHeads looks at no message: no age is known, and no queue found by its content.
	NoHeads bool
	// BeforeSearch, if not nil, is called before queues are looked into that are no dead-letter
	// queues as far as known, with how many they are.
	BeforeSearch func(queues int)
}

// Survey looks over vhosts. It is for one goroutine.
type Survey struct {
	broker  vhost.Broker
	options Options
	vhosts  map[string]*VHost
}

// New returns a survey that has seen nothing yet.
func New(b vhost.Broker, o Options) *Survey {
	return &Survey{broker: b, options: o, vhosts: map[string]*VHost{}}
}

const (
	// rereadEvery is how long what was read of exchanges, bindings and policies is relied on.
	rereadEvery = 30 * time.Second
	// readsAtOnce bounds the vhosts that are read at the same time; each takes some ten requests.
	readsAtOnce = 4
	// headsAtOnce bounds the connections that look at first messages.
	headsAtOnce = 4
)

// Look looks over the vhosts of these names, and forgets all others. What it returns is valid until
// it is called again. A vhost that does not exist is a *vhost.MissingError.
func (s *Survey) Look(ctx context.Context, names []string) ([]*VHost, error) {
	now := time.Now()
	list := s.open(names)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(readsAtOnce)
	for _, v := range list {
		g.Go(func() error { return s.tolerate(gctx, v, v.read(gctx)) })
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return list, s.heads(ctx, list, now)
}

// open returns the vhosts with what is remembered of them, and forgets those that are gone.
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

// tolerate keeps a vhost that is closed to us, or was just deleted, from hiding the others.
func (s *Survey) tolerate(ctx context.Context, v *VHost, err error) error {
	v.Closed = ""
	if err == nil || s.options.Only || ctx.Err() != nil || errors.Is(err, topology.ErrUnreachable) {
		return err
	}
	v.Closed = err.Error()
	return nil
}

// heads looks at first messages: of dead-letter queues for their age, of others for their content.
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

// Search adds to the found dead-letter queues of a vhost those that only the content of their first
// message tells, as a Survey does. before is called before any is looked into, with how many they
// are. Search returns how many queues may be such and were not looked into.
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
