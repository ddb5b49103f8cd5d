package dlq

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/internal/pipeline/report"
	"github.com/msgctl/msgctl/pkg/dlq/browse"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/topology"
)

// picker browses a queue for the selected messages and leaves all messages in the queue.
type picker struct {
	v          *connectedVHost
	q          *topology.Queue
	assessment browse.Assessment
	chosen     *selected
	// most is how many messages are wanted, within how many messages of the queue are browsed for
	// them; 0 means all.
	most, within int64
	// now is the time that --older-than is relative to; matched counts the selected messages so
	// far.
	now     time.Time
	matches func(*message.Message) (bool, error)
	matched int64
	// whole says that messages that were not read stay, even if they are selected.
	whole bool
	// unread are the messages that stay because of that, or because the selection needed what was not
	// read.
	unread report.Tally
}

// partly is the end of a command that showed or copied what was selected. It is partly done if the
// selection could not be decided for all messages, or if some of them stay.
func (p *picker) partly(err error) error {
	if err == nil && len(p.unread.Stayed()) > 0 {
		return cmdutil.ExitWith(cmdutil.ExitPartly)
	}
	return err
}

// pick prepares to browse for at most most messages that the flags select. The caller must call
// allowed before it browses.
func (v *connectedVHost) pick(q *topology.Queue, o *selectOptions, most int64) (*picker, error) {
	chosen, err := o.compile(v.IsWait())
	if err != nil {
		return nil, err
	}
	p := &picker{v: v, q: q, chosen: chosen, most: most, within: most, now: time.Now(), unread: report.NewTally()}
	p.matches = chosen.At(p.now)
	if o.any() {
		p.within = 0 // matches may be anywhere in the queue
	}
	return p, nil
}

// allowed assesses whether and how the queue may be browsed.
func (p *picker) allowed(ctx context.Context, o browseOptions) (err error) {
	p.assessment, err = p.v.assess(ctx, p.q, o, p.within)
	return err
}

// each calls show with each selected message, until enough were shown. It calls other, if not nil,
// for each of the rest.
func (p *picker) each(ctx context.Context, show func(*message.Message) error, other func()) (browse.Report, error) {
	return p.v.Browse(ctx, p.q, p.assessment, p.within, func(m *message.Message) error {
		ok, err := p.matches(m)
		var unread *message.Unread
		if errors.As(err, &unread) {
			p.chosen.note(fmt.Sprintf("message %q: %s", m.MessageID, unread.Why))
		}
		if unread != nil || ok && p.whole && m.Unread != nil {
			left := pipeline.LeaveUnread(m)
			p.unread.Stay(left.Reason, left.Detail)
			return browse.ErrMore
		}
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
