package ops

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/health"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/dlq/discover"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
	"github.com/msgctl/msgctl/pkg/topology/lint"
	"github.com/msgctl/msgctl/pkg/topology/lint/subject"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// HealthBroker is what status and doctor need of a broker.
type HealthBroker interface {
	// Everything reads all objects of some vhosts and of the cluster.
	Everything(ctx context.Context, vhosts []string) (*topology.Live, error)
	// Health reads what the broker tells of itself; with deep, also what changes rarely.
	Health(ctx context.Context, deep bool) (*health.Facts, error)
	// QueueBytes returns what the messages of each queue of a vhost take of its limit in bytes.
	QueueBytes(ctx context.Context, vhost string) (map[string]int64, error)
	// Close ends all connections.
	Close()
}

// OpenHealth prepares a client that looks at the broker itself.
type OpenHealth func(ctx context.Context, conn *profile.Connection, command string) (HealthBroker, error)

// inspect reads what status and doctor judge: the broker's facts, and the topology of every vhost
// that the user may see, or of one.
func inspect(ctx context.Context, open OpenHealth, command string, conn *profile.Connection, one,
	deep bool) (*health.Inspection, *topology.Live, error) {
	b, err := open(ctx, conn, command)
	if err != nil {
		return nil, nil, err
	}
	defer b.Close()
	facts, err := b.Health(ctx, deep)
	if err != nil {
		return nil, nil, err
	}
	vhosts := facts.VHosts
	if one {
		vhosts = []string{conn.VHost}
		facts.Limit(conn.VHost)
	}
	live, err := b.Everything(ctx, vhosts)
	if err != nil {
		return nil, nil, err
	}
	if one {
		if err := cmdutil.Missing(live); err != nil {
			return nil, nil, err
		}
	}
	for _, c := range facts.Consumers {
		ref := topology.Ref{Kind: topology.KindQueue, VHost: c.VHost, Name: c.Queue}
		if s, ok := live.Status[ref]; ok {
			s.Consumers++
			live.Status[ref] = s
		}
	}
	state := live.State.Only(vhosts)
	in := subject.Subject{State: state, Live: live, Version: live.Server.Version, VHosts: vhosts}
	i := &health.Inspection{Facts: facts, Findings: in.Findings()}
	judgeLetters(i, live, state, vhosts)
	return i, live, judgeBytes(ctx, b, i, state, live.Server.Version)
}

// judgeLetters finds out where dead letters wait or get lost, and which queues dead-letter.
func judgeLetters(i *health.Inspection, live *topology.Live, state *topology.State, vhosts []string) {
	found := discover.Live(live, discover.Options{VHosts: vhosts})
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
	judgeLosses(i, found.Losing)
	judgeWork(i, state, live.Server.Version, aside)
	for _, w := range i.Work {
		s := live.Status[topology.Ref{Kind: topology.KindQueue, VHost: w[0], Name: w[1]}]
		if i.Has(health.PartConsumers) && s.Known && s.Messages > 0 && s.Consumers == 0 {
			i.Idle = append(i.Idle, health.Backlog{VHost: w[0], Queue: w[1], Ready: s.Messages})
		}
	}
}

// judgeLosses keeps one reason for each queue; they are ordered by queue.
func judgeLosses(i *health.Inspection, losing []discover.Losing) {
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

// judgeWork finds the queues that applications consume from, and those with a limit to how often a
// message comes back.
func judgeWork(i *health.Inspection, state *topology.State, version string, aside map[topology.Ref]bool) {
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

// nearBytes is the part of a limit in bytes, in a hundred, from which a queue is near it, as lint
// has it for messages.
const nearBytes = 80

// judgeBytes finds queues that are near their limit in bytes. Vhosts without such a limit are not
// asked.
func judgeBytes(ctx context.Context, b HealthBroker, i *health.Inspection, state *topology.State,
	version string) error {
	for _, vhost := range state.VHosts() {
		limits := byteLimits(state, vhost, version)
		if len(limits) == 0 {
			continue
		}
		sizes, err := b.QueueBytes(ctx, vhost)
		if err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(limits)) {
			most, _ := limits[name].Int()
			if size := sizes[name]; size*100 >= most*nearBytes {
				ref := topology.Ref{Kind: topology.KindQueue, VHost: vhost, Name: name}
				i.Findings = append(i.Findings, lint.Finding{
					Rule: "queue-near-limit", Severity: lint.Warning, Object: ref.String(), Ref: ref,
					Message: fmt.Sprintf("its messages take %s of %s (%s)", units.RoundMemory(size), units.RoundMemory(most),
						limits[name].From),
				})
			}
		}
	}
	return nil
}

func byteLimits(state *topology.State, vhost, version string) map[string]route.Setting {
	n := route.New(state, vhost, version)
	limits := map[string]route.Setting{}
	for _, o := range state.Objects() {
		q, ok := o.(*topology.Queue)
		if !ok || q.VHost != vhost || q.Type == topology.Stream { // a stream drops its oldest part by design
			continue
		}
		if limit := n.Settings(q.Name).Get("max-length-bytes"); limit.Value != nil {
			if most, ok := limit.Int(); ok && most > 0 {
				limits[q.Name] = limit
			}
		}
	}
	return limits
}

// declaredBy compares topology files with what was read.
func declaredBy(d *cmdutil.Process, files *cmdutil.FileFlag, conn *profile.Connection,
	live *topology.Live) (*health.Declared, error) {
	in := &subject.Subject{}
	err := cmdutil.LoadSubject(d, in, files, cmdutil.ChooseVHost(conn))
	if errors.Is(err, cmdutil.ErrNoFiles) {
		return nil, nil //nolint:nilnil // no files, and that is fine
	}
	if err != nil {
		return nil, err
	}
	declared := &health.Declared{}
	for _, i := range in.Files {
		declared.Files = append(declared.Files, i.Name)
	}
	if n := in.Problems.Errors(); in.Unread || n > 0 {
		declared.Problem = fmt.Sprintf("%s cannot be read as a topology: msgctl validate tells why", declared.Files[0])
		return declared, nil
	}
	for _, s := range topology.Diff(in.State, live, topology.DiffOptions{}).Steps {
		if s.Action == topology.Create || s.Action == topology.Update || s.Action == topology.Replace {
			declared.Pending++
		}
	}
	return declared, nil
}

// failsOn reports whether a verdict is as bad as --fail-on asks for.
func failsOn(v health.Status, on string) bool {
	switch on {
	case cmdutil.Never:
		return false
	case string(lint.Warning), string(lint.Note):
		return v.AtLeast(health.Warning)
	}
	return v.AtLeast(health.Error)
}
