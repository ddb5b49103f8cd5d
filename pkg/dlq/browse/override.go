package browse

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/msgctl/msgctl/pkg/dlq/discover"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
	routing "github.com/msgctl/msgctl/pkg/topology/route"
)

// OverridePrefix begins the names of override policies. The time of creation in UTC and a random
// suffix follow: msgctl-guard-20261123T180000Z-1f3a.
const OverridePrefix = "msgctl-guard-"

const overrideTime = "20060102T150405Z"

// PolicyStore changes policies. internal/broker's Client implements it, with an adapter for
// Applied.
type PolicyStore interface {
	// CreateTemporary creates a policy or operator policy that will be deleted again. If it returns
	// an error, also because ctx ended, the policy does not exist.
	CreateTemporary(ctx context.Context, want topology.Object) error
	// Delete deletes a policy; it succeeds if the policy does not exist. After an error it is
	// unknown whether it exists.
	Delete(ctx context.Context, have topology.Object, conditions topology.DeleteConditions) error
	// Applied returns the names of the policy and operator policy that the broker reports for the
	// queue now; "" for none. It fails if the broker cannot be read.
	Applied(ctx context.Context, vhost, queue string) (policy, operator string, err error)
}

// OverridePolicies returns the policies that lift the delivery limit of a quorum queue. A broker
// applies only one policy and one operator policy to a queue, so they also copy everything else
// that the present ones set. OverridePolicies is pure, except for the name, which contains the time
// and a random suffix. It returns an error if no policy can lift the limit: where -1 means 0, and
// where the limit is a queue argument, which wins over -1 (facts default-delivery-limit,
// setting-precedence).
func OverridePolicies(s *topology.State, vhost, queue, version string, now time.Time) ([]*topology.Policy, error) {
	o, ok := s.Get(topology.Ref{Kind: topology.KindQueue, VHost: vhost, Name: queue})
	if !ok {
		return nil, fmt.Errorf("queue %q is not in vhost %q", queue, vhost)
	}
	q := o.(*topology.Queue)
	all := routing.PoliciesOf(s, vhost, version).All()
	of := routing.NewPolicies(withoutOverrides(all), version).Of(q)
	switch {
	case q.Type != topology.Quorum:
		return nil, fmt.Errorf("queue %q is a %s queue, which has no delivery limit", queue, q.Type)
	case !capability.VersionAtLeast(version, "4.0"):
		return nil, fmt.Errorf("queue %q: RabbitMQ %s has no way to lift a delivery limit", queue, version)
	case limits(discover.Setting(of.Argument("delivery-limit")), version):
		return nil, fmt.Errorf("queue %q has its delivery limit as an argument, which no policy lifts", queue)
	}
	name, err := overrideName(now)
	if err != nil {
		return nil, err
	}
	list := []*topology.Policy{overrideOf(all, name, q, of.User.Policy)}
	if limits(discover.Setting(of.Operator.Setting("delivery-limit")), version) {
		list = append(list, overrideOf(all, name, q, of.Operator.Policy))
		list[1].Operator = true
	}
	return list, nil
}

func overrideName(now time.Time) (string, error) {
	chance := make([]byte, 3)
	if _, err := rand.Read(chance); err != nil {
		return "", err
	}
	return OverridePrefix + now.UTC().Format(overrideTime) + "-" + hex.EncodeToString(chance), nil
}

// overrideOf copies the policy that applies to the queue, with a priority above all policies of the
// vhost.
func overrideOf(all []*topology.Policy, name string, q *topology.Queue, present *topology.Policy) *topology.Policy {
	p := &topology.Policy{VHost: q.VHost, Name: name, Pattern: overridePattern(q.Name),
		ApplyTo: topology.ApplyToQueues}
	p.Definition = topology.Arguments{}
	if present != nil {
		p.Definition = present.Definition.Clone()
	}
	p.Definition["delivery-limit"] = int64(-1)
	for _, other := range all {
		p.Priority = max(p.Priority, other.Priority+1)
	}
	return p
}

// PolicyOverride lifts the delivery limit of one quorum queue with a temporary policy. It
// implements LimitOverride.
type PolicyOverride struct {
	store    PolicyStore
	queue    string
	policies []*topology.Policy
}

var _ LimitOverride = (*PolicyOverride)(nil)

// NewPolicyOverride returns an override for a queue from the policies that OverridePolicies
// returned.
func NewPolicyOverride(store PolicyStore, queue string, policies []*topology.Policy) *PolicyOverride {
	return &PolicyOverride{store: store, queue: queue, policies: policies}
}

// overrideWait limits the wait for a policy to apply to its queue. overrideSettle gives the queue's
// process time to apply it, which the broker does not report.
const (
	overrideWait   = 15 * time.Second
	overrideSettle = 300 * time.Millisecond
)

// Apply creates the policies and returns once the broker reports them for the queue. If that fails,
// it deletes them again.
func (o *PolicyOverride) Apply(ctx context.Context) (func(context.Context) error, error) {
	for i, p := range o.policies {
		if err := o.store.CreateTemporary(ctx, p); err != nil {
			return nil, errors.Join(fmt.Errorf("lift the delivery limit of queue %q: %w", o.queue, err),
				o.removeAll(context.WithoutCancel(ctx), o.policies[:i]))
		}
	}
	if err := o.await(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("lift the delivery limit of queue %q: %w", o.queue, err),
			o.remove(context.WithoutCancel(ctx)))
	}
	return o.remove, nil
}

func (o *PolicyOverride) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, overrideWait)
	defer cancel()
	for {
		user, operator, err := o.store.Applied(ctx, o.policies[0].VHost, o.queue)
		if err == nil && o.shown(user, operator) {
			return waitFor(ctx, overrideSettle)
		}
		if wait := waitFor(ctx, 50*time.Millisecond); wait != nil {
			return errors.Join(fmt.Errorf("the policy %q does not show at the queue", o.policies[0].Name), err)
		}
	}
}

func (o *PolicyOverride) shown(user, operator string) bool {
	for _, p := range o.policies {
		have := user
		if p.Operator {
			have = operator
		}
		if have != p.Name {
			return false
		}
	}
	return true
}

func waitFor(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func (o *PolicyOverride) remove(ctx context.Context) error { return o.removeAll(ctx, o.policies) }

// removeAll deletes the policies. The error names those that it could not delete, with the command
// that does.
func (o *PolicyOverride) removeAll(ctx context.Context, policies []*topology.Policy) error {
	ctx, cancel := context.WithTimeout(ctx, overrideWait)
	defer cancel()
	var errs []error
	for _, p := range policies {
		if err := o.store.Delete(ctx, p, topology.DeleteConditions{}); err != nil {
			errs = append(errs, &topology.LeftBehindError{Cause: err, Text: fmt.Sprintf("the temporary policy of queue %q "+
				"still exists, and keeps its delivery limit lifted; remove it with: %s", o.queue, clearCommand(p))})
		}
	}
	return errors.Join(errs...)
}
