package dlq

import (
	"context"
	"time"

	"github.com/msgctl/msgctl/pkg/dlq/browse"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/topology"
)

// picker looks through a queue for the messages that are meant, and leaves all of them where they
// are.
type picker struct {
	v       *connectedVHost
	q       *topology.Queue
	looking browse.Assessment
	chosen  *selected
	// most is how many are wanted, 0 all; within is how many messages of the queue are to be looked
	// at for them, 0 all.
	most, within int64
	// now is the moment that --older-than goes by, matched how many were meant so far.
	now     time.Time
	matched int64
}

// pick prepares a look for at most so many messages that the flags select. Whether the look is
// allowed is for the caller to find out.
func (v *connectedVHost) pick(q *topology.Queue, o *selectOptions, most int64) (*picker, error) {
	chosen, err := o.compile(v.IsWait())
	if err != nil {
		return nil, err
	}
	p := &picker{v: v, q: q, chosen: chosen, most: most, within: most, now: time.Now()}
	if o.any() {
		p.within = 0 // matches may be anywhere
	}
	return p, nil
}

// allowed finds out whether the look is allowed, and how.
func (p *picker) allowed(ctx context.Context, o lookOptions) (err error) {
	p.looking, err = p.v.assess(ctx, p.q, o, p.within)
	return err
}

// each calls show with every message that is meant, until enough were shown. other, if not nil, is
// called for those that are not.
func (p *picker) each(ctx context.Context, show func(*message.Message) error, other func()) (browse.Report, error) {
	return p.v.Browse(ctx, p.q, p.looking, p.within, func(m *message.Message) error {
		ok, err := p.chosen.matches(m, p.now)
		if err != nil {
			return err
		}
		if !ok {
			if other != nil {
				other()
			}
			return nil
		}
		p.matched++
		if err := show(m); err != nil {
			return err
		}
		if p.most > 0 && p.matched >= p.most {
			return browse.ErrStop
		}
		return nil
	})
}
