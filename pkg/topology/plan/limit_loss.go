package plan

import (
	"fmt"

	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/topology"
)

// limitLoss blocks steps that lose more than the options allow in all, and shares what they allow
// among the steps.
func (d *differ) limitLoss() {
	var total, n int64
	for i := range d.plan.Steps {
		if risk := d.plan.Steps[i].loss(); risk != nil {
			total += risk.Messages
			n++
		}
	}
	spare := max(0, d.o.MaxMessageLoss-total)
	for i := range d.plan.Steps {
		s := &d.plan.Steps[i]
		risk := s.loss()
		if risk == nil {
			continue
		}
		share := spare / n
		if s.Action == Delete && (s.Ref.Kind == topology.KindQueue || s.Ref.Kind == topology.KindVHost) {
			if d.o.MaxMessageLoss > 0 {
				s.Conditions = topology.DeleteConditions{MaxMessages: s.held().Messages + share}
			} else {
				s.Conditions = topology.DeleteConditions{IfUnused: true, IfEmpty: true}
			}
		}
		if s.Blocked == "" {
			s.Blocked, s.Remedy = d.lossBlock(s, *risk, total, n, share)
		}
	}
}

// loss returns what a step may lose of messages that are counted, nil if it loses none. What a
// Replace holds itself has rules of its own.
func (s *Step) loss() *Risk {
	if s.Action == Replace {
		return s.elsewhere
	}
	return s.Risk
}

// held is the part of the risk that the object itself holds.
func (s *Step) held() Risk {
	risk := *s.Risk
	if s.elsewhere != nil {
		risk.Messages -= s.elsewhere.Messages
	}
	return risk
}

// lossBlock says why a step may lose too much. risk is what it loses, and total what is known to be
// lost by the plan. share is how much more may be lost by this one of so many steps. A step whose
// count is not, or not wholly, known is blocked without a share.
func (d *differ) lossBlock(s *Step, risk Risk, total, steps, share int64) (string, Remedy) {
	allowed := d.o.MaxMessageLoss
	switch {
	case risk.Messages > 0 && total > allowed && total > risk.Messages:
		return fmt.Sprintf("%s, and this plan would lose %d in all", s.stake(), total), Remedy{Kind: AllowLoss,
			Messages: total}
	case risk.Messages > 0 && total > allowed:
		return s.stake(), Remedy{Kind: AllowLoss, Messages: total}
	case risk.Consumers > 0 && allowed == 0:
		return stake(risk), Remedy{Kind: AllowConsumers, Messages: 1}
	case !risk.Known && share == 0:
		return d.unknownStake(s), Remedy{Kind: AllowUncounted, Messages: total + steps}
	}
	return "", Remedy{}
}

// stake puts the messages that a step loses in words.
func (s *Step) stake() string {
	if s.elsewhere == nil {
		return stake(*s.Risk)
	}
	text := fmt.Sprintf("it drops up to %s that queues hold", units.FormatCount(s.elsewhere.Messages, "message"))
	if held := s.held(); s.Action == Delete && held.Messages+held.Consumers > 0 {
		text = stake(held) + ", and " + text
	}
	return text
}

// unknownStake says what is not known of the messages that a step loses.
func (d *differ) unknownStake(s *Step) string {
	switch {
	case s.elsewhere == nil || s.elsewhere.Known:
		return d.unknownCount(s.Ref)
	case s.Ref.Kind.IsPolicy():
		return "it is unknown how many messages it drops, and no number bounds it"
	}
	return "it is unknown how many messages it drops that queues hold"
}

// unknownCount says why it is not known what a queue, or the queues of a vhost, hold.
func (d *differ) unknownCount(ref topology.Ref) string {
	for _, q := range d.queuesOf(ref) {
		s, o := d.have.Status[q], d.queue(q)
		switch {
		case s.Known:
		case s.State != "":
			return fmt.Sprintf("%s is in the state %s, and it is unknown how many messages it holds", q, s.State)
		case o.Type == topology.Stream:
			return "the broker gives no message count for a stream"
		default:
			return fmt.Sprintf("the broker gives no message count for %s", q)
		}
	}
	return "the broker gives no message count for it"
}
