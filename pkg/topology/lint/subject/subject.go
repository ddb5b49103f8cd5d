// Package subject assembles the input of lint: topology files, a live broker, or both.
//
// A Subject is loaded from files, read from a broker, or both. Findings returns everything that the
// rules of package lint find in it, and WithComments applies the comments that ignore findings.
package subject

import (
	"cmp"
	"context"
	"slices"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/lint"
	"github.com/msgctl/msgctl/pkg/topology/plan"
	"github.com/msgctl/msgctl/pkg/topology/source"
	"github.com/msgctl/msgctl/pkg/topology/spec"
)

// Reader reads a live broker. Errors are for users and wrap the sentinel errors of package
// topology.
type Reader interface {
	// Everything reads all objects of some vhosts and of the cluster.
	Everything(ctx context.Context, vhosts []string) (*topology.Live, error)
	// Refine counts the messages and consumers of queues again.
	Refine(ctx context.Context, live *topology.Live, refs []topology.Ref) error
	// Close ends all connections.
	Close()
}

// Subject is what lint checks.
type Subject struct {
	Files []source.Input
	// Unread is set if the files could not be read: what they declare is not known.
	Unread bool
	// State is what the files declare or, without files, what the broker has.
	State    *topology.State
	Problems diag.Diagnostics
	External map[topology.Ref]bool
	Events   []lint.Event
	// Live is what the broker has, nil if it was not read.
	Live *topology.Live
	// Version is the broker version that the rules apply to.
	Version string
	// VHosts limits the findings; nil means all vhosts of the state.
	VHosts []string
}

// Load reads topology files. Problems in them become findings, not errors.
func (s *Subject) Load(files []source.Input, o spec.Options) {
	s.Files = files
	declared, problems := spec.Load(files, o)
	s.Problems = problems
	if declared == nil {
		s.State, s.Unread = &topology.State{}, true
		return
	}
	state, more := declared.Resolve()
	s.State, s.Problems = state, append(s.Problems, more...)
	s.External = declared.Externals()
	for _, p := range declared.Published() {
		s.Events = append(s.Events, lint.Event{VHost: p.VHost, Name: p.Type, Exchange: p.Exchange, Key: p.Key,
			Position: p.Position})
	}
}

// Read reads the vhosts of the files from a broker or, without files, the named vhost. It fails if
// the broker cannot be read or a vhost does not exist, and then changes nothing.
func (s *Subject) Read(ctx context.Context, b Reader, vhost string) error {
	vhosts := []string{vhost}
	if s.State != nil {
		vhosts = s.State.VHosts()
	}
	live, err := b.Everything(ctx, vhosts)
	if err != nil {
		return err
	}
	if err := live.MissingVHost(); err != nil {
		return err
	}
	if err := refine(ctx, b, live); err != nil {
		return err
	}
	s.Live = live
	if s.Version == "" {
		s.Version = cmp.Or(live.Server.Version, capability.NewestLine)
	}
	if s.State == nil {
		s.State, s.VHosts = live.State.Only(vhosts), vhosts
	}
	return nil
}

// mostRefined is how many queues are counted one by one, because statistics lag (fact
// counts-are-late).
const mostRefined = 1000

func refine(ctx context.Context, b Reader, live *topology.Live) error {
	var queues []topology.Ref
	for ref := range live.All() {
		if ref.Kind == topology.KindQueue {
			queues = append(queues, ref)
		}
	}
	if len(queues) > mostRefined {
		return nil
	}
	slices.SortFunc(queues, topology.Ref.Compare)
	return b.Refine(ctx, live, queues)
}

// Findings returns everything that the rules find, before comments and configuration are applied.
func (s *Subject) Findings() []lint.Finding {
	input := lint.Input{
		State: s.State, Version: s.Version, Problems: s.Problems, External: s.External,
		Events: s.Events, DeadLetters: deadLetters(s.State, s.Version),
		Literal: s.literal,
	}
	input.Problems = append(slices.Clone(s.Problems), plan.CheckVersion(s.State, s.Version)...)
	if s.Live != nil {
		input.Live = s.liveInput()
	}
	list := lint.Run(input)
	if s.Live != nil && len(s.Files) > 0 {
		list = append(list, s.onBroker(list)...)
		lint.Sort(list)
	}
	if s.Live != nil {
		list = slices.DeleteFunc(list, s.isPrivate)
	}
	s.point(list)
	return list
}

// isPrivate reports whether a finding is about an exclusive queue on the broker, or a binding of
// one. Such a queue goes with the connection that declared it: a client that waits for an answer,
// or msgctl tail. A reserved name on the broker is the broker's own choice.
func (s *Subject) isPrivate(f lint.Finding) bool {
	if f.Rule == "reserved-name" && s.Live.Has(f.Ref) && (len(s.Files) == 0 || !s.State.Has(f.Ref)) {
		return true
	}
	o, _ := s.Live.Get(f.Ref)
	switch o := o.(type) {
	case *topology.Queue:
		return o.Exclusive
	case *topology.Binding:
		return o.DestinationType != topology.ToExchange && s.Live.IsExclusive(o.VHost, o.Destination)
	}
	return false
}

// WithComments applies the comments of the files, unless the files could not be read.
func (s *Subject) WithComments(list []lint.Finding) []lint.Finding {
	if s.Unread {
		return list
	}
	var comments []*lint.Ignore
	for _, f := range s.Files {
		if source.FormatOf(f.Name, f.Data) == source.YAML {
			comments = append(comments, lint.Ignores(f.Name, f.Data)...)
		}
	}
	return lint.ApplyIgnores(list, comments)
}
