package replay

import (
	"context"

	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/internal/pipeline/report"
	"github.com/msgctl/msgctl/pkg/message"
)

// Plan says what a replay or a move would do with the messages added to a Planner.
type Plan struct {
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

// Planner makes a Plan with the decisions of a replay, and changes nothing. It is not safe for
// concurrent use.
type Planner struct {
	decide func(context.Context, *message.Message) pipeline.Decision
	limit  int64
	plan   Plan
	tally  report.Tally
	rooms  *rooms
}

// NewPlanner returns a planner for a replay. It ignores the options Source and Dialer.
func NewPlanner(o Options) *Planner {
	if o.MaxReplays == 0 {
		o.MaxReplays = DefaultMaxReplays
	}
	return &Planner{decide: o.decider().decide, limit: o.Limit, tally: report.NewTally(),
		rooms: newRooms(o.Room)}
}

// NewMovePlanner returns a planner for a move.
func NewMovePlanner(o Options) *Planner {
	o.move, o.MaxReplays = true, -1
	return NewPlanner(o)
}

// Add adds a message. It returns the message as it would be sent, which shares memory with m, or
// nil if it would stay.
func (p *Planner) Add(ctx context.Context, m *message.Message) *message.Message {
	p.plan.Browsed++
	v := p.decide(ctx, m)
	if v.Action == pipeline.Skip {
		return nil
	}
	p.plan.Matching++
	if v.Action == pipeline.Leave {
		p.tally.Stay(v.Reason, v.Detail)
		return nil
	}
	if p.limit > 0 && p.tally.Done >= p.limit {
		return nil
	}
	if reason, detail := p.rooms.Admit(*v.Target, v.Message); reason != "" {
		p.tally.Stay(reason, detail)
		return nil
	}
	p.tally.Went(v.Target, v.Message)
	if v.Altered {
		p.plan.Altered++
	}
	return v.Message
}

// Plan returns the plan for the messages added so far.
func (p *Planner) Plan() Plan {
	out := p.plan
	out.Sends = p.tally.Done
	out.Targets = p.tally.Targets()
	out.Stays = p.tally.Stayed()
	return out
}
