package exporter

import (
	"context"

	"github.com/msgctl/msgctl/pkg/dlq/discover"
	"github.com/msgctl/msgctl/pkg/dlq/vhost"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/lint"
	"github.com/msgctl/msgctl/pkg/topology/plan"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// compare finds drift and lint findings.
func (c *collector) compare() {
	c.drift, c.findings = nil, map[Finding]int{}
	if c.Files == nil {
		for name, v := range c.open {
			c.countFindings(c.LintLive(name, v.Live))
		}
		return
	}
	if c.unread {
		return
	}
	c.countFindings(c.Files.Lint(c.live))
	c.drift = map[string]map[plan.Action]int{"": {}}
	for _, name := range c.wanted() {
		c.drift[name] = map[plan.Action]int{}
	}
	for _, step := range plan.Diff(c.Files.State(), c.live, plan.Options{Prune: true}).Drift() {
		name := step.Ref.VHost
		if step.Ref.Kind == topology.KindVHost {
			name = step.Ref.Name
		}
		if c.drift[name] == nil {
			c.drift[name] = map[plan.Action]int{}
		}
		c.drift[name][step.Action]++
	}
}

func (c *collector) countFindings(list []lint.Finding) {
	for _, f := range list {
		if f.Ignored == "" && f.Severity != lint.Off {
			c.findings[Finding{VHost: f.Ref.VHost, Severity: string(f.Severity), Rule: f.Rule}]++
		}
	}
}

// addVHost adds the queues of one vhost.
func (c *collector) addVHost(ctx context.Context, s *Snapshot, v *vhost.VHost) error {
	for _, q := range v.Found.Queues {
		if q.Role == discover.RoleDeadLetter {
			s.DeadLetters = append(s.DeadLetters, countsOf(v, q.Name))
		}
	}
	losing := map[string]bool{} // whether certainly
	for _, l := range v.Found.Losing {
		if !l.Kept {
			losing[l.Queue] = losing[l.Queue] || l.Certainty == discover.Surely
		}
	}
	for queue, certain := range losing {
		s.Losing = append(s.Losing, LosingQueue{VHost: v.Name, Queue: queue, Certain: certain})
	}
	if c.Files == nil {
		return nil
	}
	return c.addDeclared(ctx, s, v)
}

// addDeclared adds the counts of the queues that the files declare. Bytes are asked for only where
// a queue has a limit in bytes.
func (c *collector) addDeclared(ctx context.Context, s *Snapshot, v *vhost.VHost) error {
	limited := c.limitedInBytes(v.Name)
	var bytes map[string]int64
	if len(limited) > 0 {
		var err error
		if bytes, err = c.broker.ReadyBytes(ctx, v.Name); err != nil {
			return err
		}
	}
	for _, o := range c.Files.State().Objects() {
		declared, ok := o.(*topology.Queue)
		if !ok || declared.VHost != v.Name || !v.Exists(declared.Name) {
			continue
		}
		q := countsOf(v, declared.Name)
		if n, known := bytes[declared.Name]; known && limited[declared.Name] {
			q.ReadyBytes = n
		}
		s.Queues = append(s.Queues, q)
	}
	return nil
}

// limitedInBytes are the declared queues with a limit in bytes.
func (c *collector) limitedInBytes(vhost string) map[string]bool {
	limited := map[string]bool{}
	n := route.New(c.Files.State(), vhost, c.live.Server.Version)
	for _, name := range n.QueueNames() {
		if _, ok := n.Settings(name).Get("max-length-bytes").Int(); ok {
			limited[name] = true
		}
	}
	return limited
}

// countsOf is a queue with its counts.
func countsOf(v *vhost.VHost, queue string) Queue {
	n := v.Counts[queue]
	return Queue{VHost: v.Name, Name: queue, Ready: n.Ready, Unacked: n.Unacked, Consumers: n.Consumers,
		Known: n.Known, ReadyBytes: -1}
}
