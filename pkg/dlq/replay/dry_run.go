package replay

import (
	"context"

	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/internal/pipeline/report"
	"github.com/msgctl/msgctl/pkg/message"
)

// DryRunResult says what a replay or a move would do with the messages added to a DryRun.
type DryRunResult struct {
	// Browsed is how many messages were added; Matching is how many of them are selected.
	Browsed, Matching int64
	// Sends is how many would be sent, and Targets where to, most first.
	Sends   int64
	Targets []TargetCount
	// Stays says why others would stay.
	Stays []ReasonCount
	// Altered is how many would lose their user_id, with which this login may not publish.
	Altered int64
}

// DryRun applies the decisions of a replay or a move to messages, and changes nothing. It is not
// safe for concurrent use.
type DryRun struct {
	decide func(context.Context, *message.Message) pipeline.Decision
	limit  int64
	result DryRunResult
	tally  report.Tally
	rooms  *rooms
}

// NewDryRun returns the dry run of a replay. It ignores the options Source and Dialer.
func NewDryRun(o Options) *DryRun {
	if o.MaxReplays == 0 {
		o.MaxReplays = DefaultMaxReplays
	}
	return &DryRun{decide: o.decider().decide, limit: o.Limit, tally: report.NewTally(),
		rooms: newRooms(o.Room)}
}

// NewMoveDryRun returns the dry run of a move.
func NewMoveDryRun(o Options) *DryRun {
	o.move, o.MaxReplays = true, -1
	return NewDryRun(o)
}

// Add adds a message. It returns the message as it would be sent, which shares memory with m, or
// nil if it would stay.
func (p *DryRun) Add(ctx context.Context, m *message.Message) *message.Message {
	p.result.Browsed++
	v := p.decide(ctx, m)
	if v.Action == pipeline.Skip {
		return nil
	}
	p.result.Matching++
	if p.limit > 0 && p.tally.Done >= p.limit {
		return nil // the run ends before this message
	}
	if v.Action == pipeline.Leave {
		p.tally.Stay(v.Reason, v.Detail)
		return nil
	}
	if reason, detail := p.rooms.Admit(*v.Target, v.Message); reason != "" {
		p.tally.Stay(reason, detail)
		return nil
	}
	p.tally.Went(v.Target, v.Message)
	if v.Altered {
		p.result.Altered++
	}
	return v.Message
}

// Result returns the result for the messages added so far.
func (p *DryRun) Result() DryRunResult {
	out := p.result
	out.Sends = p.tally.Done
	out.Targets = p.tally.Targets()
	out.Stays = p.tally.Stayed()
	return out
}
