package vhost

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/msgctl/msgctl/pkg/dlq/browse"
	"github.com/msgctl/msgctl/pkg/topology"
)

// RefusedError says that browsing a queue could do harm. It wraps browse.ErrUnsafe.
type RefusedError struct{ Assessment browse.Assessment }

// Error implements error.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("queue %q: %v: %s", e.Assessment.Queue, browse.ErrUnsafe, e.Assessment.Refused)
}

// Unwrap returns browse.ErrUnsafe.
func (e *RefusedError) Unwrap() error { return browse.ErrUnsafe }

// Assess counts a queue again and checks whether it may be browsed; if not, the error is a
// *RefusedError.
func (v *VHost) Assess(ctx context.Context, q *topology.Queue, o browse.AssessOptions) (browse.Assessment, error) {
	if err := v.CountQueue(ctx, q.Name); err != nil && ctx.Err() != nil {
		return browse.Assessment{}, err // a user without AMQP access gets the count of the list
	}
	l, err := v.Judge(ctx, q, o)
	if err == nil && l.Refused != "" {
		err = &RefusedError{l}
	}
	return l, err
}

// Judge assesses whether a queue may be browsed, from what it holds now. It fails if the queue is
// not in the vhost as read, or if ctx ends. Whether browsing is refused is part of the Assessment.
func (v *VHost) Judge(ctx context.Context, q *topology.Queue, o browse.AssessOptions) (browse.Assessment, error) {
	facts, err := browse.FactsOf(v.Live, v.Found, v.Name, q.Name)
	if err != nil {
		return browse.Assessment{}, err
	}
	facts.ExclusiveConsumer = v.Counts[q.Name].Exclusive
	// the list is some seconds late
	if ready, err := v.Broker.Ready(ctx, v.Name, q.Name); err == nil && q.Type != topology.Stream {
		facts.Status.Messages, facts.Status.Known = ready+v.Counts[q.Name].Unacked, true
	}
	if facts.MaxLengthBytes.Value != nil {
		bytes, messages, err := v.Broker.MessageBytes(ctx, v.Name, q.Name)
		if ctx.Err() != nil {
			return browse.Assessment{}, ctx.Err()
		}
		if err == nil { // otherwise the size is unknown
			facts.Size = browse.QueueSize{Bytes: bytes, Messages: messages}
		}
	}
	return browse.Assess(facts, o), nil
}

// Override returns the override for the queue's delivery limit, nil if none is possible.
func (v *VHost) Override(q *topology.Queue) browse.LimitOverride {
	if q.Type != topology.Quorum {
		return nil
	}
	policies, err := browse.OverridePolicies(&v.Live.State, v.Name, q.Name, v.Live.Server.Version, time.Now())
	if err != nil {
		return nil
	}
	return browse.NewPolicyOverride(v.Broker, q.Name, policies)
}

// WithOverride runs f, with the delivery limit lifted if the assessment says so.
func (v *VHost) WithOverride(ctx context.Context, q *topology.Queue, l browse.Assessment, f func() error) (err error) {
	if !l.Override {
		return f()
	}
	override := v.Override(q)
	if override == nil {
		return fmt.Errorf("queue %q: its delivery limit cannot be lifted here", q.Name)
	}
	remove, err := override.Apply(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove(context.WithoutCancel(ctx))) }()
	return f()
}
