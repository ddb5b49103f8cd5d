package replay

import (
	"context"

	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/internal/pipeline/report"
	"github.com/msgctl/msgctl/pkg/message"
)

// Plan says what a replay or a move would do with the messages it was shown.
type Plan struct {
	// Looked is how many messages it was shown; Matching how many of these are meant.
	Looked, Matching int64
	// Sends is how many would be sent, and Targets where, most first.
	Sends   int64
	Targets []TargetCount
	// Stays has why others would stay.
	Stays []ReasonCount
	// Altered is how many would lose their user_id, which this login may not publish with.
	Altered int64
}

// Planner makes a Plan by the decisions that a replay makes, without doing anything. It is for one
// goroutine.
type Planner struct {
	decide func(context.Context, *message.Message) pipeline.Decision
	limit  int64
	plan   Plan
	tally  report.Tally
	rooms  *rooms
}

// NewPlanner returns a planner for a replay. Of the options it uses neither Source nor Dialer.
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

// Add shows the planner a message. It returns the message as it would be sent, which shares memory
// with m, or nil when it would stay.
func (p *Planner) Add(ctx context.Context, m *message.Message) *message.Message {
	p.plan.Looked++
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

// Plan returns what the messages shown so far come to.
func (p *Planner) Plan() Plan {
	out := p.plan
	out.Sends = p.tally.Done
	out.Targets = p.tally.Targets()
	out.Stays = p.tally.Stayed()
	return out
}
