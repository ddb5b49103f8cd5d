package routetest

import (
	"maps"
	"slices"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/route"
	"github.com/msgctl/msgctl/pkg/topology/spec"
)

// Case is one test of a topology file, ready to run.
type Case struct {
	Name        string
	VHost       string
	Position    diag.Position
	Event       string // the event that it publishes; "" for an exchange and a key
	Publication route.Publication
	Steps       []route.Step
	// Expect, Contains and Never are the queues that the test names. HasExpect reports whether the
	// test has the field expect, which may be empty.
	Expect, Contains, Never []string
	HasExpect               bool
	Lost                    *bool
	test                    *spec.Test
}

// Suite contains the tests of topology files and the networks in which they run.
type Suite struct {
	Cases    []Case
	state    *topology.State
	networks map[string]*route.Network
	events   map[string]map[string]*spec.Event // by vhost, then type
}

// NewSuite returns the tests of s, which must have no errors. version is the version of the broker;
// "" is the newest.
func NewSuite(s *spec.Spec, state *topology.State, version string) *Suite {
	state = state.Typed(version)
	out := &Suite{state: state, networks: map[string]*route.Network{}, events: map[string]map[string]*spec.Event{}}
	out.add(state.Home, &s.Sections, version)
	for _, name := range slices.Sorted(maps.Keys(s.VHosts)) {
		out.add(name, &s.VHosts[name].Sections, version)
	}
	return out
}

func (s *Suite) add(vhost string, sections *spec.Sections, version string) {
	s.networks[vhost] = route.New(s.state, vhost, version, External(vhost, sections)...)
	s.events[vhost] = sections.Events
	for _, t := range sections.Tests {
		if t.Publish != nil {
			s.Cases = append(s.Cases, newCase(vhost, sections, t))
		}
	}
}

// External returns the exchanges and queues that the section external of a vhost names.
func External(vhost string, s *spec.Sections) []topology.Ref {
	if s.External == nil {
		return nil
	}
	var refs []topology.Ref
	for _, name := range s.External.Exchanges {
		refs = append(refs, topology.ExchangeRef(vhost, name))
	}
	for _, name := range s.External.Queues {
		refs = append(refs, topology.QueueRef(vhost, name))
	}
	return refs
}

func newCase(vhost string, s *spec.Sections, t *spec.Test) Case {
	c := Case{
		Name: t.Name, VHost: vhost, Position: t.Position(), Event: t.Publish.Event, Expect: t.Expect, Contains: t.Contains,
		Never:     t.Never,
		HasExpect: t.FieldPosition("expect") != t.Position(), Lost: t.Lost, test: t,
	}
	c.Publication = EventPublication(s.Events[t.Publish.Event], t.Publish.Event)
	if t.Publish.Exchange != nil {
		c.Publication.Exchange = *t.Publish.Exchange
	}
	if t.Publish.Key != nil {
		c.Publication.Key = *t.Publish.Key
	}
	headers := map[string]any{}
	for name, v := range t.Publish.Headers {
		headers[name] = v.Value
	}
	c.Publication.Headers = amqptable.NormaliseTable(headers)
	for _, s := range []route.Step{
		{Queue: t.Reject, Reason: route.Rejected}, {Queue: t.Expire, Reason: route.Expired},
		{Queue: t.Overflow, Reason: route.MaxLength}, {Queue: t.Exhaust, Reason: route.DeliveryLimit},
	} {
		if s.Queue != "" {
			c.Steps = append(c.Steps, s)
		}
	}
	return c
}

// EventPublication returns the publication of a declared event. The routing key defaults to kind,
// the type of the event. For a nil event it returns the zero Publication.
func EventPublication(e *spec.Event, kind string) route.Publication {
	if e == nil {
		return route.Publication{}
	}
	p := route.Publication{Exchange: e.Exchange, Key: kind}
	if e.Key != nil {
		p.Key = *e.Key
	}
	return p
}
