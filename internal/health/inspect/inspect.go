// Package inspect reads what package health judges: the facts that a broker reports about itself,
// joined with its topology.
//
// Read reads both and works out what neither says alone: where dead letters wait, and where they
// are lost. It also finds the queues that applications consume from, and those that are near a
// limit in bytes. Compare adds how the broker differs from topology files. Nothing is changed on
// the broker, and no message is read.
package inspect

import (
	"context"
	"fmt"
	"slices"

	"github.com/msgctl/msgctl/internal/health"
	"github.com/msgctl/msgctl/internal/refusal"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/lint/subject"
	"github.com/msgctl/msgctl/pkg/topology/plan"
)

// Broker is what an inspection reads.
type Broker interface {
	// Everything reads all objects of some vhosts and of the cluster; without vhosts, of all that
	// the user may read.
	Everything(ctx context.Context, vhosts []string) (*topology.Live, error)
	// Health reads what the broker reports about itself; with deep, also what changes rarely.
	Health(ctx context.Context, deep bool) (*health.Facts, error)
	// Ready counts the ready messages of one queue now.
	Ready(ctx context.Context, vhost, queue string) (int64, error)
	// QueueBytes returns how much the messages of each queue of a vhost take of its limit in bytes.
	QueueBytes(ctx context.Context, vhost string) (map[string]int64, error)
}

// Options say what is read. The zero value reads what status needs, for all vhosts.
type Options struct {
	// VHost limits the inspection to one vhost; nil means every vhost that the user may see.
	VHost *string
	// Deep also reads what changes rarely.
	Deep bool
}

// Read inspects a broker. A vhost that was asked for and does not exist is in MissingVHosts of the
// topology, and is no error here.
func Read(ctx context.Context, b Broker, o Options) (*health.Inspection, *topology.Live, error) {
	facts, err := b.Health(ctx, o.Deep)
	if err != nil {
		return nil, nil, err
	}
	var vhosts []string // all that the user may read
	if o.VHost != nil {
		vhosts = []string{*o.VHost}
		facts.Limit(*o.VHost)
	}
	live, err := b.Everything(ctx, vhosts)
	if err != nil {
		return nil, nil, err
	}
	if vhosts == nil {
		vhosts = readable(facts, live)
	}
	if why, ok := live.Unreadable[topology.KindPermission]; ok && o.Deep {
		facts.Deny(health.PartPermissions, why)
	}
	for _, c := range facts.Consumers {
		ref := topology.Ref{Kind: topology.KindQueue, VHost: c.VHost, Name: c.Queue}
		if s, ok := live.Status[ref]; ok {
			s.Consumers++
			live.Status[ref] = s
		}
	}
	state := &topology.State{}
	if len(vhosts) > 0 { // Only takes none for all
		state = live.State.Only(vhosts)
	}
	in := subject.Subject{State: state, Live: live, Version: live.Server.Version, VHosts: vhosts}
	i := &health.Inspection{Facts: facts, Findings: in.Findings()}
	deadLetters(ctx, b, i, live, state, vhosts)
	return i, live, nearByteLimits(ctx, b, i, state, live.Server.Version)
}

// readable returns the vhosts that could be read, and notes those that are closed to the user.
func readable(facts *health.Facts, live *topology.Live) []string {
	facts.Closed = live.ClosedVHosts
	vhosts := slices.DeleteFunc(live.VHosts(), func(name string) bool {
		return slices.Contains(live.ClosedVHosts, name) || slices.Contains(live.MissingVHosts, name)
	})
	if len(vhosts) == 0 {
		facts.Deny(health.PartTopology, fmt.Sprintf("user %q has permissions in no vhost: %s", facts.User,
			refusal.GiveAccess(facts.User, "VHOST")))
	}
	return vhosts
}

// Compare compares topology files with what was read. The subject has at least one file.
func Compare(files *subject.Subject, live *topology.Live) *health.Declared {
	declared := &health.Declared{}
	for _, i := range files.Files {
		declared.Files = append(declared.Files, i.Name)
	}
	if files.Unread || files.Problems.Errors() > 0 {
		declared.Problem = fmt.Sprintf("%s cannot be read as a topology: msgctl validate says why", declared.Files[0])
		return declared
	}
	declared.Pending = len(plan.Diff(files.State, live, plan.Options{}).Drift())
	return declared
}
