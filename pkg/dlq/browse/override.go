package browse

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/msgctl/msgctl/pkg/dlq/discover"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
	routing "github.com/msgctl/msgctl/pkg/topology/route"
)

// GuardPrefix begins the names of the policies that guards make, followed by when they were made,
// in UTC, and chance: msgctl-guard-20261123T180000Z-1f3a.
const GuardPrefix = "msgctl-guard-"

const guardTime = "20060102T150405Z"

// GuardStore changes policies. internal/rabbit's Client is one, with an adapter for Applied.
type GuardStore interface {
	// Create puts a policy or operator policy.
	Create(ctx context.Context, want topology.Object) error
	// Delete removes one; it succeeds when it is gone already.
	Delete(ctx context.Context, have topology.Object, guard topology.Guard) error
	// Applied returns the names of the policy and operator policy that the queue has now, as the
	// broker tells; "" for none.
	Applied(ctx context.Context, vhost, queue string) (policy, operator string, err error)
}

// PlanGuard returns the policies that lift the delivery limit of a quorum queue and keep everything
// else that its present ones set: a broker applies only one policy and one operator policy to a
// queue, so the guard has a copy of their definitions. Pure but for the name, which has the time
// and chance in it.
//
// It returns an error where no policy lifts the limit: below 4.0, where -1 is taken for 0, and with
// the limit as an argument of the queue, which beats -1 (seen on 4.0.5 and 4.3.6).
func PlanGuard(s *topology.State, vhost, queue, version string, now time.Time) ([]*topology.Policy, error) {
	o, ok := s.Get(topology.Ref{Kind: topology.KindQueue, VHost: vhost, Name: queue})
	if !ok {
		return nil, fmt.Errorf("queue %q is not in vhost %q", queue, vhost)
	}
	q := o.(*topology.Queue)
	all := routing.New(s, vhost, version).Policies().All()
	of := routing.NewPolicies(withoutGuards(all), version).Of(q)
	switch {
	case q.Type != topology.Quorum:
		return nil, fmt.Errorf("queue %q is a %s queue, which has no delivery limit", queue, q.Type)
	case !capability.VersionAtLeast(version, "4.0"):
		return nil, fmt.Errorf("queue %q: RabbitMQ %s has no way to lift a delivery limit", queue, version)
	case limits(discover.Setting(of.Argument("delivery-limit")), version):
		return nil, fmt.Errorf("queue %q has its delivery limit as an argument, which no policy lifts", queue)
	}
	name, err := guardName(now)
	if err != nil {
		return nil, err
	}
	list := []*topology.Policy{guardOver(all, name, q, of.User.Policy)}
	if limits(discover.Setting(of.Operator.Setting("delivery-limit")), version) {
		list = append(list, guardOver(all, name, q, of.Operator.Policy))
		list[1].Operator = true
	}
	return list, nil
}

func guardName(now time.Time) (string, error) {
	chance := make([]byte, 3)
	if _, err := rand.Read(chance); err != nil {
		return "", err
	}
	return GuardPrefix + now.UTC().Format(guardTime) + "-" + hex.EncodeToString(chance), nil
}

// withoutGuards leaves out the guards of others, which may go at any moment.
func withoutGuards(all []*topology.Policy) (list []*topology.Policy) {
	for _, p := range all {
		if !strings.HasPrefix(p.Name, GuardPrefix) {
			list = append(list, p)
		}
	}
	return list
}

// guardOver copies what applies to the queue, with a priority over all policies of the vhost.
func guardOver(all []*topology.Policy, name string, q *topology.Queue, present *topology.Policy) *topology.Policy {
	p := &topology.Policy{VHost: q.VHost, Name: name, Pattern: "^" + regexp.QuoteMeta(q.Name) + "$",
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

// Guards returns the guards in a state that are older than age: what a crash left behind. A queue
// under one has no delivery limit.
func Guards(s *topology.State, age time.Duration, now time.Time) []*topology.Policy {
	var list []*topology.Policy
	for _, o := range s.Objects() {
		p, ok := o.(*topology.Policy)
		if !ok || !strings.HasPrefix(p.Name, GuardPrefix) {
			continue
		}
		made, _, _ := strings.Cut(strings.TrimPrefix(p.Name, GuardPrefix), "-")
		if at, err := time.Parse(guardTime, made); err == nil && now.Sub(at) >= age {
			list = append(list, p)
		}
	}
	return list
}

// Guard lifts the delivery limit of one quorum queue for the time of a look. It is a Lifter.
type Guard struct {
	store    GuardStore
	queue    string
	policies []*topology.Policy
}

var _ Lifter = (*Guard)(nil)

// NewGuard returns a guard for a queue, made of the policies that PlanGuard returned.
func NewGuard(store GuardStore, queue string, policies []*topology.Policy) *Guard {
	return &Guard{store: store, queue: queue, policies: policies}
}

// guardWait bounds the wait for a policy to reach its queue; guardSettle is for the queue's
// process, which nothing tells of.
const (
	guardWait   = 15 * time.Second
	guardSettle = 300 * time.Millisecond
)

// Raise puts the policies and returns when the broker shows them at the queue. When that fails they
// are removed again.
func (g *Guard) Raise(ctx context.Context) (func(context.Context) error, error) {
	for _, p := range g.policies {
		if err := g.store.Create(ctx, p); err != nil {
			return nil, errors.Join(fmt.Errorf("lift the delivery limit of queue %q: %w", g.queue, err),
				g.lower(context.WithoutCancel(ctx)))
		}
	}
	if err := g.await(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("lift the delivery limit of queue %q: %w", g.queue, err),
			g.lower(context.WithoutCancel(ctx)))
	}
	return g.lower, nil
}

func (g *Guard) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, guardWait)
	defer cancel()
	for {
		user, operator, err := g.store.Applied(ctx, g.policies[0].VHost, g.queue)
		if err == nil && g.shown(user, operator) {
			return waitFor(ctx, guardSettle)
		}
		if wait := waitFor(ctx, 50*time.Millisecond); wait != nil {
			return errors.Join(fmt.Errorf("the policy %q does not show at the queue", g.policies[0].Name), err)
		}
	}
}

func (g *Guard) shown(user, operator string) bool {
	for _, p := range g.policies {
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

// lower removes the policies. What cannot be removed is named, with the command that does.
func (g *Guard) lower(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, guardWait)
	defer cancel()
	var errs []error
	for _, p := range g.policies {
		if err := g.store.Delete(ctx, p, topology.Guard{}); err != nil {
			clear := "clear_policy"
			if p.Operator {
				clear = "clear_operator_policy"
			}
			errs = append(errs, fmt.Errorf("the guard of queue %q is still there, and keeps its delivery limit lifted; "+
				"remove it with: rabbitmqctl %s -p '%s' %s: %w",
				g.queue, clear, p.VHost, p.Name, err))
		}
	}
	return errors.Join(errs...)
}
