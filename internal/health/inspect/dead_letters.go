package inspect

import (
	"context"
	"time"

	"github.com/msgctl/msgctl/internal/health"
	"github.com/msgctl/msgctl/pkg/dlq/browse"
	"github.com/msgctl/msgctl/pkg/dlq/discover"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// deadLetters finds out where dead letters wait or get lost, and which queues dead-letter.
func deadLetters(ctx context.Context, b Broker, i *health.Inspection, live *topology.Live, state *topology.State,
	vhosts []string) {
	found := discover.Live(live, discover.Options{VHosts: vhosts})
	recount(ctx, b, live, found.Queues)
	i.Unsure, i.DeadLettering = found.Unsure, map[[2]string]bool{}
	aside := found.Waits(state) // and dead-letter queues: messages wait there by design
	for _, q := range found.Queues {
		for _, s := range q.Sources {
			i.DeadLettering[[2]string{q.VHost, s.Queue}] = true
		}
		if q.Role != discover.RoleWork {
			aside[q.Ref()] = true
		}
		if q.Role == discover.RoleDeadLetter && q.Status.Known && q.Status.Messages > 0 {
			i.Waiting = append(i.Waiting, health.Backlog{VHost: q.VHost, Queue: q.Name, Ready: q.Status.Messages})
		}
	}
	losses(i, found.Losing)
	lifted(i, live, state)
	for _, m := range live.Migrations {
		if !m.Running {
			i.Interrupted = append(i.Interrupted, health.Interrupted{Text: m.String(), Next: m.Next()})
		}
	}
	work(i, state, live.Server.Version, aside)
	for _, w := range i.Work {
		s := live.Status[topology.Ref{Kind: topology.KindQueue, VHost: w[0], Name: w[1]}]
		if i.Has(health.PartConsumers) && s.Known && s.Messages > 0 && s.Consumers == 0 {
			i.Idle = append(i.Idle, health.Backlog{VHost: w[0], Queue: w[1], Ready: s.Messages})
		}
	}
}

// What a recount is worth: at most so many queues are asked, within this time in all, and no more
// after so many failed.
const (
	maxRecounted   = 200
	recountTime    = 3 * time.Second
	maxUncountable = 3
)

// recount asks the dead-letter queues that seem to be empty how many messages they hold, because the
// lists are late (fact counts-are-late). One that cannot be asked keeps the count of the list.
func recount(ctx context.Context, b Broker, live *topology.Live, queues []discover.Queue) {
	ctx, cancel := context.WithTimeout(ctx, recountTime)
	defer cancel()
	asked, failed := 0, 0
	for k := range queues {
		q := &queues[k]
		if q.Role != discover.RoleDeadLetter || q.Type == topology.Stream || live.IsExclusive(q.VHost, q.Name) ||
			q.Status.Known && q.Status.Messages > 0 {
			continue
		}
		if asked++; asked > maxRecounted || failed >= maxUncountable || ctx.Err() != nil {
			return
		}
		ready, err := b.Ready(ctx, q.VHost, q.Name)
		if err != nil {
			failed++
			continue
		}
		q.Status.Messages, q.Status.Known = ready, true
	}
}

// lifted finds delivery limits that a killed command may have left lifted. While such a command
// runs, its queue has a consumer, so nothing is reported of queues with one, or if consumers are
// unknown.
func lifted(i *health.Inspection, live *topology.Live, state *topology.State) {
	if !i.Has(health.PartConsumers) {
		return
	}
	for _, l := range browse.LiftedLimits(state) {
		if live.Status[topology.QueueRef(l.VHost, l.Queue)].Consumers > 0 {
			continue
		}
		i.Lifted = append(i.Lifted, health.Lifted{Text: l.Text(), Next: l.Next()})
	}
}

// losses keeps one reason for each queue; they are ordered by queue.
func losses(i *health.Inspection, losing []discover.Losing) {
	for _, l := range losing {
		i.DeadLettering[[2]string{l.VHost, l.Queue}] = true
		if n := len(i.Losing); n > 0 && i.Losing[n-1].VHost == l.VHost && i.Losing[n-1].Queue == l.Queue {
			continue
		}
		if l.Certainty == discover.Surely && !l.Straight {
			i.Losing = append(i.Losing, health.Loss{VHost: l.VHost, Queue: l.Queue, Reason: l.Reason})
		}
	}
}

// work finds the queues that applications consume from, and those with a limit to how often a
// message comes back.
func work(i *health.Inspection, state *topology.State, version string, aside map[topology.Ref]bool) {
	i.Bounded = map[[2]string]bool{}
	networks := map[string]*route.Network{}
	for _, o := range state.Objects() {
		q, ok := o.(*topology.Queue)
		if !ok || aside[q.Ref()] || q.Type == topology.Stream || q.Exclusive || q.AutoDelete ||
			capability.IsReserved(q.Name) {
			continue
		}
		if networks[q.VHost] == nil {
			networks[q.VHost] = route.New(state, q.VHost, version)
		}
		key := [2]string{q.VHost, q.Name}
		i.Work = append(i.Work, key)
		if limit, ok := networks[q.VHost].Settings(q.Name).Get("delivery-limit").Int(); ok && limit >= 0 {
			i.Bounded[key] = true
		}
	}
}
